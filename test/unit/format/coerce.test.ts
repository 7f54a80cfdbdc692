import { describe, expect, it } from 'vitest'
import type { AllowedCoercion, Coercion } from '../../../src/core/coercion.ts'
import type { LogicalType } from '../../../src/core/logical-type.ts'
import { Decimal, Instant, minusInfinity, plusInfinity, Special, type Value } from '../../../src/core/value.ts'
import { coerceValue } from '../../../src/format/coerce.ts'
import { CoercionTally } from '../../../src/format/coercion-tally.ts'
import { documentOf, rowErrorOf } from './samples.ts'

function everywhere(...names: readonly Coercion[]): readonly AllowedCoercion[] {
  return names.map((name) => ({ path: null, name }))
}

/** The value coerced, and its uses as `path: name × count`. */
function coerced(
  value: Value,
  type: LogicalType,
  allowed: readonly AllowedCoercion[],
  path: readonly string[] = ['f'],
): readonly [Value, readonly string[]] {
  const { value: made, uses } = coerceValue(value, path, type, allowed)
  return [made, uses.map(({ path: at, name, uses: count }) => `${at}: ${name} × ${count}`)]
}

describe('coerceValue', () => {
  it('M01 leaves U+0000 out, or replaces it, one use for a text', () => {
    expect(coerced('\0a\0b\0', 'text', everywhere('strip-nul'))).toStrictEqual(['ab', ['f: strip-nul × 1']])
    expect(coerced('\0a\0', 'text', everywhere('replace-nul'))).toStrictEqual(['\ufffda\ufffd', ['f: replace-nul × 1']])
    expect(coerced(['x', '\0', 'y', '\0'], 'text[]', everywhere('strip-nul'))).toStrictEqual([
      ['x', '', 'y', ''],
      ['f: strip-nul × 2'],
    ])
  })

  it('M02 M03 does so within documents, their names and special values, and leaves other escapes alone', () => {
    const value = documentOf({
      'a\0b': [documentOf({ deep: 'x\0' }), 'y'],
      code: new Special('javascript', String.raw`{"$code":"\u0000 \\u0000 \n\\\u0000"}`),
      literal: String.raw`\u0000`,
    })
    expect(coerced(value, 'json', everywhere('replace-nul'))).toStrictEqual([
      documentOf({
        'a\ufffdb': [documentOf({ deep: 'x\ufffd' }), 'y'],
        code: new Special('javascript', '{"$code":"\ufffd \\\\u0000 \\n\\\\\ufffd"}'),
        literal: String.raw`\u0000`,
      }),
      ['f: replace-nul × 1', 'f.a\ufffdb.deep: replace-nul × 1', 'f.code: replace-nul × 1'],
    ])
  })

  it('refuses names that are the same then, unless the last may win', () => {
    for (const fields of [
      { 'a\0': 1, a: 2 },
      { a: 1, '\0a': 2 },
    ]) {
      const value = documentOf(fields)
      expect(rowErrorOf(() => coerced(value, 'json', everywhere('strip-nul'))).message).toBe(
        'a document has the field a twice once its name has no U+0000',
      )
      expect(coerced(value, 'json', everywhere('strip-nul', 'last-wins'))).toStrictEqual([
        documentOf({ a: 2 }),
        expect.arrayContaining(['f: strip-nul × 1', 'f.a: last-wins × 1']),
      ])
    }
  })

  it('M04 replaces half surrogate pairs', () => {
    expect(coerced('a\ud800', 'text', everywhere('replace-utf8'))).toStrictEqual(['a\ufffd', ['f: replace-utf8 × 1']])
    expect(coerced('a\ud800\0\udc00', 'text', everywhere('replace-utf8', 'strip-nul'))).toStrictEqual([
      'a\ud800\udc00',
      ['f: strip-nul × 1'],
    ])
    expect(coerced('😀', 'text', everywhere('replace-utf8'))).toStrictEqual(['😀', []])
  })

  it('M06 changes NaN and the infinities in json only', () => {
    const value = [Number.NaN, -Infinity, new Decimal('Infinity'), 1, -0, new Decimal('1')]
    const kept = [1, -0, new Decimal('1')]
    expect(coerced(value, 'json', everywhere('stringify-nan'))).toStrictEqual([
      ['NaN', '-Infinity', 'Infinity', ...kept],
      ['f: stringify-nan × 3'],
    ])
    expect(coerced(value, 'json', everywhere('null-nan'))).toStrictEqual([
      [null, null, null, ...kept],
      ['f: null-nan × 3'],
    ])
    for (const type of ['float64[]', 'decimal[]', 'text'] as const) {
      expect(coerced(value, type, everywhere('stringify-nan', 'null-nan'))).toStrictEqual([value, []])
    }
  })

  it('M12 moves dates into the calendar, or to its ends, in dates only', () => {
    const [first, last] = [-210_866_803_200_000n, 9_224_318_015_999_999n]
    const dates = [first - 1n, first, last, last + 1n].map((millis) => new Instant(millis))
    const [before, , , after] = dates
    expect(coerced(dates, 'timestamp[]', everywhere('clamp-dates'))).toStrictEqual([
      [first, first, last, last].map((millis) => new Instant(millis)),
      ['f: clamp-dates × 2'],
    ])
    expect(coerced(before as Value, 'timestamp', everywhere('infinite-dates'))[0]).toBe(minusInfinity)
    expect(coerced(after as Value, 'timestamp', everywhere('infinite-dates'))[0]).toBe(plusInfinity)
    expect(coerced(dates, 'json', everywhere('clamp-dates', 'infinite-dates'))).toStrictEqual([dates, []])
  })

  it('M23 leaves names of Object.prototype what they are', () => {
    const value = documentOf({ ['__proto__']: documentOf({ polluted: '\0' }), constructor: '\0' })
    const [made] = coerced(value, 'json', everywhere('strip-nul'))
    expect(Object.keys(made as object)).toStrictEqual(['__proto__', 'constructor'])
    expect(JSON.stringify(made)).toBe('{"__proto__":{"polluted":""},"constructor":""}')
    expect(({} as Record<string, unknown>)['polluted']).toBe(undefined)
  })

  it('does what is allowed for the field or for one above it, the longest path first', () => {
    const value = documentOf({ b: '\0', bb: '\0', list: [documentOf({ c: '\0' })] })
    const rules = (...paths: readonly (readonly [string | null, Coercion])[]): readonly AllowedCoercion[] =>
      paths.map(([path, name]) => ({ path, name }))
    expect(coerced(value, 'json', rules(['a.b', 'strip-nul']), ['a'])).toStrictEqual([
      documentOf({ b: '', bb: '\0', list: [documentOf({ c: '\0' })] }),
      ['a.b: strip-nul × 1'],
    ])
    expect(coerced(value, 'json', rules(['a.list', 'strip-nul']), ['a'])[1]).toStrictEqual(['a.list.c: strip-nul × 1'])
    expect(
      coerced(value, 'json', rules([null, 'strip-nul'], ['a', 'replace-nul'], ['a.list.c', 'strip-nul']), ['a'])[1],
    ).toStrictEqual(['a.b: replace-nul × 1', 'a.bb: replace-nul × 1', 'a.list.c: strip-nul × 1'])
    expect(coerced(value, 'json', rules(['other', 'strip-nul']), ['a'])).toStrictEqual([value, []])
  })

  it('answers the same object where nothing is changed, whatever it is', () => {
    const all = everywhere('strip-nul', 'replace-utf8', 'clamp-dates', 'stringify-nan', 'last-wins')
    const plain = { a: [1, { b: 'x' }] }
    for (const value of [documentOf({ a: [1, 'x', documentOf({ b: null })] }), [Uint8Array.of(0)], plain]) {
      expect(coerceValue(value, ['f'], 'json', all).value).toBe(value)
    }
    let deep: Value = 'x\0'
    for (let level = 0; level < 20_000; level++) deep = [deep]
    expect(coerceValue(deep, ['f'], 'json', all).value).toBe(deep)
  })
})

describe('CoercionTally', () => {
  it('adds up, and begins again', () => {
    const tally = new CoercionTally()
    tally.add('a', 'strip-nul')
    tally.addAll([
      { path: 'a', name: 'strip-nul', uses: 2 },
      { path: 'a', name: 'last-wins', uses: 1 },
    ])
    expect(tally.take()).toStrictEqual([
      { path: 'a', name: 'strip-nul', uses: 3 },
      { path: 'a', name: 'last-wins', uses: 1 },
    ])
    expect(tally.take()).toStrictEqual([])
  })

  it('is bounded where documents are named by data, and loses no use', () => {
    const tally = new CoercionTally()
    for (let n = 0; n < 5000; n++) tally.add(`doc.${n}`, 'strip-nul')
    const uses = tally.take()
    expect(uses.length).toBe(101)
    expect(uses.reduce((sum, use) => sum + use.uses, 0)).toBe(5000)
    expect(uses.at(-1)).toStrictEqual({ path: 'doc', name: 'strip-nul', uses: 4900 })
  })
})
