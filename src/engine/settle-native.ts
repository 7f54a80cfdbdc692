import type { NamesFields, NativeStructure, TableStructure } from '../connectors/structure.ts'
import { fromErrorShape } from '../core/errors.ts'
import type { ColumnDefinition, ColumnPlan, TableDefinition } from '../core/plan.ts'
import { withColumn } from '../core/statement-template.ts'
import { defaultOfCast } from '../schema/sql/default-of-cast.ts'
import { quoted, wholeColumns, type Structured } from './structured.ts'

/** What of a table the target, which speaks the source's language, has as the source has it. */
export interface KeptFields {
  /** Under the same name and with the same type, computed ones included. */
  readonly fields: ReadonlySet<string>
  /** All that the table has, and nothing is done to its rows. */
  readonly whole: boolean
}

export function keptFields({ plan, structure }: Structured, native: NativeStructure): KeptFields {
  const planned = wholeColumns(plan)
  const columns = [...native.columns]
  const copied = columns.filter(([field, { type, computed }]) => {
    const column = planned.get(field)
    return !computed && column !== undefined && column.name === field && !column.cast && column.native === type
  })
  const fields = new Set(copied.map(([field]) => field))
  const stored = structure.columns.filter(({ generated }) => generated === null)
  const allStored = stored.every(({ field }) => fields.has(field))
  const taken = new Set(plan.columns.map(({ name }) => name))
  const computed = columns.filter(([field, { computed, fields: from }]) => {
    if (!computed || taken.has(field) || plan.transform !== undefined) return false
    const isLeftOut = plan.ignore === 'others' || plan.ignore.includes(field)
    return !isLeftOut && (from === null ? allStored : from.every((name) => fields.has(name)))
  })
  for (const [field] of computed) fields.add(field)
  return { fields, whole: plan.transform === undefined && fields.size === columns.length }
}

export function canTake({ fields, whole }: KeptFields, { fields: named }: NamesFields): boolean {
  return named === null ? whole : named.every((field) => fields.has(field))
}

/** In the words of the source; what cannot be taken over is told. Throws `missing-right`. */
export function nativeDefinition(table: Structured, native: NativeStructure, told: string[]): TableDefinition {
  const kept = keptFields(table, native)
  const planned = wholeColumns(table.plan)
  const numbered = (field: string): string | null => {
    const column = planned.get(field)
    return column === undefined || column.native !== native.columns.get(field)?.type ? null : column.name
  }
  const unread = native.unread.find(({ column }) => numbered(column) !== null)
  if (unread !== undefined) throw fromErrorShape(unread.error)
  const left: string[] = []
  const columns = nativeColumns(table, native, kept, left)
  const { constraints, key, suffix, sequences } = native
  const ownKey = table.plan.key.length > 0 ? key : null
  const takes = (text: NamesFields): boolean => canTake(kept, text)
  left.push(
    ...constraints
      .filter((text) => !takes(text))
      .map(({ name, sql }) => (name === '' ? sql : `constraint ${name} (${sql})`)),
  )
  if (ownKey !== null && !takes(ownKey))
    left.push(`what its key has beside columns (${ownKey.name === '' ? '' : `${ownKey.name}: `}${ownKey.sql})`)
  const isParted = suffix.startsWith('partition by') && !kept.whole
  if (isParted) left.push(suffix)
  left.push(...new Set(native.statements.filter((text) => !takes(text)).map(({ makes }) => makes)))
  if (left.length > 0) told.push(`not carried, because columns are left out or changed: ${left.join(', ')}`)
  const own = columns.flatMap(({ statements }) => statements)
  return {
    columns: columns.map(({ definition }) => definition),
    constraints: constraints.filter(takes).map(({ name, sql }) => ({ name, sql })),
    ...(ownKey !== null && takes(ownKey) ? { key: { name: ownKey.name, sql: ownKey.sql } } : {}),
    suffix: isParted ? '' : suffix,
    statements: [...own, ...native.statements.filter(takes).map(({ sql }) => sql)],
    sequences: sequences.flatMap(({ column: field, reached }) => {
      const column = numbered(field)
      return column === null ? [] : [{ column, reached }]
    }),
  }
}

interface DefinedColumn {
  readonly definition: ColumnDefinition
  readonly statements: readonly string[]
}

function nativeColumns(
  { plan, structure }: Structured,
  native: NativeStructure,
  kept: KeptFields,
  left: string[],
): readonly DefinedColumn[] {
  const planned = wholeColumns(plan)
  return [...native.columns].flatMap(([field, { type, clauses, computed, statements }]): DefinedColumn[] => {
    const column = planned.get(field)
    const sqlOf = (name: string): readonly string[] => statements.map(({ sql }) => withColumn(sql, quoted(name)))
    if (computed) {
      if (kept.fields.has(field)) return [{ definition: { name: field, type, clauses }, statements: sqlOf(field) }]
      left.push(`computed column ${field}`)
      return []
    }
    if (column === undefined) return []
    if (column.native === type) {
      return [{ definition: { name: column.name, type: null, clauses }, statements: sqlOf(column.name) }]
    }
    const own = clausesOfCast(column, clauses, structure)
    const lost = [...(clauses === own ? [] : [`"${clauses}"`]), ...statements.map(({ makes }) => makes)]
    if (lost.length > 0) left.push(`of column ${field} all but ${own === '' ? 'its values' : own} (${lost.join(', ')})`)
    return [{ definition: { name: column.name, type: null, clauses: own }, statements: [] }]
  })
}

/** What makes sense with any type, of what stands behind that of the source. */
function clausesOfCast({ field, type }: ColumnPlan, clauses: string, { columns, layout }: TableStructure): string {
  const sql = columns.find((column) => column.field === field)?.default?.sql
  const from = layout.columns.find((column) => column.field === field)?.type
  const value = sql === undefined || from === undefined ? null : defaultOfCast(sql, from, type)
  return [
    ...(value === null ? [] : [`default ${value}`]),
    ...(/(?:^| )not null(?: no inherit)?$/.test(clauses) ? ['not null'] : []),
  ].join(' ')
}
