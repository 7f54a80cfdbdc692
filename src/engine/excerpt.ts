import type { EncodedRows } from '../core/batch.ts'
import type { Transcoded } from '../format/codec.ts'

/** Some of the rows that a batch has become, ready to be written. */
export interface Excerpt {
  readonly parts: readonly EncodedRows[]
  /** The place in the batch of the row that gave row `index` of a part. */
  origin(part: number, index: number): number
}

/** What rows `from … to - 1` of the batch have become, sharing the bytes. */
export function excerptOf(transcoded: Transcoded, from: number, to: number): Excerpt {
  return pick(transcoded, (origin) => origin >= from && origin < to)
}

/** What all rows of the batch but some have become. */
export function without(transcoded: Transcoded, left: ReadonlySet<number>): Excerpt {
  return left.size === 0 ? transcoded : pick(transcoded, (origin) => !left.has(origin))
}

/** Rows of a part that are taken, as their places in it, ascending. */
type Taken = Uint32Array

function pick(transcoded: Transcoded, wanted: (origin: number) => boolean): Excerpt {
  const taken = transcoded.parts.map((rows) => placesOf(rows, transcoded, wanted))
  const [own = new Uint32Array()] = taken
  const parts = transcoded.parts.map((rows, index) => packed(rows, taken[index] ?? new Uint32Array(), own))
  const origin = (part: number, index: number): number => {
    const at = parts.findIndex((rows) => rows.part === part)
    return transcoded.origin(part, taken[at]?.[index] ?? index)
  }
  return { parts, origin }
}

function placesOf(rows: EncodedRows, transcoded: Transcoded, wanted: (origin: number) => boolean): Taken {
  const places = new Uint32Array(rows.rows)
  let count = 0
  for (let row = 0; row < rows.rows; row++) if (wanted(transcoded.origin(rows.part, row))) places[count++] = row
  return places.subarray(0, count)
}

/** Rows that lie one behind the other stay where they are; others are copied together. */
function packed(rows: EncodedRows, taken: Taken, own: Taken): EncodedRows {
  const first = taken[0] ?? 0
  const last = taken.at(-1) ?? -1
  const together = last - first + 1 === taken.length
  const offsets = together ? rows.offsets.slice(first, first + taken.length + 1) : new Uint32Array(taken.length + 1)
  const bytes = together ? rows.bytes : gather(rows, taken, offsets)
  return { ...rows, rows: taken.length, bytes, offsets, owners: ownersOf(rows, taken, own) }
}

function gather({ bytes, offsets: from }: EncodedRows, taken: Taken, offsets: Uint32Array): Uint8Array {
  let size = 0
  taken.forEach((row, index) => {
    size += (from[row + 1] ?? 0) - (from[row] ?? 0)
    offsets[index + 1] = size
  })
  const gathered = new Uint8Array(size)
  taken.forEach((row, index) => gathered.set(bytes.subarray(from[row], from[row + 1]), offsets[index]))
  return gathered
}

/** The places of the owners among the rows taken of the plan's own table; both ascend. */
function ownersOf({ owners }: EncodedRows, taken: Taken, own: Taken): Uint32Array | null {
  if (owners === null) return null
  let at = 0
  return taken.map((row) => {
    const owner = owners[row] ?? 0
    while ((own[at] ?? owner) < owner) at++
    return at
  })
}
