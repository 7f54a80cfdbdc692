import { DroverError } from '../../core/errors.ts'
import type { Selection } from '../planned-table.ts'
import { excerpt } from './identifiers.ts'
import { markOf } from './marks.ts'
import { columnNamed, rowsWithin } from './query.ts'
import type { Snapshot } from './snapshot.ts'
import type { SqliteTable } from './table.ts'

/**
 * The highest value of a column, numbers being below texts, as SQL has it: see the contract of a source. Throws
 * `invalid-value` for one that a range cannot begin with.
 */
export function highestValue(
  snapshot: Snapshot,
  table: SqliteTable,
  selection: Selection,
  field: string,
): string | null {
  const column = columnNamed(table, field)
  const { sql, parameters } = rowsWithin(snapshot, table, selection, { after: null, upTo: null })
  const [value] = snapshot.first(`select max(${column}) ${sql}`, parameters)
  if (value === null || value === undefined) return null
  const isFinite = typeof value !== 'number' || Number.isFinite(value)
  if (!(value instanceof Uint8Array) && isFinite && !String(value).includes('\ufffd')) return markOf(value)
  const shown = value instanceof Uint8Array ? `${value.length} bytes` : excerpt(String(value))
  throw new DroverError('invalid-value', `the highest value of ${field} in ${table.name} is ${shown}`, {
    hint: 'a copy goes on from a column of dates, numbers or texts; correct the row, or name another column',
  })
}
