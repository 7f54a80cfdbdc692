import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import type { LogicalType } from '../../../src/core/logical-type.ts'
import { Decimal, Instant, ObjectId, Special, Uuid, type Value } from '../../../src/core/value.ts'
import { numericText, readArray } from './copy-reader.ts'
import { columnOf, documentOf, planOf, rowErrorOf, rowOf, tuplesOf } from './samples.ts'

function cast(type: LogicalType, value: Value): Buffer {
  const plan = planOf({}, { columns: [columnOf('a', type, { cast: true })] })
  const form = tuplesOf(plan, [rowOf({ a: value })])[0]?.[0]?.[0]
  if (form === undefined || form === null) throw new Error('the value became NULL')
  return form
}

const hex = '0123456789abcdef01234567'
const uuid = '00112233-4455-6677-8899-aabbccddeeff'

const readers: { readonly [type in string]: (form: Buffer) => unknown } = {
  text: (form) => form.toString(),
  int32: (form) => form.readInt32BE(),
  int64: (form) => form.readBigInt64BE(),
  float64: (form) => form.readDoubleBE(),
  decimal: numericText,
  bool: (form) => form[0] === 1,
  uuid: (form) => form.toString('hex'),
  timestamp: (form) => form.readBigInt64BE() + 946_684_800_000_000n,
  date: (form) => form.readInt32BE() + 10_957,
}

describe('--cast converts exactly', () => {
  const cases: [LogicalType, [Value, unknown][]][] = [
    [
      'text',
      [
        [true, 'true'],
        [1.5, '1.5'],
        [-0, '-0'],
        [Number.NaN, 'NaN'],
        [2n ** 60n, '1152921504606846976'],
        [new Decimal('1.10'), '1.10'],
        [new ObjectId(hex), hex],
        [new Uuid(uuid), uuid],
        [new Instant(0n), '1970-01-01T00:00:00.000Z'],
        [documentOf({ a: [1n, 'x'] }), '{"a":[1,"x"]}'],
        [new Special('minKey', '{"$minKey":1}'), '{"$minKey":1}'],
        ['as it is', 'as it is'],
      ],
    ],
    [
      'int32',
      [
        ['-12', -12],
        ['+7', 7],
        [true, 1],
        [false, 0],
        [new Decimal('12.0'), 12],
        [new Decimal('1E+3'), 1000],
        [-0, 0],
      ],
    ],
    [
      'int64',
      [
        ['9223372036854775807', 2n ** 63n - 1n],
        [new Decimal('-9223372036854775808'), -(2n ** 63n)],
        [1e18, 10n ** 18n],
      ],
    ],
    [
      'float64',
      [
        ['0.1', 0.1],
        ['1e3', 1000],
        ['-Infinity', -Infinity],
        ['9007199254740992', 2 ** 53],
        [new Decimal('1.50'), 1.5],
        [new Decimal('NaN'), Number.NaN],
      ],
    ],
    [
      'decimal',
      [
        ['1.10', '1.10'],
        ['-5', '-5'],
        ['1e3', '1000'],
        ['NaN', 'NaN'],
      ],
    ],
    [
      'bool',
      [
        ['true', true],
        ['false', false],
        [1, true],
        [0n, false],
      ],
    ],
    ['uuid', [[uuid.toUpperCase(), uuid.replaceAll('-', '')]]],
    [
      'timestamp',
      [
        ['1970-01-01T00:00:00Z', 0n],
        ['1970-01-01 00:00:00.001000+00', 1000n],
        ['2024-02-29T23:59:59.5+05:30', 1_709_231_399_500_000n],
        ['2024-01-01T00:00-0130', 1_704_072_600_000_000n],
        ['0000-01-01T00:00:00Z', -62_167_219_200_000_000n],
        ['1970-01-01T00:00:00.000001Z', 1n],
      ],
    ],
    [
      'date',
      [
        ['1970-01-01', 0],
        ['2024-02-29', 19_782],
        ['0000-12-31', -719_163],
        ['0001-12-31 BC', -719_163],
        ['5874897-12-31', 2_145_042_905],
      ],
    ],
  ]
  it.each(cases)('to %s', (type, pairs) => {
    for (const [value, expected] of pairs) expect(readers[type]?.(cast(type, value)), inspect(value)).toBe(expected)
  })

  it('element by element', () => {
    const array = readArray(cast('text[]', [1, null, true, documentOf({}), 'x']))
    expect(array.items.map((item) => item?.toString() ?? null)).toStrictEqual(['1', null, 'true', '{}', 'x'])
  })

  it('anything to jsonb', () => {
    expect(cast('json', new Instant(0n)).toString('latin1')).toBe('\x01"1970-01-01T00:00:00.000Z"')
  })
})

describe('--cast refuses what it would change', () => {
  const cases: [LogicalType, Value[]][] = [
    ['text', [new Uint8Array([1]), new Instant(2n ** 62n), 'a\0', [documentOf({ a: '\0' })]]],
    [
      'int32',
      ['12.5', '12.0', '1e3', '', ' 1', '1 ', '0x10', '2147483648', 1.5, new Decimal('1.5'), new Decimal('NaN'), 'x'],
    ],
    ['int64', ['9223372036854775808', new Decimal('1E+19'), new Decimal('1E+99999999'), 1e19, new Instant(0n)]],
    [
      'float64',
      [
        '9007199254740993',
        '0.10000000000000001',
        '1e400',
        '1e-400',
        '',
        'inf',
        true,
        new Decimal('1E+400'),
        2n ** 53n + 1n,
      ],
    ],
    ['decimal', ['', '1,5', '1e', '.', 'e5', true, '0x1', '1e99999999999999999999']],
    ['bool', ['yes', '1', '', 2, -1, new Decimal('1')]],
    ['uuid', ['', uuid.slice(1), `{${uuid}}`, uuid.replaceAll('-', '')]],
    [
      'timestamp',
      [
        '2024-01-01T00:00:00',
        '2024-01-01',
        '2024-02-30T00:00:00Z',
        '2023-02-29T00:00:00Z',
        '2024-13-01T00:00:00Z',
        '2024-01-01T24:00:00Z',
        '2024-01-01T00:60:00Z',
        '2024-01-01T00:00:60Z',
        '2024-01-01T00:00:00.0000001Z',
        '2024-01-01T00:00:00+02:',
        '2024-01-01T00:00:00+24',
        0,
        0n,
      ],
    ],
    ['date', ['2023-02-29', '2024-1-1', '2024-01-01T00:00:00Z', '02024-01-01', '0000-01-01 BC', '5874898-01-01', 0]],
    ['objectid', [hex, 1]],
    ['text[]', ['x', 1]],
  ]
  it.each(cases)('to %s', (type, values) => {
    for (const value of values) {
      const shape = rowErrorOf(() => cast(type, value))
      expect(shape.code, inspect(value)).toBe('row-rejected')
      expect(shape.hint, inspect(value)).toContain(
        inspect(value).includes(String.raw`\x00`) ? '--exclude-columns a' : '--cast a=jsonb',
      )
    }
  })

  it('shows the value', () => {
    expect(rowErrorOf(() => cast('int32', '12.5')).message).toBe(
      String.raw`document 7 of table things, field a, column c_a: the string "\"12.5\"" has no exact form as integer`,
    )
  })
})
