import { serialize } from 'bson'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { joinPages, pageOf, pageOfArray, type Page } from '../../../src/connectors/mongodb/page.ts'
import { BsonDamage } from '../../../src/format/bson-reader.ts'

const shown = (page: Page): string[] => Array.from({ length: page.rows }, (_, row) => page.row(row).toString('hex'))
const hex = (rows: readonly Uint8Array[]): string[] => rows.map((row) => Buffer.from(row).toString('hex'))

/** An array of the documents, behind some bytes that do not matter. */
function arrayOf(documents: readonly Uint8Array[]): { bytes: Buffer; at: number } {
  const items = documents.flatMap((row, index) => [Buffer.from([3]), Buffer.from(`${index}\0`), row])
  const body = Buffer.concat([Buffer.alloc(4), ...items, Buffer.of(0)])
  body.writeInt32LE(body.length)
  return { bytes: Buffer.concat([Buffer.from('before'), body]), at: 6 }
}

const documents = fc.array(
  fc.record({ a: fc.integer(), b: fc.string() }).map((value) => serialize(value)),
  { maxLength: 40 },
)

describe('a page', () => {
  it('has the rows of an array, however many were expected, and any part of them', () => {
    fc.assert(
      fc.property(documents, fc.nat({ max: 50 }), fc.nat(), fc.nat(), (rows, expected, one, other) => {
        const { bytes, at } = arrayOf(rows)
        const page = pageOfArray(bytes, at, bytes.length, expected)
        expect(shown(page)).toStrictEqual(hex(rows))
        expect(page.rowBytes).toBe(rows.reduce((sum, { length }) => sum + length, 0))
        const [from = 0, to = 0] = [one % (rows.length + 1), other % (rows.length + 1)].toSorted((a, b) => a - b)
        expect(shown(page.part(from, to))).toStrictEqual(hex(rows.slice(from, to)))
        expect(shown(joinPages([page.part(from, to), pageOf(rows)]))).toStrictEqual(
          hex([...rows.slice(from, to), ...rows]),
        )
      }),
    )
  })

  it('refuses what is no array of documents, and reads nothing beyond it', () => {
    const { bytes, at } = arrayOf([serialize({ a: 1 }), serialize({ a: 2 })])
    for (let end = at; end < bytes.length; end++) {
      expect(() => pageOfArray(bytes, at, end, 2)).toThrow(BsonDamage)
    }
    const scalar = Buffer.from(bytes)
    scalar[at + 4] = 0x10
    expect(() => pageOfArray(scalar, at, bytes.length, 2)).toThrow('no document')
    const overlong = Buffer.from(bytes)
    overlong.writeInt32LE(1000, at + 7)
    expect(() => pageOfArray(overlong, at, bytes.length, 2)).toThrow(BsonDamage)
    // The last document ends with the zero byte that ends the array.
    const swallowing = Buffer.from(bytes)
    const last = bytes.length - 1 - serialize({ a: 2 }).length
    swallowing.writeInt32LE(swallowing.readInt32LE(last) + 1, last)
    expect(() => pageOfArray(swallowing, at, bytes.length, 2)).toThrow(BsonDamage)
  })
})
