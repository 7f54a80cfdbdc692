/**
 * A place in a table's key order as the source's own raw bytes (MongoDB: one BSON element type byte and the value's
 * bytes). Compared for equality only; nobody outside the connector reads it.
 */
export type Position = Uint8Array & { readonly __brand: 'Position' }

/** The bounds `(after, upTo]` of a part of a table; null is an open end. */
export interface Bounds {
  readonly after: Position | null
  readonly upTo: Position | null
}

/** A part of a table read by one cursor. `id` is unique within its migration. */
export interface Partition extends Bounds {
  readonly id: number
  /** Name of the table in the source. */
  readonly table: string
}

/** Identity of a batch and of its ledger entry, within one migration. */
export interface BatchId extends Bounds {
  readonly table: string
  readonly partition: number
  /** 0, 1, 2 … within the partition, in key order. */
  readonly seq: number
  /** This batch ends its partition; `upTo` is then the partition's own. It may hold no rows. */
  readonly last: boolean
}

/**
 * What a batch's bytes are.
 *
 * - `bson`: a document each, https://bsonspec.org
 * - `pgcopy`: a tuple of a binary COPY each, its count of fields included
 * - `pgtext`: a line of a text COPY each, with its line feed; both of
 *   https://www.postgresql.org/docs/current/sql-copy.html
 * - `sqlite`: a record each, https://www.sqlite.org/fileformat2.html#record_format; texts are UTF-8, unless they are not
 */
export type Format = 'bson' | 'pgcopy' | 'pgtext' | 'sqlite'

/** Of SQL, as far as statements and expressions in it are carried from a source to a target. */
export type Dialect = 'postgres' | 'sqlite'

/** Rows one behind the other. Row i is `bytes[offsets[i] … offsets[i + 1])`; `offsets` has rows + 1 entries. */
export interface PackedRows {
  readonly format: Format
  readonly rows: number
  readonly bytes: Uint8Array
  readonly offsets: Uint32Array
}

/** Consecutive rows of one partition, packed. */
export interface Batch extends PackedRows {
  readonly id: BatchId
}

/** Rows of one table of a plan, ready to be written. */
export interface EncodedRows extends PackedRows {
  /** Which table of the plan: its place in `partsOf`. */
  readonly part: number
  /** Of a child table: for each row the place in part 0 of the row it belongs to, ascending. Null for part 0 itself. */
  readonly owners: Uint32Array | null
}

/** Bounds of a batch; whichever is met first closes it. A row larger than `bytes` is a batch of its own. */
export interface BatchLimits {
  readonly rows: number
  readonly bytes: number
}

/** Compares two positions, or open ends, byte by byte. */
export function samePosition(a: Position | null, b: Position | null): boolean {
  if (a === null || b === null) return a === b
  return a.length === b.length && a.every((byte, index) => byte === b[index])
}
