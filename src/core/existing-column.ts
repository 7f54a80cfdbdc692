import type { LogicalType } from './logical-type.ts'

/** A column of a table that is there already, and what it takes. */
export interface ExistingColumn {
  readonly name: string
  /** The target's own name of the type, for people. */
  readonly nativeType: string
  /** Types whose encoding the column takes as it is; empty: none that drover writes. */
  readonly accepts: readonly LogicalType[]
  /**
   * Types whose values it takes in their text form, `nativeType` told to the encoder: that refuses what the server would
   * change without a word, such as digits to be rounded, and the server refuses what it cannot read.
   */
  readonly acceptsText: readonly LogicalType[]
  /** Longest text it holds, in characters; null: any. */
  readonly maxCharacters: number | null
  /** NOT NULL without a default: cannot be left out. */
  readonly required: boolean
  /** Computed by the target: must be left out. */
  readonly generated: boolean
}
