import type { LogicalType } from './logical-type.ts'
import type { TargetName } from './plan.ts'

/** An index of a source's table, the key's own left out. */
export interface SourceIndex {
  readonly name: string
  readonly fields: readonly {
    /** Names from the row inwards. */
    readonly path: readonly string[]
    /** `ascending`, `descending`, or what is no order as the source names it: `text`, `2dsphere`, `hashed`, `wildcard` … */
    readonly order: string
  }[]
  readonly unique: boolean
  /** Rows without any of the fields are not in it. */
  readonly sparse: boolean
  /** Filter of a partial index in the source's own language; null: not partial. */
  readonly partial: string | null
  /** Seconds after which rows are deleted; null: they stay. */
  readonly expiresAfterSeconds: number | null
  /** Its own collation, for people; null: it compares bytes. */
  readonly collation: string | null
}

/** A column, or a place within its documents. */
export interface IndexPlace {
  readonly column: string
  /** Type of the column. */
  readonly type: LogicalType
  /** Below the column, which is `json` then; empty: the column itself. */
  readonly path: readonly string[]
}

/** A place that an index orders by. */
export interface IndexPart extends IndexPlace {
  /** How the value at `path` is compared: as text, or as jsonb, which keeps numbers and types apart. */
  readonly as: 'text' | 'json'
  readonly descending: boolean
}

/** Holds for the rows that a partial index has. In a `json` column, a value of another type is none that it holds for. */
export interface IndexCondition extends IndexPlace {
  readonly operator: 'exists' | 'missing' | '=' | '<' | '<=' | '>' | '>='
  /** Null for `exists` and `missing`. Text for a type that is not written in JSON, as the target reads it. */
  readonly value: string | number | boolean | null
}

/** What an index is in the target's own language, which `parts` and `where` say nothing of then. */
export interface IndexText {
  /** `index`: stands behind `on table`; `constraint`: behind `add constraint name`. */
  readonly kind: 'index' | 'constraint'
  readonly sql: string
}

/** A secondary index of the target, built after the load. Plain data. */
export interface IndexPlan {
  readonly name: string
  /** Name in the source, for people. */
  readonly source: string
  /** A table of the plan or one of its child tables. */
  readonly target: TargetName
  readonly unique: boolean
  /** Rows without a value count as equal, so a unique index allows one. */
  readonly nullsNotDistinct: boolean
  /** `gin`: of the elements of an array, or of all that is in a document. */
  readonly method: 'btree' | 'gin'
  readonly parts: readonly IndexPart[]
  /** All of these hold; empty: every row. */
  readonly where: readonly IndexCondition[]
  /** Given by a source that knows the target's language; absent: the above says all of it. */
  readonly text?: IndexText | undefined
}

/** A reference from one table to the key of another, added and validated after the load. Plain data. */
export interface ForeignKeyPlan {
  readonly name: string
  readonly target: TargetName
  readonly columns: readonly string[]
  readonly references: TargetName
  readonly referencedColumns: readonly string[]
  /** Behind the references, as SQL has it: `match full on delete cascade deferrable …`; absent: nothing. */
  readonly options?: string | undefined
}
