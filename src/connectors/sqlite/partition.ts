import { setImmediate } from 'node:timers/promises'
import { samePosition, type Bounds, type Position } from '../../core/batch.ts'
import type { Selection } from '../planned-table.ts'
import { positionOf } from './position.ts'
import { rowsWithin, orderOf } from './query.ts'
import { exactValue, type RowsToRead } from './rows.ts'
import type { Snapshot } from './snapshot.ts'
import type { SqliteTable } from './table.ts'

const open: Bounds = { after: null, upTo: null }

/** The number of rows selected, at most its limit. */
export function countRows(snapshot: Snapshot, table: SqliteTable, selection: Selection, bounds: Bounds = open): number {
  const { limit } = selection
  const { sql, parameters } = rowsWithin(snapshot, table, selection, bounds)
  const counted = limit === null ? `select count(*) ${sql}` : `select count(*) from (select 1 ${sql} limit ${limit})`
  return Number(snapshot.first(counted, parameters)[0])
}

/**
 * Contiguous bounds over the selection: see the contract of a source. They part the rows of the table evenly, whatever
 * gaps their numbers have: each is looked for from the one before, which steps over pages without reading their rows.
 * Those that a filter leaves out count as well. Throws `invalid-filter` …
 */
export async function partitionTable(
  snapshot: Snapshot,
  table: SqliteTable,
  selection: Selection,
  count: number,
  signal: AbortSignal,
): Promise<readonly Bounds[]> {
  const { limit } = selection
  if (limit === 0) return []
  const end = limit === null ? null : positionBehind(snapshot, table, selection, null, limit)
  // A wrong filter is refused here, also where nothing has to be looked for.
  rowsWithin(snapshot, table, selection, open)
  const whole: RowsToRead = { table: table.name, where: null }
  const rows =
    count <= 1 ? 0 : countRows(snapshot, table, { ...whole, fields: null, limit: null }, { ...open, upTo: end })
  const ends: (Position | null)[] = []
  for (let part = 1; part < count; part++) {
    const step = Math.floor((part * rows) / count) - Math.floor(((part - 1) * rows) / count)
    if (step === 0) continue
    const next = positionBehind(snapshot, table, whole, ends.at(-1) ?? null, step)
    if (next !== null && !samePosition(next, end)) ends.push(next)
    await setImmediate()
    signal.throwIfAborted()
  }
  return [...ends, end].map((upTo, index) => ({ after: ends[index - 1] ?? null, upTo }))
}

/** Where the row ends that is so many behind a position; null: there are not so many. */
export function positionBehind(
  snapshot: Snapshot,
  table: SqliteTable,
  selection: RowsToRead,
  after: Position | null,
  rows: number,
): Position | null {
  const { sql, parameters } = rowsWithin(snapshot, table, selection, { after, upTo: null })
  const keys = table.order.map((part) => part.sql)
  const columns = [...keys, ...keys.map((key) => `cast(${key} as blob)`)].join(', ')
  const row = snapshot.first(`select ${columns} ${sql} ${orderOf(table)} limit 1 offset ${rows - 1}`, parameters)
  if (row.length === 0) return null
  return positionOf(keys.map((_, place) => exactValue(row[place] ?? null, row[keys.length + place], snapshot.encoding)))
}
