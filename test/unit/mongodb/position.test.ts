import {
  Binary,
  BSONRegExp,
  BSONSymbol,
  Code,
  Decimal128,
  deserialize,
  Double,
  Int32,
  Long,
  MaxKey,
  MinKey,
  ObjectId,
  serialize,
  Timestamp,
  UUID,
} from 'bson'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Position } from '../../../src/core/batch.ts'
import { keyExpression, keyOf, positionOf } from '../../../src/connectors/mongodb/position.ts'

const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
const bytesOf = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: length, maxLength: length })
const text = fc.string({ unit: 'binary' }).filter((value) => value.isWellFormed())
const fieldName = fc
  .oneof(text, fc.constantFrom('2', '1', '__proto__', '_bsontype', 'toBSON', '$ref', ''))
  .map((name) => name.replaceAll('\0', ''))

/** A value of every type that a server takes as `_id`. */
const scalar: fc.Arbitrary<unknown> = fc.oneof(
  fc.double({ noNaN: true }).map((value) => new Double(value)),
  text,
  bytesOf(12).map((bytes) => new ObjectId(bytes)),
  fc.boolean(),
  fc.constantFrom(null, new MinKey(), new MaxKey()),
  fc.date({ noInvalidDate: true }),
  fc.integer().map((value) => new Int32(value)),
  int64.map((value) => Long.fromBigInt(value)),
  int64.map((value) => new Timestamp(Long.fromBigInt(BigInt.asUintN(64, value), true))),
  fc
    .tuple(fc.integer({ min: -999_999, max: 999_999 }), fc.integer({ min: -6000, max: 6000 }))
    .map(([digits, exponent]) => Decimal128.fromString(`${digits}E${exponent}`)),
  fc
    .tuple(fc.uint8Array({ maxLength: 20 }), fc.constantFrom(0, 1, 2, 3, 5, 6, 7, 128))
    .map(([bytes, type]) => new Binary(bytes, type)),
  bytesOf(16).map((bytes) => new UUID(bytes)),
  text.map((value) => new BSONSymbol(value)),
  text.map((value) => new Code(value)),
)

const nested = fc.letrec<{ value: unknown; document: Map<string, unknown>; array: unknown[] }>((tie) => ({
  value: fc.oneof({ maxDepth: 3 }, scalar, tie('document'), tie('array'), fc.constant(new BSONRegExp('^a', 'i'))),
  document: fc
    .uniqueArray(fc.tuple(fieldName, tie('value')), { selector: ([name]) => name, maxLength: 4 })
    .map((entries) => new Map(entries)),
  array: fc.array(tie('value'), { maxLength: 3 }),
}))

describe('position of a row', () => {
  it('is its key, byte for byte, for every type a server takes', () => {
    fc.assert(
      fc.property(fc.oneof(scalar, nested.document), fc.boolean(), (id, first) => {
        const entries: [string, unknown][] = [
          ['_id', id],
          ['n', { _id: 1 }],
        ]
        const document = serialize(new Map(first ? entries : entries.toReversed()))
        const key = positionOf(document, 'users')
        const alone = serialize(new Map([['_id', id]]))
        expect([...key]).toEqual([alone[4], ...alone.subarray(9, -1)])
        expect(sentBytes(key)).toEqual([...key])
      }),
      { numRuns: 500 },
    )
  })

  it('is a copy, because the memory of a batch goes to a worker', () => {
    const document = serialize({ _id: 'abc' })
    const key = positionOf(document, 'users')
    document.fill(0)
    expect(deserialize(documentOf(key))).toEqual({ _id: 'abc' })
  })

  it('keeps dates that no Date holds', () => {
    for (const ms of [2n ** 63n - 1n, -(2n ** 63n)]) {
      const key = new Uint8Array(9)
      key[0] = 9
      new DataView(key.buffer).setBigInt64(1, ms, true)
      expect(keyExpression(key as Position)).toEqual({ $toDate: { $literal: Long.fromBigInt(ms) } })
    }
  })

  it.each([
    ['text that is not UTF-8', [2, 2, 0, 0, 0, 0xff, 0]],
    ['a name that is not UTF-8', [3, 8, 0, 0, 0, 10, 0xff, 0, 0]],
    ['a field twice', [3, 11, 0, 0, 0, 10, 97, 0, 10, 97, 0, 0]],
    ['a far date in a document', [3, 16, 0, 0, 0, 9, 97, 0, 255, 255, 255, 255, 255, 255, 255, 127, 0]],
    ['the type undefined', [6]],
  ])('knows that it cannot be sent back: %s', (_name, bytes) => {
    expect(keyExpression(new Uint8Array(bytes) as Position)).toBeNull()
  })

  it('is found behind a name that is not UTF-8, and behind one that only begins like it', () => {
    const document = new Uint8Array([
      25, 0, 0, 0, 10, 0xff, 0xfe, 0, 10, 95, 105, 100, 50, 0, 16, 95, 105, 100, 0, 7, 0, 0, 0, 0,
    ])
    document[0] = document.length
    expect([...positionOf(document, 'users')]).toEqual([16, 7, 0, 0, 0])
  })

  it('is missing from a document without _id', () => {
    expect(keyOf(serialize({ id: 1, a: { _id: 2 } }))).toBeNull()
    expect(() => positionOf(serialize({}), 'users')).toThrow(expect.objectContaining({ code: 'source-failed' }))
  })
})

/** The bytes that the expression of a key sends to the server. */
function sentBytes(key: Position): number[] | null {
  const expression = keyExpression(key)
  if (expression === null) return null
  if ('$toDate' in expression) {
    const { $literal } = expression['$toDate'] as { $literal: Long }
    return [9, ...$literal.toBytesLE()]
  }
  const sent = serialize(new Map([['_id', expression['$literal'] as unknown]]))
  return [sent[4] ?? 0, ...sent.subarray(9, -1)]
}

function documentOf(key: Position): Uint8Array {
  const document = new Uint8Array(4 + key.length + 4 + 1)
  new DataView(document.buffer).setInt32(0, document.length, true)
  document.set([key[0] ?? 0, 0x5f, 0x69, 0x64, 0], 4)
  document.set(key.subarray(1), 9)
  return document
}
