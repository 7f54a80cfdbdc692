import type { ByteWriter } from '../byte-writer.ts'

const billion = 1_000_000_000
const zero = 0x30

/** Puts a whole number, up to 2^53 and not -0, in decimal. Room for 17 bytes has to be reserved. */
export function putWholeDigits(out: ByteWriter, value: number): void {
  let size = value
  if (value < 0) {
    out.bytes[out.at++] = 0x2d
    size = -value
  }
  if (size < billion) {
    putDigits(out, size | 0, digitsIn(size | 0))
    return
  }
  const high = Math.floor(size / billion)
  putDigits(out, high, digitsIn(high))
  putDigits(out, size - high * billion, 9)
}

/** Puts so many digits of a number below 10^9, with zeros in front. */
export function putDigits(out: ByteWriter, value: number, count: number): void {
  const { bytes, at } = out
  let rest = value | 0
  for (let place = at + count - 1; place >= at; place--) {
    const tenth = (rest / 10) | 0
    bytes[place] = zero + rest - tenth * 10
    rest = tenth
  }
  out.at = at + count
}

/** Of a whole number from 0 to 10^9 - 1. */
export function digitsIn(value: number): number {
  if (value < 10_000) {
    if (value < 100) return value < 10 ? 1 : 2
    return value < 1000 ? 3 : 4
  }
  if (value < 1_000_000) return value < 100_000 ? 5 : 6
  if (value < 100_000_000) return value < 10_000_000 ? 7 : 8
  return 9
}
