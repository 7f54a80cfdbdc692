import { isDeepStrictEqual } from 'node:util'
import { Binary, Code, deserialize, Double, Int32, ObjectId as BsonObjectId, serialize } from 'bson'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { LogicalType } from '../../../src/core/logical-type.ts'
import type { TablePlan } from '../../../src/core/plan.ts'
import { Instant, ObjectId, Special, Uuid, type Row, type Value } from '../../../src/core/value.ts'
import { createBsonDecoder } from '../../../src/format/bson-decoder.ts'
import { tag } from '../../../src/format/bson-types.ts'
import {
  batchOf,
  bsonDocuments,
  childOf,
  columnOf,
  documentOf,
  expectedValue,
  int64Bytes,
  planOf,
  rawDocument,
  rawString,
  rowErrorOf,
} from './samples.ts'

const asWritten = { promoteValues: false, promoteBuffers: false, bsonRegExp: true } as const

/** Decodes one document, every field of which has a column unless the plan says otherwise. */
function decode(document: Uint8Array, changes: Partial<TablePlan> = {}): Row {
  const names = Object.keys(deserialize(document, { bsonRegExp: true, validation: { utf8: false } }))
  const types = Object.fromEntries(names.map((name): [string, LogicalType] => [name, 'json']))
  return createBsonDecoder(planOf(types, changes), '_id').decodeRow(batchOf([document]), 0)
}

function decodeRaw(type: number, value: Uint8Array): Value {
  const decoder = createBsonDecoder(planOf({ a: 'json' }), '_id')
  return decoder.decodeRow(batchOf([rawDocument([[type, 'a', value]])]), 0).fields['a'] ?? null
}

function rejectRaw(type: number, value: Uint8Array): string {
  const shape = rowErrorOf(() => decodeRaw(type, value))
  expect(shape.code).toBe('row-rejected')
  return shape.message
}

describe('documents of every type', () => {
  it('are read as the bson package reads them', () => {
    fc.assert(
      fc.property(bsonDocuments, (document) => {
        const expected = expectedValue(deserialize(document, asWritten))
        // Not vitest's own comparison, which a field named `constructor` leads astray.
        expect(isDeepStrictEqual(decode(document).fields, expected)).toBe(true)
      }),
      { numRuns: 2000 },
    )
  })

  it('are read out of the middle of a batch', () => {
    const batch = batchOf([serialize({ _id: 1, a: 'x' }), serialize({ a: 'y', _id: 2 }), serialize({ _id: 3 })])
    const decoder = createBsonDecoder(planOf({ _id: 'int32', a: 'text' }), '_id')
    expect([2, 0, 1].map((index) => decoder.decodeRow(batch, index))).toStrictEqual([
      { key: 3, fields: documentOf({ _id: 3 }) },
      { key: 1, fields: documentOf({ _id: 1, a: 'x' }) },
      { key: 2, fields: documentOf({ a: 'y', _id: 2 }) },
    ])
  })

  it('own their bytes, because the batch is used again', () => {
    const batch = batchOf([serialize({ a: new Binary(Buffer.from('abc')), b: 'text' })])
    const { fields } = createBsonDecoder(planOf({ a: 'bytes', b: 'text' }), '_id').decodeRow(batch, 0)
    batch.bytes.fill(0)
    expect(fields).toStrictEqual(documentOf({ a: new Uint8Array([97, 98, 99]), b: 'text' }))
  })
})

describe('fields and the plan', () => {
  const document = serialize({ _id: 5, a: 1, b: 'x' })

  it('leaves out what is to be ignored', () => {
    const decoder = createBsonDecoder(planOf({ a: 'int32' }, { ignore: ['b', '_id'] }), '_id')
    expect(decoder.decodeRow(batchOf([document]), 0)).toStrictEqual({ key: 5, fields: documentOf({ a: 1 }) })
    const others = createBsonDecoder(planOf({ a: 'int32' }, { ignore: 'others' }), '_id')
    expect(others.decodeRow(batchOf([document]), 0)).toStrictEqual({ key: 5, fields: documentOf({ a: 1 }) })
  })

  it('takes a field without a column as drift', () => {
    const decoder = createBsonDecoder(planOf({ _id: 'int32', a: 'int32' }), '_id')
    const shape = rowErrorOf(() => decoder.decodeRow(batchOf([document]), 0))
    expect(shape).toMatchObject({
      code: 'schema-drift',
      message: 'document 5 of table things has the field b (string), which the plan has no column for',
    })
    expect(shape.hint).toContain('--cast b=jsonb')
    expect(shape.hint).toContain('--exclude-columns b')
    expect(shape.hint).toContain('--infer full')
  })

  it('keeps fields without a column for the overflow column, but not those left out', () => {
    const plan = planOf({ _id: 'int32' }, { overflow: 'other_fields', ignore: ['b'] })
    const decoder = createBsonDecoder(plan, '_id')
    expect(decoder.decodeRow(batchOf([document]), 0)).toStrictEqual({ key: 5, fields: documentOf({ _id: 5, a: 1 }) })
    const others = createBsonDecoder({ ...plan, ignore: 'others' }, '_id')
    expect(others.decodeRow(batchOf([document]), 0).fields).toStrictEqual(documentOf({ _id: 5 }))
  })

  it('keeps every field for a transform, whatever the plan says of it', () => {
    const transform = { file: null, steps: [] }
    const everything = { key: 5, fields: documentOf({ _id: 5, a: 1, b: 'x' }) }
    for (const ignore of [[], ['b', '_id'], 'others'] as const) {
      const decoder = createBsonDecoder(planOf({ c: 'int32' }, { transform, ignore }), '_id')
      expect(decoder.decodeRow(batchOf([document]), 0)).toStrictEqual(everything)
      expect(decoder.decodeRow(batchOf([serialize({ z: undefined, b: null }, { ignoreUndefined: false })]), 0)).toEqual(
        { key: null, fields: documentOf({ z: null, b: null }) },
      )
    }
  })

  it('M25 refuses a kept field that occurs twice', () => {
    const none = Buffer.alloc(0)
    const twice = rawDocument([
      [tag.null, 'x', none],
      [tag.null, 'x', none],
    ])
    const decoder = createBsonDecoder(planOf({}, { overflow: 'other_fields' }), '_id')
    expect(rowErrorOf(() => decoder.decodeRow(batchOf([twice]), 0)).message).toContain('at x: the field occurs twice')
  })

  it('tells of damage before it tells of a field that is not planned', () => {
    const none = Buffer.alloc(0)
    const damaged = rawDocument([
      [tag.null, 'new', none],
      [tag.string, 'other', rawString(Buffer.of(0xff))],
    ])
    const decoder = createBsonDecoder(planOf({}), '_id')
    expect(rowErrorOf(() => decoder.decodeRow(batchOf([damaged]), 0)).message).toContain('damaged at other')
    const sound = rawDocument([[tag.null, 'new', none]])
    expect(rowErrorOf(() => decoder.decodeRow(batchOf([sound]), 0)).code).toBe('schema-drift')
  })

  it('takes fields of documents and arrays with columns or tables of their own, and those of their keys', () => {
    const rowKey = [columnOf('code', 'text', { within: ['x'] })]
    const child = childOf(['items', 'list'], { rowKey })
    const columns = [columnOf('address', 'text', { within: ['city'] })]
    const flattened = [{ path: ['empty'], ignore: ['gone'] }]
    const decoder = createBsonDecoder(planOf({}, { columns, flattened, children: [child] }), '_id')
    const whole = { address: { city: 'x', zip: 1 }, items: { list: [] }, code: { x: 1 }, empty: {} }
    const { fields } = decoder.decodeRow(batchOf([serialize(whole)]), 0)
    expect(JSON.stringify(fields)).toBe(JSON.stringify(whole))
  })

  it('gives rows of a view, which have no _id, the key null', () => {
    const decoder = createBsonDecoder(planOf({ a: 'int32' }), '_id')
    expect(decoder.decodeRow(batchOf([serialize({ a: 1 })]), 0).key).toBe(null)
  })

  it('writes keys for people', () => {
    const keys = [new BsonObjectId('65'.repeat(12)), 'x\0y', 'k'.repeat(500), { a: new Date(0) }, null]
    const batch = batchOf([...keys.map((key) => serialize({ z: 1, _id: key })), serialize({}), Buffer.from('junk!')])
    const decoder = createBsonDecoder(planOf({}), '_id')
    expect([0, 1, 2, 3, 4, 5, 6].map((index) => decoder.keyText(batch, index))).toStrictEqual([
      `{"$oid":"${'65'.repeat(12)}"}`,
      '"x\\u0000y"',
      `"${'k'.repeat(199)}`,
      '{"a":{"$date":"1970-01-01T00:00:00Z"}}',
      'null',
      'null',
      '?',
    ])
  })
})

describe('the bad-data corpus', () => {
  it('M05 refuses exactly the strings that are not UTF-8', () => {
    const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
    const units = fc.constantFrom(
      'c3',
      'a9',
      'ed',
      'a0',
      '80',
      'f0',
      '9f',
      '98',
      'ef',
      'bf',
      'bd',
      'bb',
      '41',
      'ff',
      'c0',
    )
    fc.assert(
      fc.property(fc.array(units, { maxLength: 8 }), (hex) => {
        const bytes = Buffer.from(hex.join(''), 'hex')
        let expected: string | null = null
        try {
          expected = strict.decode(bytes)
        } catch {
          expect(rejectRaw(tag.string, rawString(bytes))).toBe(
            'document null of table things is damaged at a: a string is not valid UTF-8',
          )
        }
        if (expected !== null) expect(decodeRaw(tag.string, rawString(bytes))).toBe(expected)
      }),
      { numRuns: 3000 },
    )
  })

  it('M05 names the path of the damage, and the other rows stay readable', () => {
    const inner = rawDocument([[tag.array, 'list', rawDocument([[tag.string, '0', rawString(Buffer.of(0xff))]])]])
    const damaged = Buffer.concat([
      rawDocument([
        [tag.int, '_id', Buffer.of(9, 0, 0, 0)],
        [tag.object, 'a', inner],
      ]),
    ])
    const batch = batchOf([damaged, serialize({ _id: 10 })])
    const decoder = createBsonDecoder(planOf({ _id: 'int32', a: 'json' }), '_id')
    expect(rowErrorOf(() => decoder.decodeRow(batch, 0)).message).toBe(
      'document 9 of table things is damaged at a.list.0: a string is not valid UTF-8',
    )
    expect(decoder.decodeRow(batch, 1).key).toBe(10)
  })

  it('M06 M07 M09 keeps NaN, infinities, -0 and every int64', () => {
    const document = serialize({ a: new Double(Number.NaN), b: new Double(-0), c: 2n ** 53n + 1n, d: -(2n ** 63n) })
    expect(decode(document).fields).toStrictEqual(
      documentOf({ a: Number.NaN, b: -0, c: 9_007_199_254_740_993n, d: -9_223_372_036_854_775_808n }),
    )
  })

  it('M11 reads undefined as null, and keeps it apart inside', () => {
    expect(decodeRaw(tag.undefined, Buffer.alloc(0))).toBe(null)
    expect(decodeRaw(tag.array, rawDocument([[tag.undefined, '0', Buffer.alloc(0)]]))).toStrictEqual([
      new Special('undefined', '{"$undefined":true}'),
    ])
  })

  it('M12 reads dates past the range of Date', () => {
    for (const millis of [2n ** 63n - 1n, -(2n ** 63n), 8_640_000_000_000_001n, -62_167_219_200_001n]) {
      expect(decodeRaw(tag.date, int64Bytes(millis))).toStrictEqual(new Instant(millis))
    }
  })

  it('M14 keeps keys of different types apart', () => {
    const hex = '65'.repeat(12)
    const keys = [new BsonObjectId(hex), hex, 1, '1', { a: 1 }, '{"a":1}']
    const batch = batchOf(keys.map((key) => serialize({ _id: key })))
    const decoder = createBsonDecoder(planOf({ _id: 'json' }), '_id')
    const texts = keys.map((_key, index) => decoder.keyText(batch, index))
    expect(new Set(texts).size).toBe(keys.length)
    expect(decoder.decodeRow(batch, 0).key).toStrictEqual(new ObjectId(hex))
  })

  it('M23 reads names of Object.prototype as fields like any other', () => {
    const inner = rawDocument([[tag.object, '__proto__', rawDocument([[tag.bool, 'polluted', Buffer.of(1)]])]])
    const document = rawDocument([
      [tag.object, '__proto__', inner],
      [tag.int, 'constructor', Buffer.of(1, 0, 0, 0)],
    ])
    const decoder = createBsonDecoder(planOf({ ['__proto__']: 'json' as const, constructor: 'int32' as const }), '_id')
    const { fields } = decoder.decodeRow(batchOf([document]), 0)
    expect(Object.keys(fields)).toStrictEqual(['__proto__', 'constructor'])
    expect(JSON.stringify(fields)).toBe('{"__proto__":{"__proto__":{"polluted":true}},"constructor":1}')
    expect(({} as Record<string, unknown>)['polluted']).toBe(undefined)
  })

  it('M25 refuses a name that occurs twice, at any depth', () => {
    const one = Buffer.of(1, 0, 0, 0)
    const twice = rawDocument([
      [tag.int, 'x', one],
      [tag.null, 'x', Buffer.alloc(0)],
    ])
    expect(rejectRaw(tag.object, twice)).toContain('damaged at a.x: the field occurs twice')
    const top = rawDocument([
      [tag.null, 'a', Buffer.alloc(0)],
      [tag.null, 'a', Buffer.alloc(0)],
    ])
    const decoder = createBsonDecoder(planOf({ a: 'json' }), '_id')
    expect(rowErrorOf(() => decoder.decodeRow(batchOf([top]), 0)).message).toContain(
      'damaged at a: the field occurs twice',
    )
    expect(decoder.decodeRow(batchOf([serialize({ a: 1 })]), 0).fields['a']).toBe(1)
  })

  it('M26 reads 200 levels and refuses 201', () => {
    // Each level is its length, one element named "0", and a terminator.
    const nested = (levels: number, type: number): Buffer => {
      const document = Buffer.alloc(levels * 8 - 3)
      for (let level = 0; level < levels; level++) {
        document.writeInt32LE((levels - level) * 8 - 3, level * 7)
        if (level + 1 < levels) document.set([type, 0x30, 0], level * 7 + 4)
      }
      return document
    }
    for (const type of [tag.object, tag.array]) {
      expect(() => decodeRaw(type, nested(200, type))).not.toThrow()
      expect(rejectRaw(type, nested(201, type))).toContain('nested deeper than 200 levels')
      expect(rejectRaw(type, nested(20_000, type))).toContain('nested deeper than 200 levels')
    }
    const scope = Buffer.concat([Buffer.alloc(4), rawString(Buffer.from('f')), nested(20_000, tag.object)])
    scope.writeInt32LE(scope.length)
    expect(rejectRaw(tag.javascriptWithScope, scope)).toContain('nested deeper than 200 levels')
  })

  it('M26 counts levels, not documents and arrays', () => {
    const many = Array.from({ length: 300 }, (_, index) => (index % 2 === 0 ? [index] : { index }))
    expect(decode(serialize({ a: many, b: many })).fields['b']).toHaveLength(300)
  })

  it('M27 reads an array of a million elements', () => {
    const items = Array.from({ length: 1_000_000 }, (_, index) => new Int32(index))
    const read = decode(serialize({ a: items })).fields['a']
    expect(read).toHaveLength(1_000_000)
    expect(Array.isArray(read) && read[999_999]).toBe(999_999)
  })

  it('M29 guesses nothing about binary subtypes and the deprecated types', () => {
    const binary = (subtype: number, data: Uint8Array): Buffer => {
      const value = Buffer.concat([Buffer.alloc(4), Buffer.of(subtype), data])
      value.writeInt32LE(data.length)
      return value
    }
    const sixteen = Buffer.from('00112233445566778899aabbccddeeff', 'hex')
    expect(decodeRaw(tag.binData, binary(4, sixteen))).toStrictEqual(new Uuid('00112233-4455-6677-8899-aabbccddeeff'))
    expect(decodeRaw(tag.binData, binary(2, Buffer.concat([Buffer.of(2, 0, 0, 0), Buffer.from('ab')])))).toStrictEqual(
      new Uint8Array([97, 98]),
    )
    for (const subtype of [3, 5, 6, 7, 8, 0x80]) {
      const json = `{"$binary":{"base64":"${sixteen.toString('base64')}","subType":"${subtype.toString(16).padStart(2, '0')}"}}`
      expect(decodeRaw(tag.binData, binary(subtype, sixteen))).toStrictEqual(new Special('binData', json))
    }
    expect(decodeRaw(tag.binData, binary(4, Buffer.of(1)))).toStrictEqual(
      new Special('binData', '{"$binary":{"base64":"AQ==","subType":"04"}}'),
    )
    const pointer = Buffer.concat([rawString(Buffer.from('db.c')), Buffer.from('65'.repeat(12), 'hex')])
    expect(decodeRaw(tag.dbPointer, pointer)).toStrictEqual(
      new Special('dbPointer', `{"$dbPointer":{"$ref":"db.c","$id":{"$oid":"${'65'.repeat(12)}"}}}`),
    )
    const scoped = serialize({ a: new Code('f()', { i: new Int32(1), d: new Double(1), n: [2n] }) })
    expect(decode(scoped).fields['a']).toStrictEqual(
      new Special(
        'javascriptWithScope',
        '{"$code":"f()","$scope":{"i":{"$numberInt":"1"},"d":{"$numberDouble":"1.0"},"n":[{"$numberLong":"2"}]}}',
      ),
    )
  })

  it('M29 sorts the options of a regular expression, as extended JSON wants', () => {
    expect(decodeRaw(tag.regex, Buffer.from('a"b\0xmi\0'))).toStrictEqual(
      new Special('regex', String.raw`{"$regularExpression":{"pattern":"a\"b","options":"imx"}}`),
    )
  })

  it('M30 keeps empty values apart from null', () => {
    expect(decode(serialize({ a: '', b: [], c: {}, d: null })).fields).toStrictEqual(
      documentOf({ a: '', b: [], c: documentOf({}), d: null }),
    )
  })
})

describe('Decimal128 out of the ordinary', () => {
  const decimal = (high: bigint, low: bigint): Value => {
    const bytes = Buffer.alloc(16)
    bytes.writeBigUInt64LE(low)
    bytes.writeBigUInt64LE(high, 8)
    return decodeRaw(tag.decimal, bytes)
  }
  it('reads a coefficient of more than 34 digits as 0, as the specification demands', () => {
    const most = 10n ** 34n
    const zero = 6176n << 49n
    expect(decimal(zero | ((most - 1n) >> 64n), (most - 1n) & (2n ** 64n - 1n))).toMatchObject({ text: '9'.repeat(34) })
    expect(decimal(zero | (most >> 64n), most & (2n ** 64n - 1n))).toMatchObject({ text: '0' })
    expect(decimal((3n << 61n) | (6176n << 47n) | 5n, 5n)).toMatchObject({ text: '0' })
    expect(decimal((1n << 63n) | (0x1en << 58n), 0n)).toMatchObject({ text: '-Infinity' })
  })
})
