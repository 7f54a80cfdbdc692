import pg from 'pg'
import type { ForeignKeyPlan, IndexCondition, IndexPart, IndexPlace, IndexPlan } from '../../core/index-plan.ts'
import { quoteColumn, quoteName, quoteTable } from './identifiers.ts'

/**
 * The statement that builds an index, or the constraint that has one. Servers before 15 cannot tell nulls alike:
 * `nullsNotDistinct: false`.
 */
export function createIndexSql(
  index: IndexPlan,
  can: { readonly nullsNotDistinct: boolean } = { nullsNotDistinct: true },
): string {
  const { name, target, unique, nullsNotDistinct, method, parts, text } = index
  if (text?.kind === 'constraint') {
    return `alter table ${quoteTable(target)} add constraint ${quoteName(name)} ${text.sql}`
  }
  if (text !== undefined) {
    return `create ${unique ? 'unique ' : ''}index ${quoteName(name)} on ${quoteTable(target)} ${text.sql}`
  }
  const where = whereSql(index)
  return [
    `create ${unique ? 'unique ' : ''}index ${quoteName(name)} on ${quoteTable(target)} using ${method}`,
    `(${parts.map((part) => (method === 'gin' ? ginPart(part) : orderedPart(part))).join(', ')})`,
    ...(unique && nullsNotDistinct && can.nullsNotDistinct ? ['nulls not distinct'] : []),
    ...(where === null ? [] : [`where ${where}`]),
  ].join(' ')
}

/** Which rows a partial index has; null: all. */
export function whereSql({ where }: Pick<IndexPlan, 'where'>): string | null {
  return where.length === 0 ? null : where.map(conditionSql).join(' and ')
}

/** What an index compares, as an expression that can stand anywhere. */
export function partSql(part: IndexPart): string {
  return part.as === 'text' ? textAt(part) : valueAt(part)
}

/**
 * The statements that add a reference: it holds for new rows at once, and is validated without keeping others out. At once
 * for a table of partitions, of which servers before 18 want no other.
 */
export function foreignKeySql(
  reference: ForeignKeyPlan,
  table: { readonly partitioned: boolean } = { partitioned: false },
): readonly [add: string, validate: string | null] {
  const { columns, references, referencedColumns, options = '' } = reference
  const target = quoteTable(reference.target)
  const name = quoteName(reference.name)
  const key = `foreign key (${columns.map(quoteColumn).join(', ')})`
  const referred = `references ${quoteTable(references)} (${referencedColumns.map(quoteColumn).join(', ')})`
  const add = `alter table ${target} add constraint ${name} ${key} ${referred}${options === '' ? '' : ` ${options}`}`
  return table.partitioned ? [add, null] : [`${add} not valid`, `alter table ${target} validate constraint ${name}`]
}

function orderedPart(part: IndexPart): string {
  return `${partSql(part)}${part.descending ? ' desc' : ''}`
}

/** `jsonb_path_ops` is half as large as the default and as good for `@>`. Arrays have one class of operators only. */
function ginPart(part: IndexPart): string {
  return part.type === 'json' ? `${partSql(part)} jsonb_path_ops` : partSql(part)
}

function conditionSql(condition: IndexCondition): string {
  const { operator, value, type } = condition
  if (operator === 'exists') return `${valueAt(condition)} is not null`
  if (operator === 'missing') return `${textAt(condition)} is null`
  if (type === 'json') return jsonCondition(condition)
  const literal = typeof value === 'string' ? pg.escapeLiteral(value) : String(value)
  const bytewise = operator !== '=' && (type === 'text' || type === 'objectid')
  return `${valueAt(condition)}${bytewise ? ' collate "C"' : ''} ${operator} ${literal}`
}

/** jsonb orders values of different types too; the source compares within one. */
function jsonCondition(condition: IndexCondition): string {
  const { operator, value } = condition
  if (typeof value === 'string') {
    const literal = pg.escapeLiteral(value)
    if (operator === '=') return `${textAt(condition)} = ${literal}`
    return `jsonb_typeof(${valueAt(condition)}) = 'string' and ${textAt(condition)} collate "C" ${operator} ${literal}`
  }
  const literal = `'${JSON.stringify(value)}'::jsonb`
  if (operator === '=') return `${valueAt(condition)} = ${literal}`
  return `jsonb_typeof(${valueAt(condition)}) = '${typeof value}' and ${valueAt(condition)} ${operator} ${literal}`
}

/** The column, or the jsonb in it. */
function valueAt({ column, path }: IndexPlace): string {
  return path.length === 0 ? quoteColumn(column) : `(${quoteColumn(column)} ${access(path, '->', '#>')})`
}

function textAt({ column, type, path }: IndexPlace): string {
  if (path.length > 0) return `(${quoteColumn(column)} ${access(path, '->>', '#>>')})`
  return type === 'json' ? `(${quoteColumn(column)} #>> '{}')` : quoteColumn(column)
}

/** One step as people write it, so that their queries meet the index. Only the long form counts in arrays as well. */
function access(path: readonly string[], step: string, steps: string): string {
  const [first = ''] = path
  if (path.length === 1 && !/^\d+$/.test(first)) return `${step} ${pg.escapeLiteral(first).trimStart()}`
  const names = path.map((name) => `"${name.replace(/[\\"]/g, '\\$&')}"`)
  return `${steps} ${pg.escapeLiteral(`{${names.join(',')}}`).trimStart()}`
}
