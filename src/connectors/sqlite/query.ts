import type { Bounds } from '../../core/batch.ts'
import { DroverError } from '../../core/errors.ts'
import type { LayoutColumn, RowLayout } from '../../core/layout.ts'
import type { Selection } from '../planned-table.ts'
import { checkFilter } from './filter.ts'
import { quoteName } from './identifiers.ts'
import { valueOfMark } from './marks.ts'
import { boundOf, valuesAt } from './position.ts'
import type { Snapshot, SqliteParameter } from './snapshot.ts'
import type { SqliteColumn, SqliteTable } from './table.ts'

/** A statement and what it is run with. */
export interface Query {
  readonly sql: string
  readonly parameters: readonly SqliteParameter[]
}

/** What a row is read as: the values of its layout, and behind them what the table is ordered by where they lack it. */
export interface RowShape {
  readonly expressions: readonly string[]
  /** How many of them are of the layout. */
  readonly width: number
  /** Places of what the table is ordered by. */
  readonly order: readonly number[]
}

type Rows = Pick<Selection, 'table' | 'where' | 'since'>

/** Every stored column; behind the number of the row where nothing else identifies it. */
export function plainLayout(table: SqliteTable, key: readonly string[] = table.key): RowLayout {
  const hidden: LayoutColumn[] = key.length === 0 ? [{ field: null, type: 'int64' }] : []
  const columns = storedColumns(table).map(({ name }): LayoutColumn => ({ field: name, type: 'text' }))
  const all = [...hidden, ...columns]
  const places = key.map((name) => all.findIndex(({ field }) => field === name))
  return { format: 'sqlite', columns: all, key: key.length === 0 ? [0] : places, raw: false }
}

export function storedColumns(table: SqliteTable): readonly SqliteColumn[] {
  return table.columns.filter(({ computed }) => computed === null)
}

export function shapeOf(table: SqliteTable, { layout }: Pick<Selection, 'layout'>): RowShape {
  const { columns } = layout ?? plainLayout(table)
  const names = columns.map(({ field }) => field)
  // What is no field is the number of the row.
  const expressions = names.map((name) => (name === null ? (table.rowid ?? 'null') : columnNamed(table, name)))
  const order = table.order.map(({ column, sql }) => {
    const place = names.indexOf(column)
    return place < 0 ? expressions.push(column === null ? sql : quoteName(column)) - 1 : place
  })
  return { expressions, width: columns.length, order }
}

/** `from … where …` of the rows selected within bounds. Throws `invalid-filter`, `invalid-value`, `unknown-column`. */
export function rowsWithin(snapshot: Snapshot, table: SqliteTable, selection: Rows, { after, upTo }: Bounds): Query {
  const conditions: string[] = []
  const parameters: SqliteParameter[] = []
  for (const [position, operator] of [[after, '>'] as const, [upTo, '<='] as const]) {
    if (position === null) continue
    const bounds = valuesAt(position, table.order.length).map(boundOf)
    const names = table.order.map(({ sql }) => sql).join(', ')
    conditions.push(`(${names}) ${operator} (${bounds.map(({ sql }) => sql).join(', ')})`)
    parameters.push(...bounds.map(({ parameter }) => parameter))
  }
  const since = sinceCondition(table, selection)
  conditions.push(...since.conditions)
  parameters.push(...since.parameters)
  if (selection.where !== null) {
    checkFilter(snapshot, table.name, selection.where)
    conditions.push(`(${selection.where}\n)`)
  }
  const where = conditions.length === 0 ? '' : ` where ${conditions.join(' and ')}`
  return { sql: `from ${quoteName(table.name)}${where}`, parameters }
}

export function orderOf({ order }: SqliteTable, direction: 'asc' | 'desc' = 'asc'): string {
  return `order by ${order.map(({ sql }) => `${sql} ${direction}`).join(', ')}`
}

/** Values are compared as SQLite does: numbers before texts. */
function sinceCondition(
  table: SqliteTable,
  { since }: Pick<Selection, 'since'>,
): { readonly conditions: readonly string[]; readonly parameters: readonly SqliteParameter[] } {
  if (since === undefined) return { conditions: [], parameters: [] }
  const { field, from, upTo } = since
  const column = columnNamed(table, field)
  const highest = upTo === null ? null : valueOfMark(upTo)
  if (from === null) {
    return highest === null
      ? { conditions: [], parameters: [] }
      : { conditions: [`(${column} <= ? or ${column} is null)`], parameters: [highest] }
  }
  const lowest = valueOfMark(from)
  return highest === null
    ? { conditions: [`${column} >= ?`], parameters: [lowest] }
    : { conditions: [`${column} >= ?`, `${column} <= ?`], parameters: [lowest, highest] }
}

/** A column as SQL has it. Throws `unknown-column`. */
export function columnNamed(table: SqliteTable, field: string): string {
  if (table.columns.some(({ name }) => name === field)) return quoteName(field)
  throw new DroverError('unknown-column', `${table.name} has no column named ${field}`, {
    hint: `it has ${table.columns.map(({ name }) => name).join(', ')}`,
  })
}
