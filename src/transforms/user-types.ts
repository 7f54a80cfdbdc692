import type { TransformContext } from '../core/transform.ts'
import type { Value } from '../core/value.ts'

/** What a user's function may give for a field: a value as rows hold them, or what JavaScript usually has for it. */
export type FieldAnswer = Value | Date | readonly FieldAnswer[] | { readonly [field: string]: FieldAnswer }

/**
 * The fields of a row, in source order. It has no prototype, so that a field named `constructor` is a field like any
 * other; a field that the row lacks is undefined.
 */
export type InputRow = Record<string, Value>

/** A row that a function answers: the one it was given, changed, or another. */
export type OutputRow = { readonly [field: string]: FieldAnswer }

/** From a row to a row, to several, or to none (null, or no element). The row may be changed and answered. */
export type RowFunction = (row: InputRow, context: TransformContext) => RowAnswer | Promise<RowAnswer>
export type RowAnswer = OutputRow | readonly OutputRow[] | null

/** Whether a row is kept. */
export type FilterFunction = (row: Readonly<InputRow>, context: TransformContext) => boolean | Promise<boolean>

/** From the value of a field to another; null stands for a missing field too, and an answer of null adds none. */
export type ValueFunction = (value: Value, context: ValueContext) => FieldAnswer | Promise<FieldAnswer>

export interface ValueContext extends TransformContext {
  /** The row as it is when the step begins. */
  readonly row: Readonly<InputRow>
}
