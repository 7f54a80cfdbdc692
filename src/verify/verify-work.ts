import type { Slice, SourceOptions } from '../connectors/contract.ts'
import type { Selection } from '../connectors/planned-table.ts'
import type { BatchLimits, Bounds, Partition } from '../core/batch.ts'
import type { Counts } from '../core/counts.ts'
import type { TablePlan } from '../core/plan.ts'
import type { RetryPolicy } from '../core/retry.ts'
import type { FullResult, FullWork } from './full-work.ts'

// What the coordinator of a check and its workers say to each other, inside the cluster's messages. Plain data throughout.

export interface VerifyStart {
  readonly job: 'verify'
  readonly sourceUrl: string
  readonly sourceOptions: SourceOptions
  readonly targetUrl: string
  readonly ledgerSchema: string
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly tables: readonly VerifyTable[]
  readonly limits: BatchLimits
  /** What is read of the source is limited, or may be. */
  readonly paced: boolean
  readonly retry: RetryPolicy
}

export interface VerifyTable {
  readonly plan: TablePlan
  readonly selection: Selection
  /** The same as the copy read and wrote it, where it passed rows on as they are. */
  readonly passedOn: Pick<VerifyTable, 'plan' | 'selection'> | null
  /** Names of letters, and how many have it: rows that are in the source only. */
  readonly leftOut: readonly (readonly [name: string, count: number])[]
  /** The same of rows that a repair may have changed. */
  readonly replayed: readonly string[]
}

/**
 * What rows are compared as: `checksum`, the bytes that the encoder of the copy makes and those that the target sends;
 * `full`, texts that are worked out apart from what copies, and what the target shows.
 */
export type Road = 'checksum' | 'full'

/** A part of a check; `table` is the name in the source. */
export type VerifyWork = SumSource | SumTarget | RowsOfSource | RowsOfTarget | RowsAgain | FullWork

/** A part of one of the two sides. */
interface OfSource {
  readonly table: string
  readonly road: Road
  readonly partition: Partition
}

interface OfTarget {
  readonly table: string
  readonly road: Road
  /** Place in `partsOf`. */
  readonly part: number
  readonly slice: Slice
}

/** Adds up hashes of the rows of a partition, for each part of the plan. */
export interface SumSource extends OfSource {
  readonly kind: 'sum-source'
  /** By part. */
  readonly buckets: readonly number[]
  readonly below: number
}

export interface SumTarget extends OfTarget {
  readonly kind: 'sum-target'
  readonly buckets: number
  readonly below: number
}

/** Lists the rows of some buckets. */
export interface RowsOfSource extends OfSource {
  readonly kind: 'rows-source'
  /** By part; null: none. */
  readonly wanted: readonly (WantedRows | null)[]
}

export interface RowsOfTarget extends OfTarget {
  readonly kind: 'rows-target'
  readonly wanted: WantedRows
}

/** Reads rows of the source once more. */
export interface RowsAgain {
  readonly kind: 'rows-again'
  readonly table: string
  readonly road: Road
  readonly ranges: readonly Bounds[]
  /** By part: hashes of the keys wanted, as hex. */
  readonly keys: readonly (readonly string[])[]
}

/** Rows chosen by the hash of their key: those of some buckets, and of these those whose second lane is less than `below`. */
export interface WantedRows {
  /** How many there are. */
  readonly buckets: number
  readonly chosen: readonly number[]
  readonly below: number
}

/** A row of a bucket that differs. */
export interface ListedRow {
  readonly part: number
  /** Hashes as hex: of its key, and of all of it. */
  readonly key: string
  readonly row: string
  /** The key as texts. */
  readonly keyTexts: readonly (string | null)[]
  /** Of a row of the source: that of its batch, which can be read again. */
  readonly range: Bounds | null
}

/** A row of the source, in full: the texts of its columns. */
export interface ShownRow {
  readonly part: number
  readonly key: string
  readonly texts: readonly (string | null)[]
}

/** What became of the rows of a partition. */
export interface SourceCounts {
  /** Rows of the source. */
  readonly read: number
  /** Rows that no target row can be made of. */
  readonly rejected: number
}

export type VerifyResult =
  /** By part, or of the one part; `ofSource`: null for the target. */
  | {
      readonly kind: 'sums'
      readonly lanes: readonly Uint32Array<ArrayBuffer>[]
      readonly ofSource: SourceCounts | null
    }
  | { readonly kind: 'rows'; readonly rows: readonly ListedRow[] }
  | { readonly kind: 'shown'; readonly rows: readonly ShownRow[] }
  | FullResult

/** A worker of a check moves nothing; what a worker tells at its end is told all the same. */
export interface VerifyTotals {
  readonly counts: Counts
  readonly batches: number
  readonly chosenRows: null
  readonly process: null
}

/** A fault that passed. */
export interface VerifyNote {
  readonly kind: 'retried'
  readonly table: string
  readonly message: string
  readonly pauseMs: number
}
