import type { Environment } from '../config-layers.ts'
import { DroverError } from '../core/errors.ts'
import { maskUrl } from '../core/mask-url.ts'
import type { SeedTarget } from './seed-target.ts'
import { shapes, type ShapeName } from './shapes/shapes.ts'

export interface SeedOptions {
  /** MongoDB or PostgreSQL, with the name of the database, or a file of SQLite. */
  readonly url: string
  /** Where the URL of a PostgreSQL leaves something open; absent: nothing more is known of it. */
  readonly environment?: Environment | undefined
  /** 0 … 2^32. */
  readonly rows: number
  /** The same number gives the same rows, however many workers write them. */
  readonly rngSeed: number
  readonly shape: ShapeName
  /** Of MongoDB, with a name of its own. Default: the name of the shape. */
  readonly collection?: string | undefined
  /** Drops the tables first; otherwise they must be empty. */
  readonly drop: boolean
  /** Streams of inserts, each on a connection of its own; a file of SQLite has one. */
  readonly workers: number
  /** Called with the rows acknowledged so far, after each batch. */
  readonly onProgress: (rows: number) => void
}

export interface SeedResult {
  readonly rows: number
  /** From the first insert to the last acknowledgement, with what is built after it. */
  readonly seconds: number
  readonly collection: string
}

/** Bytes of an insert, about: documents are objects first, and those of 1 MB must not come by thousands. */
const BATCH_BYTES: number = 8 * 1024 * 1024

const MAX_ROWS: number = 2 ** 32

/**
 * Fills a table with test data and counts it. Stops on `signal` with its reason, after the inserts in flight.
 *
 * @throws DroverError `target-not-empty`, `target-incompatible`, `target-in-use`, `count-mismatch`, `invalid-value`,
 * `invalid-url`, `unknown-scheme`, `target-unreachable`, `target-login-refused`, `missing-right`, `target-failed`
 */
export async function seed(options: SeedOptions, signal: AbortSignal): Promise<SeedResult> {
  signal.throwIfAborted()
  checkNumbers(options)
  const opened = await openTarget(options, signal)
  await using target = opened.target
  try {
    await target.prepare(options.drop)
    const startedAt = performance.now()
    await insertAll(target, options, signal)
    await target.finish()
    const seconds = (performance.now() - startedAt) / 1000
    const rows = await target.count()
    if (rows === options.rows) return { rows, seconds, collection: opened.name }
    const holds = `${opened.name} holds ${rows} rows after ${options.rows} were written to it`
    throw new DroverError('count-mismatch', holds, {
      hint: 'it is capped, or someone else writes to it; seed again with --drop once nobody does',
    })
  } catch (error) {
    signal.throwIfAborted()
    throw target.explain(error)
  }
}

/** Loads only what the scheme needs. */
async function openTarget(
  { url, shape, collection, workers, environment = {} }: SeedOptions,
  signal: AbortSignal,
): Promise<{ readonly target: SeedTarget; readonly name: string }> {
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(url)?.[1]?.toLowerCase()
  if (scheme === 'mongodb' || scheme === 'mongodb+srv') {
    const { seedMongodb } = await import('./seed-mongodb.ts')
    const name = collection ?? shapes[shape].name
    return { target: seedMongodb(url, name, workers), name }
  }
  const { sqlShapes } = await import('./shapes/sql-shapes.ts')
  const tables = sqlShapes[shape]
  const { name } = tables.main.table
  refuse('collection', collection ?? name, collection === undefined, `${name}, which other tables refer to`)
  if (scheme === 'postgres' || scheme === 'postgresql') {
    const { seedPostgres } = await import('./seed-postgres.ts')
    return { target: seedPostgres(url, tables, { connections: workers, environment }, signal), name }
  }
  if (scheme === 'sqlite') {
    const { seedSqlite } = await import('./seed-sqlite.ts')
    return { target: seedSqlite(url, tables), name }
  }
  throw new DroverError('unknown-scheme', `test data is not written to ${maskUrl(url)}`, {
    hint: 'use a URL that starts with mongodb://, postgres:// or sqlite:',
  })
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

function refuse(option: string, value: number | string, allowed: boolean, what: string): void {
  if (!allowed) throw new DroverError('invalid-value', `${option} is ${value}; allowed is ${what}`)
}

/** Streams take the next batch each until none is left. The first failure stops them all, behind what is in flight. */
async function insertAll(
  target: SeedTarget,
  { rows, rngSeed, shape, onProgress }: SeedOptions,
  signal: AbortSignal,
): Promise<void> {
  const chosen = shapes[shape]
  const batchRows = Math.min(target.batchRows, Math.ceil(BATCH_BYTES / chosen.bytes))
  const stop = new AbortController()
  const stopped = AbortSignal.any([signal, stop.signal])
  let next = 0
  let written = 0
  async function fill(stream: number): Promise<void> {
    while (next < rows && !stopped.aborted) {
      const first = next
      const size = Math.min(batchRows, rows - first)
      next += size
      const documents = Array.from({ length: size }, (_, at) => chosen.document(first + at, rngSeed))
      await target.write(stream, documents)
      written += size
      onProgress(written)
    }
  }
  const streams = Array.from({ length: target.streams }, (_, stream) =>
    fill(stream).catch((error: unknown) => {
      stop.abort()
      throw error
    }),
  )
  const failed = (await Promise.allSettled(streams)).find((outcome) => outcome.status === 'rejected')
  if (failed !== undefined) throw failed.reason
  signal.throwIfAborted()
}
