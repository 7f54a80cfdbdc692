import type { ObservedType } from './logical-type.ts'

/** The types seen in one field of a sample. */
export interface FieldSample {
  readonly field: string
  /** By the source's name of the type (MongoDB: `int`, `objectId`, …) and what it maps to. */
  readonly types: readonly { readonly name: string; readonly type: ObservedType; readonly count: number }[]
}

/** The rows of a table that were looked at to choose its types. */
export interface Sample {
  readonly rows: number
  readonly bytes: number
  /** Every row of the selection was looked at. */
  readonly complete: boolean
  /** In the order first seen; a field missing from a row counts nowhere. */
  readonly fields: readonly FieldSample[]
}
