import type { Config } from '../config.ts'
import type { MigrationId } from '../connectors/ledger-contract.ts'
import type { CoercionUse } from '../core/coercion.ts'
import { accountOf, addCounts, isConserved, noCounts, type Counts } from '../core/counts.ts'
import { DroverError, toErrorShape, type ErrorShape } from '../core/errors.ts'
import { hideInError, secretsOf, secretsOfPassword } from '../core/mask-url.ts'
import { qualified } from '../core/plan.ts'
import type { Feed, MigrationResult, Stages, Verification } from '../core/result.ts'
import type { Notice, Phase, Reporter } from '../telemetry/progress.ts'
import { Aggregator } from './aggregate.ts'
import type { ChosenRows } from './batch-size.ts'
import { percent } from './feed-watch.ts'
import { finalTarget, type RunPlan } from './run-plan.ts'
import { nothingCompared } from '../verify/verify.ts'
import { secondsSince } from './stages.ts'
import type { Totals } from './work.ts'

/** Sums of the ledger by source table. */
export type LedgerTotals = ReadonlyMap<string, Counts & { readonly bytes: number }>

/** The story of one run: shows it while it goes on, and tells it at the end. */
export class RunReport implements Disposable {
  readonly aggregator: Aggregator = new Aggregator()
  /** What is shown while rows are compared. */
  #check: Aggregator | null = null
  readonly #migration: MigrationId
  readonly #config: Config
  readonly #plan: RunPlan
  readonly #reporter: Reporter
  readonly #startedAt: number = performance.now()
  readonly #ticking: NodeJS.Timeout
  #verification: Verification = nothingCompared
  #error: ErrorShape | null = null
  #rolledBack = false
  #before: LedgerTotals = new Map()
  #workers: readonly Totals[] = []
  #chosenRows: ChosenRows
  #feed: Feed
  /** Seconds for the workers to be ready, for the copy, and for keys and indexes. */
  readonly seconds: { start: number; copy: number; index: number } = { start: 0, copy: 0, index: 0 }

  constructor(
    migration: MigrationId,
    config: Config,
    plan: RunPlan,
    watch: { readonly reporter: Reporter; readonly progressIntervalMs: number },
  ) {
    this.#migration = migration
    this.#config = config
    this.#plan = plan
    this.#reporter = watch.reporter
    this.#chosenRows = { rows: config.batchRows, reason: 'nothing was copied' }
    this.#feed = plan.feed.choice
    for (const { planned, estimatedRows } of plan.tables) {
      const expected = plan.tables.length === 1 ? (config.rowsExpected ?? estimatedRows) : estimatedRows
      this.aggregator.addTable(planned.plan.source, qualified(finalTarget(planned)), expected)
    }
    this.#ticking = setInterval(() => this.#tick(), watch.progressIntervalMs)
  }

  /** What earlier runs of the migration have committed. */
  committedBefore(ledger: LedgerTotals): void {
    this.#before = ledger
    for (const [table, { bytes, ...counts }] of ledger) this.aggregator.settle(table, 0, counts, bytes)
  }

  phase(phase: Phase): void {
    this.aggregator.phase = phase
    this.#check = null
    this.#tick()
  }

  /** From here to the next phase a check is shown. */
  checks({ aggregator }: { readonly aggregator: Aggregator }): void {
    this.#check = aggregator
  }

  notice(notice: Notice): void {
    this.#reporter.notice(notice)
  }

  retried(table: string, message: string): void {
    this.aggregator.retries++
    this.notice({ level: 'warning', message: `${table}: trying a batch again: ${message}` })
  }

  /** The coordinator itself tries again. */
  triedAgain(message: string): void {
    this.aggregator.retries++
    this.notice({ level: 'warning', message: `trying again: ${message}` })
  }

  /** What was acknowledged by now, for when the ledger cannot be asked. */
  acknowledged(): LedgerTotals {
    return new Map(this.aggregator.snapshot().tables.map(({ source, counts, bytes }) => [source, { ...counts, bytes }]))
  }

  /** `chosen` is the size of the batches that the coordinator has read. */
  workersEnded(totals: readonly Totals[], chosen: ChosenRows): void {
    this.#workers = totals
    const ofWorkers = totals.flatMap(({ chosenRows }) => chosenRows ?? []).toSorted((a, b) => a.rows - b.rows)
    this.#chosenRows = ofWorkers[Math.floor(ofWorkers.length / 2)] ?? chosen
  }

  /** From now on the workers read, because they waited for so much of the time. */
  feedTurned(starved: number): void {
    this.#feed = 'partitioned'
    const message = `the workers waited ${percent(starved)} of the time for the one cursor; from now on each reads by itself`
    this.notice({ level: 'info', message: `${message} (--feed paged keeps to one)` })
  }

  verified(verification: Verification): void {
    this.#verification = verification
  }

  stopped(cause: unknown): void {
    const { from, to, clientEnvironment } = this.#config
    // It goes into the ledger and to the caller, behind no output that hides anything.
    this.#error = hideInError(toErrorShape(cause), [
      ...[from, to].flatMap(secretsOf),
      ...secretsOfPassword(clientEnvironment['PGPASSWORD'] ?? ''),
    ])
  }

  /** What the migration had made is gone again, and with it what the error's hint spoke of. */
  rolledBack(): void {
    this.#rolledBack = true
    if (this.#error !== null) this.#error = { ...this.#error, hint: afterRollback }
  }

  get error(): ErrorShape | null {
    return this.#error
  }

  /**
   * Everything about the run. Counts and uses of coercions are the ledger's, the only truth about progress; `unbalanced`
   * names the batches in it whose counts break the conservation law.
   */
  result(
    ledger: LedgerTotals,
    coercions: ReadonlyMap<string, readonly CoercionUse[]>,
    unbalanced: readonly string[],
  ): MigrationResult {
    const tables = this.#plan.tables.map(({ planned }) => {
      const source = planned.plan.source
      const { bytes, ...counts } = ledger.get(source) ?? { ...noCounts, bytes: 0 }
      const seconds = this.aggregator.seconds(source)
      const read = counts.read - (this.#before.get(source)?.read ?? 0)
      const rowsPerSecond = seconds > 0 ? read / seconds : 0
      const target = qualified(finalTarget(planned))
      return { source, target, ...counts, seconds, rowsPerSecond, bytes, coercions: coercions.get(source) ?? [] }
    })
    const totals = tables.map(countsOf).reduce(addCounts, noCounts)
    const error = conservationError(tables, unbalanced) ?? this.#error
    const usage = process.resourceUsage()
    const own = this.#workers.flatMap((worker) => worker.process ?? [])
    return {
      migration: this.#migration,
      state: this.#rolledBack ? 'rolled-back' : error === null ? 'done' : 'stopped',
      tables,
      totals,
      seconds: secondsSince(this.#startedAt),
      startSeconds: this.seconds.start,
      copySeconds: this.seconds.copy,
      stages: this.#stages(),
      verification: this.#verification,
      workers: this.#plan.workers.count,
      batchRows: this.#chosenRows.rows,
      batchRowsReason: this.#chosenRows.reason,
      feed: this.#feed,
      isolation: this.#plan.isolation,
      retries: this.aggregator.retries,
      peakRssBytes: own.reduce((sum, worker) => sum + worker.peakRssBytes, usage.maxRSS * 1024),
      cpuSeconds: own.reduce((sum, worker) => sum + worker.cpuSeconds, (usage.userCPUTime + usage.systemCPUTime) / 1e6),
      error,
    }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#ticking)
  }

  #stages(): Stages {
    return { ...this.aggregator.stages, index: this.seconds.index }
  }

  #tick(): void {
    this.#reporter.progress((this.#check ?? this.aggregator).snapshot())
  }
}

function countsOf({ read, written, filtered, skipped, deadLetters, derived }: Counts): Counts {
  return { read, written, filtered, skipped, deadLetters, derived }
}

/** Invariant 2, for every table and every batch. */
const afterRollback =
  'nothing of the run is left, as --rollback-on-failure asks: mend the cause and run it again, or without that option to look at what it leaves'

function conservationError(
  tables: readonly (Counts & { readonly source: string })[],
  unbalanced: readonly string[],
): ErrorShape | null {
  const broken = tables.filter((table) => !isConserved(table)).map((table) => `${table.source}: ${accountOf(table)}`)
  if (broken.length === 0 && unbalanced.length === 0) return null
  const message = `rows are unaccounted for: ${[...broken, ...unbalanced].join('; ')}`
  return toErrorShape(
    new DroverError('conservation-broken', message, { hint: 'this is a bug in drover; please report it' }),
  )
}
