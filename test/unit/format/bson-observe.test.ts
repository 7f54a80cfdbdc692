import {
  Binary,
  BSONRegExp,
  BSONSymbol,
  Code,
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
import { describe, expect, it } from 'vitest'
import type { FieldSample, Sample, ValuesSample } from '../../../src/core/sample.ts'
import { createBsonObserver } from '../../../src/format/bson-observe.ts'
import { tag } from '../../../src/format/bson-types.ts'
import { joinScalars } from '../../../src/schema/lattice.ts'
import { batchOf, int64Bytes, rawDocument, rawString } from './samples.ts'

const empty = Buffer.alloc(0)

function observe(...documents: readonly Uint8Array[]): Sample {
  const observer = createBsonObserver('_id', joinScalars)
  // Two batches, to see that they add up.
  void observer.observe(batchOf(documents.slice(0, 1)))
  void observer.observe(batchOf(documents.slice(1)))
  return observer.sample(true)
}

function fieldOf(sample: { readonly fields: readonly FieldSample[] } | null, name: string): FieldSample {
  const found = sample?.fields.find(({ field }) => field === name)
  if (found === undefined) throw new Error(`no field ${name}`)
  return found
}

/** `name type` of each type with its count. */
function typesOf({ types }: ValuesSample): Record<string, number> {
  return Object.fromEntries(types.map(({ name, type, count }) => [`${name} ${type}`, count]))
}

/** The one type of each field. */
function kinds(sample: Sample): Record<string, string> {
  return Object.fromEntries(sample.fields.map((field) => [field.field, Object.keys(typesOf(field)).join()]))
}

describe('observing BSON', () => {
  it('names every type and what it maps to', () => {
    const document = serialize({
      double: new Double(1),
      string: '',
      object: {},
      binary: new Binary(Buffer.of(1)),
      old: new Binary(Buffer.of(1), 2),
      uuid: new Binary(Buffer.alloc(16), 4),
      short: new Binary(Buffer.alloc(15), 4),
      legacy: new Binary(Buffer.alloc(16), 3),
      id: new ObjectId(),
      bool: false,
      date: new Date(0),
      null: null,
      regex: new BSONRegExp('a'),
      code: new Code('f'),
      scope: new Code('f', { a: 1 }),
      int: new Int32(1),
      timestamp: new Timestamp({ t: 1, i: 1 }),
      long: Long.ONE,
      decimal: Decimal128.fromString('1'),
      min: new MinKey(),
      max: new MaxKey(),
    })
    expect(kinds(observe(document))).toStrictEqual({
      double: 'double float64',
      string: 'string text',
      object: 'object json',
      binary: 'binData bytes',
      old: 'binData bytes',
      uuid: 'uuid uuid',
      short: 'binData json',
      legacy: 'binData json',
      id: 'objectId objectid',
      bool: 'bool bool',
      date: 'date timestamp',
      null: 'null null',
      regex: 'regex json',
      code: 'javascript json',
      scope: 'javascriptWithScope json',
      int: 'int int32',
      timestamp: 'timestamp json',
      long: 'long int64',
      decimal: 'decimal decimal',
      min: 'minKey json',
      max: 'maxKey json',
    })
    const { documents, trouble } = fieldOf(observe(document), 'object')
    expect({ documents, trouble }).toEqual({ documents: { rows: 1, fields: [], more: false }, trouble: [] })
  })

  it('M11 keeps missing, null and undefined apart', () => {
    const sample = observe(
      serialize({ a: 1 }),
      serialize({ a: null }),
      rawDocument([[tag.undefined, 'a', empty]]),
      serialize({ b: 1 }),
    )
    expect(sample.rows).toBe(4)
    expect(typesOf(fieldOf(sample, 'a'))).toStrictEqual({ 'int int32': 1, 'null null': 1, 'undefined null': 1 })
  })

  it('joins the elements of an array', () => {
    const document = serialize({
      empty: [],
      nulls: [null, null],
      text: ['a', null],
      numbers: [new Int32(1), new Double(1.5)],
      long: [Long.ONE, new Double(1.5)],
      mixed: [new Int32(1), 'a'],
      nested: [[1]],
      documents: [{ a: 1 }],
    })
    expect(kinds(observe(document))).toStrictEqual({
      empty: 'array empty-array',
      nulls: 'array empty-array',
      text: 'array text[]',
      numbers: 'array float64[]',
      long: 'array decimal[]',
      mixed: 'array json',
      nested: 'array json',
      documents: 'array json',
    })
    const undefinedInside = rawDocument([[tag.array, 'a', rawDocument([[tag.undefined, '0', empty]])]])
    expect(kinds(observe(undefinedInside))).toStrictEqual({ a: 'array json' })
  })

  it('looks into documents and arrays, whatever their depth', () => {
    const sample = observe(
      serialize({ items: [{ sku: 'a', tags: ['x', 'y'] }, { sku: 'b', n: 1 }, 3], at: { city: 'Bern' } }),
      serialize({ items: [], at: { city: null, geo: { lat: 1.5 } } }),
      serialize({ items: null, at: 'nowhere' }),
    )
    const { elements, types } = fieldOf(sample, 'items')
    expect(types.map(({ type }) => type)).toEqual(['json', 'empty-array', 'null'])
    expect(elements).toMatchObject({ arrays: 2, items: 3, maxItems: 3 })
    expect(elements?.types).toEqual([
      { name: 'object', type: 'json', count: 2 },
      { name: 'int', type: 'int32', count: 1 },
    ])
    const items = elements?.documents ?? null
    expect(items).toMatchObject({ rows: 2, more: false })
    expect(items?.fields.map(({ field }) => field)).toEqual(['sku', 'tags', 'n'])
    expect(fieldOf(items, 'tags').elements).toMatchObject({ arrays: 1, items: 2, maxItems: 2 })
    expect(fieldOf(items, 'tags').elements?.distinct).toEqual(new Map(Object.entries({ x: 1, y: 1 })))
    const at = fieldOf(sample, 'at')
    expect(typesOf(at)).toEqual({ 'object json': 2, 'string text': 1 })
    expect(typesOf(fieldOf(at.documents, 'city'))).toEqual({ 'string text': 1, 'null null': 1 })
    expect(typesOf(fieldOf(fieldOf(at.documents, 'geo').documents, 'lat'))).toEqual({ 'double float64': 1 })
  })

  it('lists distinct texts, booleans and integers, until there are too many, a long one or another type', () => {
    const rows = Array.from({ length: 60 }, (_, n) => ({
      state: n % 3 === 0 ? 'open' : n % 3 === 1 ? null : 'closed',
      twenty: new Int32(n % 20),
      more: new Int32(n % 21),
      big: Long.fromNumber(n % 2),
      flag: n % 2 === 0,
      long: n === 59 ? 'x'.repeat(41) : 'x'.repeat(40),
      wide: '😀'.repeat(20),
      mixed: n === 59 ? new Double(0.5) : 'a',
      date: new Date(0),
      none: null,
    }))
    const sample = observe(...rows.map((row) => serialize(row)))
    const distinct = (name: string): unknown => fieldOf(sample, name).distinct
    expect(distinct('state')).toEqual(new Map(Object.entries({ open: 20, closed: 20 })))
    expect(distinct('twenty')).toEqual(new Map(Array.from({ length: 20 }, (_, n) => [String(n), 3])))
    expect(distinct('big')).toEqual(new Map(Object.entries({ 0: 30, 1: 30 })))
    expect(distinct('flag')).toEqual(new Map(Object.entries({ true: 30, false: 30 })))
    expect(distinct('wide')).toEqual(new Map([['😀'.repeat(20), 60]]))
    expect(distinct('none')).toEqual(new Map())
    for (const name of ['more', 'long', 'mixed', 'date']) expect(distinct(name)).toBeNull()
  })

  it('measures values: texts and binaries by what is in them', () => {
    const sample = observe(
      serialize({
        _id: 'ä',
        b: new Binary(Buffer.alloc(9)),
        b2: new Binary(Buffer.alloc(8), 2),
        o: { a: 1 },
        n: null,
        d: 1.5,
      }),
    )
    const sizes = Object.fromEntries(sample.fields.map(({ field, maxBytes }) => [field, maxBytes]))
    expect(sizes).toEqual({ _id: 2, b: 9, b2: 8, o: 12, n: 0, d: 8 })
    expect(observe(serialize({ _id: 'a' }), serialize({ _id: 'abc' }), serialize({ _id: 'ab' })).bytes).toBe(51)
  })
})

describe('trouble in BSON', () => {
  it.each<[string, string, unknown]>([
    ['M01 text with NUL', 'nul', 'a\0b'],
    ['M01 NUL behind what is not ASCII', 'nul', 'ä\0'],
    ['M01 long text with NUL', 'nul', `${'x'.repeat(100)}\0`],
    ['M01 code with NUL', 'nul', new Code('\0')],
    ['M01 a symbol with NUL', 'nul', new BSONSymbol('\0')],
    ['M01 NUL in the scope of code', 'nul', new Code('f', { a: { b: '\0' } })],
    ['M01 NUL in code with scope', 'nul', new Code('\0', {})],
    ['M06 NaN', 'special-number', new Double(NaN)],
    ['M06 an infinity', 'special-number', new Double(-Infinity)],
    ['M07 a negative zero', 'special-number', new Double(-0)],
    ['M08 a decimal NaN', 'special-number', Decimal128.fromString('NaN')],
    ['M08 a decimal infinity', 'special-number', Decimal128.fromString('-Infinity')],
    ['M08 a decimal negative zero', 'special-number', Decimal128.fromString('-0.00')],
    ['M08 a decimal negative zero with exponent', 'special-number', Decimal128.fromString('-0E+3')],
  ])('%s', (_, kind, value) => {
    const document = serialize({ _id: 7, a: value, b: { c: value }, d: [value] })
    const sample = observe(document, document)
    const expected = [{ kind, count: 2, key: '7' }]
    expect(fieldOf(sample, 'a').trouble).toEqual(expected)
    expect(fieldOf(sample, 'b').trouble).toEqual([])
    expect(fieldOf(fieldOf(sample, 'b').documents, 'c').trouble).toEqual(expected)
    expect(fieldOf(sample, 'd').elements?.trouble).toEqual(expected)
  })

  it.each([3, 100])('M05 %i characters, and then half of another', (length) => {
    const text = Buffer.concat([Buffer.alloc(length, 'x'), Buffer.of(0xc3)])
    const { trouble } = fieldOf(observe(rawDocument([[tag.string, 'a', rawString(text)]])), 'a')
    expect(trouble).toEqual([{ kind: 'broken-text', count: 1, key: 'null' }])
  })

  it('M04 M05 text that is not UTF-8, in every type that has text', () => {
    const broken = Buffer.from([0x61, 0xed, 0xa0, 0x80])
    const sample = observe(
      rawDocument([
        [tag.string, 'string', rawString(broken)],
        [tag.symbol, 'symbol', rawString(broken)],
        [tag.javascript, 'code', rawString(broken)],
        [tag.regex, 'regex', Buffer.concat([broken, Buffer.of(0, 0)])],
        [tag.dbPointer, 'pointer', Buffer.concat([rawString(broken), Buffer.alloc(12)])],
        [tag.string, '_id', rawString(Buffer.from('k'))],
      ]),
    )
    for (const name of ['string', 'symbol', 'code', 'regex', 'pointer']) {
      expect(fieldOf(sample, name).trouble).toEqual([{ kind: 'broken-text', count: 1, key: '"k"' }])
    }
    expect(typesOf(fieldOf(sample, 'string'))).toEqual({ 'string text': 1 })
    expect(sample.damaged).toBe(0)
  })

  it.each([
    [-210_866_803_200_000n, []],
    [-210_866_803_200_001n, ['date-range']],
    [9_224_318_015_999_999n, []],
    [9_224_318_016_000_000n, ['date-range']],
    [2n ** 63n - 1n, ['date-range']],
    [-(2n ** 63n), ['date-range']],
  ])('M12 the date %s', (millis, expected) => {
    const sample = observe(rawDocument([[tag.date, 'at', int64Bytes(millis)]]))
    expect(fieldOf(sample, 'at').trouble.map(({ kind }) => kind)).toEqual(expected)
  })

  it('finds nothing in numbers like any other', () => {
    const numbers = ['0', '-1', '-0.10', '0E-3', '9.99E+6144'].map((text) => Decimal128.fromString(text))
    expect(fieldOf(observe(serialize({ a: numbers, b: new Double(-0.1) })), 'a').elements?.trouble).toEqual([])
  })

  it('M25 a field that occurs twice counts once, and the others still count', () => {
    const int = Buffer.from([1, 0, 0, 0])
    const sample = observe(
      rawDocument([
        [tag.int, 'a', int],
        [
          tag.object,
          'o',
          rawDocument([
            [tag.int, 'x', int],
            [tag.null, 'x', empty],
            [tag.int, 'y', int],
          ]),
        ],
        [tag.object, 'a', rawDocument([[tag.int, 'z', int]])],
        [tag.int, '_id', int],
      ]),
    )
    expect(sample.fields.map(({ field }) => field)).toEqual(['a', 'o', '_id'])
    expect(typesOf(fieldOf(sample, 'a'))).toEqual({ 'int int32': 1 })
    expect(fieldOf(sample, 'a').trouble).toEqual([{ kind: 'duplicate-field', count: 1, key: '1' }])
    const inside = fieldOf(sample, 'o').documents
    expect(fieldOf(inside, 'x').trouble).toEqual([{ kind: 'duplicate-field', count: 1, key: '1' }])
    expect(typesOf(fieldOf(inside, 'x'))).toEqual({ 'int int32': 1 })
    expect(typesOf(fieldOf(inside, 'y'))).toEqual({ 'int int32': 1 })
  })

  it('names the first row that has it, as well as its key can be told', () => {
    const nul = { a: '\0' }
    const keyOf = (...documents: readonly Uint8Array[]): unknown => fieldOf(observe(...documents), 'a').trouble[0]?.key
    expect(keyOf(serialize({ _id: 1, a: '' }), serialize({ _id: 2, ...nul }), serialize({ _id: 3, ...nul }))).toBe('2')
    expect(keyOf(serialize(nul))).toBe('null')
    expect(keyOf(serialize({ x: { _id: 1 }, ...nul, _id: { y: 'k' } }))).toBe('{"y":"k"}')
    const text = rawString(Buffer.of(0))
    expect(
      keyOf(
        rawDocument([
          [tag.string, '_id', rawString(Buffer.of(0xff))],
          [tag.string, 'a', text],
        ]),
      ),
    ).toBe('?')
  })
})

describe('rows that cannot be counted', () => {
  it('are damaged, and nothing of them counts', () => {
    const whole = serialize({ _id: 1, a: 'x' })
    const inside = Buffer.from(serialize({ b: 1, o: { c: { d: true } } }))
    inside[inside.length - 4] = 2
    const sample = observe(whole, whole.subarray(0, -1), inside, whole)
    expect(sample).toMatchObject({ rows: 4, damaged: 2, failed: null, complete: true })
    expect(sample.bytes).toBe(whole.length * 3 - 1 + inside.length)
    expect(kinds(sample)).toEqual({ _id: 'int int32', a: 'string text' })
  })

  it('M26 are nested deeper than 200 levels', () => {
    const nested = (depth: number): Buffer => {
      let document = rawDocument([])
      for (let level = 0; level < depth; level++)
        document = rawDocument([[level % 2 ? tag.object : tag.array, '0', document]])
      return document
    }
    expect(observe(nested(200)).damaged).toBe(0)
    expect(observe(nested(201)).damaged).toBe(1)
  })
})

describe('many fields', () => {
  it('M28 are kept up to a number at the top, and fewer below', () => {
    const wide = (count: number, from = 0): Record<string, number> =>
      Object.fromEntries(Array.from({ length: count }, (_, n) => [`f${from + n}`, 1]))
    const sample = observe(
      serialize({ ...wide(9_998), in: wide(1000), list: [wide(999)] }),
      serialize({ in: wide(2, 999), list: [wide(2, 998), { more: wide(3) }], late: { a: 1 }, f1: null }),
    )
    expect(sample.fields).toHaveLength(10_000)
    expect(sample.more).toBe(true)
    expect(typesOf(fieldOf(sample, 'f1'))).toEqual({ 'int int32': 1, 'null null': 1 })
    const inside = fieldOf(sample, 'in').documents
    expect(inside).toMatchObject({ rows: 2, more: true })
    expect(inside?.fields).toHaveLength(1000)
    expect(typesOf(fieldOf(inside, 'f999'))).toEqual({ 'int int32': 2 })
    const listed = fieldOf(sample, 'list').elements?.documents
    expect(listed).toMatchObject({ rows: 3, more: true })
    expect(listed?.fields).toHaveLength(1000)
  })

  it('below the top do not fill the memory, nor take the place of those at the top', () => {
    const wide = Object.fromEntries(Array.from({ length: 1000 }, (_, n) => [`f${n}`, 1]))
    const rows = Array.from({ length: 40 }, (_, n) => serialize({ [`t${n}`]: wide }))
    const sample = observe(...rows)
    expect(sample).toMatchObject({ rows: 40, more: false })
    expect(sample.fields).toHaveLength(40)
    const below = sample.fields.map(({ documents }) => documents?.fields.length ?? 0)
    expect(below.reduce((sum, count) => sum + count, 0)).toBe(30_000)
    expect(sample.fields.at(-1)?.documents).toEqual({ rows: 1, fields: [], more: true })
  })
})
