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
import { createBsonDecoder } from '../../../src/format/bson-decoder.ts'
import { createBsonObserver } from '../../../src/format/bson-observe.ts'
import { RowError } from '../../../src/core/row-error.ts'
import { createPgCopyEncoder } from '../../../src/format/pgcopy-encoder.ts'
import { batchOf, planOf } from './samples.ts'

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

/** Reads a document in every way there is; true: it was whole. */
function readable(bytes: Uint8Array): boolean {
  // Bytes behind the row belong to another one and must not be read.
  const batch = batchOf([bytes, Buffer.from('7fffffff'.repeat(16), 'hex')])
  expect(typeof decoder.keyText(batch, 0)).toBe('string')
  const observer = createBsonObserver('_id', () => null)
  void observer.observe(batch)
  const { rows, damaged, fields } = observer.sample(true)
  expect(rows).toBe(2)
  const row = unlessRejected(() => decoder.decodeRow(batch, 0))
  if (row === null) return false
  // It looks at less, so it cannot refuse what was decoded.
  expect(damaged).toBe(1)
  expect(fields.length > 0 || Object.keys(row.fields).length === 0).toBe(true)
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
      { numRuns: 3000 },
    )
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
