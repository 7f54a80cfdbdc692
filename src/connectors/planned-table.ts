import type { Bounds } from '../core/batch.ts'
import type { ForeignKeyPlan, IndexPlan } from '../core/index-plan.ts'
import type { RowLayout } from '../core/layout.ts'
import type { TablePlan, TargetName } from '../core/plan.ts'
import type { TableChange } from '../core/table-change.ts'

/** Which rows and fields of a table. Plain data. */
export interface Selection {
  readonly table: string
  /** A filter in the source's own language, already checked (MongoDB: extended JSON). */
  readonly where: string | null
  /** Fields to read, the key always included; null: all. */
  readonly fields: readonly string[] | null
  readonly limit: number | null
  /** Only rows whose field lies in a range; absent: all. */
  readonly since?: SinceRange | undefined
  /** What the rows are to be like; absent: rows of this source name their own fields. */
  readonly layout?: RowLayout | undefined
}

/** `from ≤ field ≤ upTo`, both values in the source's own language (MongoDB: extended JSON). */
export interface SinceRange {
  readonly field: string
  /** Null: from the beginning, and rows without the field as well. */
  readonly from: string | null
  /** The highest value when the copy was planned; null: there was none. */
  readonly upTo: string | null
}

export type Mode = 'create' | 'append' | 'truncate' | 'recreate' | 'upsert'

export interface PlannedTable {
  readonly plan: TablePlan
  readonly selection: Selection
  readonly mode: Mode
  /**
   * The tables are loaded into a schema of the migration's own, which the names of the plan say, and are moved to this
   * schema at the end; what stands there under their names is replaced then. Absent: they are loaded where they stay.
   */
  readonly publishTo?: string | undefined
  /** The target table is there already and stays (create on an empty one, append). */
  readonly exists: boolean
  /** Rows in the target table before the run. */
  readonly baseline: number
  /** The source reads it in key order, so any part of it can be read again. */
  readonly ordered: boolean
  readonly partitions: readonly Bounds[]
  /** Tables of lower levels are complete before rows of this one are written; absent: 0. */
  readonly level?: number | undefined
  /** Child tables of an earlier copy of this table, which go with it where it is recreated. */
  readonly drops?: readonly TargetName[] | undefined
  /** Columns that an existing table gets before the first row, because it lacks them. */
  readonly additions?: readonly TableChange[] | undefined
  /** Built after the load. */
  readonly indexes?: readonly IndexPlan[] | undefined
  readonly references?: readonly ForeignKeyPlan[] | undefined
}
