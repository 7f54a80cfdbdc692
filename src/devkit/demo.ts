import pg from 'pg'
import { DroverError } from '../core/errors.ts'
import { runDrover, type DroverRun } from './run-drover.ts'
import { seed } from './seed.ts'
import { startMongo } from './servers/mongo.ts'
import { startPostgres } from './servers/postgres.ts'
import type { ServerEnvironment } from './servers/local-server.ts'

export interface DemoOptions {
  readonly users: number
  readonly orders: number
  readonly environment: ServerEnvironment
  /** What happens, for the reader: one line or block a call. */
  readonly write: (text: string) => void
}

/**
 * The main job on servers of its own: seeds, migrates with the cluster, compares with sequential mode, verifies, shows
 * some rows, and leaves nothing behind.
 */
export async function demo(options: DemoOptions, signal: AbortSignal): Promise<void> {
  const { write, environment } = options
  const serving = { environment, onNotice: (line: string) => write(`  ${line}`), signal }
  write('Starting MongoDB and PostgreSQL for this demo')
  await using mongo = await startMongo(serving)
  await using postgres = await startPostgres(serving)
  write(`  MongoDB ${mongo.version} and PostgreSQL ${postgres.version} are running`)

  const from = new URL(mongo.url)
  from.pathname = '/shop'
  for (const [shape, rows] of [
    ['users', options.users],
    ['orders', options.orders],
  ] as const) {
    const seeding = { url: from.href, rows, rngSeed: 42, shape, drop: true, workers: 2, onProgress: () => undefined }
    const { seconds } = await seed(seeding, signal)
    write(`Seeded ${count(rows)} ${shape} in ${seconds.toFixed(1)} s`)
  }

  const addresses = { DROVER_FROM: from.href, DROVER_TO: postgres.url }
  const runs = { environment: { ...environment, ...addresses }, showProgress: true, signal }
  write('\n$ drover migrate                                   # a worker for each core')
  const cluster = expectDone(await runDrover({ ...runs, args: ['migrate'] }))
  write(`\n$ drover migrate --sequential --target-schema sequential   # the baseline`)
  const scratch = ['--target-schema', 'sequential', '--ledger-schema', 'sequential_ledger']
  const sequential = expectDone(await runDrover({ ...runs, args: ['migrate', '--sequential', ...scratch] }))
  write(
    `\nCluster ${cluster.seconds.toFixed(1)} s, sequential ${sequential.seconds.toFixed(1)} s (whole commands, keys built, counts verified)`,
  )

  const target = new pg.Client({ connectionString: postgres.url })
  await target.connect()
  try {
    await showRows(target, write)
  } finally {
    await target.end()
  }
  write('\nServers stopped, nothing left behind.')
}

async function showRows(target: pg.Client, write: (text: string) => void): Promise<void> {
  for (const sql of [
    'select _id, username, age, balance, created_at, tags from users order by _id limit 3',
    `select address->>'city' as city, count(*), round(avg(balance)::numeric, 2) as balance
       from users group by 1 order by 2 desc, 1 limit 3`,
    `select 'equal' as rows from (select * from users except select * from sequential.users) d having count(*) = 0`,
  ]) {
    const { fields, rows } = await target.query<Record<string, unknown>>(sql)
    const names = fields.map(({ name }) => name)
    const lines = rows.map((row) => names.map((name) => cell(row[name])).join(' | '))
    write(`\n${sql.replaceAll(/\s+/g, ' ')};\n${[names.join(' | '), ...lines].map((line) => `  ${line}`).join('\n')}`)
  }
}

function cell(value: unknown): string {
  if (value instanceof Date) return value.toISOString()
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

function expectDone(run: DroverRun): { readonly seconds: number } {
  if (run.exitCode === 0 && run.result !== null) return run
  throw new DroverError('unexpected', `drover ended with exit status ${run.exitCode} ${run.stderr}`)
}

function count(value: number): string {
  return value.toLocaleString('en-US')
}
