import { PROGRESS_INTERVAL_MS } from '../params.ts'
import { buildConfig, type Config } from './config.ts'
import type { Mode } from './connectors/planned-table.ts'
import type { NestedJson } from './core/plan.ts'
import type { StepOption } from './core/transform.ts'
import type { Feed, Isolation, MigrationResult, VerifyLevel } from './core/result.ts'
import type { RetryPolicy } from './core/retry.ts'
import type { Allowance } from './core/value-kind.ts'
import type { PlanReport } from './engine/plan-report.ts'
import { planMigration, runMigration } from './migrate.ts'
import type { RunContext } from './migrate-session.ts'
import { createCallbackReporter } from './telemetry/callback-reporter.ts'
import type { Notice, Progress } from './telemetry/progress.ts'

export { startCluster, type Cluster, type ClusterOptions } from './cluster/cluster.ts'
export { serve, type Handlers, type WorkContext } from './cluster/serve.ts'
export { processEndpoint } from './cluster/process-channel.ts'
export { threadEndpoint } from './cluster/thread-channel.ts'
export type { Mode } from './connectors/planned-table.ts'
export type { Counts } from './core/counts.ts'
export { DroverError, type ErrorCode, type ErrorKind, type ErrorShape } from './core/errors.ts'
export type { ForeignKeyPlan, IndexPlan } from './core/index-plan.ts'
export type { ChildPlan, ColumnPlan, NestedJson, TablePlan } from './core/plan.ts'
export type {
  ColumnCheck,
  Difference,
  Feed,
  Isolation,
  MigrationResult,
  Stages,
  TableResult,
  Verification,
  VerifyLevel,
} from './core/result.ts'
export type { Rate } from './core/rate.ts'
export type { FaultClass } from './core/fault.ts'
export type { RetryPolicy } from './core/retry.ts'
export type { Allowance } from './core/value-kind.ts'
export type { StepOption, TransformContext } from './core/transform.ts'
export { Day, Decimal, Instant, ObjectId, Uuid, type DocumentValue, type Special, type Value } from './core/value.ts'
export type { PlanReport, TableReport } from './engine/plan-report.ts'
export type { Notice, Phase, Progress, TableProgress } from './telemetry/progress.ts'
export type {
  FieldAnswer,
  FilterFunction,
  InputRow,
  OutputRow,
  RowAnswer,
  RowFunction,
  ValueContext,
  ValueFunction,
} from './transforms/user-types.ts'

/** What is copied and how, as on the command line but in camelCase, and who watches. */
export interface MigrateOptions {
  /** URL of the source: `mongodb://host/database`. */
  readonly from: string
  /** URL of the target: `postgres://user@host/database`. */
  readonly to: string
  /** Names and wildcards; all tables unless given. */
  readonly tables?: readonly string[] | undefined
  readonly workers?: number | 'auto' | undefined
  readonly batchRows?: number | undefined
  readonly batchBytes?: number | undefined
  readonly isolation?: Isolation | undefined
  /** One inline worker: the baseline. */
  readonly sequential?: boolean | undefined
  readonly feed?: Feed | 'auto' | undefined
  /** What is read of the source in a second at most: `5000/s`, `20MB/s`. */
  readonly maxRate?: string | undefined
  /** Path of a file that says so, and is read again when it changes. */
  readonly maxRateFile?: string | undefined
  readonly mode?: Mode | undefined
  /** With `append`: what happens to a row whose key is there already. */
  readonly onConflict?: 'error' | 'skip' | 'update' | undefined
  readonly primaryKey?: boolean | undefined
  /** Whether secondary indexes are built. */
  readonly indexes?: boolean | undefined
  /** `table.field` of the key that a field refers to. */
  readonly references?: Readonly<Record<string, string>> | undefined
  readonly targetSchema?: string | undefined
  readonly ledgerSchema?: string | undefined
  /** Between databases of one kind: functions and triggers are carried too. */
  readonly functions?: boolean | undefined
  readonly infer?: 'sample' | 'full' | undefined
  /** Rows looked at to choose types. */
  readonly sampleRows?: number | undefined
  /** What happens to rows that have no place in the planned table: the table is changed, the run stops, or they are kept apart. */
  readonly onDrift?: 'evolve' | 'stop' | 'dead-letter' | undefined
  /** What happens to rows that cannot be carried over. */
  readonly onError?: 'dead-letter' | 'stop' | undefined
  /** Dead letters up to which the copy counts as complete: rows, or a part of them such as `0.1%` (0). */
  readonly maxDeadLetters?: Allowance | undefined
  /** Changes of values that the target cannot hold, as `--coerce` takes them: `strip-nul`, `notes=strip-nul`. */
  readonly coerce?: readonly string[] | undefined
  /** Path of a plan that `drover plan --save` has written, to be run as it is. */
  readonly plan?: string | undefined
  /** Path of a config file, which can have options for single tables. */
  readonly config?: string | undefined
  /** Fields whose columns are never widened. */
  readonly pin?: readonly string[] | undefined
  readonly maxColumns?: number | undefined
  /** Columns that drift may add to a table. */
  readonly maxNewColumns?: number | undefined
  /** By path: `column`, `jsonb`, `text`, `skip` or `table`. */
  readonly nest?: Readonly<Record<string, string>> | undefined
  readonly columns?: readonly string[] | undefined
  readonly excludeColumns?: readonly string[] | undefined
  /** Column name by field. */
  readonly rename?: Readonly<Record<string, string>> | undefined
  /** Type name by field, as `--cast` takes it. */
  readonly cast?: Readonly<Record<string, string>> | undefined
  /** Functions for the values of a field, as in `{ email: 'lowercase|trim' }`. */
  readonly map?: Readonly<Record<string, string>> | undefined
  /** Path of a module with functions of your own; its default function gets every row. */
  readonly transform?: string | undefined
  /** Name of a function of that module that says which rows are copied. */
  readonly filter?: string | undefined
  /** The whole pipeline, step by step, in place of `map` and `filter`. */
  readonly steps?: readonly StepOption[] | undefined
  /** One field and the least value of the rows to copy, or `last`. */
  readonly since?: Readonly<Record<string, string>> | undefined
  /** A filter in extended JSON for MongoDB, a condition in SQL for SQL sources. */
  readonly where?: string | undefined
  readonly limit?: number | undefined
  /** SQLite, by field: `iso`, `epoch-s`, `epoch-ms`, `epoch-us`, `julian` or `text`; what is not named is found out. */
  readonly dateFormat?: Readonly<Record<string, string>> | undefined
  /** SQLite: of dates that name no zone; UTC unless given. */
  readonly timeZone?: string | undefined
  /** SQLite: of texts that are not UTF-8, which are damaged unless given. */
  readonly sourceEncoding?: string | undefined
  readonly naming?: 'snake_case' | 'preserve' | undefined
  readonly nestedJson?: NestedJson | undefined
  readonly verify?: VerifyLevel | undefined
  /** With `checksum` and `full`: about so many rows of each table are compared; all unless given. */
  readonly sample?: number | undefined
  /** Rows that must have been written. */
  readonly expect?: number | undefined
  /** Seconds for which transient faults are retried. */
  readonly retryBudget?: number | undefined
  readonly maxRetries?: number | undefined
  /** How transient faults are retried, in every detail. */
  readonly retry?: Partial<RetryPolicy> | undefined
  /** Finish an interrupted migration of these tables instead of beginning one. */
  readonly resume?: boolean | undefined
  /** With `resume`: which one. */
  readonly migration?: string | undefined
  /** End the run that holds the migration or its tables. */
  readonly takeOver?: boolean | undefined
  /** Show nothing of the new tables until all of them are copied and verified. */
  readonly atomic?: boolean | undefined
  /** Undo what the migration made when it stops on an error. */
  readonly rollbackOnFailure?: boolean | undefined
  /**
   * Variables that may give options (`DROVER_…`) and what databases' own clients read (`PGPASSWORD`, …). None unless
   * given: a library does not look round by itself.
   */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined
  /** Called at most once in an interval, at each change of phase, and at the end. What it throws is reported once and ignored. */
  readonly onProgress?: ((progress: Progress) => void) | undefined
  /** Time between two progress reports, in milliseconds (2,000). */
  readonly progressIntervalMs?: number | undefined
  /** Decisions, warnings, retries. */
  readonly onNotice?: ((notice: Notice) => void) | undefined
  /** Stops the run: batches in flight commit, then the result says `stopped` with code `interrupted`. */
  readonly signal?: AbortSignal | undefined
}

/**
 * Copies tables from one database to another.
 *
 * Throws a {@link DroverError} when the run is refused before anything was written (kinds `usage`, `preflight`,
 * `fenced`). What stops it later is in the result: `state: 'stopped'` and `error`.
 *
 * @example
 * const result = await migrate({ from: 'mongodb://localhost/shop', to: 'postgres://localhost/shop' })
 * console.log(result.totals.written)
 */
export async function migrate(options: MigrateOptions): Promise<MigrationResult> {
  const [config, context] = prepare(options)
  return runMigration(config, context)
}

/** What {@link migrate} would do, without writing anything. Throws as it does. */
export async function plan(options: MigrateOptions): Promise<PlanReport> {
  const [config, context] = prepare(options)
  return planMigration(config, context)
}

function prepare(options: MigrateOptions): [Config, RunContext] {
  const { onProgress, onNotice, progressIntervalMs, signal, retry, environment = {}, ...given } = options
  const reporter = createCallbackReporter(onProgress, onNotice)
  const config = buildConfig({ options: given, environment, retry })
  for (const message of config.warnings) reporter.notice({ level: 'warning', message })
  return [
    config,
    {
      reporter,
      signal: signal ?? new AbortController().signal,
      progressIntervalMs: progressIntervalMs ?? PROGRESS_INTERVAL_MS,
    },
  ]
}
