import type { BatchId, Bounds, Position } from '../../core/batch.ts'
import type { Counts } from '../../core/counts.ts'
import { DroverError } from '../../core/errors.ts'
import type { Entry } from '../ledger-contract.ts'

/** The columns of the table `entry` that hold {@link Counts}, in one order for reading and writing. */
export const countColumns = 'read, written, filtered, skipped, dead_letters, derived, bytes'

/** Counts as the driver gives them: `bigint` and `numeric` come as text. */
export interface CountsRow {
  readonly read: string
  readonly written: string
  readonly filtered: string
  readonly skipped: string
  readonly dead_letters: string
  readonly derived: string
  readonly bytes: string
}

export interface BoundsRow {
  readonly after: Uint8Array | null
  readonly up_to: Uint8Array | null
}

export interface EntryRow extends CountsRow, BoundsRow {
  readonly seq: number
  readonly last: boolean
}

export function countsOf(row: CountsRow): Counts {
  return {
    read: exactNumber(row.read),
    written: exactNumber(row.written),
    filtered: exactNumber(row.filtered),
    skipped: exactNumber(row.skipped),
    deadLetters: exactNumber(row.dead_letters),
    derived: exactNumber(row.derived),
  }
}

export function boundsOf(row: BoundsRow): Bounds {
  return { after: positionOf(row.after), upTo: positionOf(row.up_to) }
}

export function entryOf(row: EntryRow, batch: Pick<BatchId, 'table' | 'partition'>): Entry {
  const { table, partition } = batch
  const { seq, last } = row
  return { table, partition, seq, last, ...boundsOf(row), counts: countsOf(row), bytes: exactNumber(row.bytes) }
}

/** A parameter for a column of bounds. */
export function boundParameter(position: Position | null): Buffer | null {
  return position === null ? null : Buffer.from(position.buffer, position.byteOffset, position.byteLength)
}

/** A whole number that came as text; the counts of a replay are negative. Throws for one that a double would change. */
export function exactNumber(text: string): number {
  const number = Number(text)
  if (text !== '' && Number.isSafeInteger(number)) return number
  throw new DroverError('unexpected', `the count ${text} does not fit into a number`)
}

/** Copied, because the driver's small buffers share memory, all of which would travel along to another thread. */
function positionOf(bytes: Uint8Array | null): Position | null {
  return bytes === null ? null : (new Uint8Array(bytes) as Position)
}
