import type { Finding, SourceTable } from '../connectors/contract.ts'
import type { PlannedTable } from '../connectors/planned-table.ts'
import type { DatabaseObjects } from '../core/carried-object.ts'
import type { SourceIndex } from '../core/index-plan.ts'
import type { Feed, Isolation } from '../core/result.ts'
import type { Sample } from '../core/sample.ts'

/** One table as planned, with what people want to know of it before anything is written. */
export interface TableReport {
  readonly planned: PlannedTable
  readonly sample: Sample
  readonly sourceIndexes: readonly SourceIndex[]
  readonly estimatedRows: number | null
  /** How rows of a table with a structure come over, for people; null: the rows tell what they are. */
  readonly way: string | null
  readonly ddl: { readonly create: string; readonly finish: readonly string[] }
  /** How documents and arrays are laid out, one sentence each. */
  readonly notes: readonly string[]
  readonly warnings: readonly string[]
  /** Of the source's indexes, what is not built and what to do about it: one sentence each. */
  readonly proposals: readonly string[]
}

/** Everything a run would do. */
export interface PlanReport {
  readonly source: string
  readonly target: string
  readonly tables: readonly TableReport[]
  /** What the target gets beside tables, and what of the source it does not. */
  readonly objects: DatabaseObjects
  /** Tables of the source that are not copied, each with its reason. */
  readonly skipped: readonly SourceTable[]
  readonly findings: readonly Finding[]
  readonly workers: { readonly count: number; readonly reason: string }
  readonly feed: { readonly choice: Feed; readonly reason: string }
  readonly isolation: Isolation
}
