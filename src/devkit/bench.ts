import { writeFile } from 'node:fs/promises'
import { basename } from 'node:path'
import pg from 'pg'
import { DroverError } from '../core/errors.ts'
import { insertRowByRow } from './insert-loop.ts'
import { describeSurroundings, type Surroundings } from './machine.ts'
import { runDrover, type DroverRun } from './run-drover.ts'

export const benchModes = ['insert', 'sequential', 'inline', 'threads', 'processes'] as const
export type BenchMode = (typeof benchModes)[number]

export interface BenchOptions {
  readonly from: string
  readonly to: string
  readonly table: string
  readonly modes: readonly BenchMode[]
  /** Cluster sizes to try in the modes that have a cluster. */
  readonly workers: readonly number[]
  readonly batchRows: readonly number[]
  /** Rows of the INSERT loop, which would take minutes for all of them; its seconds are scaled. */
  readonly insertRows: number
  /** Module with the function that every row goes through; null: none. */
  readonly transform: string | null
  /** JSON goes here; null: nowhere. */
  readonly out: string | null
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly onLine: (line: string) => void
}

export interface Measurement {
  readonly mode: BenchMode
  readonly workers: number
  readonly batchRows: number
  /** The whole process, from its start to verified counts and built key. Scaled for `insert`. */
  readonly seconds: number
  /** Workers' start until all are connected, and the copy alone; null where there is neither. */
  readonly startSeconds: number | null
  readonly copySeconds: number | null
  readonly rows: number
  readonly rowsPerSecond: number
  /** Speed against sequential mode in the same run. */
  readonly timesSequential: number | null
  readonly peakRssBytes: number | null
  readonly cpuSeconds: number | null
  /** Rows that were found in the target and equal in number to the source; null: not verified (`insert`). */
  readonly rowsVerified: number | null
  readonly scaledFromRows: number | null
}

export interface BenchReport {
  readonly surroundings: Surroundings
  readonly table: string
  /** Name of the module that every row went through; null: none. */
  readonly transform: string | null
  readonly rows: number
  readonly measurements: readonly Measurement[]
}

/** Scratch schemas: made and dropped here, never the user's own. */
const SCRATCH = 'drover_bench'
const SCRATCH_LEDGER = 'drover_bench_ledger'

/** Measures each mode on scratch tables, one after the other, in processes of their own. Throws on the first failure. */
export async function bench(options: BenchOptions, signal: AbortSignal): Promise<BenchReport> {
  const target = new pg.Client({ connectionString: options.to, application_name: 'drover bench' })
  await target.connect()
  try {
    await dropScratch(target)
    const surroundings = await describeSurroundings(options.from, target)
    // Sequential mode is always measured: it is what the others are compared with.
    const sequential = await measure(
      options,
      target,
      { mode: 'sequential', workers: 1, batchRows: first(options.batchRows) },
      null,
      signal,
    )
    const measurements = [sequential]
    if (options.modes.includes('insert')) measurements.unshift(await measureInserts(options, target, sequential))
    for (const shape of shapes(options)) {
      measurements.push(await measure(options, target, shape, sequential, signal))
    }
    const { table, transform } = options
    const report = {
      surroundings,
      table,
      transform: transform === null ? null : basename(transform),
      rows: sequential.rows,
      measurements,
    }
    if (options.out !== null) await writeFile(options.out, `${JSON.stringify(report, null, 2)}\n`)
    return report
  } finally {
    await dropScratch(target)
    await target.end()
  }
}

interface Shape {
  readonly mode: BenchMode
  readonly workers: number
  readonly batchRows: number
}

function shapes({ modes, workers, batchRows }: BenchOptions): Shape[] {
  const parallel = modes.filter((mode) => mode === 'inline' || mode === 'threads' || mode === 'processes')
  const clusters = parallel.flatMap((mode) =>
    workers.flatMap((count) => batchRows.map((rows) => ({ mode, workers: count, batchRows: rows }))),
  )
  const moreSequential = batchRows
    .slice(1)
    .map((rows) => ({ mode: 'sequential' as const, workers: 1, batchRows: rows }))
  return [...moreSequential, ...clusters]
}

async function measure(
  options: BenchOptions,
  target: pg.Client,
  shape: Shape,
  sequential: Measurement | null,
  signal: AbortSignal,
): Promise<Measurement> {
  options.onLine(`measuring ${shape.mode}, ${shape.workers} workers, batches of ${shape.batchRows} rows`)
  await dropScratch(target)
  await target.query('checkpoint')
  const isolation =
    shape.mode === 'sequential' ? ['--sequential'] : ['--isolation', shape.mode, '--workers', String(shape.workers)]
  const scratch = ['--target-schema', SCRATCH, '--ledger-schema', SCRATCH_LEDGER]
  const run = await runDrover({
    args: [
      'migrate',
      '--tables',
      options.table,
      ...isolation,
      '--batch-rows',
      String(shape.batchRows),
      ...scratch,
      ...(options.transform === null ? [] : ['--transform', options.transform]),
      '--progress',
      'none',
    ],
    environment: { ...options.environment, DROVER_FROM: options.from, DROVER_TO: options.to },
    showProgress: false,
    signal,
  })
  return toMeasurement(shape, run, sequential)
}

function toMeasurement(shape: Shape, run: DroverRun, sequential: Measurement | null): Measurement {
  const { result, seconds } = run
  if (run.exitCode !== 0 || result === null) {
    throw new DroverError('unexpected', `${shape.mode} ended with ${run.exitCode}: ${run.stderr.trim()}`)
  }
  const rows = result.totals.read
  return {
    ...shape,
    seconds,
    startSeconds: result.startSeconds,
    copySeconds: result.copySeconds,
    rows,
    rowsPerSecond: rows / seconds,
    timesSequential: sequential === null ? 1 : sequential.seconds / seconds,
    peakRssBytes: result.peakRssBytes,
    cpuSeconds: result.cpuSeconds,
    rowsVerified: result.verification.level === 'count' && result.verification.equal ? rows : null,
    scaledFromRows: null,
  }
}

async function measureInserts(options: BenchOptions, target: pg.Client, sequential: Measurement): Promise<Measurement> {
  const asked = Math.min(options.insertRows, sequential.rows)
  options.onLine(`measuring insert, row by row, ${asked} rows`)
  const { rows: tables } = await target.query<{ name: string }>(
    'select table_name as name from information_schema.tables where table_schema = $1',
    [SCRATCH],
  )
  const { rows, seconds } = await insertRowByRow({
    sourceUrl: options.from,
    collection: options.table,
    target,
    like: { schema: SCRATCH, table: tables[0]?.name ?? options.table },
    rows: asked,
  })
  const scaled = rows === 0 ? 0 : (seconds * sequential.rows) / rows
  return {
    mode: 'insert',
    workers: 1,
    batchRows: 1,
    seconds: scaled,
    startSeconds: null,
    copySeconds: null,
    rows: sequential.rows,
    rowsPerSecond: rows === 0 ? 0 : rows / seconds,
    timesSequential: scaled === 0 ? null : sequential.seconds / scaled,
    peakRssBytes: null,
    cpuSeconds: null,
    rowsVerified: null,
    scaledFromRows: rows,
  }
}

async function dropScratch(target: pg.Client): Promise<void> {
  await target.query(`drop schema if exists ${SCRATCH}, ${SCRATCH_LEDGER} cascade`)
}

function first(numbers: readonly number[]): number {
  const [number] = numbers
  if (number === undefined) throw new DroverError('invalid-value', '--batch-rows needs at least one number')
  return number
}
