import type { SourceOptions } from '../connectors/contract.ts'
import type { MigrationId } from '../connectors/ledger-contract.ts'
import type { Selection } from '../connectors/planned-table.ts'
import type { Batch, BatchLimits, Format, Partition } from '../core/batch.ts'
import type { Counts } from '../core/counts.ts'
import type { TablePlan } from '../core/plan.ts'
import type { Rate } from '../core/rate.ts'
import type { Feed, Stages } from '../core/result.ts'
import type { Sample } from '../core/sample.ts'
import type { TransformSpec } from '../core/transform.ts'
import type { RetryPolicy } from '../core/retry.ts'
import type { ChosenRows, FirstLimits } from './batch-size.ts'
import type { PaceAnswer, PaceQuestion } from '../verify/pace.ts'
import type { VerifyNote, VerifyResult, VerifyStart, VerifyWork } from '../verify/verify-work.ts'

// What the coordinator and its workers say to each other, inside the cluster's messages. Plain data throughout.

/** What a worker is opened for: to copy, to look at every row before types are chosen, or to check a copy. */
export type WorkerStart = CopyStart | SurveyStart | VerifyStart

/** What a table becomes, and what is done about rows that do not fit. */
export interface TableRules {
  readonly plan: TablePlan
  readonly onDrift: 'evolve' | 'stop' | 'dead-letter'
  readonly onError: 'dead-letter' | 'stop'
}

export interface CopyStart {
  readonly job: 'copy'
  readonly sourceUrl: string
  readonly sourceOptions: SourceOptions
  readonly targetUrl: string
  readonly ledgerSchema: string
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly migration: MigrationId
  readonly epoch: number
  readonly feed: Feed
  readonly sourceFormat: Format
  readonly keyField: string
  readonly tables: readonly (TableRules & { readonly selection: Selection })[]
  readonly limits: FirstLimits
  /** At first; the worker asks before each batch that it has read itself. Null: what is read is never limited. */
  readonly pace: { readonly rate: Rate | null } | null
  readonly retry: RetryPolicy
}

export interface SurveyStart {
  readonly job: 'survey'
  readonly sourceUrl: string
  readonly sourceOptions: SourceOptions
  readonly limits: BatchLimits
  /** What is read is limited, or may be. */
  readonly paced: boolean
}

/**
 * A batch that the coordinator has read (paged), or a partition that the worker reads itself (partitioned), or one whose
 * rows it only looks at.
 */
export type Work =
  | { readonly kind: 'batch'; readonly batch: Batch }
  | { readonly kind: 'partition'; readonly partition: Partition }
  | SurveyWork
  | VerifyWork

export interface SurveyWork {
  readonly kind: 'survey'
  readonly selection: Selection
  readonly partition: Partition
  readonly transform: TransformSpec | null
}

/** A batch whose transaction has committed. */
export interface Committed {
  readonly table: string
  readonly partition: number
  readonly counts: Counts
  /** Source bytes. */
  readonly bytes: number
  readonly stages: Stages
  /** What the claim took of `write`: a round trip to the target with next to no work; 0 where nothing was claimed. */
  readonly claimSeconds: number
}

export type Note =
  | { readonly kind: 'committed'; readonly committed: Committed }
  | { readonly kind: 'retried'; readonly table: string; readonly message: string; readonly pauseMs: number }
  | TransactionFailed
  | VerifyNote

/** The transaction of a batch of so many rows and bytes of the source failed, and is tried again after a pause. */
export interface TransactionFailed {
  readonly kind: 'failed'
  readonly table: string
  readonly message: string
  readonly pauseMs: number
  readonly rows: number
  readonly bytes: number
}

/** Asked by a worker that cannot go on with the plan of a table that it has. */
export interface DriftQuestion {
  readonly table: string
  /** Version of the plan that it has. */
  readonly schemaVersion: number
  /** All rows of a batch that holds some without a place; null: the batch was refused because its version is old. */
  readonly seen: Sample | null
}

/** A newer plan; null: there is none that would help. */
export type DriftAnswer = TablePlan | null

export type Question = PaceQuestion | { readonly kind: 'drift'; readonly question: DriftQuestion }

export type Answer = PaceAnswer | { readonly kind: 'drift'; readonly plan: DriftAnswer }

/**
 * The committed batch of a paged work; null for a partition, whose batches were noted one by one; what was seen in a
 * partition that was only looked at; what was found by a check.
 */
export type Result = Committed | null | { readonly sample: Sample } | VerifyResult

export interface Totals {
  readonly counts: Counts
  readonly batches: number
  /** Of batches that the worker has read itself; null: of others. */
  readonly chosenRows: ChosenRows | null
  /** Of the worker's own process; null where it shares the coordinator's. */
  readonly process: { readonly peakRssBytes: number; readonly cpuSeconds: number } | null
}
