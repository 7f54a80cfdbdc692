import type { ErrorShape } from './errors.ts'

/** Why one row cannot be carried over. */
export class RowError extends Error {
  override readonly name = 'RowError'
  readonly shape: ErrorShape

  constructor(shape: ErrorShape) {
    super(shape.message)
    this.shape = shape
  }
}
