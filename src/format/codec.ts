import type { Batch } from '../core/batch.ts'
import type { ErrorShape } from '../core/errors.ts'
import type { Row } from '../core/value.ts'

/** A row that could not be carried over: its place in the batch, its key as text for people, and why. */
export interface RejectedRow {
  /** 0 … rows - 1 within the batch. */
  readonly index: number
  /** The row's key as relaxed extended JSON, at most 200 characters; `?` where even that cannot be read. */
  readonly key: string
  /** Code `schema-drift` where the planned type does not fit, `row-rejected` where no type of the target could. */
  readonly error: ErrorShape
}

/** Bytes of a format → rows. */
export interface Decoder {
  /** Row i of the batch. Throws {@link RowError} for a row that is damaged; the others stay readable. */
  decodeRow(batch: Batch, index: number): Row
  /** The key of row i as text for people; never throws. */
  keyText(batch: Batch, index: number): string
}

/** Rows → bytes of a format, appended to a buffer that grows. */
export interface Encoder {
  readonly format: Batch['format']
  /** Starts a new buffer, taken from those recycled where there is one. */
  begin(rows: number): void
  /** Appends one row. Throws {@link RowError}, and then the buffer is as it was before the row. */
  encodeRow(row: Row): void
  /** The rows appended since `begin`, packed, with their offsets. */
  end(): { readonly rows: number; readonly bytes: Uint8Array; readonly offsets: Uint32Array }
  /** Gives the memory of an earlier batch back for reuse. */
  recycle(bytes: Uint8Array): void
}

/** What a transcoder makes of a batch: the rows that could be carried, under the same id, and those that could not. */
export interface Transcoded {
  readonly batch: Batch
  readonly rejected: readonly RejectedRow[]
}

/** A batch in one format → the same rows in another; compiled for one table's plan. */
export interface Transcoder {
  transcode(batch: Batch): Transcoded
  /** The key of row i of a batch in the first format, as text for people; never throws. */
  keyText(batch: Batch, index: number): string
  /** Gives the memory of a transcoded batch back, once it is committed. */
  recycle(batch: Batch): void
}

/** Why one row cannot be carried over. */
export class RowError extends Error {
  override readonly name = 'RowError'
  readonly shape: ErrorShape

  constructor(shape: ErrorShape) {
    super(shape.message)
    this.shape = shape
  }
}
