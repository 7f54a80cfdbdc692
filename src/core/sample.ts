import type { ObservedType } from './logical-type.ts'

/**
 * How often a type was seen: by the source's name of it (MongoDB: `int`, `objectId`, …) and what it maps to. Never: the
 * source declares it, and has no value.
 */
export interface TypeCount {
  readonly name: string
  readonly type: ObservedType
  readonly count: number
}

/** Values that a copy has to decide about. */
export type Trouble =
  /** Text, or a name within a document, with U+0000. */
  | 'nul'
  /** Text that is not UTF-8, or half of a surrogate pair. */
  | 'broken-text'
  /** Text that looks as if UTF-8 had been read in another encoding: `Ã¼` for `ü`. */
  | 'garbled-text'
  /** A date before 4713 BC or after 294276, which timestamptz does not hold. */
  | 'date-range'
  /** NaN, an infinity or a negative zero in a number. */
  | 'special-number'
  /** A field that occurs twice in one document. */
  | 'duplicate-field'

export interface TroubleCount {
  readonly kind: Trouble
  readonly count: number
  /** Key of the first row that has it, as text. */
  readonly key: string
}

/** All that was seen at one place: in a field, or among the elements of an array. */
export interface ValuesSample {
  /** `null` and `undefined` are types of their own names, both of type `null`. */
  readonly types: readonly TypeCount[]
  /** The documents among the values; null: there were none. */
  readonly documents: DocumentsSample | null
  /** The elements of the arrays among the values, all together; null: there were no arrays. */
  readonly elements: ElementsSample | null
  /** Distinct values as text with their counts, the first few; null: there are too many, or they are long. */
  readonly distinct: ReadonlyMap<string, number> | null
  /** Bytes of the largest value. */
  readonly maxBytes: number
  readonly trouble: readonly TroubleCount[]
}

export interface FieldSample extends ValuesSample {
  readonly field: string
}

export interface ElementsSample extends ValuesSample {
  /** Arrays looked at, and elements in them. */
  readonly arrays: number
  readonly items: number
  readonly maxItems: number
}

export interface DocumentsSample {
  readonly rows: number
  /** In the order first seen; a field missing from a row counts nowhere. */
  readonly fields: readonly FieldSample[]
  /** There were more distinct fields than are kept. */
  readonly more: boolean
}

/** The rows of a table that were looked at to choose its types. */
export interface Sample extends DocumentsSample {
  readonly bytes: number
  /** Every row of the selection was looked at. */
  readonly complete: boolean
  /** Damaged rows among them, which tell nothing of their fields. */
  readonly damaged: number
  /** Rows that a transform could not take, the first of their errors; they tell nothing of their fields either. */
  readonly failed: { readonly count: number; readonly message: string } | null
}
