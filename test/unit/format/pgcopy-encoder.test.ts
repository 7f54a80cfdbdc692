import { inspect } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { scalarTypes, type LogicalType } from '../../../src/core/logical-type.ts'
import { Decimal, Instant, ObjectId, Special, Uuid, type Value } from '../../../src/core/value.ts'
import { createPgCopyEncoder } from '../../../src/format/pgcopy-encoder.ts'
import { numericText, readArray, readTuples } from './copy-reader.ts'
import { columnOf, decimals, documentOf, planOf, rowErrorOf, rowOf } from './samples.ts'

/** The binary form of one value in a column of this type. */
function formOf(type: LogicalType, value: Value): Buffer | null {
  const encoder = createPgCopyEncoder(planOf({ a: type }))
  encoder.begin(1)
  encoder.encodeRow(rowOf({ a: value }))
  const { bytes, offsets } = encoder.end()
  return readTuples(bytes, offsets)[0]?.[0] ?? null
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
    expect(oids).toStrictEqual([16, 23, 20, 701, 1700, 25, 25, 2950, 17, 1184])
  })

  it('null and missing are NULL', () => {
    for (const type of [...scalarTypes, 'json', 'text[]'] as const) expect(formOf(type, null)).toBe(null)
    const encoder = createPgCopyEncoder(planOf({ a: 'json', b: 'int32' }))
    encoder.begin(1)
    encoder.encodeRow(rowOf({ b: 1 }))
    const { bytes, offsets } = encoder.end()
    expect(readTuples(bytes, offsets)).toStrictEqual([[null, Buffer.of(0, 0, 0, 1)]])
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
    ['float64', [1, -0, Number.NaN, Infinity, 2n ** 53n, 2n ** 60n, 0n], [2n ** 53n + 1n, 10n ** 400n, one, '1']],
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
    const plan = planOf({ a: 'int32' })
    const encoder = createPgCopyEncoder(plan)
    encoder.begin(1)
    const shape = rowErrorOf(() => encoder.encodeRow(rowOf({ a: 1.5 }, new ObjectId(hex))))
    expect(shape).toStrictEqual({
      code: 'schema-drift',
      message:
        `document {"$oid":"${hex}"} of table things has in field a a value of type double, ` +
        'which does not fit column c_a of type integer',
      hint: '--cast a=jsonb makes a column that holds it',
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
    const encoder = createPgCopyEncoder(planOf({ a: 'text', b: 'int32[]' }))
    encoder.begin(3)
    encoder.encodeRow(rowOf({ a: 'one', b: [1] }))
    expect(rowErrorOf(() => encoder.encodeRow(rowOf({ a: 'two', b: [1, 2, 'x'] }))).code).toBe('schema-drift')
    expect(rowErrorOf(() => encoder.encodeRow(rowOf({ a: 'tw\0', b: [] }))).code).toBe('row-rejected')
    encoder.encodeRow(rowOf({ a: 'three', b: null }))
    const { rows, bytes, offsets } = encoder.end()
    expect(rows).toBe(2)
    expect(readTuples(bytes, offsets).map(([a]) => a?.toString())).toStrictEqual(['one', 'three'])
    expect(offsets[2]).toBe(bytes.length)
  })

  it('grows, for rows larger than it and for more rows than announced', () => {
    const encoder = createPgCopyEncoder(planOf({ a: 'text' }))
    const texts = Array.from({ length: 40 }, (_, index) => 'x'.repeat(index * 10_007))
    encoder.begin(2)
    for (const text of texts) encoder.encodeRow(rowOf({ a: text }))
    const { bytes, offsets } = encoder.end()
    expect(readTuples(bytes, offsets).map(([a]) => a?.toString())).toStrictEqual(texts)
  })

  it('grows at any place in a row', () => {
    const encoder = createPgCopyEncoder(planOf({ a: 'int32' }))
    encoder.begin(0)
    for (let row = 0; row < 110_000; row++) encoder.encodeRow(rowOf({ a: row }))
    const { bytes, offsets } = encoder.end()
    expect(bytes).toHaveLength(1_100_000)
    expect(readTuples(bytes, offsets)[109_999]?.[0]?.readInt32BE()).toBe(109_999)
  })

  it('is only used again once it came back', () => {
    const encoder = createPgCopyEncoder(planOf({ a: 'text' }))
    const encode = (text: string): Uint8Array => {
      encoder.begin(1)
      encoder.encodeRow(rowOf({ a: text }))
      return encoder.end().bytes
    }
    const first = encode('first')
    const second = encode('second')
    expect(second.buffer).not.toBe(first.buffer)
    expect(Buffer.from(first).toString()).toContain('first')
    encoder.recycle(first)
    expect(encode('third').buffer).toBe(first.buffer)
    expect(encode('fourth').buffer).not.toBe(first.buffer)
  })

  it('holds a column whose own nested form differs from the table', () => {
    const columns = [columnOf('a', 'json'), columnOf('b', 'json', { nestedJson: 'extended' })]
    const encoder = createPgCopyEncoder(planOf({}, { columns }))
    encoder.begin(1)
    encoder.encodeRow(rowOf({ a: new ObjectId(hex), b: new ObjectId(hex) }))
    const { bytes, offsets } = encoder.end()
    const [[a, b] = []] = readTuples(bytes, offsets)
    expect([a, b].map((form) => form?.subarray(1).toString())).toStrictEqual([`"${hex}"`, `{"$oid":"${hex}"}`])
  })
})
