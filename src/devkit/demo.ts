import pg from 'pg'
import { DroverError } from '../core/errors.ts'
import type { MigrationResult } from '../core/result.ts'
import { createPaint, formatCount, formatSeconds, renderColumns } from '../telemetry/format.ts'
import { renderSummary } from '../telemetry/summary.ts'
import { runDrover, type DroverRun } from './run-drover.ts'
import { seed } from './seed.ts'
import type { ServerEnvironment } from './servers/local-server.ts'
import { startMongo } from './servers/mongo.ts'
import { startPostgres } from './servers/postgres.ts'

export interface DemoOptions {
  readonly users: number
  readonly orders: number
  readonly environment: ServerEnvironment
  /** What happens, for the reader: one line or block a call. */
  readonly write: (text: string) => void
}

const RNG_SEED = 42

/**
 * The main job on servers of its own: seeds, migrates with the cluster, compares with sequential mode, verifies, shows
 * some rows, and leaves nothing behind.
 */
export async function demo(options: DemoOptions, signal: AbortSignal): Promise<void> {
  const { write, environment } = options
  const serving = { environment, onNotice: (line: string) => write(`  ${line}`), signal }
  write('Databases for this demo')
  await using mongo = await startMongo({ ...serving, address: environment['DROVER_TEST_MONGO'] })
  await using postgres = await startPostgres({ ...serving, address: environment['DROVER_TEST_POSTGRES'] })
  write(`  MongoDB ${mongo.version} and PostgreSQL ${postgres.version} are running`)

  const from = new URL(mongo.url)
  from.pathname = '/drover_demo'
  await seedShapes(from.href, options, signal)
  const addresses = { DROVER_FROM: from.href, DROVER_TO: postgres.url }
  await migrateBothWays({ ...environment, ...addresses }, write, signal)

  const target = new pg.Client({ connectionString: postgres.url })
  await target.connect()
  try {
    await showRows(target, write)
  } finally {
    await target.query('drop schema if exists demo, demo_ledger, sequential, sequential_ledger cascade')
    await target.end()
  }
}

async function seedShapes(url: string, options: DemoOptions, signal: AbortSignal): Promise<void> {
  for (const shape of ['users', 'orders'] as const) {
    const rows = options[shape]
    const seeding = { url, rows, rngSeed: RNG_SEED, shape, drop: true, workers: 2, onProgress: () => undefined }
    const { seconds } = await seed(seeding, signal)
    options.write(`  ${formatCount(rows)} ${shape} seeded in ${formatSeconds(seconds)}`)
  }
}

async function migrateBothWays(
  environment: ServerEnvironment,
  write: (text: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const run = async (args: readonly string[], schema: string): Promise<MigrationResult> => {
    write(`\n$ drover migrate ${[...args, '--target-schema', schema].join(' ')}\n`)
    const scratch = ['--target-schema', schema, '--ledger-schema', `${schema}_ledger`, '--mode', 'recreate']
    const done = await runDrover({ environment, showProgress: true, signal, args: ['migrate', ...args, ...scratch] })
    const result = resultOf(done)
    write(renderSummary(result, createPaint(false)))
    return result
  }
  const cluster = await run([], 'demo')
  const sequential = await run(['--sequential'], 'sequential')
  write(
    `\nThe cluster took ${formatSeconds(cluster.seconds)}, one worker ${formatSeconds(sequential.seconds)}: ` +
      'from connecting to built keys and verified counts.',
  )
}

/** Every run that is to be shown has to be right. */
function resultOf(run: DroverRun): MigrationResult {
  if (run.exitCode === 0 && run.result !== null) return run.result
  throw new DroverError('unexpected', `drover ended with exit status ${run.exitCode} ${run.stderr}`)
}

const questions = [
  'select _id, username, age, balance, created_at, tags from demo.users order by _id limit 3',
  "select address->>'city' as city, count(*) from demo.users group by 1 order by 2 desc, 1 limit 3",
  `select count(*) as rows_that_differ from
     (table demo.users except table sequential.users union all (table sequential.users except table demo.users)) d`,
]

async function showRows(target: pg.Client, write: (text: string) => void): Promise<void> {
  for (const sql of questions) {
    const { fields, rows } = await target.query<Record<string, unknown>>(sql)
    const columns = fields.map(({ name }) => ({ title: name, align: 'left' }) as const)
    const cells = rows.map((row) => fields.map(({ name }) => cell(row[name])))
    const lines = renderColumns(columns, cells).map((line) => `  ${line}`)
    write(`\n${sql.replaceAll(/\s+/g, ' ')};\n${lines.join('\n')}`)
  }
}

function cell(value: unknown): string {
  if (value instanceof Date) return value.toISOString()
  return typeof value === 'string' ? value : JSON.stringify(value)
}
