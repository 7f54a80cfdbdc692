import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BucketSums, bucketsFor, mostBuckets } from '../../../src/verify/bucket-sums.ts'
import { add128, hashHex, hashInto } from '../../../src/verify/hash128.ts'

function hashOf(bytes: Uint8Array, seed = 0): Uint32Array {
  const lanes = new Uint32Array(4).fill(seed)
  hashInto(lanes, 0, bytes, 0, bytes.length)
  return lanes
}

describe('MurmurHash3_x86_128', () => {
  it.each([
    ['', 0, '00000000000000000000000000000000'],
    ['', 1, '88c4adec54d201b954d201b954d201b9'],
    ['I will not buy this record, it is scratched.', 0, 'a0a9683b25ac5e40d9af2895890dddf5'],
    ['The quick brown fox jumps over the lazy dog', 0, '2f1583c3ecee2c675d7bf66ce5e91d2c'],
  ])('of %j with seed %i', (text, seed, hex) => {
    expect(hashHex(hashOf(Buffer.from(text), seed))).toBe(hex)
  })

  it('has the verification value of SMHasher, which covers every length up to 255', () => {
    const key = Uint8Array.from({ length: 256 }, (_, i) => i)
    const hashes = new DataView(new ArrayBuffer(256 * 16))
    for (let length = 0; length < 256; length++) {
      const lanes = hashOf(key.subarray(0, length), 256 - length)
      lanes.forEach((value, lane) => hashes.setUint32(length * 16 + lane * 4, value, true))
    }
    const [first] = hashOf(new Uint8Array(hashes.buffer))
    expect(first).toBe(0xb3ece62a)
  })

  it('takes the bytes from anywhere, and the lanes too', () => {
    const text = Buffer.from('-- what counts --')
    const lanes = new Uint32Array(12)
    hashInto(lanes, 5, text, 3, 14)
    expect(lanes.subarray(5, 9)).toEqual(hashOf(Buffer.from('what counts')))
    expect([...lanes.subarray(0, 5), ...lanes.subarray(9)]).toEqual([0, 0, 0, 0, 0, 0, 0, 0])
  })
})

const number128 = fc.bigInt({ min: 0n, max: 2n ** 128n - 1n })

function lanesOf(value: bigint): Uint32Array<ArrayBuffer> {
  return Uint32Array.from({ length: 4 }, (_, lane) => Number((value >> BigInt(32 * lane)) & 0xffffffffn))
}

describe('sums of 128 bits', () => {
  it('carry from lane to lane, and drop what is beyond', () => {
    fc.assert(
      fc.property(number128, number128, (a, b) => {
        const sum = lanesOf(a)
        add128(sum, 0, lanesOf(b), 0)
        expect(sum).toEqual(lanesOf((a + b) % 2n ** 128n))
      }),
    )
  })

  it('are the same in any order and in any pieces, and differ where one is there twice', () => {
    const hashes = fc.array(fc.tuple(number128, number128), { minLength: 1 })
    fc.assert(
      fc.property(hashes, fc.integer({ min: 0, max: 20 }), (rows, cut) => {
        const sumOf = (some: typeof rows): BucketSums => {
          const sums = new BucketSums(4)
          for (const [key, row] of some) sums.add(lanesOf(key), lanesOf(row))
          return sums
        }
        const whole = sumOf(rows)
        const pieces = sumOf(rows.slice(cut).toReversed())
        pieces.merge(sumOf(rows.slice(0, cut)))
        expect(whole.differing(pieces)).toEqual([])
        expect(pieces.rows).toBe(rows.length)
        const [first] = rows
        if (first === undefined) return
        pieces.merge(sumOf([first]))
        expect(whole.differing(pieces)).toEqual([Number(first[0] % 4n)])
      }),
    )
  })

  it('have buckets of about 500 rows, as many as memory allows', () => {
    expect([0, 1, 500, 501, 1_000_000, 10 ** 12].map(bucketsFor)).toEqual([1, 1, 1, 2, 2048, mostBuckets])
  })
})
