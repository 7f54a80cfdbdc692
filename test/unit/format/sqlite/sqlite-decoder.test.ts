import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import type { LogicalType } from '../../../../src/core/logical-type.ts'
import type { AllowedCoercion } from '../../../../src/core/coercion.ts'
import { RowError } from '../../../../src/core/row-error.ts'
import { Day, Decimal, Instant, minusInfinity, plusInfinity, Uuid, type Value } from '../../../../src/core/value.ts'
import { createSqliteDecoder } from '../../../../src/format/sqlite-decoder.ts'
import { StoredText, type SqliteValue } from '../../../../src/format/sqlite-record.ts'
import { documentOf } from '../samples.ts'
import { laidOutPlan, recordOf, recordsOf, stored } from './records.ts'

function read(type: LogicalType, form: string, value: SqliteValue, coerce: readonly AllowedCoercion[] = []): Value {
  const plan = laidOutPlan([{ field: 'a', type, form: form === '' ? undefined : form }], { coerce })
  return createSqliteDecoder(plan).decodeRow(recordsOf([[value]]), 0).fields['a'] ?? null
}

function refusal(act: () => unknown): RowError {
  try {
    act()
  } catch (error) {
    if (error instanceof RowError) return error
    throw error
  }
  throw new Error('no RowError was thrown')
}

const uuid = '00112233-4455-6677-8899-aabbccddeeff'
const uuidBytes = new Uint8Array(Buffer.from(uuid.replaceAll('-', ''), 'hex'))
const latin = stored(0x63, 0x61, 0x66, 0xe9)

function at(text: string, micros = 0): Instant {
  return new Instant(BigInt(new Date(text).getTime()), micros)
}

describe('stored values, by type and form', () => {
  const cases: [LogicalType, string, [SqliteValue, Value][]][] = [
    ['bool', '', [[1n, true], [0n, false], [null, null]]],
    ['bool', 'words', [['TRUE', true], ['y', true], ['On', true], ['1', true], ['f', false], ['no', false], [1n, true]]],
    ['int32', '', [[-(2n ** 31n), -(2 ** 31)], [2n ** 31n - 1n, 2 ** 31 - 1]]],
    ['int64', 'digits', [[2n ** 63n - 1n, 2n ** 63n - 1n], ['-9223372036854775808', -(2n ** 63n)], ['0', 0n]]],
    ['float64', '', [[0.5, 0.5], [-Infinity, -Infinity], [2n ** 53n, 2 ** 53], [-3n, -3]]],
    ['decimal', '', [[5n, new Decimal('5')], [0.1, new Decimal('0.1')], [1e21, new Decimal('1E+21')]]],
    ['decimal', 'digits', [['-0.10', new Decimal('-0.10')], ['1e3', new Decimal('1E+3')], ['7', new Decimal('7')]]],
    ['text', '', [['aä😀\0', 'aä😀\0'], ['', '']]],
    ['text', 'any', [[-12n, '-12'], [5, '5.0'], [1e20, '1.0e+20'], [0.1 + 0.2, '0.30000000000000004'], [-Infinity, '-Inf'], [1e-5, '1.0e-05'], [-0.25, '-0.25'], [1234.5, '1234.5'], [0, '0.0']]],
    ['text', '@windows-1252', [[latin, 'café'], ['ä', 'ä'], [stored(0x80), '€']]],
    ['text', 'any@koi8-r', [[stored(0xc1), 'а'], [3n, '3']]],
    ['uuid', '', [[uuid.toUpperCase(), new Uuid(uuid)], [uuid.replaceAll('-', ''), new Uuid(uuid)], [uuidBytes, new Uuid(uuid)]]],
    ['bytes', '', [[new Uint8Array([0, 255]), new Uint8Array([0, 255])]]],
    ['bytes', 'any', [['ä', new Uint8Array([0xc3, 0xa4])], [stored(255), new Uint8Array([255])]]],
    ['date', 'iso', [['2024-02-29', new Day(19_782)], ['0001-01-01 BC', new Day(-719_528)], ['infinity', new Day(Infinity)]]],
    ['timestamp', 'epoch-s', [[1n, new Instant(1000n)], [-1.5, new Instant(-1500n)], [1_700_000_000.123456, new Instant(1_700_000_000_123n, 456)], [-1e-6, new Instant(-1n, 999)]]],
    ['timestamp', 'epoch-ms', [[1_627_303_906_122n, new Instant(1_627_303_906_122n)], [0.001, new Instant(0n, 1)]]],
    ['timestamp', 'epoch-us', [[-1n, new Instant(-1n, 999)], [1e6, new Instant(1000n)]]],
    ['timestamp', 'julian', [[2_440_587.5, new Instant(0n)], [2_460_000.5, at('2023-02-25T00:00:00Z')], [0n, new Instant(-210_866_760_000_000n)]]],
  ] // prettier-ignore
  it.each(cases)('%s %s', (type, form, pairs) => {
    for (const [value, expected] of pairs) expect(read(type, form, value), inspect(value)).toStrictEqual(expected)
  })

  it('texts that are times', () => {
    const cases: [string, string, Value][] = [
      ['iso', '2024-01-02', at('2024-01-02T00:00:00Z')],
      ['iso', '2024-01-02 03:04', at('2024-01-02T03:04:00Z')],
      ['iso', '2024-01-02T03:04:05.678901z', at('2024-01-02T03:04:05.678Z', 901)],
      ['iso', '2024-01-02 03:04:05.1000000 +05:30', at('2024-01-01T21:34:05.100Z')],
      ['', '2024-01-02 03:04:05-01', at('2024-01-02T04:04:05Z')],
      ['iso', '10000-01-01T00:00:00Z', new Instant(253_402_300_800_000n)],
      ['iso', '0001-12-31T23:59:59.999999Z BC', new Instant(-62_135_596_800_001n, 999)],
      ['iso', '-infinity', minusInfinity],
      ['iso', 'infinity', plusInfinity],
      ['iso@America/New_York', '2024-07-01 12:00', at('2024-07-01T16:00:00Z')],
      ['iso@America/New_York', '2024-03-10 03:00', at('2024-03-10T07:00:00Z')],
      ['iso@America/New_York', '2024-11-03 02:00', at('2024-11-03T07:00:00Z')],
      ['iso@America/New_York', '1850-01-01', at('1850-01-01T04:56:02Z')],
      ['iso@America/New_York', '2024-07-01T12:00:00Z', at('2024-07-01T12:00:00Z')],
    ]
    for (const [form, text, expected] of cases) expect(read('timestamp', form, text), text).toStrictEqual(expected)
  })

  it('JSON, of which nothing is lost', () => {
    const text = String.raw` {"a": [1, 1.0, -0, 1e2, 9007199254740993, 0.1], "__proto__": {"\u00e9\/\n": null}, "2": true,"1":[]} `
    const decimals = ['1.0', '-0', '1E+2'].map((digits) => new Decimal(digits))
    const expected = documentOf({
      a: [1, ...decimals, 9_007_199_254_740_993n, 0.1],
      ['__proto__']: documentOf({ 'é/\n': null }),
      2: true,
      1: [],
    })
    expect(read('json', '', text)).toStrictEqual(expected)
    expect(read('json', '', '"\u007f\u2028"')).toBe('\u007f\u2028')
  })
})

describe('values that are none of their type', () => {
  const cases: [LogicalType, string, SqliteValue[]][] = [
    ['bool', '', [2n, 1, 'true', new Uint8Array([1])]],
    ['bool', 'words', ['', 'maybe', ' true', 2n, 'ja']],
    ['int32', '', [2n ** 31n, 1, '1']],
    ['int32', 'digits', ['2147483648']],
    ['int64', 'digits', ['', '007', '+1', '1.0', '1e3', ' 1', '9223372036854775808', '-0', 1]],
    ['float64', '', [2n ** 53n + 1n, '1.5']],
    ['decimal', 'digits', ['', '1,5', 'NaN', '0x1', '.5', '01', '1e99999', stored(0xff)]],
    ['text', '', [1n, 0.5, new Uint8Array([65]), latin]],
    ['text', '@shift_jis', [stored(0x81)]],
    ['uuid', '', [uuid.slice(1), `${uuid.slice(0, 35)}-`, uuidBytes.subarray(1), 'x'.repeat(32), 1n]],
    ['bytes', '', ['text', 1n]],
    ['bytes', 'any', [1n, 0.5]],
    ['date', 'iso', ['2024-02-30', '2024-1-1', '2024-01-01 00:00', '', 20240101n]],
    ['timestamp', 'iso', ['', '0000-00-00', '2024-02-30', '2024-01-01 24:00', '2024-01-01T00:00:60', '2024-01-01 00:00:00.1234567', 'now', '20240101', 1n]],
    ['timestamp', 'iso@America/New_York', ['2024-03-10 02:30', '2024-11-03 01:30', '294276-01-01']],
    ['timestamp', 'epoch-s', ['1', 1e-7, Infinity, 1.123_456_7]],
    ['timestamp', 'julian', [-1, 5_373_485, '2460000.5']],
    ['json', '', ['', '{', '{"a":1}x', '[1,]', '{"a":1,"a":2}', 'nul', '01', '"\t"', '"\\x"', '"\\u12g4"', 1n, `${'['.repeat(201)}${']'.repeat(201)}`]],
  ] // prettier-ignore
  it.each(cases)('%s %s', (type, form, values) => {
    for (const value of values) {
      const { shape, at: faulty } = refusal(() => read(type, form, value))
      expect(shape.code, inspect(value)).toBe('row-rejected')
      expect(faulty?.column, inspect(value)).toBe('c_a')
      expect(faulty?.value).toMatch(/^(?:TEXT|INTEGER|REAL|BLOB) /)
    }
  })

  it('are named with their row, column and value', () => {
    const plan = laidOutPlan([
      { field: 'id', type: 'int64' },
      { field: 'age', type: 'int32' },
    ])
    const batch = recordsOf([
      [42n, 1n],
      [42n, 'a lot'],
    ])
    const { shape, at: faulty } = refusal(() => createSqliteDecoder(plan).decodeRow(batch, 1))
    expect(shape).toStrictEqual({
      code: 'row-rejected',
      message: 'row 42 of table things, field age, column c_age: the TEXT "a lot" is no integer',
      hint: 'repair the value in the source, or leave the field out with --exclude-columns age',
    })
    expect(faulty).toStrictEqual({ column: 'c_age', value: 'TEXT "a lot"', reason: 'it is no integer' })
  })
})

describe('rows', () => {
  it('have the fields of the layout, whatever its order, and no hidden ones', () => {
    const columns = [
      { field: null, type: 'int64' as const },
      { field: 'b', type: 'text' as const },
      { field: '__proto__', type: 'int32' as const },
    ]
    const row = createSqliteDecoder(laidOutPlan(columns)).decodeRow(recordsOf([[7n, null, 5n]]), 0)
    expect(row).toStrictEqual({ key: 7n, fields: documentOf({ b: null, ['__proto__']: 5 }) })
  })

  it('have keys of one value, of several and of none', () => {
    const columns = [
      { field: 'n', type: 'int64' as const },
      { field: 't', type: 'text' as const },
    ]
    const batch = recordsOf([
      [7n, 'ä'],
      [8n, stored(255)],
    ])
    const seen = [[0], [1, 0], []].map((key) => {
      const decoder = createSqliteDecoder(laidOutPlan(columns, {}, { key }))
      return [decoder.decodeRow(batch, 0).key, decoder.keyText(batch, 0), decoder.keyBytes(batch, 0)]
    })
    expect(seen).toStrictEqual([
      [7n, '7', recordOf([7n])],
      [['ä', 7n], '("ä", 7)', recordOf(['ä', 7n])],
      [null, '(no key)', null],
    ])
    const byText = createSqliteDecoder(laidOutPlan(columns, {}, { key: [1] }))
    expect([byText.keyText(batch, 1), byText.keyBytes(batch, 1)]).toStrictEqual(['"\ufffd"', recordOf([stored(255)])])
  })

  it('may be mended by name, which is counted', () => {
    const plan = laidOutPlan(
      [
        { field: 'a', type: 'text' },
        { field: 'b', type: 'json' },
      ],
      {
        coerce: [
          { path: null, name: 'replace-utf8' },
          { path: 'b.x', name: 'last-wins' },
        ],
      },
    )
    const decoder = createSqliteDecoder(plan)
    const batch = recordsOf([[latin, '{"x":{"y":1,"y":2}}']])
    expect(decoder.decodeRow(batch, 0).fields).toStrictEqual(
      documentOf({ a: 'caf\ufffd', b: documentOf({ x: documentOf({ y: 2 }) }) }),
    )
    expect(decoder.takeCoerced()).toStrictEqual([
      { path: 'a', name: 'replace-utf8', uses: 1 },
      { path: 'b.x.y', name: 'last-wins', uses: 1 },
    ])
    expect(decoder.takeCoerced()).toStrictEqual([])
    expect(() => decoder.decodeRow(recordsOf([['a', '{"x":1,"x":2,"z":1,"z":1}']]), 0)).toThrow('twice')
  })

  it('of a field without a column are no rows of the plan', () => {
    const plan = laidOutPlan([{ field: 'a', type: 'text' }], { columns: [] }, { key: [] })
    expect(() => createSqliteDecoder(plan)).toThrow('has no column for the field a')
    const leftOut = createSqliteDecoder({ ...plan, ignore: ['a'] })
    expect(leftOut.decodeRow(recordsOf([[new StoredText(Buffer.from('x'))]]), 0).fields).toStrictEqual(documentOf({}))
  })
})
