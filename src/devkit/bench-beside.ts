import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import type { Environment } from '../config-layers.ts'
import { quoteName } from '../connectors/postgres/identifiers.ts'
import { DroverError } from '../core/errors.ts'
import { hideSecrets, secretsOf } from '../core/mask-url.ts'
import { findProgram, versionOf } from './bench-command.ts'
import { medianBySeconds, type Beside } from './bench-report.ts'
import { waysBeside, type Way, type WayEnds } from './bench-ways.ts'

export interface BesideOptions {
  /** `sqlite:` or `postgres:`. */
  readonly from: string
  readonly to: string
  readonly target: pg.Client
  /** The first is the one whose rows are counted. */
  readonly tables: readonly [string, ...string[]]
  readonly repeats: number
  readonly environment: Environment
  readonly onLine: (line: string) => void
}

/**
 * What other programs take for the same tables, and for parts of the work, one after the other, each into an empty database
 * that is made for it and dropped. Nothing is said of a program that is not installed or fails.
 */
export async function measureBeside(options: BesideOptions, signal: AbortSignal): Promise<readonly Beside[]> {
  const measured: Beside[] = []
  for (const way of waysBeside(options.from, options.environment)) {
    const one = await measureWay(options, way, signal)
    if (one !== null) measured.push(one)
  }
  return measured
}

async function measureWay(options: BesideOptions, way: Way, signal: AbortSignal): Promise<Beside | null> {
  const { environment, onLine, repeats } = options
  const { name, does, program } = way
  const path = program === null ? null : findProgram(program, environment)
  if (program !== null && path === null) {
    onLine(`${program} is not installed: nothing is measured of it`)
    return null
  }
  onLine(`measuring ${name}`)
  try {
    const version = path === null ? null : await versionOf(path)
    const runs: [Once, ...Once[]] = [await runOnce(options, way, signal)]
    while (runs.length < repeats) runs.push(await runOnce(options, way, signal))
    return { name, does, version, ...medianBySeconds(runs) }
  } catch (error) {
    signal.throwIfAborted()
    if (program === null || !(error instanceof Error)) throw error
    const said = hideSecrets(error.message, [options.from, options.to].flatMap(secretsOf))
    onLine(`nothing is measured of ${name}, which failed: ${said}`)
    return null
  }
}

type Once = Pick<Beside, 'seconds' | 'peakRssBytes' | 'rows'>

async function runOnce(
  { from, to, target, tables, environment }: BesideOptions,
  way: Way,
  signal: AbortSignal,
): Promise<Once> {
  await using scratch = new AsyncDisposableStack()
  const folder = await mkdtemp(join(tmpdir(), 'drover-bench-'))
  scratch.defer(() => rm(folder, { recursive: true, force: true }))
  const database = `drover_bench_${randomBytes(6).toString('hex')}`
  await createDatabase(target, database)
  scratch.defer(async () => void (await target.query(`drop database ${quoteName(database)} with (force)`)))
  const address = new URL(to)
  address.pathname = `/${database}`
  await target.query('checkpoint')
  const ends: WayEnds = { from, to: address.href, tables, folder, environment }
  const { rows, ...taken } = await way.run(ends, signal)
  return { ...taken, rows: rows ?? (await countIn(address.href, tables[0])) }
}

async function createDatabase(target: pg.Client, name: string): Promise<void> {
  try {
    await target.query(`create database ${quoteName(name)}`)
  } catch (error) {
    throw new DroverError(
      'missing-right',
      'other programs are measured in a database of their own, which cannot be made',
      {
        hint: 'grant the user CREATEDB, or measure without them: --no-limits',
        cause: error,
      },
    )
  }
}

async function countIn(url: string, table: string): Promise<number> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const name = table.split('.').map(quoteName).join('.')
    const { rows } = await client.query<{ rows: string }>(`select count(*) as rows from ${name}`)
    return Number(rows[0]?.rows)
  } finally {
    await client.end()
  }
}
