import type { Collection, Db } from 'mongodb'
import { DroverError } from '../core/errors.ts'
import { createSeedClient, seedError } from './seed-database.ts'
import { shapes, type ShapeName } from './shapes/shapes.ts'

export interface SeedOptions {
  /** MongoDB, with the name of the database. */
  readonly url: string
  /** 0 … 2^32. */
  readonly rows: number
  /** The same number gives the same rows, however many workers write them. */
  readonly rngSeed: number
  readonly shape: ShapeName
  /** Default: the name of the shape. */
  readonly collection?: string | undefined
  /** Drops the collection first; otherwise it must be empty. */
  readonly drop: boolean
  /** Streams of inserts, each on a connection of its own. */
  readonly workers: number
  /** Called with the rows acknowledged so far, after each batch. */
  readonly onProgress: (rows: number) => void
}

export interface SeedResult {
  readonly rows: number
  /** From the first insert to the last acknowledgement. */
  readonly seconds: number
  readonly collection: string
}

/** Documents of an insert. The server does nothing faster in larger ones. */
const BATCH_ROWS = 2000

/** Bytes of an insert, about: documents are objects first, and those of 1 MB must not come by thousands. */
const BATCH_BYTES: number = 8 * 1024 * 1024

const MAX_ROWS: number = 2 ** 32

/**
 * Fills a collection with test data and counts it. Stops on `signal` with its reason, after the inserts in flight.
 *
 * @throws DroverError `target-not-empty`, `target-incompatible`, `count-mismatch`, `invalid-value`, `invalid-url`,
 * `unknown-scheme`, `target-unreachable`, `target-login-refused`, `missing-right`, `target-failed`
 */
export async function seed(options: SeedOptions, signal: AbortSignal): Promise<SeedResult> {
  signal.throwIfAborted()
  checkNumbers(options)
  const name = options.collection ?? shapes[options.shape].name
  await using client = createSeedClient(options.url, options.workers)
  try {
    const collection = await emptyCollection(client.db(), name, options.drop)
    const startedAt = performance.now()
    await insertAll(collection, options, signal)
    const seconds = (performance.now() - startedAt) / 1000
    const rows = await collection.countDocuments()
    if (rows !== options.rows) {
      throw new DroverError('count-mismatch', `${name} holds ${rows} rows after ${options.rows} were written to it`, {
        hint: 'it is capped, or someone else writes to it; seed again with --drop once nobody does',
      })
    }
    return { rows, seconds, collection: name }
  } catch (error) {
    signal.throwIfAborted()
    throw seedError(error, options.url)
  }
}

function checkNumbers({ rows, rngSeed, workers }: SeedOptions): void {
  refuse(
    'rows',
    rows,
    Number.isSafeInteger(rows) && rows >= 0 && rows <= MAX_ROWS,
    `a whole number from 0 to ${MAX_ROWS}`,
  )
  refuse('rngSeed', rngSeed, Number.isSafeInteger(rngSeed), 'a whole number')
  refuse('workers', workers, Number.isSafeInteger(workers) && workers >= 1, 'a whole number of at least 1')
}

function refuse(option: string, value: number, allowed: boolean, what: string): void {
  if (!allowed) throw new DroverError('invalid-value', `${option} is ${value}; allowed is ${what}`)
}

async function emptyCollection(db: Db, name: string, drop: boolean): Promise<Collection> {
  const collection = db.collection(name)
  const [existing] = await db.listCollections({ name }).toArray()
  if (existing?.type !== undefined && existing.type !== 'collection') {
    throw new DroverError('target-incompatible', `${name} exists and is a ${existing.type}, not a collection`)
  }
  if (existing !== undefined && drop) await collection.drop()
  if (existing === undefined || drop) return db.createCollection(name)
  if ((await collection.findOne({}, { projection: { _id: 1 } })) === null) return collection
  throw new DroverError('target-not-empty', `the collection ${name} exists and holds rows`, {
    hint: '--drop drops it first',
  })
}

/** Streams take the next batch each until none is left. The first failure stops them all, behind what is in flight. */
async function insertAll(
  collection: Collection,
  { rows, rngSeed, shape, workers, onProgress }: SeedOptions,
  signal: AbortSignal,
): Promise<void> {
  const chosen = shapes[shape]
  const batchRows = Math.min(BATCH_ROWS, Math.ceil(BATCH_BYTES / chosen.bytes))
  const stop = new AbortController()
  const stopped = AbortSignal.any([signal, stop.signal])
  let next = 0
  let written = 0
  async function stream(): Promise<void> {
    while (next < rows && !stopped.aborted) {
      const first = next
      const size = Math.min(batchRows, rows - first)
      next += size
      const documents = Array.from({ length: size }, (_, at) => chosen.document(first + at, rngSeed))
      await collection.insertMany(documents, { ordered: false })
      written += size
      onProgress(written)
    }
  }
  const streams = Array.from({ length: workers }, () =>
    stream().catch((error: unknown) => {
      stop.abort()
      throw error
    }),
  )
  const failed = (await Promise.allSettled(streams)).find((outcome) => outcome.status === 'rejected')
  if (failed !== undefined) throw failed.reason
  signal.throwIfAborted()
}
