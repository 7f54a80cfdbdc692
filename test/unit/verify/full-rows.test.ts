import {
  Binary,
  BSONRegExp,
  BSONSymbol,
  Code,
  DBRef,
  Decimal128,
  Double,
  Int32,
  Long,
  MaxKey,
  MinKey,
  ObjectId,
  serialize,
  Timestamp,
} from 'bson'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createRowDecoder } from '../../../src/catalog.ts'
import type { Batch } from '../../../src/core/batch.ts'
import type { AllowedCoercion } from '../../../src/core/coercion.ts'
import type { TablePlan } from '../../../src/core/plan.ts'
import { RowError } from '../../../src/core/row-error.ts'
import { Instant } from '../../../src/core/value.ts'
import type { RowReader } from '../../../src/verify/full-row-reader.ts'
import { rowReader } from '../../../src/verify/full-rows.ts'
import { planOf } from '../../support/migration.ts'

const everything: TablePlan = planOf('t', { transform: { file: null, steps: [] } })

function batchOf(document: Uint8Array): Batch {
  const id = { table: 't', partition: 0, seq: 0, last: true, after: null, upTo: null }
  return { id, format: 'bson', rows: 1, bytes: document, offsets: Uint32Array.of(0, document.length) }
}

function readerOf(plan: TablePlan = everything): RowReader {
  return rowReader(plan, '_id', 'pgcopy')
}

/** Documents with one element of any type byte: name and value as bytes. */
function raw(type: number, name: string, value: string): Uint8Array {
  const body = Buffer.concat([Buffer.of(type), Buffer.from(`${name}\0`), Buffer.from(value, 'hex'), Buffer.of(0)])
  const length = Buffer.alloc(4)
  length.writeInt32LE(body.length + 4)
  return Buffer.concat([length, body])
}

function expectAgreement(document: Uint8Array): void {
  const batch = batchOf(document)
  expect(readerOf().row(batch, 0)).toEqual(createRowDecoder('bson', '_id', { table: 't' }).decodeRow(batch, 0))
}

const leaves: readonly unknown[] = [
  'text \u{1f418}',
  '',
  true,
  null,
  undefined,
  new Int32(-5),
  new Double(-0),
  new Double(NaN),
  new Double(1e300),
  Long.MIN_VALUE,
  Decimal128.fromString('1.10'),
  Decimal128.fromString('-9.99E+6144'),
  new ObjectId('0123456789abcdef01234567'),
  new Date(-1),
  new Binary(Buffer.from('00ff', 'hex')),
  new Binary(Buffer.from('ab', 'hex'), 2),
  new Binary(Buffer.from('00112233445566778899aabbccddeeff', 'hex'), 4),
  new Binary(Buffer.from('cafe', 'hex'), 3),
  new Timestamp({ t: 4_000_000_000, i: 3 }),
  new BSONRegExp('a"\\/', 'xi'),
  new Code('f()'),
  new Code('f()', { a: new Int32(1), b: [new Double(1), { c: Long.ONE }], d: new Date(5), e: null, s: 'x"' }),
  new BSONSymbol('s'),
  new MinKey(),
  new MaxKey(),
  new DBRef('other', new ObjectId('0123456789abcdef01234567')),
]

describe("rows by the driver's parser", () => {
  it.each(leaves)('agree with those that are copied: %o', (value) => {
    expectAgreement(serialize({ _id: 1, value, nested: { value, list: [value, [value]] } }, { ignoreUndefined: false }))
  })

  it('agree on documents of any shape', () => {
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { depthSize: 'small' },
        fc.constantFrom(...leaves),
        fc.array(tie('tree'), { maxLength: 4 }),
        fc.dictionary(
          fc.string().filter((name) => !name.includes('\0')),
          tie('tree'),
          { maxKeys: 4 },
        ),
      ),
    }))
    fc.assert(
      fc.property(tree, (value) => {
        expectAgreement(serialize({ _id: 7, value }, { ignoreUndefined: false }))
      }),
      { numRuns: 300 },
    )
  })

  it('keep dates that no Date of JavaScript holds', () => {
    const document = raw(9, 'when', 'ffffffffffffff7f')
    expect(readerOf().row(batchOf(document), 0).fields).toEqual({ when: new Instant(2n ** 63n - 1n) })
  })

  it.each([
    ['is no UTF-8', raw(2, 's', '02000000ff00')],
    ['has a name that is none', raw(2, 'x', '02000000ff00')],
    ['has no terminator', raw(2, 's', '020000006161')],
    ['has a bool of 2', raw(8, 'b', '02')],
    ['has lengths that lie', raw(3, 'd', '0600000000')],
    ['ends early', raw(18, 'n', '0000')],
    ['has an unknown type', raw(0x55, 'n', '')],
    [
      'has a field twice',
      Buffer.concat([
        Buffer.from('0f000000', 'hex'),
        Buffer.from('0a6100', 'hex'),
        Buffer.from('0a6100', 'hex'),
        Buffer.from('0a62000000', 'hex'),
      ]).subarray(0, 15),
    ],
  ])('refuse a document that %s', (_name, document) => {
    expect(() => readerOf().row(batchOf(document), 0)).toThrow(RowError)
    expect(() => createRowDecoder('bson', '_id', { table: 't' }).decodeRow(batchOf(document), 0)).toThrow(RowError)
    expect(() => readerOf().known(batchOf(document), 0)).not.toThrow()
  })

  it('replace broken text, and let the last of twins win, where that is allowed', () => {
    const coerce = (name: AllowedCoercion['name']): TablePlan => ({ ...everything, coerce: [{ path: null, name }] })
    const broken = batchOf(raw(2, 's', '02000000ff00'))
    expect(readerOf(coerce('replace-utf8')).row(broken, 0).fields).toEqual({ s: '\ufffd' })
    const twins = Buffer.from('0f000000106100010000000a610000', 'hex')
    twins.writeInt32LE(twins.length)
    expect(() => readerOf().row(batchOf(twins), 0)).toThrow(/twice/)
    expect(readerOf(coerce('last-wins')).row(batchOf(twins), 0).fields).toEqual({ a: null })
  })

  it('leave out what the plan leaves out, damaged or not', () => {
    const plan = planOf('t', { ignore: 'others' })
    const document = batchOf(raw(2, 'other', '02000000ff00'))
    expect(readerOf(plan).row(document, 0).fields).toEqual({})
  })

  it('know the key alone', () => {
    const batch = batchOf(serialize({ a: 1, _id: new Int32(258) }))
    expect(readerOf().known(batch, 0)).toEqual({ key: 258, fields: { _id: 258 } })
    expect(readerOf().known(batchOf(serialize({ a: 1 })), 0)).toEqual({ key: null, fields: { _id: null } })
  })
})
