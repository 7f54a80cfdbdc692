import { isDeepStrictEqual } from 'node:util'
import {
  Binary,
  BSONRegExp,
  BSONSymbol,
  Code,
  Decimal128,
  Double,
  Long,
  MaxKey,
  ObjectId,
  serialize,
  Timestamp,
} from 'bson'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { keyOf } from '../../../src/connectors/mongodb/position.ts'
import { coercions } from '../../../src/core/coercion.ts'
import { RowError } from '../../../src/core/row-error.ts'
import type { Sample } from '../../../src/core/sample.ts'
import { createBsonDecoder } from '../../../src/format/bson-decoder.ts'
import { createBsonObserver } from '../../../src/format/bson-observe.ts'
import { BsonDamage } from '../../../src/format/bson-reader.ts'
import { tag } from '../../../src/format/bson-types.ts'
import { createPgCopyEncoder } from '../../../src/format/pgcopy-encoder.ts'
import { createRowObserver } from '../../../src/format/row-observe.ts'
import { batchOf, bsonDocuments, planOf, rawDocument, rawString } from './samples.ts'

const document = serialize({
  _id: new ObjectId('65'.repeat(12)),
  s: 'strüng',
  d: new Double(1.5),
  l: Long.MAX_VALUE,
  b: true,
  t: new Date(0),
  n: null,
  o: { a: [1, 'x', { y: null }] },
  x: new Binary(Buffer.from('abc'), 2),
  u: new Binary(Buffer.alloc(16), 4),
  r: new BSONRegExp('a', 'i'),
  c: new Code('f'),
  w: new Code('f', { a: 1 }),
  y: new BSONSymbol('s'),
  m: Decimal128.fromString('1.10'),
  k: new MaxKey(),
  z: new Timestamp({ t: 1, i: 2 }),
})
const fields = ['_id', ...'sdlbtnoxurcwymkz']
const plan = planOf(Object.fromEntries(fields.map((field) => [field, 'json'])), { ignore: 'others' })
const decoder = createBsonDecoder(plan, '_id')
const lenient = createBsonDecoder({ ...plan, coerce: coercions.map((name) => ({ path: null, name })) }, '_id')
const everything = createBsonDecoder(planOf({}, { transform: { file: null, steps: [] } }), '_id')
const encoder = createPgCopyEncoder(plan)

/** What it gives, or null when it refuses the row. Anything but a RowError escapes. */
function unlessRejected<T>(act: () => T): T | null {
  try {
    return act()
  } catch (error) {
    if (!(error instanceof RowError)) throw error
    expect(error.shape.code).toBe('row-rejected')
    return null
  }
}

/** Its place in the key order, as the source cuts it; null: it has none, or none that can be read. */
function positionOf(bytes: Uint8Array): Uint8Array | null {
  try {
    return keyOf(bytes)
  } catch (error) {
    if (error instanceof BsonDamage) return null
    throw error
  }
}

/** Reads a document in every way there is; true: it was whole. */
function readable(bytes: Uint8Array): boolean {
  // Bytes behind the row belong to another one and must not be read.
  const batch = batchOf([bytes, Buffer.from('7fffffff'.repeat(16), 'hex')])
  expect(typeof decoder.keyText(batch, 0)).toBe('string')
  expect(decoder.keyBytes(batch, 0)).toStrictEqual(positionOf(bytes))
  const [{ rows, damaged, fields }, decoded] = [
    createBsonObserver('_id', () => null),
    createRowObserver(everything, null, () => null),
  ].map((observer) => {
    void observer.observe(batch)
    return observer.sample(true)
  }) as [Sample, Sample]
  expect(rows).toBe(2)
  expect(decoded.rows).toBe(2)
  expect(decoded.damaged).toBeGreaterThanOrEqual(damaged)
  const row = unlessRejected(() => decoder.decodeRow(batch, 0))
  const mended = unlessRejected(() => lenient.decodeRow(batch, 0))
  if (row !== null) {
    // Not by vitest's matcher, which takes a field called constructor for the class.
    expect(isDeepStrictEqual(mended, row)).toBe(true)
    expect(lenient.takeCoerced()).toStrictEqual([])
  } else if (mended !== null) {
    expect(lenient.takeCoerced()).not.toStrictEqual([])
  }
  const whole = unlessRejected(() => everything.decodeRow(batch, 0))
  if (whole !== null) {
    // It looks at less, so it cannot refuse what was decoded.
    expect(damaged).toBe(1)
    expect(fields.length > 0 || Object.keys(whole.fields).length === 0).toBe(true)
  }
  if (row === null) return false
  const encoding = encoder.begin(1)
  unlessRejected(() => encoding.add(0, row))
  encoder.recycle(encoding.end().parts)
  return true
}

describe('damaged bytes', () => {
  it('the whole document is readable', () => {
    expect(readable(document)).toBe(true)
  })

  it('cut at any offset are refused, also with the length set right', () => {
    for (let length = 0; length < document.length; length++) {
      const cut = Buffer.from(document.subarray(0, length))
      expect(readable(cut)).toBe(false)
      if (length < 4) continue
      cut.writeInt32LE(length)
      // Cut between two elements and terminated, it is a shorter document; without a terminator it never is one.
      if (cut.at(-1) !== 0) expect(readable(cut)).toBe(false)
      else expect(typeof readable(cut)).toBe('boolean')
    }
  })

  it('with any byte changed are read or refused', () => {
    for (let at = 0; at < document.length; at++) {
      for (const mask of [0x01, 0x02, 0x10, 0x7f, 0x80, 0xff]) {
        const changed = Buffer.from(document)
        changed[at] = (changed[at] ?? 0) ^ mask
        expect(typeof readable(changed)).toBe('boolean')
      }
    }
  })

  it('with any length set to an extreme are refused', () => {
    for (let at = 0; at + 4 <= document.length; at++) {
      for (const length of [-1, 0, 1, 0x7fffffff, -0x80000000, 0x1000]) {
        const changed = Buffer.from(document)
        changed.writeInt32LE(length, at)
        expect(typeof readable(changed)).toBe('boolean')
      }
    }
    const first = Buffer.from(document)
    first.writeInt32LE(0x7fffffff)
    expect(readable(first)).toBe(false)
  })

  it('of pure chance are read or refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        const framed = Buffer.concat([Buffer.alloc(4), bytes, Buffer.of(0)])
        framed.writeInt32LE(framed.length)
        expect(typeof readable(framed)).toBe('boolean')
      }),
      { numRuns: 1000 },
    )
  })

  it('of whole documents, changed at some places, are read or refused', () => {
    const changes = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 4 })
    const pieces = fc.tuple(fc.nat(), fc.nat({ max: 40 }), fc.nat())
    fc.assert(
      fc.property(bsonDocuments, changes, fc.option(pieces), (sound, changed, piece) => {
        let bytes = Buffer.from(sound)
        for (const [at, byte] of changed) bytes[at % bytes.length] = byte
        if (piece !== null) {
          // A piece of it is put in at another place.
          const [from, length, to] = piece.map((place) => place % bytes.length) as [number, number, number]
          bytes = Buffer.concat([bytes.subarray(0, to), bytes.subarray(from, from + length), bytes.subarray(to)])
          bytes.writeInt32LE(bytes.length)
        }
        const whole = readable(bytes)
        if (changed.length === 0 && piece === null) expect(whole).toBe(true)
      }),
      { numRuns: 1000 },
    )
  })

  it('nested absurdly deep, wide or long are refused or read, and the rows beside them are not touched', () => {
    const levels = 20_000
    for (const type of [tag.object, tag.array]) {
      const deep = Buffer.alloc(levels * 8 - 3)
      for (let level = 0; level < levels; level++) {
        deep.writeInt32LE((levels - level) * 8 - 3, level * 7)
        if (level + 1 < levels) deep.set([type, 0x30, 0], level * 7 + 4)
      }
      expect(readable(rawDocument([[type, 'o', deep]]))).toBe(false)
    }
    const wide = Array.from({ length: 20_000 }, (_, index) => [tag.null, `f${index}`, Buffer.alloc(0)] as const)
    expect(readable(rawDocument(wide))).toBe(true)
    const same = Array.from({ length: 20_000 }, () => [tag.null, 'o', Buffer.alloc(0)] as const)
    expect(readable(rawDocument(same))).toBe(false)
    expect(readable(rawDocument([[tag.object, 'o', rawDocument(same)]]))).toBe(false)
    expect(readable(rawDocument([[tag.null, 'n'.repeat(1 << 20), Buffer.alloc(0)]]))).toBe(true)
    expect(readable(rawDocument([[tag.string, 's', rawString(Buffer.alloc(1 << 20, 0xff))]]))).toBe(false)
    expect(readable(document)).toBe(true)
  })

  it('whose lengths are off by a byte are refused', () => {
    // A string that takes the terminator of its document for its own.
    const long = Buffer.from(serialize({ s: 'ab' }))
    long.writeInt32LE(4, 7)
    expect(readable(long)).toBe(false)
    const unterminated = Buffer.from(serialize({ s: 'ab', _id: 1 }))
    unterminated[13] = 0x63
    expect(readable(unterminated)).toBe(false)
    // Code with scope, with a byte behind the scope.
    const scope = Buffer.from(serialize({ w: new Code('f', {}), _id: 1 }))
    const end = 7 + scope.readInt32LE(7)
    const wider = Buffer.concat([scope.subarray(0, end), Buffer.of(0), scope.subarray(end)])
    wider.writeInt32LE(wider.length)
    wider.writeInt32LE(scope.readInt32LE(7) + 1, 7)
    expect(readable(wider)).toBe(false)
    // A row that is longer than its document.
    expect(readable(Buffer.concat([document, Buffer.of(0)]))).toBe(false)
  })

  it('with a bool of 2, a cut binary, lengths that disagree are refused', () => {
    const at = (needle: string): number => Buffer.from(document).indexOf(needle, 'latin1')
    const bool = Buffer.from(document)
    bool[at('\x08b\0') + 3] = 2
    expect(readable(bool)).toBe(false)
    const binary = Buffer.from(document)
    binary.writeInt32LE(4, at('\x05x\0') + 8)
    expect(readable(binary)).toBe(false)
    const scope = Buffer.from(document)
    scope.writeInt32LE(scope.readInt32LE(at('\x0fw\0') + 3) - 1, at('\x0fw\0') + 3)
    expect(readable(scope)).toBe(false)
  })
})
