import type { Batch, BatchLimits, Partition, Position } from '../core/batch.ts'
import { DroverError } from '../core/errors.ts'
import type { BufferPool } from './contract.ts'

export interface CutterOptions {
  readonly firstSeq: number
  readonly limits: BatchLimits
  readonly pool: BufferPool
}

/** Where a buffer of unknown final size begins to grow. */
const firstBytes = 1024 * 1024
const firstRows = 1024

/** Offsets are 32 bits wide. */
const maxBatchBytes = 2 ** 32 - 1

/**
 * Packs raw documents into batches. Empty: `add` → filling: `add` while not `isFull` → `cut` → empty again. A batch is cut
 * when the next document is known, so that the last one can say that it is.
 */
export class BatchCutter {
  readonly #partition: Partition
  readonly #endOf: (document: Uint8Array) => Position | null
  readonly #limits: BatchLimits
  readonly #pool: BufferPool
  #seq: number
  #after: Position | null
  #bytes: Uint8Array<ArrayBuffer> | null = null
  #used = 0
  #offsets: Uint32Array<ArrayBuffer> = new Uint32Array(firstRows)
  #rows = 0

  /** `endOf` answers the position of the document added last; null: the table has no order. */
  constructor(
    partition: Partition,
    endOf: (document: Uint8Array) => Position | null,
    { firstSeq, limits, pool }: CutterOptions,
  ) {
    this.#partition = partition
    this.#endOf = endOf
    this.#limits = limits
    this.#pool = pool
    this.#seq = firstSeq
    this.#after = partition.after
  }

  /** A document of `length` bytes belongs into the next batch; `times`: so would it be if the limits were so much wider. */
  isFull(length: number, times = 1): boolean {
    const { rows, bytes } = this.#limits
    return this.#rows > 0 && (this.#rows >= rows * times || this.#used + length > bytes * times)
  }

  add(document: Uint8Array): void {
    const bytes = this.#reserve(document.length)
    bytes.set(document, this.#used)
    this.#used += document.length
    if (++this.#rows === this.#offsets.length) {
      const wider = new Uint32Array(this.#offsets.length * 2)
      wider.set(this.#offsets)
      this.#offsets = wider
    }
    this.#offsets[this.#rows] = this.#used
  }

  /** The batch of the documents added; the last one ends where the partition ends, whatever its own end is. */
  cut(last: boolean): Batch {
    const bytes = this.#bytes?.subarray(0, this.#used) ?? new Uint8Array(0)
    const { id: partition, table } = this.#partition
    const upTo = last ? this.#partition.upTo : this.#end(bytes)
    const id = { table, partition, seq: this.#seq++, after: this.#after, upTo, last }
    const batch: Batch = {
      id,
      format: 'bson',
      rows: this.#rows,
      bytes,
      offsets: this.#offsets.slice(0, this.#rows + 1),
    }
    this.#after = upTo
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
    return this.#rows === 0 ? null : this.#endOf(bytes.subarray(this.#offsets[this.#rows - 1], this.#used))
  }

  /** A buffer with room for `length` more bytes: at first of the limit's size where there is one, then growing by doubling. */
  #reserve(length: number): Uint8Array<ArrayBuffer> {
    const needed = this.#used + length
    const held = this.#bytes
    if (held !== null && held.length >= needed) return held
    if (needed > maxBatchBytes) {
      throw new DroverError('source-failed', `a batch of ${this.#partition.table} would be larger than 4 GiB`)
    }
    const first = Number.isFinite(this.#limits.bytes) ? this.#limits.bytes : firstBytes
    const wanted = held === null ? first : held.length * 2
    const taken = this.#pool.take(Math.max(wanted, needed))
    if (held !== null) {
      taken.set(held.subarray(0, this.#used))
      this.#pool.give(held.buffer)
    }
    this.#bytes = taken
    return taken
  }
}
