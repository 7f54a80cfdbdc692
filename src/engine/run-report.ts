import type { Config } from '../config.ts'
import type { MigrationId } from '../connectors/contract.ts'
import { addCounts, isConserved, noCounts, type Counts } from '../core/counts.ts'
import { DroverError, toErrorShape, type ErrorShape } from '../core/errors.ts'
import { qualified } from '../core/plan.ts'
import type { MigrationResult, Stages, Verification } from '../core/result.ts'
import type { Notice, Phase, Reporter } from '../telemetry/progress.ts'
import { Aggregator } from './aggregate.ts'
import type { PlanReport } from './plan-report.ts'
import { secondsSince } from './stages.ts'
import type { Totals } from './work.ts'

/** Sums of the ledger by source table. */
export type LedgerTotals = ReadonlyMap<string, Counts & { readonly bytes: number }>

const notVerified: Verification = { level: 'none', equal: true, differences: [], notes: ['not verified'] }

/** The story of one run: shows it while it goes on, and tells it at the end. */
export class RunReport implements Disposable {
  readonly aggregator: Aggregator = new Aggregator()
  readonly #migration: MigrationId
  readonly #config: Config
  readonly #plan: PlanReport
  readonly #reporter: Reporter
  readonly #startedAt: number = performance.now()
  readonly #ticking: NodeJS.Timeout
  #verification: Verification = notVerified
  #error: ErrorShape | null = null
  #workers: readonly Totals[] = []
  /** Seconds for the workers to be ready, for the copy, and for keys and indexes. */
  readonly seconds: { start: number; copy: number; index: number } = { start: 0, copy: 0, index: 0 }

  constructor(
    migration: MigrationId,
    config: Config,
    plan: PlanReport,
    watch: { readonly reporter: Reporter; readonly progressIntervalMs: number },
  ) {
    this.#migration = migration
    this.#config = config
    this.#plan = plan
    this.#reporter = watch.reporter
    for (const { planned, estimatedRows } of plan.tables) {
      const expected = plan.tables.length === 1 ? (config.rowsExpected ?? estimatedRows) : estimatedRows
      this.aggregator.addTable(planned.plan.source, qualified(planned.plan.target), expected)
    }
    this.#ticking = setInterval(() => this.#tick(), watch.progressIntervalMs)
  }

  phase(phase: Phase): void {
    this.aggregator.phase = phase
    this.#tick()
  }

  notice(notice: Notice): void {
    this.#reporter.notice(notice)
  }

  retried(table: string, message: string): void {
    this.aggregator.retries++
    this.notice({ level: 'warning', message: `${table}: trying a batch again: ${message}` })
  }

  workersEnded(totals: readonly Totals[]): void {
    this.#workers = totals
  }

  verified(verification: Verification): void {
    this.#verification = verification
  }

  stopped(cause: unknown): void {
    this.#error = toErrorShape(cause)
  }

  get error(): ErrorShape | null {
    return this.#error
  }

  /** Everything about the run. The counts are the ledger's, the only truth about progress. */
  result(ledger: LedgerTotals): MigrationResult {
    const { batchRows, isolation } = this.#config
    const tables = this.#plan.tables.map(({ planned }) => {
      const source = planned.plan.source
      const { bytes, ...counts } = ledger.get(source) ?? { ...noCounts, bytes: 0 }
      const seconds = this.aggregator.seconds(source)
      const rowsPerSecond = seconds > 0 ? counts.read / seconds : 0
      return { source, target: qualified(planned.plan.target), ...counts, seconds, rowsPerSecond, bytes }
    })
    const totals = tables.map(countsOf).reduce(addCounts, noCounts)
    const error = this.#error ?? conservationError(totals)
    const usage = process.resourceUsage()
    const own = this.#workers.flatMap((worker) => worker.process ?? [])
    return {
      migration: this.#migration,
      state: error === null ? 'done' : 'stopped',
      tables,
      totals,
      seconds: secondsSince(this.#startedAt),
      startSeconds: this.seconds.start,
      copySeconds: this.seconds.copy,
      stages: this.#stages(),
      verification: this.#verification,
      workers: this.#plan.workers.count,
      batchRows,
      feed: this.#plan.feed.choice,
      isolation,
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
    this.#reporter.progress(this.aggregator.snapshot())
  }
}

function countsOf({ read, written, filtered, skipped, deadLetters, derived }: Counts): Counts {
  return { read, written, filtered, skipped, deadLetters, derived }
}

/** Invariant 2. */
function conservationError(totals: Counts): ErrorShape | null {
  if (isConserved(totals)) return null
  return toErrorShape(
    new DroverError('conservation-broken', `rows are unaccounted for: ${JSON.stringify(totals)}`, {
      hint: 'this is a bug in drover; please report it',
    }),
  )
}
