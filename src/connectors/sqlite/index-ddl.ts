import { DroverError } from '../../core/errors.ts'
import type { IndexCondition, IndexPart, IndexPlace, IndexPlan } from '../../core/index-plan.ts'
import { qualified } from '../../core/plan.ts'
import { quoteText } from './identifiers.ts'
import { quoteName, quoteTable, tableName } from './names.ts'

/**
 * The statement that builds an index. Rows without a value are never equal to each other in SQLite, so a unique index
 * allows more of them than `nullsNotDistinct` does. Throws `target-incompatible` for an index that SQLite has not.
 */
export function createIndexSql(index: IndexPlan): string {
  const { name, target, unique, method, parts, text } = index
  const head = `create ${unique ? 'unique ' : ''}index ${quoteName(indexName(index))} on ${quoteTable(target)}`
  if (text?.kind === 'index') return `${head} ${text.sql}`
  if (text !== undefined || method !== 'btree') {
    const message = `SQLite has nothing like the index ${JSON.stringify(name)} of ${qualified(target)}`
    throw new DroverError('target-incompatible', message, { hint: 'leave indexes out with --no-indexes' })
  }
  const where = whereSql(index)
  return `${head} (${parts.map(orderedPart).join(', ')})${where === null ? '' : ` where ${where}`}`
}

/** Indexes of a file share their names with all others; so those of tables that are loaded beside others have their own. */
export function indexName({ name, target }: Pick<IndexPlan, 'name' | 'target'>): string {
  return tableName({ ...target, name })
}

/** Which rows a partial index has; null: all. */
export function whereSql({ where }: Pick<IndexPlan, 'where'>): string | null {
  return where.length === 0 ? null : where.map(conditionSql).join(' and ')
}

/** What an index compares. */
export function partSql(part: IndexPart): string {
  return part.as === 'text' ? valueAt(part) : jsonAt(part)
}

function orderedPart(part: IndexPart): string {
  return `${partSql(part)}${part.descending ? ' desc' : ''}`
}

function conditionSql(condition: IndexCondition): string {
  const { operator, value } = condition
  if (operator === 'exists') return `${valueAt(condition)} is not null`
  if (operator === 'missing') return `${valueAt(condition)} is null`
  const literal = typeof value === 'string' ? quoteText(value) : String(Number(value))
  return `${valueAt(condition)} ${operator} ${literal}`
}

/** The column, or the value in the document that it holds. */
function valueAt({ column, path }: IndexPlace): string {
  return path.length === 0 ? quoteName(column) : `${quoteName(column)} ->> ${quoteText(jsonPath(path))}`
}

/** The same as JSON, which tells texts from numbers. */
function jsonAt({ column, path }: IndexPlace): string {
  return path.length === 0 ? quoteName(column) : `${quoteName(column)} -> ${quoteText(jsonPath(path))}`
}

function jsonPath(path: readonly string[]): string {
  return `$${path.map((name) => `.${JSON.stringify(name)}`).join('')}`
}
