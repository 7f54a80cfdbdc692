import type { Batch, BatchLimits, Format, Partition, Position } from '../core/batch.ts'
import { DroverError } from '../core/errors.ts'
import type { BufferPool } from './contract.ts'

export interface CutterOptions {
  readonly firstSeq: number
  readonly limits: BatchLimits
  readonly pool: BufferPool
  /** What the rows are; absent: `bson`. */
  readonly format?: Format | undefined
}

/**
 * Where the first buffer begins to grow; later ones begin with what the largest batch needed. Not with the limit of a
 * batch, which few come near: the runtime counts all of a buffer whenever it goes to another thread, and collects
 * garbage accordingly.
 */
const firstBytes = 1024 * 1024
const firstRows = 1024

/** Batches of as many rows are not of quite as many bytes. */
const spare = 1.125

/** Offsets are 32 bits wide. */
const maxBatchBytes = 2 ** 32 - 1

/**
 * Packs raw rows, documents in the words below, into batches. Empty: `add` → filling: `add` while not `isFull` → `cut` → empty again. A batch is cut
 * when the next document is known, so that the last one can say that it is.
 */
export class BatchCutter {
  readonly #partition: Partition
  readonly #endOf: (document: Uint8Array) => Position | null
  readonly #limits: BatchLimits
  readonly #pool: BufferPool
  readonly #format: Format
  #seq: number
  #after: Position | null
  #bytes: Uint8Array<ArrayBuffer> | null = null
  #used = 0
  #largest = firstBytes
  #offsets: Uint32Array<ArrayBuffer> = new Uint32Array(firstRows)
  #rows = 0

  /** `endOf` answers the position of the document added last; null: the table has no order. */
  constructor(
    partition: Partition,
    endOf: (document: Uint8Array) => Position | null,
    { firstSeq, limits, pool, format = 'bson' }: CutterOptions,
  ) {
    this.#partition = partition
    this.#endOf = endOf
    this.#limits = limits
    this.#pool = pool
    this.#format = format
    this.#seq = firstSeq
    this.#after = partition.after
  }

  /** A document of `length` bytes belongs into the next batch; `times`: so would it be if the limits were so much wider. */
  isFull(length: number, times = 1): boolean {
    const { rows, bytes } = this.#limits
    return this.#rows > 0 && (this.#rows >= rows * times || this.#used + length > bytes * times)
  }

  /** The document `source[start … end)`. */
  add(source: Buffer, start: number, end: number): void {
    const bytes = this.#reserve(end - start)
    source.copy(bytes, this.#used, start, end)
    this.#used += end - start
    if (++this.#rows === this.#offsets.length) {
      const wider = new Uint32Array(this.#offsets.length * 2)
      wider.set(this.#offsets)
      this.#offsets = wider
    }
    this.#offsets[this.#rows] = this.#used
  }

  /** The document added last; null: the batch has none. It is valid until the next call of the others. */
  last(): Uint8Array | null {
    return this.#rows === 0 || this.#bytes === null ? null : this.#lastOf(this.#bytes)
  }

  /** The batch of the documents added; the last one ends where the partition ends, whatever its own end is. */
  cut(last: boolean): Batch {
    const bytes = this.#bytes?.subarray(0, this.#used) ?? new Uint8Array(0)
    const { id: partition, table } = this.#partition
    const upTo = last ? this.#partition.upTo : this.#end(bytes)
    const id = { table, partition, seq: this.#seq++, after: this.#after, upTo, last }
    const batch: Batch = {
      id,
      format: this.#format,
      rows: this.#rows,
      bytes,
      offsets: this.#offsets.slice(0, this.#rows + 1),
    }
    this.#after = upTo
    this.#largest = Math.max(this.#largest, this.#used)
    this.#bytes = null
    this.#used = 0
    this.#rows = 0
    return batch
  }

  /** Gives back the memory of a batch that will not be cut. */
  discard(): void {
    if (this.#bytes !== null) this.#pool.give(this.#bytes.buffer)
    this.#bytes = null
  }

  #end(bytes: Uint8Array): Position | null {
    return this.#rows === 0 ? null : this.#endOf(this.#lastOf(bytes))
  }

  #lastOf(bytes: Uint8Array): Uint8Array {
    return bytes.subarray(this.#offsets[this.#rows - 1], this.#used)
  }

  /** A buffer with room for `length` more bytes. */
  #reserve(length: number): Uint8Array<ArrayBuffer> {
    const needed = this.#used + length
    const held = this.#bytes
    if (held !== null && held.length >= needed) return held
    if (needed > maxBatchBytes) {
      throw new DroverError('source-failed', `a batch of ${this.#partition.table} would be larger than 4 GiB`)
    }
    const wanted = held === null ? this.#largest * spare : held.length * 2
    const taken = this.#pool.take(Math.ceil(Math.max(wanted, needed)))
    if (held !== null) {
      taken.set(held.subarray(0, this.#used))
      this.#pool.give(held.buffer)
    }
    this.#bytes = taken
    return taken
  }
}
