import { BSONRegExp, Decimal128, Double, Int32, Long, ObjectId, UUID } from 'bson'
import { describe, expect, it } from 'vitest'
import { parseFilter } from '../../../src/connectors/mongodb/filter.ts'

describe('filter of --where', () => {
  it('takes operators and values of extended JSON', () => {
    expect(
      parseFilter(`{
        "$or": [{"age": {"$gte": 18, "$not": {"$eq": 20}}}, {"tags": {"$elemMatch": {"$in": ["a", null]}}}],
        "_id": {"$gt": {"$oid": "65a000000000000000000000"}},
        "at": {"$lt": {"$date": "2020-01-01T00:00:00Z"}},
        "u": {"$uuid": "c8edabc3-f738-4ca3-b68d-ab92a91478a3"},
        "big": {"$numberLong": "9223372036854775807"},
        "price": {"$numberDecimal": "1.10"}
      }`),
    ).toEqual({
      $or: [
        { age: { $gte: new Int32(18), $not: { $eq: new Int32(20) } } },
        { tags: { $elemMatch: { $in: ['a', null] } } },
      ],
      _id: { $gt: new ObjectId('65a000000000000000000000') },
      at: { $lt: new Date('2020-01-01T00:00:00Z') },
      u: new UUID('c8edabc3-f738-4ca3-b68d-ab92a91478a3'),
      big: Long.MAX_VALUE,
      price: Decimal128.fromString('1.10'),
    })
  })

  it('keeps numbers as they are written', () => {
    expect(parseFilter('{"n": [1, -2147483648, 2147483648, 9007199254740993, 1.5, 1e3, -0]}')).toEqual({
      n: [
        new Int32(1),
        new Int32(-2147483648),
        Long.fromString('2147483648'),
        Long.fromString('9007199254740993'),
        new Double(1.5),
        new Double(1000),
        new Double(-0),
      ],
    })
  })

  it('keeps every condition beside $regex', () => {
    const filter = parseFilter('{"name": {"$regex": "^a", "$options": "i", "$ne": "abc"}}')
    expect(filter).toEqual({ name: { $regex: '^a', $options: 'i', $ne: 'abc' } })
    expect(parseFilter('{"name": {"$regularExpression": {"pattern": "^a", "options": ""}}}')).toEqual({
      name: new BSONRegExp('^a', ''),
    })
  })

  it.each([
    ['{"$where": "sleep(1)"}', '$where'],
    ['{"a": {"$gtt": 1}}', '$gtt'],
    ['{"a": {"$not": {"$function": 1}}}', '$function'],
    ['{"a": [{"$expr": 1}]}', '$expr'],
    ['{"__proto__": {"$where": 1}}', '$where'],
    ['{"a": {"$oid": "65a000000000000000000000", "$jsonSchema": 1}}', '$oid'],
  ])('refuses other operators: %s', (text, operator) => {
    expect(() => parseFilter(text)).toThrow(
      expect.objectContaining({ code: 'unknown-operator', message: expect.stringContaining(operator) as string }),
    )
  })

  it('names the nearest operator', () => {
    expect(() => parseFilter('{"a": {"$gtt": 1}}')).toThrow(
      expect.objectContaining({ hint: expect.stringMatching(/^did you mean \$gt\?/) as string }),
    )
  })

  it.each([
    ['{"a": }', /JSON/],
    ['{a: 1}', /position 1/],
    ['', /JSON/],
    ['[]', /object/],
    ['"x"', /object/],
    ['null', /object/],
    ['{"$oid": "65a000000000000000000000"}', /not a filter/],
    ['{"a": 99999999999999999999}', /99999999999999999999/],
    ['{"a": {"$numberLong": "99999999999999999999"}}', /numberLong/],
    ['{"a": {"$numberInt": "1.5"}}', /numberInt/],
    ['{"a": {"$numberInt": 1}}', /numberInt/],
    ['{"a": {"$numberDouble": "x"}}', /numberDouble/],
    ['{"a": {"$date": "yesterday"}}', /yesterday/],
    ['{"a": {"$oid": "zz"}}', /zz/],
    ['{"a": {"$binary": {"base64": "***", "subType": "00"}}}', /binary/],
    ['{"a": {"$uuid": "x"}}', /uuid/],
  ])('refuses %s', (text, message) => {
    expect(() => parseFilter(text)).toThrow(
      expect.objectContaining({ code: 'invalid-filter', message: expect.stringMatching(message) as string }),
    )
  })
})
