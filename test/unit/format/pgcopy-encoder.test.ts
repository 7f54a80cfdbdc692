import { inspect } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { scalarTypes, type LogicalType } from '../../../src/core/logical-type.ts'
import { Decimal, Instant, ObjectId, Special, Uuid, type Value } from '../../../src/core/value.ts'
import { createPgCopyEncoder } from '../../../src/format/pgcopy-encoder.ts'
import type { EncodingBatch } from '../../../src/format/codec.ts'
import { numericText, readArray, readTuples } from './copy-reader.ts'
import { columnOf, decimals, documentOf, planOf, rowErrorOf, rowOf, tuplesOf } from './samples.ts'

/** What a plan without tables would give. */
const nothing = {
  rows: 0,
  bytes: new Uint8Array(),
  offsets: new Uint32Array(1),
  format: 'pgcopy' as const,
  part: 0,
  owners: null,
}

/** The binary form of one value in a column of this type. */
function formOf(type: LogicalType, value: Value): Buffer | null {
  return tuplesOf(planOf({ a: type }), [rowOf({ a: value })])[0]?.[0]?.[0] ?? null
}

function mustForm(type: LogicalType, value: Value): Buffer {
  const form = formOf(type, value)
  if (form === null) throw new Error('the value became NULL')
  return form
}

function fits(type: LogicalType, value: Value): boolean {
  try {
    formOf(type, value)
    return true
  } catch {
    expect(rowErrorOf(() => formOf(type, value)).code).toBe('schema-drift')
    return false
  }
}

const hex = '0123456789abcdef01234567'
const uuid = '00112233-4455-6677-8899-aabbccddeeff'

describe('binary forms', () => {
  it('scalars', () => {
    expect(mustForm('bool', true).toString('hex')).toBe('01')
    expect(mustForm('int32', -2).readInt32BE()).toBe(-2)
    expect(mustForm('float64', 0.1).readDoubleBE()).toBe(0.1)
    for (const text of ['aä😀', 'ä', '\u007f\u0080']) expect(mustForm('text', text).toString()).toBe(text)
    expect(mustForm('text', 'ä'.repeat(100_000)).toString()).toBe('ä'.repeat(100_000))
    expect(mustForm('objectid', new ObjectId(hex)).toString()).toBe(hex)
    expect(mustForm('uuid', new Uuid(uuid)).toString('hex')).toBe(uuid.replaceAll('-', ''))
    expect(mustForm('bytes', new Uint8Array([0, 255])).toString('hex')).toBe('00ff')
    expect(mustForm('json', documentOf({ a: 1 })).toString('latin1')).toBe('\x01{"a":1}')
  })

  it('int64 from bigints and from whole doubles', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
        expect(mustForm('int64', value).readBigInt64BE()).toBe(value)
        const double = Number(value)
        if (double < 2 ** 63) expect(mustForm('int64', double).readBigInt64BE()).toBe(BigInt(double))
      }),
    )
    for (const value of [0, 1, -1, 2 ** 32, -(2 ** 32), -(2 ** 32) - 1, -(2 ** 63), 2 ** 63 - 1024]) {
      expect(mustForm('int64', value).readBigInt64BE()).toBe(BigInt(value))
    }
  })

  it('float64 bit by bit', () => {
    fc.assert(
      fc.property(fc.double(), (value) => {
        expect(mustForm('float64', value).readDoubleBE()).toBe(value)
      }),
    )
  })

  it('numeric, whatever form the Decimal has', () => {
    fc.assert(
      fc.property(decimals, (text) => {
        expect(numericText(mustForm('decimal', new Decimal(text)))).toBe(plainDecimal(text))
      }),
      { numRuns: 2000 },
    )
    fc.assert(
      fc.property(fc.double(), (value) => {
        expect(numericText(mustForm('decimal', value))).toBe(plainDecimal(String(value)))
      }),
    )
    expect(numericText(mustForm('decimal', -(2n ** 63n)))).toBe('-9223372036854775808')
  })

  it('timestamptz in microseconds since 2000, over the whole range', () => {
    const first = -210_866_803_200_000n
    const last = 9_224_318_015_999_999n
    fc.assert(
      fc.property(
        fc.oneof(fc.bigInt({ min: first, max: last }), fc.constantFrom(first, last, 0n, 2n ** 53n, 946_684_800_000n)),
        (millis) => {
          const micros = mustForm('timestamp', new Instant(millis)).readBigInt64BE()
          expect(micros).toBe((millis - 946_684_800_000n) * 1000n)
        },
      ),
      { numRuns: 1000 },
    )
  })

  it('M30 arrays, empty and with nulls', () => {
    expect(readArray(mustForm('text[]', ['a', null, '']))).toStrictEqual({
      dimensions: 1,
      hasNull: 1,
      oid: 25,
      items: [Buffer.from('a'), null, Buffer.alloc(0)],
    })
    expect(readArray(mustForm('int32[]', []))).toStrictEqual({ dimensions: 0, hasNull: 0, oid: 23, items: [] })
    expect(readArray(mustForm('float64[]', [1])).items[0]?.readDoubleBE(0)).toBe(1)
    const oids = scalarTypes.map((type) => readArray(mustForm(`${type}[]`, [])).oid)
    expect(oids).toStrictEqual([16, 23, 20, 701, 1700, 25, 25, 2950, 17, 1184, 1082])
  })

  it('null and missing are NULL', () => {
    for (const type of [...scalarTypes, 'json', 'text[]'] as const) expect(formOf(type, null)).toBe(null)
    const [tuples] = tuplesOf(planOf({ a: 'json', b: 'int32' }), [rowOf({ b: 1 })])
    expect(tuples).toStrictEqual([[null, Buffer.of(0, 0, 0, 1)]])
  })
})

/** The digits that PostgreSQL shows for a decimal text: no exponent, no -0, the fraction's zeros kept. */
function plainDecimal(text: string): string {
  const parts = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text)
  if (parts === null) return text
  const [, sign = '', whole = '', fraction = '', power = '0'] = parts
  const shift = Number(power) - fraction.length
  const all = BigInt(whole + fraction)
  const digits = String(all * 10n ** BigInt(Math.max(shift, 0))).padStart(Math.max(-shift, 0) + 1, '0')
  const plain = shift < 0 ? `${digits.slice(0, shift)}.${digits.slice(shift)}` : digits
  return all === 0n ? plain : sign + plain
}

describe('a value fits when storing it changes nothing', () => {
  const one = new Decimal('1')
  const cases: [LogicalType, Value[], Value[]][] = [
    ['bool', [true, false], [1, 'true', 0n]],
    [
      'int32',
      [0, -(2 ** 31), 2 ** 31 - 1, 3, 5n, -(2n ** 31n)],
      [-0, 0.5, 2 ** 31, 2n ** 31n, Number.NaN, '1', one, true],
    ],
    ['int64', [0, 2 ** 53, 2 ** 63 - 1024, 2n ** 63n - 1n], [-0, 1.5, 2 ** 63, 2n ** 63n, Infinity, '1', one]],
    ['float64', [1, -0, Number.NaN, Infinity, 2n ** 53n - 1n, 0n], [2n ** 53n, 2n ** 60n, 10n ** 400n, one, '1']],
    ['decimal', [1, 0.1, Number.NaN, 2n ** 80n, one, new Decimal('-Infinity'), -0], ['1', true]],
    ['text', ['', 'x'], [1, new ObjectId(hex), new Uuid(uuid), true, new Uint8Array()]],
    ['objectid', [new ObjectId(hex)], [hex]],
    ['uuid', [new Uuid(uuid)], [uuid, new Uuid('00112233'), new Uuid(uuid.replaceAll('-', '_'))]],
    ['bytes', [new Uint8Array()], ['', new Special('binData', '{}')]],
    ['timestamp', [new Instant(0n)], [0, '1970-01-01T00:00:00Z', 0n]],
    ['json', [true, 1, 1n, '', one, new Instant(0n), new Uint8Array(), [], documentOf({})], []],
    ['int32[]', [[], [1, null, 2n]], [[1.5], ['1'], 1, [[1]], documentOf({})]],
  ]
  it.each(cases)('%s', (type, good, bad) => {
    for (const value of good) expect(fits(type, value), inspect(value)).toBe(true)
    for (const value of bad) expect(fits(type, value), inspect(value)).toBe(false)
  })

  it('drift names document, field, column and both types, and what to do', () => {
    const shape = rowErrorOf(() => tuplesOf(planOf({ a: 'int32' }), [rowOf({ a: 1.5 }, new ObjectId(hex))]))
    expect(shape).toStrictEqual({
      code: 'schema-drift',
      message:
        `document {"$oid":"${hex}"} of table things has in field a a value of type double, ` +
        'which does not fit column c_a of type integer',
      hint: '--on-drift evolve widens the column; --cast a=jsonb makes a column that holds it',
    })
    const array = rowErrorOf(() => formOf('text[]', ['a', 1, null]))
    expect(array.message).toContain('array of string and int and null')
  })
})

describe('what PostgreSQL cannot hold is rejected, not drift', () => {
  const rejected: [string, LogicalType, Value, string][] = [
    ['M01 U+0000 in text', 'text', 'a\0b', 'U+0000'],
    ['M01 U+0000 in a long text', 'text', `${'x'.repeat(100)}\0`, 'U+0000'],
    ['M01 U+0000 in an array', 'text[]', ['a', '\0'], 'U+0000'],
    ['M02 U+0000 in jsonb', 'json', documentOf({ a: '\0' }), 'U+0000'],
    ['M04 half of a surrogate pair', 'text', '\ud800', 'surrogate'],
    ['M08 a number with too many digits', 'decimal', new Decimal('1E+131072'), 'more digits than numeric holds'],
    ['M08 a number too fine', 'decimal', new Decimal('1E-16384'), 'more digits than numeric holds'],
    ['M08 no number', 'decimal', new Decimal('1,5'), 'not a decimal number'],
    ['M12 a date before the calendar', 'timestamp', new Instant(-210_866_803_200_001n), '-210866803200001'],
    ['M12 a date after the calendar', 'timestamp', new Instant(9_224_318_016_000_000n), '9224318016000000'],
    ['M12 the last date of BSON', 'timestamp', new Instant(2n ** 63n - 1n), '9223372036854775807'],
  ]
  it.each(rejected)('%s', (name, type, value, reason) => {
    const shape = rowErrorOf(() => formOf(type, value))
    expect(shape.code).toBe('row-rejected')
    expect(shape.message).toContain('document 7 of table things, field a, column c_a: ')
    expect(shape.message).toContain(reason)
    // Advice that helps: jsonb holds neither U+0000 nor half a character, but every number and date.
    expect(shape.hint).toContain(
      /M0[124]/.test(name) || reason.startsWith('not') ? '--exclude-columns a' : '--cast a=jsonb',
    )
  })

  it('M03 the six characters of an escape sequence are text like any other', () => {
    const six = String.raw`\u0000`
    expect(mustForm('text', six).toString()).toBe(six)
    expect(JSON.parse(mustForm('json', six).subarray(1).toString())).toBe(six)
  })
})

describe('the buffer', () => {
  it('is as it was before a row that fails, and goes on', () => {
    const batch = createPgCopyEncoder(planOf({ a: 'text', b: 'int32[]' })).begin(3)
    batch.add(0, rowOf({ a: 'one', b: [1] }))
    expect(rowErrorOf(() => batch.add(1, rowOf({ a: 'two', b: [1, 2, 'x'] }))).code).toBe('schema-drift')
    expect(rowErrorOf(() => batch.add(2, rowOf({ a: 'tw\0', b: [] }))).code).toBe('row-rejected')
    batch.add(3, rowOf({ a: 'three', b: null }))
    const encoded = batch.end()
    const [{ rows, bytes, offsets } = nothing] = encoded.parts
    expect(rows).toBe(2)
    expect(readTuples(bytes, offsets).map(([a]) => a?.toString())).toStrictEqual(['one', 'three'])
    expect(offsets[2]).toBe(bytes.length)
    expect([encoded.origin(0, 0), encoded.origin(0, 1)]).toStrictEqual([0, 3])
    expect(() => encoded.origin(0, 2)).toThrow('part 0 has no row 2')
    expect(() => batch.add(4, rowOf({}))).toThrow('has ended')
  })

  it('grows, for rows larger than it and for more rows than announced', () => {
    const batch = createPgCopyEncoder(planOf({ a: 'text' })).begin(2)
    const texts = Array.from({ length: 40 }, (_, index) => 'x'.repeat(index * 10_007))
    texts.forEach((text, index) => batch.add(index + 5, rowOf({ a: text })))
    const encoded = batch.end()
    const [{ bytes, offsets } = nothing] = encoded.parts
    expect(readTuples(bytes, offsets).map(([a]) => a?.toString())).toStrictEqual(texts)
    expect(texts.map((_text, index) => encoded.origin(0, index) - 5)).toStrictEqual([...texts.keys()])
  })

  it('grows at any place in a row', () => {
    const rows = Array.from({ length: 110_000 }, (_, row) => rowOf({ a: row }))
    const batch = createPgCopyEncoder(planOf({ a: 'int32' })).begin(0)
    rows.forEach((row, index) => batch.add(index, row))
    const [{ bytes, offsets } = nothing] = batch.end().parts
    expect(bytes).toHaveLength(1_100_000)
    expect(readTuples(bytes, offsets)[109_999]?.[0]?.readInt32BE()).toBe(109_999)
  })

  it('is only used again once it came back, and batches may be open beside each other', () => {
    const encoder = createPgCopyEncoder(planOf({ a: 'text' }))
    const open = (text: string): EncodingBatch => {
      const batch = encoder.begin(1)
      batch.add(0, rowOf({ a: text }))
      return batch
    }
    const [one, two] = [open('first'), open('second')]
    const [first = nothing] = one.end().parts
    const [second = nothing] = two.end().parts
    expect(second.bytes.buffer).not.toBe(first.bytes.buffer)
    expect(Buffer.from(first.bytes).toString()).toContain('first')
    encoder.recycle([first])
    const [third] = open('third').end().parts
    expect(third?.bytes.buffer).toBe(first.bytes.buffer)
    expect(open('fourth').end().parts[0]?.bytes.buffer).not.toBe(first.bytes.buffer)
  })

  it('holds a column whose own nested form differs from the table', () => {
    const columns = [columnOf('a', 'json'), columnOf('b', 'json', { nestedJson: 'extended' })]
    const [[[a, b] = []] = []] = tuplesOf(planOf({}, { columns }), [
      rowOf({ a: new ObjectId(hex), b: new ObjectId(hex) }),
    ])
    expect([a, b].map((form) => form?.subarray(1).toString())).toStrictEqual([`"${hex}"`, `{"$oid":"${hex}"}`])
  })
})
