import type { CoercionUse } from './coercion.ts'
import type { Counts } from './counts.ts'
import type { ErrorShape } from './errors.ts'

export type Isolation = 'threads' | 'processes' | 'inline'
export type Feed = 'paged' | 'partitioned'

/**
 * Where the time went, in seconds added up over all that worked beside each other; so together they may be more than the
 * time of the run. Of a batch that was tried several times only the last try counts.
 */
export interface Stages {
  /** Waiting for the source: the coordinator in the paged feed, the workers in the partitioned one. */
  readonly read: number
  readonly transform: number
  readonly encode: number
  /** From claiming a batch until the target has taken its rows. */
  readonly write: number
  /** Making them durable: here a slow disk shows. */
  readonly commit: number
  /** Keys, indexes and statistics, after the load. */
  readonly index: number
}

export interface TableResult extends Counts {
  readonly source: string
  /** Qualified name in the target. */
  readonly target: string
  readonly seconds: number
  readonly rowsPerSecond: number
  readonly bytes: number
  /** Values that were changed by name, and how often; those of replayed dead letters are among them. */
  readonly coercions: readonly CoercionUse[]
}

/** What a check compared and found different. */
export interface Difference {
  readonly table: string
  readonly key: string | null
  readonly column: string | null
  readonly source: string
  readonly target: string
}

export type VerifyLevel = 'none' | 'count' | 'checksum' | 'full'

/** What was compared of a column. */
export interface ColumnCheck {
  /** Name of the table in the source. */
  readonly table: string
  /** Qualified name of the table in the target. */
  readonly target: string
  readonly column: string
  readonly compared: 'exactly' | 'after-coercion' | 'not'
  /** Of `after-coercion` which and how often, of `not` why not. */
  readonly note: string | null
}

export interface Verification {
  readonly level: VerifyLevel
  readonly equal: boolean
  /** The first of them; `differing` counts all. */
  readonly differences: readonly Difference[]
  /** Rows found to differ; null: not known exactly. */
  readonly differing: number | null
  /** Rows compared, of all tables; 0 where only counts were. */
  readonly rows: number
  readonly columns: readonly ColumnCheck[]
  /** One sentence for each table: what was compared with what. */
  readonly notes: readonly string[]
}

/** What became of a run. `error` is null exactly when `state` is `done`; `rolled-back`: what it had made is gone. */
export interface MigrationResult {
  readonly migration: string
  readonly state: 'done' | 'stopped' | 'rolled-back'
  readonly tables: readonly TableResult[]
  readonly totals: Counts
  readonly seconds: number
  /** From the start of the first worker to the last one being ready; part of `seconds`. */
  readonly startSeconds: number
  /** From the first batch to the last commit. */
  readonly copySeconds: number
  readonly stages: Stages
  readonly verification: Verification
  readonly workers: number
  /** Rows of a full batch at the end; where the workers read, of the middle one of them. */
  readonly batchRows: number
  /** Why: `as asked`, or what led there. */
  readonly batchRowsReason: string
  /** At the end. */
  readonly feed: Feed
  readonly isolation: Isolation
  readonly retries: number
  /** Highest resident memory of the coordinator and all child processes, added up. */
  readonly peakRssBytes: number
  readonly cpuSeconds: number
  readonly error: ErrorShape | null
}
