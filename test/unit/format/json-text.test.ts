import { EJSON } from 'bson'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Decimal, Instant, ObjectId, Special, Uuid, type Value } from '../../../src/core/value.ts'
import { displayText, jsonText } from '../../../src/format/json-text.ts'
import { documentOf, rowErrorOf } from './samples.ts'

const text = fc.string({ unit: 'binary' }).map((text) => text.replaceAll('\0', ''))

/** What JSON has itself: text, numbers, bools, null, arrays, objects. */
const jsonValues = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    text,
    fc.double({ noDefaultInfinity: true, noNaN: true }).filter((number) => !Object.is(number, -0)),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(text, tie('value'), { maxKeys: 5 }).map(documentOf),
  ),
})).value

/** One value in both modes. */
function both(value: Value): { plain: string; extended: string } {
  return { plain: jsonText(value, 'plain'), extended: jsonText(value, 'extended') }
}

describe('what JSON has itself', () => {
  it('reads back as it was, in both modes', () => {
    fc.assert(
      fc.property(jsonValues, fc.constantFrom('plain', 'extended'), (value, mode) => {
        const written = jsonText(value, mode)
        expect(written).toBe(JSON.stringify(value))
      }),
      { numRuns: 2000 },
    )
  })
})

describe('what JSON lacks', () => {
  it('M09 int64 and Decimal are exact numbers', () => {
    expect(both(9_007_199_254_740_993n)).toStrictEqual({ plain: '9007199254740993', extended: '9007199254740993' })
    expect(jsonText(-(2n ** 63n), 'plain')).toBe('-9223372036854775808')
    expect(both(new Decimal('1.10'))).toStrictEqual({ plain: '1.10', extended: '{"$numberDecimal":"1.10"}' })
    expect(jsonText(new Decimal('-9.99E+6144'), 'plain')).toBe('-9.99E+6144')
    for (const special of ['NaN', 'Infinity', '-Infinity']) {
      expect(jsonText(new Decimal(special), 'plain')).toBe(`{"$numberDecimal":"${special}"}`)
    }
    expect(rowErrorOf(() => jsonText(new Decimal('007'), 'plain')).code).toBe('row-rejected')
  })

  it('M06 M07 NaN, infinities and -0 are marked, also inside', () => {
    expect(jsonText([Number.NaN, Infinity, -Infinity, -0, 0], 'plain')).toBe(
      '[{"$numberDouble":"NaN"},{"$numberDouble":"Infinity"},{"$numberDouble":"-Infinity"},{"$numberDouble":"-0.0"},0]',
    )
    expect(jsonText(documentOf({ a: -0 }), 'extended')).toBe('{"a":{"$numberDouble":"-0.0"}}')
  })

  it('ids, bytes and specials', () => {
    expect(both(new ObjectId('65'.repeat(12)))).toStrictEqual({
      plain: `"${'65'.repeat(12)}"`,
      extended: `{"$oid":"${'65'.repeat(12)}"}`,
    })
    expect(both(new Uuid('00112233-4455-6677-8899-aabbccddeeff'))).toStrictEqual({
      plain: '"00112233-4455-6677-8899-aabbccddeeff"',
      extended: '{"$binary":{"base64":"ABEiM0RVZneImaq7zN3u/w==","subType":"04"}}',
    })
    expect(both(new Uint8Array([1, 2]))).toStrictEqual({
      plain: '"AQI="',
      extended: '{"$binary":{"base64":"AQI=","subType":"00"}}',
    })
    expect(both(new Special('minKey', '{"$minKey":1}'))).toStrictEqual({
      plain: '{"$minKey":1}',
      extended: '{"$minKey":1}',
    })
  })

  it('M12 dates are ISO text as far as the calendar of four digits goes', () => {
    expect(both(new Instant(1_704_164_645_678n))).toStrictEqual({
      plain: '"2024-01-02T03:04:05.678Z"',
      extended: '{"$date":"2024-01-02T03:04:05.678Z"}',
    })
    expect(both(new Instant(0n))).toStrictEqual({
      plain: '"1970-01-01T00:00:00.000Z"',
      extended: '{"$date":"1970-01-01T00:00:00Z"}',
    })
    const edges: [bigint, string][] = [
      [-62_167_219_200_000n, '"0000-01-01T00:00:00.000Z"'],
      [-62_167_219_200_001n, '{"$date":{"$numberLong":"-62167219200001"}}'],
      [253_402_300_799_999n, '"9999-12-31T23:59:59.999Z"'],
      [253_402_300_800_000n, '{"$date":{"$numberLong":"253402300800000"}}'],
      [2n ** 63n - 1n, '{"$date":{"$numberLong":"9223372036854775807"}}'],
    ]
    for (const [millis, expected] of edges) expect(jsonText(new Instant(millis), 'plain')).toBe(expected)
    expect(jsonText(new Instant(-1n), 'extended')).toBe('{"$date":{"$numberLong":"-1"}}')
  })

  it('in extended mode reads back as extended JSON', () => {
    const value = documentOf({
      id: new ObjectId('65'.repeat(12)),
      uuid: new Uuid('00112233-4455-6677-8899-aabbccddeeff'),
      when: new Instant(-5n),
      price: new Decimal('1.10'),
      nan: Number.NaN,
      list: [new Uint8Array([255]), 'x', null],
    })
    const read: unknown = EJSON.parse(jsonText(value, 'extended'), { relaxed: false })
    expect(EJSON.stringify(read, { relaxed: true })).toBe(jsonText(value, 'extended'))
  })
})

describe('the bad-data corpus', () => {
  it('M02 refuses U+0000 in text, in names, and in specials', () => {
    const hidden = [
      'a\0b',
      documentOf({ a: ['a\0'] }),
      documentOf({ 'a\0': 1 }),
      new Special('javascript', String.raw`{"$code":"\u0000"}`),
      new Special('javascript', String.raw`{"$code":"\\\u0000"}`),
    ]
    for (const value of hidden) {
      const shape = rowErrorOf(() => jsonText([value], 'plain'))
      expect(shape.code).toBe('row-rejected')
      expect(shape.message).toContain('U+0000')
    }
  })

  it('M03 keeps the six characters of an escape sequence', () => {
    const six = String.raw`\u0000`
    expect(jsonText(six, 'plain')).toBe(String.raw`"\\u0000"`)
    const special = new Special('javascript', JSON.stringify({ $code: six }))
    expect(jsonText(special, 'plain')).toBe(special.json)
  })

  it('M04 refuses half of a surrogate pair and keeps whole ones', () => {
    expect(rowErrorOf(() => jsonText('a\ud800', 'plain')).message).toContain('surrogate')
    expect(rowErrorOf(() => jsonText(documentOf({ '\udc00': 1 }), 'plain')).code).toBe('row-rejected')
    expect(jsonText('😀\ufffd', 'plain')).toBe('"😀\ufffd"')
  })

  it('M23 M24 writes every name, whatever it means to JavaScript', () => {
    const document = documentOf({ ['__proto__']: 1, constructor: 2, 'a"b\n': 3, '': 4 })
    expect(jsonText(document, 'plain')).toBe(String.raw`{"__proto__":1,"constructor":2,"a\"b\n":3,"":4}`)
  })

  it('M26 refuses nesting past 200 levels', () => {
    let value: Value = 1
    for (let level = 0; level < 200; level++) value = level % 2 === 0 ? [value] : documentOf({ a: value })
    expect(() => jsonText(value, 'plain')).not.toThrow()
    expect(rowErrorOf(() => jsonText([value], 'plain')).message).toContain('nested deeper than 200 levels')
  })

  it('what is no value is refused, not written as {}', () => {
    for (const foreign of [new Date(0), new Map([['a', 1]]), undefined, Symbol('s')]) {
      const value: unknown = { a: foreign }
      expect(rowErrorOf(() => jsonText(value as Value, 'plain')).code).toBe('row-rejected')
    }
  })
})

describe('displayText', () => {
  it('shows everything, cut at 200 characters', () => {
    expect(displayText('a\0\ud800')).toBe(String.raw`"a\u0000\ud800"`)
    expect(displayText('😀'.repeat(300)).isWellFormed()).toBe(true)
    expect(displayText('x'.repeat(300))).toHaveLength(200)
  })
})
