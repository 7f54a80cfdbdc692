// MurmurHash3_x86_128 by Austin Appleby, who placed it in the public domain:
// https://github.com/aappleby/smhasher/blob/master/src/MurmurHash3.cpp. It is fast in 32-bit arithmetic, which is what
// JavaScript has, and it is not made to withstand somebody who looks for collisions.

const c1 = 0x239b961b
const c2 = 0xab0e9789
const c3 = 0x38b34ae5
const c4 = 0xa1e38b93

/** Lanes of 32 bits in a hash. */
export const hashLanes = 4

/**
 * Replaces the hash in `lanes[at … at + 3]` by that of the bytes, with what was there as the seed of each lane. With the
 * same seed in all of them it is the published function; with an earlier hash it is the hash of both, in this order.
 */
export function hashInto(lanes: Uint32Array, at: number, bytes: Uint8Array, start: number, end: number): void {
  let h1 = lanes[at] as number
  let h2 = lanes[at + 1] as number
  let h3 = lanes[at + 2] as number
  let h4 = lanes[at + 3] as number
  const length = end - start
  const blocksEnd = start + (length & ~15)
  for (let i = start; i < blocksEnd; i += 16) {
    h1 ^= mix(word(bytes, i), c1, 15, c2)
    h1 = (((h1 << 19) | (h1 >>> 13)) + h2) | 0
    h1 = (Math.imul(h1, 5) + 0x561ccd1b) | 0
    h2 ^= mix(word(bytes, i + 4), c2, 16, c3)
    h2 = (((h2 << 17) | (h2 >>> 15)) + h3) | 0
    h2 = (Math.imul(h2, 5) + 0x0bcaa747) | 0
    h3 ^= mix(word(bytes, i + 8), c3, 17, c4)
    h3 = (((h3 << 15) | (h3 >>> 17)) + h4) | 0
    h3 = (Math.imul(h3, 5) + 0x96cd1c35) | 0
    h4 ^= mix(word(bytes, i + 12), c4, 18, c1)
    h4 = (((h4 << 13) | (h4 >>> 19)) + h1) | 0
    h4 = (Math.imul(h4, 5) + 0x32ac3b17) | 0
  }
  if (blocksEnd < end) {
    const left = end - blocksEnd
    if (left > 12) h4 ^= mix(tail(bytes, blocksEnd + 12, end), c4, 18, c1)
    if (left > 8) h3 ^= mix(tail(bytes, blocksEnd + 8, end), c3, 17, c4)
    if (left > 4) h2 ^= mix(tail(bytes, blocksEnd + 4, end), c2, 16, c3)
    h1 ^= mix(tail(bytes, blocksEnd, end), c1, 15, c2)
  }
  h1 ^= length
  h2 ^= length
  h3 ^= length
  h4 ^= length
  h1 = (h1 + h2 + h3 + h4) | 0
  h2 = (h2 + h1) | 0
  h3 = (h3 + h1) | 0
  h4 = (h4 + h1) | 0
  h1 = finish(h1)
  h2 = finish(h2)
  h3 = finish(h3)
  h4 = finish(h4)
  h1 = (h1 + h2 + h3 + h4) | 0
  lanes[at] = h1
  lanes[at + 1] = h2 + h1
  lanes[at + 2] = h3 + h1
  lanes[at + 3] = h4 + h1
}

function word(bytes: Uint8Array, i: number): number {
  return (
    (bytes[i] as number) |
    ((bytes[i + 1] as number) << 8) |
    ((bytes[i + 2] as number) << 16) |
    ((bytes[i + 3] as number) << 24)
  )
}

/** Up to four bytes of what is left. */
function tail(bytes: Uint8Array, i: number, end: number): number {
  let value = bytes[i] as number
  if (i + 1 < end) value |= (bytes[i + 1] as number) << 8
  if (i + 2 < end) value |= (bytes[i + 2] as number) << 16
  if (i + 3 < end) value |= (bytes[i + 3] as number) << 24
  return value
}

function mix(k: number, before: number, bits: number, after: number): number {
  const product = Math.imul(k, before)
  return Math.imul((product << bits) | (product >>> (32 - bits)), after)
}

function finish(h: number): number {
  let mixed = h ^ (h >>> 16)
  mixed = Math.imul(mixed, 0x85ebca6b)
  mixed ^= mixed >>> 13
  mixed = Math.imul(mixed, 0xc2b2ae35)
  return mixed ^ (mixed >>> 16)
}

/** The four lanes as 32 hex digits, the first lane in front. */
export function hashHex(lanes: Uint32Array, at = 0): string {
  let text = ''
  for (let lane = at; lane < at + hashLanes; lane++) text += (lanes[lane] as number).toString(16).padStart(8, '0')
  return text
}

/** Adds the number in `from[at … at + 3]` to that in `to[into … into + 3]` mod 2^128, the lowest lane first. */
export function add128(to: Uint32Array, into: number, from: Uint32Array, at: number): void {
  let carry = 0
  for (let lane = 0; lane < hashLanes; lane++) {
    const sum = (to[into + lane] as number) + (from[at + lane] as number) + carry
    // Storing keeps the lowest 32 bits.
    to[into + lane] = sum
    carry = sum > 0xffffffff ? 1 : 0
  }
}

/** The way back from {@link hashHex}. */
export function lanesOf(hex: string): Uint32Array {
  return Uint32Array.from({ length: hashLanes }, (_, lane) => Number.parseInt(hex.slice(lane * 8, (lane + 1) * 8), 16))
}
