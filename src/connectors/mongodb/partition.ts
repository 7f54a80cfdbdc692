import type { Document } from 'mongodb'
import type { Bounds, Position } from '../../core/batch.ts'
import { samePosition } from '../../core/batch.ts'
import type { Selection } from '../planned-table.ts'
import { keyExpression, positionOf } from './position.ts'
import { byKey, filterOf, type MongoTable } from './query.ts'

/** Keys looked at for each bound: enough that partitions differ by some percent only. */
const keysPerPartition = 100

/**
 * Below this many rows for each key wanted, all keys are read from the index. MongoDB's own limit: `$sample` of more
 * than 5 % of a collection reads the whole of it, documents and all.
 */
const rowsPerSampledKey = 20

/** A filter that is often true drops few keys of the sample; one that is not makes do with fewer partitions. */
const filteredOversampling = 10

const open: Bounds = { after: null, upTo: null }

/** Contiguous bounds over the selection: see the contract of a source. Throws what the driver throws. */
export async function partitionTable(
  table: MongoTable,
  selection: Selection,
  count: number,
  signal: AbortSignal,
): Promise<readonly Bounds[]> {
  if (selection.limit === 0) return []
  if (!table.info.ordered) return [open]
  const end = selection.limit === null ? null : await keyAt(table, selection, selection.limit - 1, signal)
  const inner = count <= 1 ? [] : await quantiles(table, selection, end, count, signal)
  return boundsBetween(inner, end)
}

/** The key of the row at an index, from 0, in key order; null: there are not that many. */
async function keyAt(
  { collection }: MongoTable,
  selection: Selection,
  index: number,
  signal: AbortSignal,
): Promise<Position | null> {
  const options = { raw: true, sort: byKey, hint: byKey, projection: byKey, skip: index, limit: 1, signal }
  const [document] = await collection.find(filterOf(selection, open), options).toArray()
  return document === undefined ? null : positionOf(document, selection.table)
}

/** About `count - 1` keys that split what is up to `end` into equal parts, in the server's own order. */
async function quantiles(
  table: MongoTable,
  selection: Selection,
  end: Position | null,
  count: number,
  signal: AbortSignal,
): Promise<readonly Position[]> {
  const wanted = count * keysPerPartition
  const rows = Math.min(table.info.estimatedRows ?? Infinity, selection.limit ?? Infinity)
  const all = rows <= wanted * rowsPerSampledKey
  const keys = await (all
    ? firstKeys(table, selection, end, wanted * rowsPerSampledKey, signal)
    : sampledKeys(table, selection, end, wanted, signal))
  const chosen: Position[] = []
  for (let part = 1; part < count; part++) {
    const key = keys[Math.floor((part * keys.length) / count)]
    if (key === undefined || keyExpression(key) === null || samePosition(key, end)) continue
    if (!samePosition(key, chosen.at(-1) ?? null)) chosen.push(key)
  }
  return chosen
}

/** Keys alone, which the index holds: the user's filter would fetch every document, and is left out. */
async function firstKeys(
  { collection }: MongoTable,
  { table }: Selection,
  end: Position | null,
  limit: number,
  signal: AbortSignal,
): Promise<readonly Position[]> {
  const filter = filterOf({ table, where: null, fields: null, limit: null }, { after: null, upTo: end })
  const options = { raw: true, sort: byKey, hint: byKey, projection: byKey, limit, signal }
  const documents = await collection.find(filter, options).toArray()
  return documents.map((document) => positionOf(document, table))
}

/** Keys of random rows, sorted by the server: nobody else knows its order. Needs no right but to find. */
async function sampledKeys(
  { collection }: MongoTable,
  selection: Selection,
  end: Position | null,
  wanted: number,
  signal: AbortSignal,
): Promise<readonly Position[]> {
  const filter = filterOf(selection, { after: null, upTo: end })
  const narrowed = Object.keys(filter).length > 0
  const pipeline: Document[] = [
    { $sample: { size: narrowed ? wanted * filteredOversampling : wanted } },
    ...(narrowed ? [{ $match: filter }] : []),
    { $project: byKey },
    { $sort: byKey },
  ]
  const options = { raw: true, allowDiskUse: true, signal }
  const documents = await collection.aggregate<Uint8Array>(pipeline, options).toArray()
  return documents.map((document) => positionOf(document, selection.table))
}

function boundsBetween(inner: readonly Position[], end: Position | null): readonly Bounds[] {
  const ends = [...inner, end]
  return ends.map((upTo, index) => ({ after: index === 0 ? null : (ends[index - 1] ?? null), upTo }))
}
