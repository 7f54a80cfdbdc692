import { seed } from './seed.ts'
import type { ServerEnvironment } from './servers/local-server.ts'
import { startMongo } from './servers/mongo.ts'
import { startPostgres } from './servers/postgres.ts'

/** Both ends of a measurement. Disposing stops what was started for it. */
export interface BenchServers extends AsyncDisposable {
  readonly from: string
  readonly to: string
}

/** Test data is the same in every run, so that figures can be compared. */
const RNG_SEED = 42

/** The servers at the given addresses, or local ones of the usual durable settings, with `rows` users in them. */
export async function openBenchServers(
  addresses: { readonly from: string; readonly to: string } | null,
  options: {
    readonly environment: ServerEnvironment
    readonly rows: number
    readonly onLine: (line: string) => void
  },
  signal: AbortSignal,
): Promise<BenchServers> {
  if (addresses !== null) return { ...addresses, [Symbol.asyncDispose]: () => Promise.resolve() }
  const { environment, rows, onLine } = options
  await using opening = new AsyncDisposableStack()
  const mongo = opening.use(await startMongo({ environment, onNotice: onLine, signal }))
  const postgres = opening.use(await startPostgres({ environment, onNotice: onLine, signal }))
  const from = new URL(mongo.url)
  from.pathname = '/bench'
  const seeding = { url: from.href, rows, rngSeed: RNG_SEED, shape: 'users', drop: true, workers: 2 } as const
  const { seconds } = await seed({ ...seeding, onProgress: () => undefined }, signal)
  onLine(`seeded ${rows} users in ${seconds.toFixed(1)} s`)
  const started = opening.move()
  return { from: from.href, to: postgres.url, [Symbol.asyncDispose]: () => started.disposeAsync() }
}
