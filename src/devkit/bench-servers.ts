import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import type { Pair } from '../config-options.ts'
import { writeDump } from './bench-dump.ts'
import { seed } from './seed.ts'
import type { ServerEnvironment } from './servers/local-server.ts'
import { startMongo } from './servers/mongo.ts'
import { startPostgres } from './servers/postgres.ts'
import { scaledRows, shapes, type ShapeName } from './shapes/shapes.ts'

/** Test data is the same in every run, so that figures can be compared. */
const rngSeed = 42

/** Both ends of a measurement. Disposing stops what was started for it. */
export interface BenchServers extends AsyncDisposable {
  readonly from: string
  readonly to: string
  /** Makes the rows of a workload and answers the address to read them from; null: the servers are not ours to fill. */
  readonly fill: ((workload: ShapeName, source: 'server' | 'dump', signal: AbortSignal) => Promise<string>) | null
}

export interface BenchServerOptions {
  readonly pair: Pair
  readonly environment: ServerEnvironment
  /** Of `users`; see {@link scaledRows}. */
  readonly rows: number
  readonly onLine: (line: string) => void
}

/** The servers at the given addresses, or local ones of the usual durable settings. */
export async function openBenchServers(
  addresses: { readonly from: string; readonly to: string } | null,
  options: BenchServerOptions,
  signal: AbortSignal,
): Promise<BenchServers> {
  if (addresses !== null) return { ...addresses, fill: null, [Symbol.asyncDispose]: () => Promise.resolve() }
  const { environment, onLine } = options
  const serving = { environment, onNotice: onLine, signal }
  await using opening = new AsyncDisposableStack()
  const folder = await mkdtemp(join(tmpdir(), 'drover-bench-'))
  opening.defer(() => rm(folder, { recursive: true, force: true }))
  const mongo = options.pair === 'mongodb-postgres' ? opening.use(await startMongo(serving)) : null
  const postgres = opening.use(await startPostgres(serving))
  const from =
    options.pair === 'sqlite-postgres'
      ? urlOfFile('sqlite', join(folder, 'bench.db'))
      : mongo === null
        ? await createSource(postgres.url)
        : withDatabase(mongo.url, 'bench')
  const started = opening.move()
  const filled = new Map<string, Promise<string>>()
  return {
    from,
    to: postgres.url,
    fill: (workload, source, signal) => {
      const name = `${source} ${workload}`
      const rows = scaledRows(shapes[workload], options.rows)
      const making =
        filled.get(name) ??
        (source === 'server'
          ? seedServer(from, workload, rows, onLine, signal)
          : seedDump(folder, workload, rows, onLine, signal))
      filled.set(name, making)
      return making
    },
    [Symbol.asyncDispose]: () => started.disposeAsync(),
  }
}

function urlOfFile(scheme: 'bson' | 'sqlite', path: string): string {
  return `${scheme}:${encodeURIComponent(path).replaceAll('%2F', '/')}`
}

function withDatabase(server: string, name: string): string {
  const url = new URL(server)
  url.pathname = `/${name}`
  return url.href
}

/** A database beside the target, of the same server. */
async function createSource(server: string): Promise<string> {
  const client = new pg.Client({ connectionString: server })
  await client.connect()
  try {
    await client.query('create database bench_source')
  } finally {
    await client.end()
  }
  return withDatabase(server, 'bench_source')
}

async function seedServer(
  url: string,
  shape: ShapeName,
  rows: number,
  onLine: (line: string) => void,
  signal: AbortSignal,
): Promise<string> {
  const options = { url, rows, rngSeed, shape, drop: true, workers: 2, onProgress: () => undefined }
  const { seconds } = await seed(options, signal)
  onLine(`seeded ${rows} ${shape} in ${seconds.toFixed(1)} s`)
  return url
}

async function seedDump(
  folder: string,
  shape: ShapeName,
  rows: number,
  onLine: (line: string) => void,
  signal: AbortSignal,
): Promise<string> {
  const path = join(folder, `${shape}.bson`)
  const startedAt = performance.now()
  await writeDump(path, shapes[shape], { rows, rngSeed }, signal)
  onLine(`wrote a dump of ${rows} ${shape} in ${((performance.now() - startedAt) / 1000).toFixed(1)} s`)
  return urlOfFile('bson', path)
}
