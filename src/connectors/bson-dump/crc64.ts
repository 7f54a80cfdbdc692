/** ECMA-182's polynomial with its bits reversed, as mongodump's archives use it: the variant called CRC-64/XZ. */
const polynomial = 0xc96c5795d7870f42n

/** Bytes taken in one step. */
const stride = 8

/** `tables[k * 256 + b]`: what byte `b` does to the sum when `k` bytes follow it; low and high half apart. */
const tables = makeTables()

/** CRC-64/XZ of bytes that come in pieces; eight bytes at a step (slicing-by-8). */
export class Crc64 {
  #low = 0xffffffff | 0
  #high = 0xffffffff | 0

  update(bytes: Uint8Array): void {
    const { low: lows, high: highs } = tables
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const whole = bytes.length - (bytes.length % stride)
    let [low, high] = [this.#low, this.#high]
    for (let at = 0; at < whole; at += stride) {
      const a = low ^ view.getInt32(at, true)
      const b = high ^ view.getInt32(at + 4, true)
      const [i0, i1, i2, i3] = [
        1792 + (a & 255),
        1536 + ((a >>> 8) & 255),
        1280 + ((a >>> 16) & 255),
        1024 + (a >>> 24),
      ]
      const [i4, i5, i6, i7] = [768 + (b & 255), 512 + ((b >>> 8) & 255), 256 + ((b >>> 16) & 255), b >>> 24]
      low = entry(lows, i0) ^ entry(lows, i1) ^ entry(lows, i2) ^ entry(lows, i3)
      low ^= entry(lows, i4) ^ entry(lows, i5) ^ entry(lows, i6) ^ entry(lows, i7)
      high = entry(highs, i0) ^ entry(highs, i1) ^ entry(highs, i2) ^ entry(highs, i3)
      high ^= entry(highs, i4) ^ entry(highs, i5) ^ entry(highs, i6) ^ entry(highs, i7)
    }
    for (let at = whole; at < bytes.length; at++) {
      const index = (low ^ (bytes[at] ?? 0)) & 255
      low = ((low >>> 8) | (high << 24)) ^ entry(lows, index)
      high = (high >>> 8) ^ entry(highs, index)
    }
    this.#low = low
    this.#high = high
  }

  /** Of all that came so far, as the signed number that BSON has for 64 bits. */
  value(): bigint {
    return BigInt.asIntN(64, (BigInt(~this.#high >>> 0) << 32n) | BigInt(~this.#low >>> 0))
  }
}

function entry(table: Int32Array, index: number): number {
  return table[index] as number
}

function makeTables(): { readonly low: Int32Array; readonly high: Int32Array } {
  const low = new Int32Array(stride * 256)
  const high = new Int32Array(stride * 256)
  for (let byte = 0; byte < 256; byte++) {
    let sum = BigInt(byte)
    for (let step = 0; step < stride; step++) {
      for (let bit = 0; bit < 8; bit++) sum = sum & 1n ? (sum >> 1n) ^ polynomial : sum >> 1n
      low[step * 256 + byte] = Number(BigInt.asIntN(32, sum))
      high[step * 256 + byte] = Number(BigInt.asIntN(32, sum >> 32n))
    }
  }
  return { low, high }
}
