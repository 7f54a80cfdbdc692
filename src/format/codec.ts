import type { Batch, EncodedRows } from '../core/batch.ts'
import type { CoercionUse } from '../core/coercion.ts'
import type { LetterStage } from '../core/dead-letter.ts'
import type { ErrorShape } from '../core/errors.ts'
import type { FaultyValue } from '../core/row-error.ts'
import type { Sample } from '../core/sample.ts'
import type { Row } from '../core/value.ts'

/** A row that could not be carried over: its place in the batch, its key as text for people, and why. */
export interface RejectedRow {
  /** 0 … rows - 1 within the batch. */
  readonly index: number
  /** The row's key as relaxed extended JSON, at most 200 characters; `?` where even that cannot be read. */
  readonly key: string
  /** Code `schema-drift` where the planned type does not fit, `row-rejected` where no type of the target could. */
  readonly error: ErrorShape
  readonly stage: Exclude<LetterStage, 'store'>
  readonly at: FaultyValue | null
}

/** Bytes of a format → rows. */
export interface Decoder {
  /** Row i of the batch. Throws {@link RowError} for a row that is damaged; the others stay readable. */
  decodeRow(batch: Batch, index: number): Row
  /** The key of row i as text for people; never throws. */
  keyText(batch: Batch, index: number): string
  /** The raw key of row i, as a position; null where it cannot be read. Never throws. */
  keyBytes(batch: Batch, index: number): Uint8Array | null
  /** What was coerced by name in the row decoded last, unless that was asked before; empty: nothing. */
  takeCoerced(): readonly CoercionUse[]
}

/** Rows → bytes of a format, for each table of a plan. */
export interface RowEncoder {
  /** Starts a batch of about so many rows. Batches may be open beside each other. */
  begin(rows: number): EncodingBatch
  /** Gives the memory of an earlier batch back for reuse. */
  recycle(parts: readonly EncodedRows[]): void
}

/** A batch that is being encoded. */
export interface EncodingBatch {
  /**
   * Appends what row `origin` of the batch has become, one row or several, to all tables. Throws {@link RowError}, and
   * then every table is as it was before.
   */
  add(origin: number, rows: Row | readonly Row[]): void
  /** What was added, packed; it is over then. */
  end(): EncodedBatch
}

export interface EncodedBatch {
  /** One for each of `partsOf(plan)`, in its order. */
  readonly parts: readonly EncodedRows[]
  /** Values of the rows in `parts` that were changed by name; empty: none. */
  readonly coerced: readonly CoercionUse[]
  /** The place in the batch of the row that gave row `index` of a part. */
  origin(part: number, index: number): number
}

/** What a transcoder makes of a batch: rows for each table of the plan, and the rows that could not be carried. */
export interface Transcoded extends EncodedBatch {
  /** Rows of the batch that gave at least one row of the plan's own table. */
  readonly written: number
  /** Rows that a transform left out. */
  readonly filtered: number
  readonly rejected: readonly RejectedRow[]
  /** Seconds spent in transforms; the encoding is the rest. */
  readonly transformSeconds: number
}

/** A batch in one format → the same rows in another; compiled for one table's plan. */
export interface Transcoder {
  /** A promise only where a transform is asynchronous. */
  transcode(batch: Batch): Transcoded | Promise<Transcoded>
  /** The key of row i of a batch in the first format, as text for people; never throws. */
  keyText(batch: Batch, index: number): string
  /** The raw key of row i, as a position; null where it cannot be read. Never throws. */
  keyBytes(batch: Batch, index: number): Uint8Array | null
  /** Gives the memory of a transcoded batch back, once it is committed. */
  recycle(transcoded: Transcoded): void
}

/** Looks at batches of one table and adds up what is in them. */
export interface Observer {
  observe(batch: Batch): void | Promise<void>
  /** All that was observed so far. `complete` is the caller's to know. */
  sample(complete: boolean): Sample
}
