import type { Bounds, Position } from '../../../core/batch.ts'
import { DroverError } from '../../../core/errors.ts'
import type { Selection } from '../../planned-table.ts'
import type { Session } from '../session.ts'
import { placePosition, readPosition, type Place } from './position.ts'
import { conditionsOf, tidLiteral, whereOf } from './question.ts'
import type { ReadTable, TableFile } from './table.ts'

// Rows without a key are read in the order they are stored in: file by file, page by page. Where a row is stored is as
// good as a key as long as the state that is read stays the same, and says nothing at all in another.

/** Rows come as they are stored, and by no index. */
export const storedOrder =
  'set enable_indexscan = off; set enable_indexonlyscan = off; set max_parallel_workers_per_gather = 0'
export const anyOrder = 'reset enable_indexscan; reset enable_indexonlyscan; reset max_parallel_workers_per_gather'

/** The first version that reads a range of pages without reading the table from its beginning. */
const firstWithRangeScans = 140_000

/** Pages below which a partition is not worth a cursor of its own. */
const fewestBlocks = 64

/** A part of a file. */
export interface Piece {
  readonly file: TableFile
  readonly conditions: readonly string[]
}

/** The table as one of its files is read, which has the same columns. */
export function tableOf(table: ReadTable, file: TableFile): ReadTable {
  return { ...table, quoted: file.quoted, from: `only ${file.quoted}` }
}

/** The parts of files that bounds take in. Throws `source-failed` where these are of another state. */
export function piecesOf(table: ReadTable, { after, upTo }: Bounds, mark: string): readonly Piece[] {
  const from = after === null ? null : placeIn(table, after, mark)
  const end = upTo === null ? null : placeIn(table, upTo, mark)
  const [first, last] = [from?.index ?? 0, end?.index ?? table.files.length - 1]
  return table.files.flatMap((file, index): Piece[] => {
    if (index < first || index > last) return []
    // What has no pages is read whole or not at all.
    if (file.blocks === null) return from?.index === index || end?.index === index ? [] : [{ file, conditions: [] }]
    const ctid = `${file.quoted}.ctid`
    const conditions = [
      ...(from?.index === index ? [`${ctid} > ${tidLiteral(from.place)}`] : []),
      ...(end?.index === index ? [`${ctid} <= ${tidLiteral(end.place)}`] : []),
    ]
    return [{ file, conditions }]
  })
}

function placeIn(
  table: ReadTable,
  position: Position,
  mark: string,
): { readonly index: number; readonly place: Place } {
  const read = readPosition(position)
  if (read.form !== 'place') {
    throw new DroverError('schema-drift', `table ${table.name} had a key when its copy was planned`, {
      hint: 'give it the key back and run drover resume, or start over with --mode recreate',
    })
  }
  const index = table.files.findIndex(({ oid }) => oid === read.place.oid)
  if (read.mark === mark && index >= 0) return { index, place: read.place }
  throw new DroverError(
    'source-failed',
    `${table.name} has no key, and where its rows are stored says nothing since the source has been written to`,
    { hint: 'drover rollback undoes the copy, --mode recreate starts over; a primary key would let it go on' },
  )
}

/** About `count` parts of the same number of pages, up to the row that the limit comes to. */
export async function partitionByPlace(
  session: Session,
  table: ReadTable,
  selection: Selection,
  count: number,
  mark: string,
): Promise<readonly Bounds[]> {
  const end = selection.limit === null ? null : await placeAt(session, table, selection, selection.limit - 1)
  const inner = table.version < firstWithRangeScans ? [] : cutPlaces(table.files, count)
  const kept = inner.filter((place) => end === null || isBefore(table, place, end))
  const ends = [...kept, end].map((place) => (place === null ? null : placePosition(place, mark)))
  return ends.map((upTo, index) => ({ after: ends[index - 1] ?? null, upTo }))
}

function cutPlaces(files: readonly TableFile[], count: number): readonly Place[] {
  const blocks = files.reduce((sum, file) => sum + (file.blocks ?? 0), 0)
  const parts = Math.min(count, Math.max(1, Math.floor(blocks / fewestBlocks)))
  const places: Place[] = []
  let before = 0
  for (const { oid, blocks: own } of files) {
    for (let part = places.length + 1; part < parts; part++) {
      const block = Math.floor((part * blocks) / parts) - before
      if (block >= (own ?? 0)) break
      // No row has line 0, so the page itself is behind this place.
      places.push({ oid, block, line: 0 })
    }
    before += own ?? 0
  }
  return places
}

function isBefore({ files }: ReadTable, a: Place, b: Place): boolean {
  const [fileOfA, fileOfB] = [a, b].map((place) => files.findIndex(({ oid }) => oid === place.oid))
  if (fileOfA !== fileOfB) return (fileOfA ?? 0) < (fileOfB ?? 0)
  return a.block < b.block || (a.block === b.block && a.line < b.line)
}

/** The place of the row at an index, from 0; null: there are not that many. */
async function placeAt(session: Session, table: ReadTable, selection: Selection, index: number): Promise<Place | null> {
  await session.run(storedOrder)
  let left = index
  let found: Place | null = null
  for (const file of table.files) {
    const own = tableOf(table, file)
    const where = whereOf(conditionsOf(own, selection))
    const { rows } = await session.query<{ ctid: string }>(
      `select ${own.quoted}.ctid::text as ctid from ${own.from}${where} offset ${left} limit 1`,
    )
    const [, block, line] = /^\((\d+),(\d+)\)$/.exec(rows[0]?.ctid ?? '') ?? []
    if (block !== undefined && line !== undefined) {
      found = { oid: file.oid, block: Number(block), line: Number(line) }
      break
    }
    const counted = await session.query<{ rows: string }>(`select count(*)::text as rows from ${own.from}${where}`)
    left -= Number(counted.rows[0]?.rows ?? 0)
  }
  await session.run(anyOrder)
  return found
}
