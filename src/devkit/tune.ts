import { openSource, openTarget } from '../catalog.ts'
import type { Environment } from '../config-layers.ts'
import type { SourceTable } from '../connectors/contract.ts'
import { DroverError, fromErrorShape } from '../core/errors.ts'
import type { MigrationResult } from '../core/result.ts'
import { selectTables } from '../engine/select-tables.ts'
import { runDrover } from './run-drover.ts'
import { TuneAxes, type AskedAxes, type LeftOut } from './tune-axes.ts'
import { TuneScratch } from './tune-scratch.ts'
import { searchSettings, type SearchResult, type TuneRun, type TuneSetting } from './tune-search.ts'

export interface TuneOptions {
  readonly from: string
  readonly to: string
  /** Names and wildcards; the largest of the tables is measured with. Empty: all. */
  readonly tables: readonly string[]
  /** Rows of the sample: the first ones in key order. */
  readonly rows: number
  /** Runs of each setting that count, at least 3. */
  readonly repeats: number
  /** No comparison begins that would end later, by the pace so far; null: no bound. */
  readonly seconds: number | null
  readonly asked: AskedAxes
  /** Bounds of a batch as they are set now; of workers, feed and isolation the first run says what they come to. */
  readonly now: Pick<TuneSetting, 'batchRows' | 'batchBytes'>
  /** Options that all runs have: the config file, the env file. */
  readonly args: readonly string[]
  readonly environment: Environment
  readonly clientEnvironment: Environment
  readonly onLine: (line: string) => void
  readonly onWarning: (sentence: string) => void
  /** The warm-up is over, and the search begins with this setting. */
  readonly onStart: (start: TuneSetting) => void
  /** A run that counts has ended. */
  readonly onRun: (setting: TuneSetting, start: TuneSetting, run: TuneRun) => void
}

export interface TuneReport extends SearchResult {
  readonly table: string
  /** What each run copied. */
  readonly rows: number
  readonly bytes: number
  readonly repeats: number
  /** What a run of now would have. */
  readonly now: TuneSetting
  /** Where the search began: what is set now, as far as the sample and the values asked for allow. */
  readonly start: TuneSetting
  readonly leftOut: readonly LeftOut[]
  /** Runs that count, and the time of everything. */
  readonly runs: number
  readonly seconds: number
}

/** A run has some connections besides its workers': for its lease, its ledger, and planning. */
const CONNECTIONS_BESIDES = 3

/** What every run of the sample is told, beside the setting: copy, and do nothing else that takes time. */
// prettier-ignore
const sampling: readonly string[] = [
  '--mode', 'create', '--verify', 'none', '--no-primary-key', '--no-indexes', '--atomic=false',
  '--max-dead-letters', '100%', '--progress', 'none', '--log-level', 'warning',
]

/**
 * Finds the setting that copies a sample of one table fastest, in scratch schemas of its own; nothing else of the target
 * is touched, and the source is only read. Throws what a run is refused or stopped for, `interrupted` among it.
 */
export async function tune(options: TuneOptions, signal: AbortSignal): Promise<TuneReport> {
  const scratch = new TuneScratch(options.to, options.clientEnvironment)
  const { name, maxWorkers } = await lookAround(options, scratch, signal)
  options.onLine(`measuring with ${name}, in the scratch schemas ${scratch.tables} and ${scratch.ledger}`)
  try {
    return await measureAll(options, { table: name, maxWorkers, scratch }, signal)
  } finally {
    const left = await scratch.remove()
    if (left !== null) options.onWarning(left)
  }
}

async function lookAround(
  { from, to, tables, clientEnvironment }: TuneOptions,
  scratch: TuneScratch,
  signal: AbortSignal,
): Promise<{ readonly name: string; readonly maxWorkers: number }> {
  await using source = await openSource(from, { environment: clientEnvironment, shared: null })
  await using target = await openTarget(to, { ledgerSchema: scratch.ledger, environment: clientEnvironment })
  const { chosen } = selectTables(await source.describe(signal), tables)
  const { free } = await target.connections(signal)
  return { name: largest(chosen), maxWorkers: Math.max(1, Math.min(free - CONNECTIONS_BESIDES, target.maxWriters)) }
}

/** By its bytes as the source estimates them. */
function largest(tables: readonly SourceTable[]): string {
  const sized = tables.map(({ name, estimatedRows, averageRowBytes }) => {
    return { name, bytes: (estimatedRows ?? 0) * (averageRowBytes ?? 1) }
  })
  const [first] = sized.toSorted((a, b) => b.bytes - a.bytes)
  if (first === undefined) throw new DroverError('nothing-to-copy', 'the source has no table to measure with')
  return first.name
}

interface Measuring {
  readonly table: string
  readonly maxWorkers: number
  readonly scratch: TuneScratch
}

async function measureAll(options: TuneOptions, measuring: Measuring, signal: AbortSignal): Promise<TuneReport> {
  const startedAt = performance.now()
  const seconds = (): number => (performance.now() - startedAt) / 1000
  // The first run pays for what nobody has read yet, so it does not count; it says what "auto" comes to here.
  const warmUp = await runSample(options, measuring, [], signal)
  const [copied, another] = warmUp.tables
  if (copied === undefined || another !== undefined) {
    throw new DroverError('invalid-value', `${measuring.table} means several tables, as --tables reads it`, {
      hint: 'tune with a table whose name has no comma and no wildcard in it',
    })
  }
  const { read: rows, bytes } = copied
  if (rows === 0) throw new DroverError('nothing-to-copy', `${measuring.table} has no rows to measure with`)
  const now = { ...options.now, workers: warmUp.workers, feed: warmUp.feed, isolation: warmUp.isolation }
  const bounds = { rows, rowBytes: Math.max(1, bytes / rows), maxWorkers: measuring.maxWorkers }
  const axes = new TuneAxes(options.asked, now, bounds)
  options.onStart(axes.start)
  let runs = 0
  const result = await searchSettings({
    axes: axes.axes,
    start: axes.start,
    repeats: options.repeats,
    fits: (setting) => axes.fits(setting),
    effect: (setting) => axes.effect(setting),
    // The warm-up is one more run that took its time.
    hasTime: (more) => options.seconds === null || seconds() * (1 + more / (runs + 1)) <= options.seconds,
    measure: async (setting) => {
      const run = toRun(await runSample(options, measuring, argsOf(setting), signal), rows)
      runs++
      options.onRun(setting, axes.start, run)
      return run
    },
  })
  const { table } = measuring
  const { start, leftOut } = axes
  return { ...result, table, rows, bytes, repeats: options.repeats, now, start, leftOut, runs, seconds: seconds() }
}

/** Copies the sample in a process of its own, so that memory is its own; starting it is not part of the figure. */
async function runSample(
  { from, to, rows, args, environment }: TuneOptions,
  { table, scratch }: Measuring,
  setting: readonly string[],
  signal: AbortSignal,
): Promise<MigrationResult> {
  await scratch.drop(signal)
  const schemas = ['--target-schema', scratch.tables, '--ledger-schema', scratch.ledger]
  const sample = ['--tables', table, '--limit', String(rows)]
  const { result, error, exitCode, stderr } = await runDrover({
    args: ['migrate', ...args, ...sample, ...schemas, ...sampling, ...setting],
    environment: { ...environment, DROVER_FROM: from, DROVER_TO: to },
    showProgress: false,
    signal,
  })
  // The number of rows that a config file expects is that of the whole table.
  if (result !== null && (error === null || error.code === 'expectation-missed')) return result
  if (error !== null) throw fromErrorShape(error)
  throw new DroverError('unexpected', `a run of the sample ended with ${exitCode}: ${stderr.trim()}`)
}

function argsOf({ workers, batchRows, batchBytes, feed, isolation }: TuneSetting): readonly string[] {
  const numbers = ['--workers', String(workers), '--batch-rows', String(batchRows), '--batch-bytes', String(batchBytes)]
  return [...numbers, '--feed', feed, '--isolation', isolation, '--sequential=false']
}

/** Throws where a run has not copied what the others have: their figures would not be comparable. */
function toRun({ totals, copySeconds, peakRssBytes }: MigrationResult, rows: number): TuneRun {
  if (totals.read !== rows || copySeconds <= 0) {
    throw new DroverError('source-failed', `a run read ${totals.read} rows where the first one had read ${rows}`, {
      hint: 'tune while nobody writes to the source',
    })
  }
  return { rowsPerSecond: rows / copySeconds, peakRssBytes }
}
