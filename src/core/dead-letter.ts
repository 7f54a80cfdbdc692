import type { Format } from './batch.ts'
import type { ErrorCode } from './errors.ts'

/** Where on its road a row failed. `store`: the target refused it. */
export type LetterStage = 'decode' | 'transform' | 'encode' | 'store'

/** A row that could not be carried over, with all that is needed to try again. Plain data. */
export interface DeadLetter {
  /** Its place in the batch, 0 … rows - 1. */
  readonly index: number
  /** The key's own raw bytes, as a {@link Position}; null where even those cannot be read. */
  readonly key: Uint8Array | null
  /** The key as text for people. */
  readonly keyText: string
  /** The row as the source gave it. */
  readonly raw: Uint8Array
  readonly format: Format
  readonly stage: LetterStage
  readonly code: ErrorCode
  /** Without the value: that is `value`. */
  readonly reason: string
  readonly column: string | null
  /** A preview of the value at fault, of bounded length. */
  readonly value: string | null
}

/** A letter as the target keeps it. */
export interface StoredLetter extends DeadLetter {
  /** Unique within the ledger, ascending in the order of burial. */
  readonly id: number
  /** Name of the table in the source. */
  readonly table: string
  readonly buriedAt: Date
  readonly resolvedAt: Date | null
}
