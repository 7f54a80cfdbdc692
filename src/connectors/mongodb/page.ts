import { DroverError } from '../../core/errors.ts'
import { BsonReader } from '../../format/bson-reader.ts'
import { tag } from '../../format/bson-types.ts'

/** Rows of one answer of the server, in order, where they lie in it. */
export class Page {
  readonly bytes: Buffer
  /** Row i is `bytes[starts[i] … ends[i])`. */
  readonly starts: Uint32Array
  readonly ends: Uint32Array

  constructor(bytes: Buffer, starts: Uint32Array, ends: Uint32Array) {
    this.bytes = bytes
    this.starts = starts
    this.ends = ends
  }

  get rows(): number {
    return this.starts.length
  }

  /** A row that is there. */
  row(index: number): Buffer {
    return this.bytes.subarray(this.starts[index], this.ends[index])
  }

  /** The rows `from … to - 1`. */
  part(from: number, to: number): Page {
    return new Page(this.bytes, this.starts.subarray(from, to), this.ends.subarray(from, to))
  }

  get rowBytes(): number {
    let sum = 0
    for (let row = 0; row < this.rows; row++) sum += (this.ends[row] ?? 0) - (this.starts[row] ?? 0)
    return sum
  }
}

/** The rows of several pages in memory of their own. */
export function joinPages(pages: readonly Page[]): Page {
  const rows = pages.flatMap((page) => Array.from({ length: page.rows }, (_, row) => page.row(row)))
  return pageOf(rows)
}

/** Rows that lie anywhere, copied. */
export function pageOf(rows: readonly Uint8Array[]): Page {
  const [starts, ends] = [new Uint32Array(rows.length), new Uint32Array(rows.length)]
  let end = 0
  for (const [row, { length }] of rows.entries()) {
    starts[row] = end
    ends[row] = end += length
  }
  return new Page(Buffer.concat(rows), starts, ends)
}

/**
 * The documents of an array, found by their lengths alone: nothing is made of them, and whoever decodes them looks at
 * the rest. Throws `BsonDamage`, and `source-failed` where one of the elements is no document.
 */
export function pageOfArray(bytes: Buffer, at: number, end: number, expectedRows: number): Page {
  const reader = new BsonReader(bytes)
  const limit = reader.documentEnd(at, end) - 1
  let starts = new Uint32Array(Math.max(expectedRows, 1))
  let ends = new Uint32Array(starts.length)
  let rows = 0
  for (let next = at + 4; next < limit; rows++) {
    if (bytes[next] !== tag.object) throw new DroverError('source-failed', 'the server sent a row that is no document')
    const start = reader.skipName(next + 1, limit)
    next = reader.documentEnd(start, limit)
    if (rows === starts.length) {
      starts = grown(starts)
      ends = grown(ends)
    }
    starts[rows] = start
    ends[rows] = next
  }
  return new Page(bytes, starts.subarray(0, rows), ends.subarray(0, rows))
}

function grown(numbers: Uint32Array): Uint32Array<ArrayBuffer> {
  const wider = new Uint32Array(numbers.length * 2)
  wider.set(numbers)
  return wider
}
