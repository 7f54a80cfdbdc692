import {
  Binary,
  BSONRegExp,
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
import { observeDocument } from '../../../src/format/bson-observe.ts'
import { tag } from '../../../src/format/bson-types.ts'
import { rawDocument, rowErrorOf } from './samples.ts'
import { joinScalars } from '../../../src/schema/lattice.ts'

function observe(document: Uint8Array): Record<string, string> {
  const seen: Record<string, string> = {}
  observeDocument(document, (field, name, type) => (seen[field] = `${name} ${type}`), joinScalars)
  return seen
}

describe('observeDocument', () => {
  it('names every type and what it maps to', () => {
    const document = serialize({
      double: new Double(1),
      string: '',
      object: {},
      binary: new Binary(Buffer.of(1)),
      old: new Binary(Buffer.of(1), 2),
      uuid: new Binary(Buffer.alloc(16), 4),
      legacy: new Binary(Buffer.alloc(16), 3),
      id: new ObjectId(),
      bool: false,
      date: new Date(0),
      null: null,
      regex: new BSONRegExp('a'),
      code: new Code('f'),
      scope: new Code('f', {}),
      int: new Int32(1),
      timestamp: new Timestamp({ t: 1, i: 1 }),
      long: Long.ONE,
      decimal: Decimal128.fromString('1'),
      min: new MinKey(),
      max: new MaxKey(),
    })
    expect(observe(document)).toStrictEqual({
      double: 'double float64',
      string: 'string text',
      object: 'object json',
      binary: 'binData bytes',
      old: 'binData bytes',
      uuid: 'uuid uuid',
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
    expect(observe(rawDocument([[tag.undefined, 'u', Buffer.alloc(0)]]))).toStrictEqual({ u: 'undefined null' })
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
    expect(observe(document)).toStrictEqual({
      empty: 'array empty-array',
      nulls: 'array empty-array',
      text: 'array text[]',
      numbers: 'array float64[]',
      long: 'array decimal[]',
      mixed: 'array json',
      nested: 'array json',
      documents: 'array json',
    })
    const undefinedInside = rawDocument([[tag.array, 'a', rawDocument([[tag.undefined, '0', Buffer.alloc(0)]])]])
    expect(observe(undefinedInside)).toStrictEqual({ a: 'array json' })
  })

  it('refuses a damaged document', () => {
    const document = serialize({ a: 'text' })
    const shape = rowErrorOf(() => observe(document.subarray(0, document.length - 1)))
    expect(shape.code).toBe('row-rejected')
  })
})
