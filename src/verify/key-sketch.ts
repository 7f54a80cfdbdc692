import { hash } from 'node:crypto'

/**
 * What of many keys tells, in bounded memory, the few by which two lists of them differ: an invertible Bloom lookup table
 * (Goodrich and Mitzenmacher, "Invertible Bloom Lookup Tables", 2011). Each key adds its hash to one cell in each of three
 * rows; after the same keys were taken away, a cell that is left with one hash gives it up, which empties others.
 * Plain data, so that sketches of parts can be sent and added up.
 */
export interface KeySketch {
  /** How often keys were added, less how often they were taken away. */
  readonly counts: Int32Array
  /** Sums of the hashes modulo 2^64. */
  readonly sums: BigUint64Array
  /** Sums of a second hash of each hash: what tells one hash from a sum of several. */
  readonly checks: BigUint64Array
}

/** Names at most about 2,500 keys: that many in three rows are peeled almost surely. */
const cellsOfRow = 1024
const hashRows = 3
/** So the sum of up to 256 equal hashes is exact in 64 bits. */
const hashBits = 56n

export function newSketch(): KeySketch {
  const cells = cellsOfRow * hashRows
  return { counts: new Int32Array(cells), sums: new BigUint64Array(cells), checks: new BigUint64Array(cells) }
}

export function hashOfKey(key: string): bigint {
  return hash('sha256', key, 'buffer').readBigUInt64BE() >> (64n - hashBits)
}

export function addKey(sketch: KeySketch, key: bigint, times = 1): void {
  const [count, check] = [BigInt(times), checkOf(key)]
  for (let row = 0; row < hashRows; row++) {
    const cell = cellOf(key, row)
    // The arrays wrap around, as the sums are meant to.
    sketch.counts[cell] = (sketch.counts[cell] ?? 0) + times
    sketch.sums[cell] = (sketch.sums[cell] ?? 0n) + key * count
    sketch.checks[cell] = (sketch.checks[cell] ?? 0n) + check * count
  }
}

/** Takes all keys of `other` away, or with 1 adds them. */
export function combine(sketch: KeySketch, other: KeySketch, sign: 1 | -1): void {
  const factor = BigInt(sign)
  for (let cell = 0; cell < sketch.counts.length; cell++) {
    sketch.counts[cell] = (sketch.counts[cell] ?? 0) + sign * (other.counts[cell] ?? 0)
    sketch.sums[cell] = (sketch.sums[cell] ?? 0n) + factor * (other.sums[cell] ?? 0n)
    sketch.checks[cell] = (sketch.checks[cell] ?? 0n) + factor * (other.checks[cell] ?? 0n)
  }
}

/** The hashes that were added more often than taken away, as far as they can be told, and how often. Empties the sketch of them. */
export function peel(sketch: KeySketch): ReadonlyMap<bigint, number> {
  const found = new Map<bigint, number>()
  const waiting = Array.from(sketch.counts.keys())
  for (let cell = waiting.pop(); cell !== undefined; cell = waiting.pop()) {
    const count = sketch.counts[cell] ?? 0
    const key = pureKey(sketch, cell, count)
    if (key === null) continue
    found.set(key, (found.get(key) ?? 0) + count)
    addKey(sketch, key, -count)
    for (let row = 0; row < hashRows; row++) waiting.push(cellOf(key, row))
  }
  return found
}

/** The one hash in a cell, added `count` times; null: there is none, or more than one. */
function pureKey({ sums, checks }: KeySketch, cell: number, count: number): bigint | null {
  if (count <= 0) return null
  const [sum, times] = [sums[cell] ?? 0n, BigInt(count)]
  const key = sum / times
  if (key * times !== sum || key >> hashBits !== 0n) return null
  if (BigInt.asUintN(64, checkOf(key) * times) !== (checks[cell] ?? 0n)) return null
  return cellOf(key, Math.floor(cell / cellsOfRow)) === cell ? key : null
}

function cellOf(key: bigint, row: number): number {
  return row * cellsOfRow + Number((key >> BigInt(row * 16)) & BigInt(cellsOfRow - 1))
}

/** An odd factor spreads every bit of the hash over the upper ones. */
function checkOf(key: bigint): bigint {
  return BigInt.asUintN(64, (key ^ (key >> 29n)) * 0x9e3779b97f4a7c15n) >> 24n
}
