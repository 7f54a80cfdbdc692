import type { ErrorShape } from './errors.ts'

/** What is known of the value at fault, where one is. */
export interface FaultyValue {
  /** Name of the column in the target, or of the field where there is none. */
  readonly column: string
  /** A preview as text, of bounded length. */
  readonly value: string
  /** Why, without row, column and value. */
  readonly reason: string
}

/** Why one row cannot be carried over. */
export class RowError extends Error {
  override readonly name = 'RowError'
  readonly shape: ErrorShape
  readonly at: FaultyValue | null

  constructor(shape: ErrorShape, at: FaultyValue | null = null) {
    super(shape.message)
    this.shape = shape
    this.at = at
  }
}
