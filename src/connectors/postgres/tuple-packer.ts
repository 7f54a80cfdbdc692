import type { BatchLimits, PackedRows } from '../../core/batch.ts'
import { DroverError } from '../../core/errors.ts'
import type { BufferPool } from '../contract.ts'
import { HeaderCutter } from './copy-header.ts'

/** Room for what the socket gives at once, beyond the bytes of a batch. */
const slackBytes = 128 * 1024
const firstBytes = 256 * 1024
const firstRows = 1024

/** Offsets are 32 bits wide. */
const mostBytes = 2 ** 32 - 1

/**
 * Cuts the bytes of a binary COPY into tuples and packs these, whatever pieces the bytes come in. States: in the header,
 * in the tuples, ended (behind the trailer).
 */
export class TuplePacker {
  readonly #limits: BatchLimits
  readonly #pool: BufferPool
  readonly #header: HeaderCutter = new HeaderCutter()
  #bytes: Uint8Array<ArrayBuffer> | null = null
  #used = 0
  /** Where the first tuple that is not complete begins. */
  #complete = 0
  #offsets: Uint32Array<ArrayBuffer> = new Uint32Array(firstRows)
  #rows = 0
  #ended = false
  /** Room for the largest batch so far: most tables are far smaller than a batch may be, and the runtime counts all of a buffer. */
  #usual = firstBytes

  constructor({ limits, pool }: { readonly limits: BatchLimits; readonly pool: BufferPool }) {
    this.#limits = limits
    this.#pool = pool
  }

  /** The trailer has come. */
  get ended(): boolean {
    return this.#ended
  }

  /** Complete tuples that are not cut yet. */
  get rows(): number {
    return this.#rows
  }

  add(chunk: Uint8Array): void {
    const tuples = this.#header.behind(chunk, 'target-failed')
    this.#reserve(tuples.length).set(tuples, this.#used)
    this.#used += tuples.length
  }

  /** Looks at what has come since; true: the next batch is complete. */
  isFull(): boolean {
    const bytes = this.#bytes
    if (bytes === null) return false
    while (!this.#ended && this.#rows < this.#limits.rows) {
      const end = tupleEnd(bytes, this.#complete, this.#used)
      if (end === incomplete) return false
      if (end === trailer) {
        this.#ended = true
        return false
      }
      if (this.#rows > 0 && end > this.#limits.bytes) return true
      if (++this.#rows === this.#offsets.length) this.#widen()
      this.#offsets[this.#rows] = end
      this.#complete = end
    }
    return this.#rows >= this.#limits.rows
  }

  /** The complete tuples; what is behind them begins the next batch. */
  cut(): PackedRows {
    const [bytes, rows, end] = [this.#bytes ?? new Uint8Array(0), this.#rows, this.#complete]
    const offsets = this.#offsets.slice(0, rows + 1)
    const rest = bytes.subarray(end, this.#used)
    this.#bytes = null
    this.#used = 0
    this.#rows = 0
    this.#complete = 0
    this.#usual = Math.max(this.#usual, end + slackBytes)
    if (rest.length > 0) this.#reserve(rest.length).set(rest)
    this.#used = rest.length
    return { format: 'pgcopy', rows, bytes: bytes.subarray(0, end), offsets }
  }

  #reserve(length: number): Uint8Array<ArrayBuffer> {
    const needed = this.#used + length
    const held = this.#bytes
    if (held !== null && held.length >= needed) return held
    if (needed > mostBytes) throw new DroverError('target-failed', 'a row of the target is larger than 4 GiB')
    const taken = this.#pool.take(Math.max(held === null ? this.#usual : this.#wider(held.length), needed))
    if (held !== null) {
      taken.set(held.subarray(0, this.#used))
      this.#pool.give(held.buffer)
    }
    this.#bytes = taken
    return taken
  }

  /** Twice as much, but no more than the largest batch takes, unless that holds a row that is larger still. */
  #wider(length: number): number {
    const most = this.#limits.bytes + slackBytes
    return length < most ? Math.min(length * 2, most) : length * 2
  }

  #widen(): void {
    const wider = new Uint32Array(this.#offsets.length * 2)
    wider.set(this.#offsets)
    this.#offsets = wider
  }
}

export const incomplete = -1
export const trailer = -2

/** Where the tuple at `start` ends, or one of the two above. */
export function tupleEnd(bytes: Uint8Array, start: number, used: number): number {
  if (start + 2 > used) return incomplete
  const fields = ((bytes[start] as number) << 8) | (bytes[start + 1] as number)
  if (fields === 0xffff) return trailer
  let at = start + 2
  for (let field = 0; field < fields; field++) {
    if (at + 4 > used) return incomplete
    const length =
      ((bytes[at] as number) << 24) |
      ((bytes[at + 1] as number) << 16) |
      ((bytes[at + 2] as number) << 8) |
      (bytes[at + 3] as number)
    at += length < 0 ? 4 : 4 + length
  }
  return at > used ? incomplete : at
}
