import type { Batch, Partition, Position } from '../../../core/batch.ts'
import { DroverError } from '../../../core/errors.ts'
import type { CutterOptions } from '../../batch-cutter.ts'
import { HeaderCutter } from '../copy-header.ts'
import { incomplete, trailer, tupleEnd } from '../tuple-packer.ts'
import type { Question } from './question.ts'

/** Where the first buffer begins to grow; later ones begin with what the largest batch needed. */
const firstBytes = 1024 * 1024
const firstRows = 1024
/** Batches of as many rows are not of quite as many bytes, and the socket gives more at once than is still wanted. */
const spare = 1.125
const slackBytes = 128 * 1024
/** Offsets are 32 bits wide. */
const mostBytes = 2 ** 32 - 1

const lineFeed = 10
const tab = 9

/** What a row is known by: the position behind it, by the row as it goes on and the fields taken out of it. */
export type EndOf = (row: Uint8Array, hidden: Uint8Array) => Position | null

/**
 * Cuts what COPY sends into rows, takes the first fields out of them where these are only looked at, and packs them into
 * batches. For each COPY: `begin`, then `add` and `next` in turns until there is no more of either, then `complete`. A
 * batch is cut when the next row is known, so that `end` can say of the last one that it is.
 */
export class RowCutter {
  readonly #partition: Partition
  readonly #question: Pick<Question, 'format' | 'hidden'>
  readonly #endOf: EndOf
  readonly #options: CutterOptions
  /** Null: rows of text have none. */
  #header: HeaderCutter | null = null
  /** The end of the COPY has come. */
  #ended = false
  #seq: number
  #after: Position | null
  #bytes: Uint8Array<ArrayBuffer> | null = null
  /** Where the rows of the batch end, where the bytes that are not looked at begin, and where these end. */
  #packed = 0
  #scanned = 0
  #used = 0
  #largest = firstBytes
  #offsets: Uint32Array<ArrayBuffer> = new Uint32Array(firstRows)
  #rows = 0
  /** The fields taken out of the last row of the batch. */
  #hidden: Uint8Array = new Uint8Array(0)

  constructor(
    partition: Partition,
    question: Pick<Question, 'format' | 'hidden'>,
    endOf: EndOf,
    options: CutterOptions,
  ) {
    this.#partition = partition
    this.#question = question
    this.#endOf = endOf
    this.#options = options
    this.#seq = options.firstSeq
    this.#after = partition.after
  }

  begin(): void {
    this.#header = this.#question.format === 'pgcopy' ? new HeaderCutter() : null
    this.#ended = false
  }

  add(chunk: Uint8Array): void {
    const rows = this.#header?.behind(chunk, 'source-failed') ?? chunk
    this.#reserve(rows.length).set(rows, this.#used)
    this.#used += rows.length
  }

  /** The next batch, if the row behind it is there. */
  next(): Batch | null {
    const bytes = this.#bytes
    if (bytes === null || this.#ended) return null
    const { rows, bytes: most } = this.#options.limits
    for (;;) {
      const end = this.#rowEnd(bytes)
      if (end === incomplete) return null
      if (end === trailer) {
        this.#ended = true
        this.#scanned = this.#used
        return null
      }
      const begin = this.#scanned + this.#hiddenBytes(bytes, end)
      const length = end - begin
      if (this.#rows > 0 && (this.#rows >= rows || this.#packed + length > most)) return this.#cut(false)
      this.#take(bytes, begin, end)
    }
  }

  /** A COPY has come to its end. Throws `source-failed` where its rows break off. */
  complete(): void {
    const whole = this.#question.format === 'pgcopy' ? this.#ended : this.#scanned === this.#used
    if (!whole) throw new DroverError('source-failed', `the rows of ${this.#partition.table} break off`)
    this.#scanned = this.#packed
    this.#used = this.#packed
  }

  /** The batch of what is left, which ends where the partition ends. */
  end(): Batch {
    return this.#cut(true)
  }

  /** Gives back the memory of a batch that will not be cut. */
  discard(): void {
    if (this.#bytes !== null) this.#options.pool.give(this.#bytes.buffer)
    this.#bytes = null
  }

  #rowEnd(bytes: Uint8Array): number {
    if (this.#question.format === 'pgcopy') return tupleEnd(bytes, this.#scanned, this.#used)
    const feed = bytes.indexOf(lineFeed, this.#scanned)
    return feed < 0 || feed >= this.#used ? incomplete : feed + 1
  }

  /** Bytes before the fields that go on, the count of fields aside. */
  #hiddenBytes(bytes: Uint8Array, end: number): number {
    const { format, hidden } = this.#question
    if (hidden === 0) return 0
    const start = this.#scanned
    let at = format === 'pgcopy' ? start + 2 : start
    for (let field = 0; field < hidden; field++) {
      at = format === 'pgcopy' ? at + 4 + Math.max(0, int32(bytes, at)) : behindTab(bytes, at, end)
    }
    return format === 'pgcopy' ? at - 2 - start : at - start
  }

  /** The row moves to where the one before ends, without what is before `begin`. */
  #take(bytes: Uint8Array, begin: number, end: number): void {
    const { format, hidden } = this.#question
    if (hidden > 0) {
      const fields = ((bytes[this.#scanned] as number) << 8) | (bytes[this.#scanned + 1] as number)
      this.#hidden = bytes.slice(
        format === 'pgcopy' ? this.#scanned + 2 : this.#scanned,
        begin + (format === 'pgcopy' ? 2 : 0),
      )
      bytes.copyWithin(this.#packed, begin, end)
      if (format === 'pgcopy') {
        bytes[this.#packed] = (fields - hidden) >> 8
        bytes[this.#packed + 1] = (fields - hidden) & 0xff
      }
    }
    this.#packed += end - begin
    this.#scanned = end
    if (++this.#rows === this.#offsets.length) this.#widen()
    this.#offsets[this.#rows] = this.#packed
  }

  #cut(last: boolean): Batch {
    const bytes = this.#bytes?.subarray(0, this.#packed) ?? new Uint8Array(0)
    const { id: partition, table } = this.#partition
    const upTo = last || this.#rows === 0 ? this.#partition.upTo : this.#endOf(this.#lastOf(bytes), this.#hidden)
    const batch: Batch = {
      id: { table, partition, seq: this.#seq++, after: this.#after, upTo, last },
      format: this.#question.format,
      rows: this.#rows,
      bytes,
      offsets: this.#offsets.slice(0, this.#rows + 1),
    }
    const rest = this.#bytes?.subarray(this.#scanned, this.#used) ?? new Uint8Array(0)
    this.#after = upTo
    this.#largest = Math.max(this.#largest, this.#packed)
    this.#bytes = null
    this.#packed = 0
    this.#scanned = 0
    this.#used = 0
    this.#rows = 0
    if (!last) {
      this.#reserve(rest.length).set(rest)
      this.#used = rest.length
    }
    return batch
  }

  #lastOf(bytes: Uint8Array): Uint8Array {
    return bytes.subarray(this.#offsets[this.#rows - 1], this.#packed)
  }

  #reserve(length: number): Uint8Array<ArrayBuffer> {
    const needed = this.#used + length
    const held = this.#bytes
    if (held !== null && held.length >= needed) return held
    if (needed > mostBytes) {
      throw new DroverError('source-failed', `a batch of ${this.#partition.table} would be larger than 4 GiB`)
    }
    const wanted = held === null ? this.#largest * spare + slackBytes : held.length * 2
    const taken = this.#options.pool.take(Math.ceil(Math.max(wanted, needed)))
    if (held !== null) {
      taken.set(held.subarray(0, this.#used))
      this.#options.pool.give(held.buffer)
    }
    this.#bytes = taken
    return taken
  }

  #widen(): void {
    const wider = new Uint32Array(this.#offsets.length * 2)
    wider.set(this.#offsets)
    this.#offsets = wider
  }
}

function int32(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] as number) << 24) |
    ((bytes[at + 1] as number) << 16) |
    ((bytes[at + 2] as number) << 8) |
    (bytes[at + 3] as number)
  )
}

/** Behind the field of a line that begins here; a last field ends where the line feed is. */
function behindTab(bytes: Uint8Array, at: number, end: number): number {
  const found = bytes.indexOf(tab, at)
  return found < 0 || found >= end ? end - 1 : found + 1
}
