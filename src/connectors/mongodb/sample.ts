import type { Document, FindCursor, AggregationCursor } from 'mongodb'
import type { Bounds } from '../../core/batch.ts'
import type { SampledRows, SampleLimits } from '../contract.ts'
import type { Selection } from '../planned-table.ts'
import { untilAborted } from './abort.ts'
import { byKey, filterOf, pageRows, projectionOf, type MongoTable } from './query.ts'
import { RowsTaken } from './rows-taken.ts'

/** How long rows may be looked for: no page is asked for after `until`, and one that does not come is given up. */
interface Patience {
  readonly signal: AbortSignal
  readonly until: number
}

/** A table of up to this many times the rows asked for is read whole: as quick, and nothing is missed. */
const readWholeFactor = 4

/** Share of rows, and of bytes, that is taken from each end of the key order: where old and new shapes are. */
const endShare = 0.1

/** Random rows asked for where a filter will drop some of them. */
const filteredOversampling = 10

const open: Bounds = { after: null, upTo: null }

/** Rows of the selection to choose types by: see the contract of a source. Throws what the driver throws. */
export async function sampleTable(
  table: MongoTable,
  selection: Selection,
  limits: SampleLimits,
  signal: AbortSignal,
): Promise<SampledRows> {
  if (selection.limit === 0) return { batches: [], complete: true }
  const deadline = AbortSignal.timeout(limits.seconds * 1000)
  const within: Patience = {
    signal: AbortSignal.any([signal, deadline]),
    until: performance.now() + limits.seconds * 1000,
  }
  let taken = new RowsTaken(selection.table)
  try {
    if (mayReadWhole(table, selection, limits)) {
      if (await readWhole(taken, table, selection, limits, within)) return { batches: taken.batches, complete: true }
      taken = new RowsTaken(selection.table)
    }
    await sampleSpread(taken, table, selection, limits, within)
  } catch (error) {
    signal.throwIfAborted()
    // What was found in time has to do: a filter may let the server search for long.
    if (!deadline.aborted) throw error
  }
  return { batches: taken.batches, complete: false }
}

/** Where nothing is known of the size, trying costs no more than the sample itself. */
function mayReadWhole({ info }: MongoTable, selection: Selection, limits: SampleLimits): boolean {
  const estimate = isFiltered(selection) ? 0 : (info.estimatedRows ?? 0)
  const rows = Math.min(estimate, selection.limit ?? Infinity)
  return rows <= limits.rows * readWholeFactor && rows * (info.averageRowBytes ?? 0) <= limits.bytes
}

function isFiltered({ where, since }: Selection): boolean {
  return where !== null || since !== undefined
}

/** Takes every row of the selection; false: there are too many. */
async function readWhole(
  taken: RowsTaken,
  table: MongoTable,
  selection: Selection,
  limits: SampleLimits,
  patience: Patience,
): Promise<boolean> {
  const cursor = findRows(table, selection, 1, patience.signal)
  if (selection.limit !== null) cursor.limit(selection.limit)
  return takeRows(taken, cursor, limits.rows * readWholeFactor, limits.bytes, patience)
}

/** Takes first rows, last rows and random ones. */
async function sampleSpread(
  taken: RowsTaken,
  table: MongoTable,
  selection: Selection,
  limits: SampleLimits,
  patience: Patience,
): Promise<void> {
  const { signal } = patience
  if (table.info.ordered) {
    const share = Math.ceil(limits.rows * endShare)
    for (const direction of [1, -1] as const) {
      const cursor = findRows(table, selection, direction, signal).limit(share)
      await takeRows(taken, cursor, taken.rows + share, taken.bytes + limits.bytes * endShare, patience)
    }
  }
  const average = table.info.averageRowBytes ?? taken.bytes / Math.max(taken.rows, 1)
  const byBytes = average === 0 ? Infinity : Math.ceil((limits.bytes - taken.bytes) / average)
  const wanted = Math.min(limits.rows - taken.rows, byBytes)
  if (wanted <= 0) return
  await takeRows(taken, randomRows(table, selection, wanted, signal), limits.rows, limits.bytes, patience)
}

function findRows(
  table: MongoTable,
  selection: Selection,
  direction: 1 | -1,
  signal: AbortSignal,
): FindCursor<Uint8Array> {
  const { info, collection } = table
  const projection = projectionOf(selection.fields)
  return collection.find(filterOf(selection, open), {
    raw: true,
    signal,
    batchSize: pageRows(table),
    ...(projection === null ? {} : { projection }),
    ...(info.ordered ? { sort: { _id: direction }, hint: byKey } : {}),
  })
}

/** The random rows come before the filter: behind it, the server would read every row there is. */
function randomRows(
  table: MongoTable,
  selection: Selection,
  wanted: number,
  signal: AbortSignal,
): AggregationCursor<Uint8Array> {
  const filter = filterOf(selection, open)
  const projection = projectionOf(selection.fields)
  const pipeline: Document[] = [
    ...(isFiltered(selection)
      ? [{ $sample: { size: wanted * filteredOversampling } }, { $match: filter }, { $limit: wanted }]
      : [{ $sample: { size: wanted } }]),
    ...(projection === null ? [] : [{ $project: projection }]),
  ]
  const batchSize = pageRows(table)
  return table.collection.aggregate<Uint8Array>(pipeline, { raw: true, allowDiskUse: true, batchSize, signal })
}

/** Takes rows until a limit is reached, one row at least; answers whether the cursor ended before. */
async function takeRows(
  taken: RowsTaken,
  cursor: FindCursor<Uint8Array> | AggregationCursor<Uint8Array>,
  maxRows: number,
  maxBytes: number,
  { signal, until }: Patience,
): Promise<boolean> {
  const before = taken.rows
  try {
    while (await untilAborted(cursor.hasNext(), signal)) {
      const page = cursor.readBufferedDocuments()
      let rows = 0
      let bytes = 0
      for (const document of page) {
        const full = taken.rows + rows >= maxRows || taken.bytes + bytes + document.length > maxBytes
        if (full && taken.rows + rows > before) break
        rows++
        bytes += document.length
      }
      taken.add(page.slice(0, rows))
      if (rows < page.length || performance.now() >= until) return false
    }
    return true
  } finally {
    await cursor.close()
  }
}
