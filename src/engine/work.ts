import type { MigrationId, Selection } from '../connectors/contract.ts'
import type { Batch, BatchLimits, Format, Partition } from '../core/batch.ts'
import type { Counts } from '../core/counts.ts'
import type { TablePlan } from '../core/plan.ts'
import type { Feed, Stages } from '../core/result.ts'
import type { RetryPolicy } from './retry.ts'

// What the coordinator and its workers say to each other, inside the cluster's messages. Plain data throughout.

export interface WorkerStart {
  readonly sourceUrl: string
  readonly targetUrl: string
  readonly ledgerSchema: string
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly migration: MigrationId
  readonly epoch: number
  readonly feed: Feed
  readonly sourceFormat: Format
  readonly keyField: string
  readonly tables: readonly { readonly plan: TablePlan; readonly selection: Selection }[]
  readonly limits: BatchLimits
  readonly retry: RetryPolicy
}

/** A batch that the coordinator has read (paged), or a partition that the worker reads itself (partitioned). */
export type Work =
  { readonly kind: 'batch'; readonly batch: Batch } | { readonly kind: 'partition'; readonly partition: Partition }

/** A batch whose transaction has committed. */
export interface Committed {
  readonly table: string
  readonly partition: number
  readonly counts: Counts
  /** Source bytes. */
  readonly bytes: number
  readonly stages: Stages
}

export type Note =
  | { readonly kind: 'committed'; readonly committed: Committed }
  | { readonly kind: 'retried'; readonly table: string; readonly message: string; readonly pauseMs: number }

/** The committed batch of a paged work; null for a partition, whose batches were noted one by one. */
export type Result = Committed | null

export interface Totals {
  readonly counts: Counts
  readonly batches: number
  /** Of the worker's own process; null where it shares the coordinator's. */
  readonly process: { readonly peakRssBytes: number; readonly cpuSeconds: number } | null
}
