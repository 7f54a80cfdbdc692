import type { LogicalType } from './logical-type.ts'

/** How values that JSON lacks look inside a `json` column: readable, or relaxed extended JSON v2 throughout. */
export type NestedJson = 'plain' | 'extended'

/** A table of the target: schema (or database) and name, as they are, unquoted. */
export interface TargetName {
  readonly schema: string
  readonly name: string
}

/** One field of the source and the column it becomes. */
export interface ColumnPlan {
  /** Name in the source. */
  readonly field: string
  /** Name in the target, unquoted. */
  readonly name: string
  readonly type: LogicalType
  /** Chosen by `--cast`: values are converted by the exact rules of docs/types.md, or refused; otherwise they must fit. */
  readonly cast: boolean
  /** Overrides the table's, for this column: a key of several types must keep them apart. */
  readonly nestedJson?: NestedJson | undefined
  /** Longest text that the column holds, in characters. */
  readonly maxCharacters?: number | undefined
}

/** What becomes of one table. Plain data: it crosses threads and is stored in the ledger. */
export interface TablePlan {
  readonly source: string
  readonly target: TargetName
  readonly columns: readonly ColumnPlan[]
  /** Names of the target columns of the primary key; empty: none. */
  readonly key: readonly string[]
  /** Fields left out on purpose; `others` leaves out every field that has no column. Any other field is drift. */
  readonly ignore: readonly string[] | 'others'
  readonly nestedJson: NestedJson
  /** Carried by each batch and checked by its claim. */
  readonly schemaVersion: number
}

export function qualified(target: TargetName): string {
  return `${target.schema}.${target.name}`
}
