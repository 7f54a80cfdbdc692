import type pg from 'pg'
import { DroverError } from '../core/errors.ts'
import type { TablePlan } from '../core/plan.ts'
import type { MigrationResult } from '../core/result.ts'
import type { ServerWatch } from './bench-processes.ts'
import {
  medianBySeconds,
  type BenchMode,
  type Limits,
  type Measurement,
  type ProcessPeak,
  type Seen,
} from './bench-report.ts'
import { dropScratch, emptyScratch, inScratch, SCRATCH, SCRATCH_LEDGER } from './bench-scratch.ts'
import { insertManyRows, insertRowByRow } from './insert-loop.ts'
import { runDrover } from './run-drover.ts'

/** What one way to move the rows is measured with. */
export interface Attempt {
  readonly mode: BenchMode
  readonly workers: number
  readonly batchRows: number
}

export interface MeasureOptions {
  readonly from: string
  readonly to: string
  readonly target: pg.Client
  readonly tables: readonly [string, ...string[]]
  /** Module with the function that every row goes through; null: none. */
  readonly transform: string | null
  readonly repeats: number
  readonly watch: ServerWatch
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly onLine: (line: string) => void
}

/** A measurement that has yet to be compared with others. */
export type Bare = Omit<Measurement, 'timesSequential' | 'timesReference' | 'timesLimit'>

interface Run {
  readonly seconds: number
  readonly result: MigrationResult
  readonly processes: readonly ProcessPeak[] | null
}

/** Runs drover as its users do, in a process of its own, on scratch schemas; they keep what the `last` run made. */
export async function measureDrover(
  options: MeasureOptions,
  attempt: Attempt,
  signal: AbortSignal,
): Promise<{ readonly measured: Bare; readonly last: MigrationResult }> {
  const { mode, workers, batchRows } = attempt
  options.onLine(`measuring ${mode}, ${workers} ${workers === 1 ? 'worker' : 'workers'}, batches of ${batchRows} rows`)
  const once = async (): Promise<Run & Seen> => {
    signal.throwIfAborted()
    await dropScratch(options.target)
    await options.target.query('checkpoint')
    return options.watch.during(() => runOnce(options, attempt, signal))
  }
  let last = await once()
  const runs: [Run & Seen, ...(Run & Seen)[]] = [last]
  while (runs.length < options.repeats) {
    last = await once()
    runs.push(last)
  }
  return { measured: measurementOf(attempt, medianBySeconds(runs)), last: last.result }
}

function measurementOf(
  attempt: Attempt,
  { result, ...median }: Run & Seen & { readonly allSeconds: readonly number[] },
): Bare {
  const rows = result.totals.read
  return {
    ...attempt,
    ...median,
    startSeconds: result.startSeconds,
    copySeconds: result.copySeconds,
    stages: result.stages,
    rows,
    rowsPerSecond: rows / median.seconds,
    peakRssBytes: result.peakRssBytes,
    cpuSeconds: result.cpuSeconds,
    rowsVerified: result.verification.level === 'count' && result.verification.equal ? rows : null,
    scaledFromRows: null,
  }
}

async function runOnce(options: MeasureOptions, attempt: Attempt, signal: AbortSignal): Promise<Run> {
  const { seconds, processes, ...run } = await runDrover({
    args: argumentsOf(options, attempt),
    environment: { ...options.environment, DROVER_FROM: options.from, DROVER_TO: options.to },
    showProgress: false,
    signal,
  })
  if (run.exitCode === 0 && run.result !== null) return { seconds, processes, result: run.result }
  throw new DroverError('unexpected', `${attempt.mode} ended with ${run.exitCode}: ${run.stderr.trim()}`)
}

function argumentsOf({ tables, transform }: MeasureOptions, { mode, workers, batchRows }: Attempt): readonly string[] {
  const cluster = mode === 'sequential' ? ['--sequential'] : ['--isolation', mode, '--workers', String(workers)]
  const scratch = ['--target-schema', SCRATCH, '--ledger-schema', SCRATCH_LEDGER]
  return [
    'migrate',
    '--tables',
    tables.join(','),
    ...cluster,
    '--batch-rows',
    String(batchRows),
    ...scratch,
    ...(transform === null ? [] : ['--transform', transform]),
    '--progress',
    'none',
  ]
}

/** The loops are stopped after so many rows or seconds, since they would take minutes, and their time is scaled. */
const insertLimits = { rows: 20_000, seconds: 5 }

interface InsertWay {
  readonly statementRows: number
  readonly run: typeof insertRowByRow
}

const insertWays: { readonly [mode in 'insert' | 'multi-insert']: InsertWay } = {
  insert: { statementRows: 1, run: insertRowByRow },
  'multi-insert': { statementRows: 1000, run: insertManyRows },
}

/** A loop of INSERTs of the first rows, into a table like the one that drover makes. */
export async function measureInserts(
  { from, target, watch, onLine }: MeasureOptions,
  mode: 'insert' | 'multi-insert',
  whole: { readonly plan: TablePlan; readonly rows: number },
  signal: AbortSignal,
): Promise<Bare> {
  const { statementRows, run } = insertWays[mode]
  onLine(`measuring ${mode}, for ${insertLimits.seconds} s`)
  await emptyScratch(target)
  const plan = inScratch(whole.plan, 'insert_loop')
  const { rows, seconds, ...seen } = await watch.during(() =>
    run({ sourceUrl: from, plan, target, limits: insertLimits }, signal),
  )
  const scaled = rows === 0 ? 0 : (seconds * whole.rows) / rows
  return {
    mode,
    workers: 1,
    batchRows: statementRows,
    seconds: scaled,
    allSeconds: [scaled],
    startSeconds: null,
    copySeconds: null,
    stages: null,
    rows: whole.rows,
    rowsPerSecond: rows === 0 ? 0 : rows / seconds,
    peakRssBytes: null,
    processes: null,
    cpuSeconds: null,
    ...seen,
    rowsVerified: null,
    scaledFromRows: rows === whole.rows ? null : rows,
  }
}

/** With what the measurements of one section have in common. */
export function compared(
  bare: readonly Bare[],
  against: { readonly sequentialSeconds: number; readonly limits: Limits | null },
): readonly Measurement[] {
  const { sequentialSeconds, limits } = against
  return bare.map((measurement) => {
    const { seconds } = measurement
    const times = (other: number | undefined): number | null =>
      other === undefined || other === 0 ? null : seconds / other
    return {
      ...measurement,
      timesSequential: seconds === 0 ? null : sequentialSeconds / seconds,
      timesReference: times(limits?.reference?.seconds),
      timesLimit: times(limits?.seconds),
    }
  })
}
