import type { Document, FindCursor, AggregationCursor } from 'mongodb'
import type { Bounds } from '../../core/batch.ts'
import type { Sample } from '../../core/sample.ts'
import type { Selection } from '../contract.ts'
import { untilAborted } from './abort.ts'
import { byKey, filterOf, pageRows, projectionOf, type MongoTable } from './query.ts'
import { SampleTally } from './sample-tally.ts'

export interface SampleLimits {
  readonly rows: number | null
  readonly bytes: number
}

/** A table of up to this many times the rows asked for is read whole: as quick, and nothing is missed. */
const readWholeFactor = 4

/** Share of rows, and of bytes, that is taken from each end of the key order: where old and new shapes are. */
const endShare = 0.1

/** Random rows asked for where a filter will drop some of them. */
const filteredOversampling = 10

const open: Bounds = { after: null, upTo: null }

/** Counts types over rows of the selection: see the contract of a source. Throws what the driver throws. */
export async function sampleTable(
  table: MongoTable,
  selection: Selection,
  limits: SampleLimits,
  signal: AbortSignal,
): Promise<Sample> {
  if (selection.limit === 0) return new SampleTally().result(true)
  if (limits.rows === null) {
    const whole = await readWhole(table, selection, Infinity, Infinity, signal)
    return whole.tally.result(whole.ended)
  }
  if (mayReadWhole(table, selection, limits.rows, limits.bytes)) {
    const whole = await readWhole(table, selection, limits.rows * readWholeFactor, limits.bytes, signal)
    if (whole.ended) return whole.tally.result(true)
  }
  return sampleSpread(table, selection, limits.rows, limits.bytes, signal)
}

/** Where nothing is known of the size, trying costs no more than the sample itself. */
function mayReadWhole({ info }: MongoTable, selection: Selection, maxRows: number, maxBytes: number): boolean {
  const estimate = selection.where === null ? (info.estimatedRows ?? 0) : 0
  const rows = Math.min(estimate, selection.limit ?? Infinity)
  return rows <= maxRows * readWholeFactor && rows * (info.averageRowBytes ?? 0) <= maxBytes
}

/** Reads from the start; `ended`: to the end of the selection. */
async function readWhole(
  table: MongoTable,
  selection: Selection,
  maxRows: number,
  maxBytes: number,
  signal: AbortSignal,
): Promise<{ readonly tally: SampleTally; readonly ended: boolean }> {
  const tally = new SampleTally()
  const cursor = findRows(table, selection, 1, signal)
  if (selection.limit !== null) cursor.limit(selection.limit)
  const ended = await addRows(tally, cursor, maxRows, maxBytes, signal)
  return { tally, ended }
}

/** First rows, last rows and random ones. */
async function sampleSpread(
  table: MongoTable,
  selection: Selection,
  maxRows: number,
  maxBytes: number,
  signal: AbortSignal,
): Promise<Sample> {
  const tally = new SampleTally()
  if (table.info.ordered) {
    const share = Math.ceil(maxRows * endShare)
    for (const direction of [1, -1] as const) {
      const cursor = findRows(table, selection, direction, signal).limit(share)
      await addRows(tally, cursor, tally.rows + share, tally.bytes + maxBytes * endShare, signal)
    }
  }
  const average = table.info.averageRowBytes ?? tally.bytes / Math.max(tally.rows, 1)
  const byBytes = average === 0 ? Infinity : Math.ceil((maxBytes - tally.bytes) / average)
  const wanted = Math.min(maxRows - tally.rows, byBytes)
  if (wanted > 0) await addRows(tally, randomRows(table, selection, wanted, signal), maxRows, maxBytes, signal)
  return tally.result(false)
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
    ...(selection.where === null
      ? [{ $sample: { size: wanted } }]
      : [{ $sample: { size: wanted * filteredOversampling } }, { $match: filter }, { $limit: wanted }]),
    ...(projection === null ? [] : [{ $project: projection }]),
  ]
  const batchSize = pageRows(table)
  return table.collection.aggregate<Uint8Array>(pipeline, { raw: true, allowDiskUse: true, batchSize, signal })
}

/** Adds rows until a limit is reached, one row at least; answers whether the cursor ended before. */
async function addRows(
  tally: SampleTally,
  cursor: FindCursor<Uint8Array> | AggregationCursor<Uint8Array>,
  maxRows: number,
  maxBytes: number,
  signal: AbortSignal,
): Promise<boolean> {
  const before = tally.rows
  try {
    while (await untilAborted(cursor.hasNext(), signal)) {
      for (const document of cursor.readBufferedDocuments()) {
        const full = tally.rows >= maxRows || tally.bytes + document.length > maxBytes
        if (full && tally.rows > before) return false
        tally.add(document)
      }
    }
    return true
  } finally {
    await cursor.close()
  }
}
