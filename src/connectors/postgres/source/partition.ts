import type { Bounds, Position } from '../../../core/batch.ts'
import type { Selection } from '../../planned-table.ts'
import type { Session } from '../session.ts'
import { columnOf, keyConditions, keyOrder } from './bounds.ts'
import { somePages } from './pages.ts'
import { partitionByPlace } from './places.ts'
import { keyPositionOf } from './position.ts'
import { conditionsOf, questionOf, whereOf } from './question.ts'
import type { ReadTable } from './table.ts'

/** Pages looked at for each bound, and at least: enough that partitions differ by some percent only. */
const blocksPerPartition = 16
const fewestBlocks = 256

/** Contiguous bounds over the selection: see the contract of a source. Throws what the driver throws. */
export async function partitionTable(
  session: Session,
  table: ReadTable,
  selection: Selection,
  count: number,
  mark: string,
): Promise<readonly Bounds[]> {
  // What cannot be asked for is refused here, before anything is copied.
  questionOf(table, selection)
  if (selection.limit === 0) return []
  if (table.key.length === 0) return partitionByPlace(session, table, selection, count, mark)
  const end = selection.limit === null ? null : await keyAt(session, table, selection, selection.limit - 1)
  const inner = count <= 1 ? [] : await quantiles(session, table, selection, end, count)
  const ends = [...inner, end]
  return ends.map((upTo, index) => ({ after: ends[index - 1] ?? null, upTo }))
}

/** The key of the row at an index, from 0, in key order; null: there are not that many. */
async function keyAt(
  session: Session,
  table: ReadTable,
  selection: Selection,
  index: number,
): Promise<Position | null> {
  const where = whereOf(conditionsOf(table, selection))
  const { rows } = await session.query<{ key: string[] }>(
    `select ${keyTexts(table)} as key from ${table.from}${where} order by ${keyOrder(table)} offset ${index} limit 1`,
  )
  const [row] = rows
  return row === undefined ? null : keyPositionOf(row.key)
}

/** Keys that split the rows of some pages, up to `end`, into equal parts; the last of them is before the last row. */
async function quantiles(
  session: Session,
  table: ReadTable,
  selection: Selection,
  end: Position | null,
  count: number,
): Promise<readonly Position[]> {
  const conditions = [
    ...conditionsOf(table, selection),
    ...(await keyConditions(session, table, { after: null, upTo: end })),
  ]
  const { rows } = await session.query<{ key: string[] }>(
    `select looked.key from (
       select ${keyTexts(table)} as key, row_number() over (order by ${keyOrder(table)}) as place, count(*) over () as total
       from ${table.from}${somePages(table, selection, Math.max(fewestBlocks, count * blocksPerPartition))}${whereOf(conditions)}
     ) as looked
     where looked.place < looked.total
       and exists (select from generate_series(1, $1::bigint - 1) as part where part * looked.total / $1 = looked.place)
     order by looked.place`,
    [count],
  )
  return rows.map(({ key }) => keyPositionOf(key))
}

function keyTexts(table: ReadTable): string {
  return `array[${table.key.map(({ name }) => `format('%s', ${columnOf(table, name)})`).join(', ')}]`
}
