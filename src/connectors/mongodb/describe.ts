import type { CollectionInfo, Db, Document } from 'mongodb'
import type { SourceTable } from '../contract.ts'
import { codeOf, isUnauthorized } from './errors.ts'

/** Statistics asked for at the same time; a database may have thousands of collections. */
const parallel = 8

/** Servers and services that have no $collStats, or refuse it: CommandNotFound, CommandNotSupported, AtlasError … */
const noStatisticsCodes: ReadonlySet<number> = new Set([13, 59, 115, 166, 238, 8000, 40324])

/** BadValue: no index fits the hint. */
const noSuchIndex = 2

type Listed = CollectionInfo | Pick<CollectionInfo, 'name' | 'type'>
type Kind = SourceTable['kind']

/** Every collection and view of the database, by name. */
export async function describeTables(db: Db, signal: AbortSignal): Promise<readonly SourceTable[]> {
  const listed = await list(db, {}, signal)
  const tables: SourceTable[] = []
  for (let at = 0; at < listed.length; at += parallel) {
    signal.throwIfAborted()
    tables.push(...(await Promise.all(listed.slice(at, at + parallel).map((info) => describe(db, info)))))
  }
  return tables.toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

/** One of them; null: there is none of that name. */
export async function describeTable(db: Db, name: string, signal: AbortSignal): Promise<SourceTable | null> {
  const [info] = await list(db, { name }, signal)
  return info === undefined ? null : describe(db, info)
}

/** A user without the right to list everything still sees the names of what it may read. */
async function list(db: Db, filter: Document, signal: AbortSignal): Promise<readonly Listed[]> {
  try {
    return await db.listCollections(filter, { nameOnly: false, authorizedCollections: true, signal }).toArray()
  } catch (error) {
    if (!isUnauthorized(error)) throw error
    return db.listCollections(filter, { nameOnly: true, authorizedCollections: true, signal }).toArray()
  }
}

async function describe(db: Db, info: Listed): Promise<SourceTable> {
  const { name } = info
  const kind = kindOf(info)
  const skipped = skipReason(name, kind)
  // Counting a view or a time-series runs it from end to end.
  if (kind !== 'table' && kind !== 'capped') {
    return { name, kind, skipped, estimatedRows: null, averageRowBytes: null, ordered: false }
  }
  return {
    name,
    kind,
    skipped,
    estimatedRows: await estimateRows(db, name),
    averageRowBytes: await averageRowBytes(db, name),
    ordered: await isOrdered(db, info),
  }
}

function kindOf(info: Listed): Kind {
  if (info.name.startsWith('system.')) return 'system'
  if (info.type === 'view') return 'view'
  if (info.type === 'timeseries') return 'time-series'
  return 'options' in info && info.options?.['capped'] === true ? 'capped' : 'table'
}

function skipReason(name: string, kind: Kind): string | null {
  if (kind !== 'system') return null
  const buckets = /^system\.buckets\.(.+)$/s.exec(name)?.[1]
  return buckets === undefined ? "one of MongoDB's own" : `holds the data of the time-series ${buckets}`
}

async function estimateRows(db: Db, name: string): Promise<number | null> {
  try {
    return await db.collection(name).estimatedDocumentCount()
  } catch (error) {
    if (isUnauthorized(error)) return null
    throw error
  }
}

/** One answer from each shard. */
async function averageRowBytes(db: Db, name: string): Promise<number | null> {
  const pipeline = [
    { $collStats: { storageStats: {} } },
    { $group: { _id: null, bytes: { $sum: '$storageStats.size' }, rows: { $sum: '$storageStats.count' } } },
  ]
  try {
    const [total] = await db.collection(name).aggregate<{ bytes: number; rows: number }>(pipeline).toArray()
    return total === undefined || total.rows === 0 ? null : total.bytes / total.rows
  } catch (error) {
    if (noStatisticsCodes.has(codeOf(error) ?? 0)) return null
    throw error
  }
}

/** Whether there is an index on `_id`, or the rows are stored by it. Only very old capped collections have neither. */
async function isOrdered(db: Db, info: Listed): Promise<boolean> {
  if ('options' in info || 'idIndex' in info) {
    return info.idIndex !== undefined || info.options?.['clusteredIndex'] !== undefined
  }
  try {
    await db.collection(info.name).findOne({}, { hint: { _id: 1 }, projection: { _id: 1 } })
    return true
  } catch (error) {
    if (isUnauthorized(error)) return true
    if (codeOf(error) === noSuchIndex) return false
    throw error
  }
}
