import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RowPacker } from '../../../src/connectors/sqlite/row-packer.ts'
import { ByteWriter } from '../../../src/format/byte-writer.ts'
import { appendRecord, StoredText, type SqliteValue } from '../../../src/format/sqlite-record.ts'

const bytes = fc.uint8Array({ maxLength: 300 })
const edges = [
  0n,
  1n,
  -1n,
  127n,
  128n,
  -128n,
  -129n,
  32_767n,
  32_768n,
  2n ** 23n,
  -(2n ** 23n) - 1n,
  2n ** 31n,
  -(2n ** 31n) - 1n,
]
const wide = [2n ** 47n - 1n, 2n ** 47n, -(2n ** 47n), -(2n ** 47n) - 1n, 2n ** 63n - 1n, -(2n ** 63n)]
const value: fc.Arbitrary<SqliteValue> = fc.oneof(
  fc.constant(null),
  fc.constantFrom(...edges, ...wide),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.double({ noNaN: true }),
  fc.string({ unit: 'grapheme', maxLength: 200 }),
  bytes,
  bytes.map((stored) => new StoredText(stored)),
)

describe('rows packed', () => {
  it('are the records of any rows', () => {
    const packer = new RowPacker(5, () => false)
    fc.assert(
      fc.property(fc.array(value, { minLength: 5, maxLength: 5 }), (row) => {
        const writer = new ByteWriter()
        appendRecord(writer, row, [])
        expect(packer.pack(row, false)).toBe(true)
        expect(packer.bytes.subarray(packer.start, packer.end).equals(writer.bytes.subarray(0, writer.at))).toBe(true)
      }),
    )
  })

  it('have headers of any length', () => {
    for (const width of [125, 126, 127, 128, 2000]) {
      const row = Array.from({ length: width }, (_, place) => (place === 7 ? 'x'.repeat(100_000) : 5n))
      const writer = new ByteWriter()
      appendRecord(writer, row, [])
      const packer = new RowPacker(width, () => false)
      packer.pack(row, false)
      expect(packer.bytes.subarray(packer.start, packer.end).equals(writer.bytes.subarray(0, writer.at))).toBe(true)
    }
  })

  it('are given back where a text is in doubt, unless it is certain', () => {
    const packer = new RowPacker(2, (text) => text === 'odd')
    expect(packer.pack(['a', 'odd'], false)).toBe(false)
    expect(packer.pack(['a', 'odd'], true)).toBe(true)
    expect(packer.pack(['a', 'even'], false)).toBe(true)
  })
})
