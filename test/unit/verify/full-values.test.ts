import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RowError } from '../../../src/core/row-error.ts'
import { Decimal, Instant, ObjectId, Special, Uuid, type Value } from '../../../src/core/value.ts'
import type { LogicalType } from '../../../src/core/logical-type.ts'
import { exactJson } from '../../../src/verify/exact-json.ts'
import { isoText, microsOfIso, microsOfTimestamp, timestampText } from '../../../src/verify/full-instant.ts'
import { arrayItems, keyText, sameText } from '../../../src/verify/full-same.ts'
import { expectedText } from '../../../src/verify/full-text.ts'

function textOf(value: Value, type: LogicalType, cast = false): string {
  return expectedText(value, { type, cast }, 'plain')
}

function document(fields: Readonly<Record<string, Value>>): Value {
  return Object.assign(Object.create(null) as Record<string, Value>, fields)
}

describe('exactJson', () => {
  it.each([
    ['{"b": 1, "a": [1, 2]}', '{"a":[1,2],"b":1}'],
    ['{"a": 1, "a": 2}', '{"a": 2}'],
    ['1E+3', '1000'],
    ['-0.0', '0.0'],
    ['"\\u0041\\/"', '"A/"'],
    [' [ ] ', '[]'],
  ])('%s is %s', (a, b) => {
    expect(exactJson(a)).not.toBeNull()
    expect(exactJson(a)).toBe(exactJson(b))
  })

  it.each([
    ['1.10', '1.1'],
    ['9007199254740993', '9007199254740992'],
    ['[1,2]', '[2,1]'],
    ['"1"', '1'],
    ['null', '"null"'],
    ['{"a":null}', '{}'],
    ['"a\\u0020"', '"a"'],
  ])('%s is not %s', (a, b) => {
    expect(exactJson(a)).not.toBe(exactJson(b))
  })

  it.each(['', '{', '[1,]', '{"a"}', '"a', '01', 'nul', '1 2', '"\\x"'])('%j is no JSON', (text) => {
    expect(exactJson(text)).toBeNull()
  })

  it('takes any JSON for what JSON.parse takes it for, but for numbers', () => {
    const json = fc.json().filter((text) => !/\d/.test(text))
    fc.assert(
      fc.property(json, json, (a, b) => {
        const same = (x: unknown, y: unknown): boolean => JSON.stringify(sorted(x)) === JSON.stringify(sorted(y))
        expect(exactJson(a) === exactJson(b)).toBe(same(JSON.parse(a), JSON.parse(b)))
      }),
    )
  })

  it('is not stopped by depth or length', () => {
    const deep = '['.repeat(1500) + ']'.repeat(1500)
    expect(exactJson(deep)).toBe(deep)
    const long = JSON.stringify('\n'.repeat(2_000_000))
    expect(exactJson(long)).toBe(long)
  })
})

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return { document: entries.map(([name, inner]) => [name, sorted(inner)]) }
}

describe('sameText', () => {
  it.each<[LogicalType, string | null, string | null]>([
    ['float64', '1e+21', '1000000000000000000000'],
    ['float64', '0.1', '0.10000000000000001'],
    ['decimal', '1E+3', '1000'],
    ['decimal', '-0.00', '0.00'],
    ['timestamp', '2024-01-01 00:00:00+00', '2024-01-01 01:00:00+01'],
    ['text[]', '{"a",NULL}', '{a,NULL}'],
    ['bool[]', '{"true","false"}', '{t,f}'],
    ['json', '{"a":1}', '{"a": 1}'],
    ['text', null, null],
  ])('%s: %s and %s', (type, a, b) => {
    expect(sameText(type, a, b)).toBe(true)
    expect(sameText(type, b, a)).toBe(true)
  })

  it.each<[LogicalType, string | null, string | null]>([
    ['text', null, ''],
    ['text', 'a', 'a '],
    ['float64', '0', '-0'],
    ['float64', '1', '1.0000000000000002'],
    ['float64', 'NaN', 'Infinity'],
    ['decimal', '1.10', '1.1'],
    ['decimal', 'NaN', '0'],
    ['timestamp', '2024-01-01 00:00:00.000001+00', '2024-01-01 00:00:00+00'],
    ['timestamp', 'infinity', '-infinity'],
    ['timestamp', '0044-01-01 00:00:00+00', '0044-01-01 00:00:00+00 BC'],
    ['text[]', '{"NULL"}', '{NULL}'],
    ['text[]', '{}', '{""}'],
    ['text[]', '{a,b}', '{{a,b}}'],
    ['text[]', '{a}', '[2:2]={a}'],
    ['text[]', '{"a,b"}', '{a,b}'],
    ['json', 'null', null],
    ['int64', '1', '01'],
  ])('%s: not %s and %s', (type, a, b) => {
    expect(sameText(type, a, b)).toBe(false)
    expect(sameText(type, b, a)).toBe(false)
  })

  it('pairs keys as PostgreSQL finds them', () => {
    expect(keyText('decimal', '1.10')).toBe(keyText('decimal', '1.1'))
    expect(keyText('float64', '-0')).toBe(keyText('float64', '0'))
    expect(keyText('json', '{"a": 1.0}')).toBe(keyText('json', '{"a":1}'))
    expect(keyText('text', null)).not.toBe(keyText('text', ''))
    expect(keyText('text', 'n')).not.toBe(keyText('text', null))
  })
})

describe('arrayItems', () => {
  it('reads back what is written, whatever is in it', () => {
    const items = fc.array(fc.option(fc.string({ unit: 'binary' }).filter((text) => !text.includes('\0'))))
    fc.assert(
      fc.property(items, (texts) => {
        const value: Value = texts
        expect(arrayItems(textOf(value, 'text[]'))).toEqual(texts)
      }),
    )
  })
})

describe('instants', () => {
  const micros = fc.bigInt({ min: -210_866_803_200_000_000n, max: 9_224_318_015_999_999_999n })

  it('have a text that reads back as themselves', () => {
    fc.assert(
      fc.property(micros, (at) => {
        expect(microsOfTimestamp(timestampText(at))).toBe(at)
      }),
    )
  })

  it('are the dates of JavaScript, where it has any', () => {
    const within = fc.bigInt({ min: -62_167_219_200_000n, max: 253_402_300_799_999n })
    fc.assert(
      fc.property(within, (at) => {
        const iso = new Date(Number(at)).toISOString()
        expect(isoText(at * 1000n)).toBe(iso)
        expect(microsOfIso(iso)).toBe(at * 1000n)
      }),
    )
  })

  it.each([
    [-62_167_219_200_001n, '0002-12-31 23:59:59.999+00 BC'],
    [-210_866_803_200_000n, '4714-11-24 00:00:00+00 BC'],
    [9_224_318_015_999_999n, '294276-12-31 23:59:59.999+00'],
  ])('%s is %s', (at, text) => {
    expect(timestampText(at * 1000n)).toBe(text)
  })

  it.each([
    '2024-02-30T00:00:00Z',
    '2024-01-01T00:00:00',
    '2024-01-01',
    '2024-01-01T24:00:00Z',
    '2024-01-01T00:00:00.0000001Z',
  ])('%s is none', (text) => {
    expect(microsOfIso(text)).toBeNull()
  })
})

describe('expectedText', () => {
  it.each<[Value, LogicalType, string]>([
    ['12', 'int32', '12'],
    [new Decimal('12.0'), 'int64', '12'],
    [true, 'int32', '1'],
    ['+7', 'int64', '7'],
    ['0.1', 'float64', '0.1'],
    ['1.50', 'decimal', '1.50'],
    ['true', 'bool', 'true'],
    [0, 'bool', 'false'],
    [-0, 'text', '-0'],
    [new ObjectId('0'.repeat(24)), 'text', '0'.repeat(24)],
    [new Instant(0n), 'text', '1970-01-01T00:00:00.000Z'],
    [document({ a: [1, null] }), 'text', '{"a":[1,null]}'],
    ['00112233-4455-6677-8899-AABBCCDDEEFF', 'uuid', '00112233-4455-6677-8899-aabbccddeeff'],
    ['2024-01-01T00:00:00+01:00', 'timestamp', '2023-12-31 23:00:00+00'],
    [new Special('minKey', '{"$minKey":1}'), 'json', '{"$minKey":1}'],
    [
      document({ n: NaN, z: -0, d: new Instant(-1n) }),
      'json',
      '{"n":{"$numberDouble":"NaN"},"z":{"$numberDouble":"-0.0"},"d":"1969-12-31T23:59:59.999Z"}',
    ],
  ])('%o cast to %s is %s', (value, type, text) => {
    expect(textOf(value, type, true)).toBe(text)
  })

  it.each<[Value, LogicalType]>([
    ['12.0', 'int32'],
    [2 ** 31, 'int32'],
    [3.5, 'int64'],
    ['0.1000000000000000055', 'float64'],
    ['maybe', 'bool'],
    [new Uint8Array(2), 'text'],
    [new Instant(2n ** 62n), 'timestamp'],
    [new Instant(-210_866_803_200_001n), 'timestamp'],
    ['not a uuid', 'uuid'],
    ['a\0b', 'text'],
    ['\ud800', 'text'],
    [document({ 'a\0': 1 }), 'json'],
    [new Special('regex', '{"$regularExpression":{"pattern":"\\u0000","options":""}}'), 'json'],
    [new Decimal('1E+200000'), 'decimal'],
    [1, 'text[]'],
    [[['a']], 'text[]'],
  ])('%o has no form as %s', (value, type) => {
    const isArray = type.endsWith('[]')
    expect(() => textOf(value, type, !isArray)).toThrow(RowError)
  })

  it.each<[Value, LogicalType]>([
    [-0, 'int32'],
    ['1', 'int32'],
    [2n ** 60n, 'float64'],
    [1, 'text'],
    [new Uuid('x'), 'uuid'],
    ['00112233-4455-6677-8899-aabbccddeeff', 'uuid'],
  ])('without a cast %o does not fit %s', (value, type) => {
    expect(() => textOf(value, type)).toThrow(RowError)
  })

  it('takes a special value with an escaped backslash for what it is', () => {
    const special = new Special('javascript', '{"$code":"\\\\u0000"}')
    expect(textOf(special, 'json')).toBe(special.json)
  })
})
