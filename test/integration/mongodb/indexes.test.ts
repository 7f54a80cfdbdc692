import { Decimal128, Double, Long, type Document } from 'mongodb'
import { describe, expect, it } from 'vitest'
import type { Selection, SinceRange } from '../../../src/connectors/planned-table.ts'
import { mongoUnderTest, type MongoUnderTest } from './mongo-under-test.ts'

const never = new AbortController().signal
const users: Selection = { table: 'users', where: null, fields: null, limit: null }
const plain = { unique: false, sparse: false, partial: null, expiresAfterSeconds: null, collation: null }

describe('indexes of MongoDB', () => {
  it('are listed with all that they are, but that of the key', async () => {
    await using under = await mongoUnderTest()
    const { db, source } = under
    await db.createCollection('users')
    await db.command({
      createIndexes: 'users',
      indexes: [
        { key: { email: 1 }, name: 'email_1', unique: true },
        { key: { a: 1, 'b.c': -1 }, name: 'a_b', sparse: true },
        { key: { long: Long.fromNumber(-1), double: new Double(1) }, name: 'classes' },
        { key: { at: 1 }, name: 'ttl', expireAfterSeconds: 3600 },
        {
          key: { age: 1 },
          name: 'partial',
          partialFilterExpression: { age: { $gt: Long.fromString('9007199254740993') }, at: { $exists: true } },
        },
        { key: { place: '2dsphere' }, name: 'place' },
        { key: { flat: '2d' }, name: 'flat' },
        { key: { h: 'hashed' }, name: 'hashed' },
        { key: { k: 1, title: 'text', 'body.text': 'text' }, name: 'words', weights: { title: 3 } },
        { key: { 'meta.$**': 1 }, name: 'some' },
        { key: { '$**': 1 }, name: 'every' },
        { key: { name: 1 }, name: 'folded', collation: { locale: 'en', strength: 2 } },
      ],
    })
    const found = await source.indexes('users', never)
    const up = (name: string) => ({ path: name.split('.'), order: 'ascending' })
    expect(found).toEqual([
      { ...plain, name: 'email_1', fields: [up('email')], unique: true },
      { ...plain, name: 'a_b', fields: [up('a'), { path: ['b', 'c'], order: 'descending' }], sparse: true },
      { ...plain, name: 'classes', fields: [{ path: ['long'], order: 'descending' }, up('double')] },
      { ...plain, name: 'ttl', fields: [up('at')], expiresAfterSeconds: 3600 },
      {
        ...plain,
        name: 'partial',
        fields: [up('age')],
        partial: '{"age":{"$gt":{"$numberLong":"9007199254740993"}},"at":{"$exists":true}}',
      },
      { ...plain, name: 'place', fields: [{ path: ['place'], order: '2dsphere' }] },
      { ...plain, name: 'flat', fields: [{ path: ['flat'], order: '2d' }] },
      { ...plain, name: 'hashed', fields: [{ path: ['h'], order: 'hashed' }] },
      {
        ...plain,
        name: 'words',
        fields: [up('k'), { path: ['body', 'text'], order: 'text' }, { path: ['title'], order: 'text' }],
      },
      { ...plain, name: 'some', fields: [{ path: ['meta'], order: 'wildcard' }] },
      { ...plain, name: 'every', fields: [{ path: [], order: 'wildcard' }] },
      { ...plain, name: 'folded', fields: [up('name')], collation: 'locale en, strength 2' },
    ])
  })

  it('are none of views, clustered keys and tables without one', async () => {
    await using under = await mongoUnderTest()
    const { db, source } = under
    await db.collection('bare').insertOne({ a: 1 })
    await db.createCollection('view', { viewOn: 'bare', pipeline: [] })
    await db.createCollection('clustered', { clusteredIndex: { key: { _id: 1 }, unique: true, name: 'mine' } })
    for (const table of ['bare', 'view', 'clustered']) expect(await source.indexes(table, never)).toEqual([])
    await expect(source.indexes('gone', never)).rejects.toMatchObject({ code: 'missing-table' })
  })
})

describe('the highest value', () => {
  const highest = async (documents: readonly Document[], field = 'a.b', where: string | null = null) => {
    await using under = await mongoUnderTest()
    if (documents.length > 0) await under.db.collection('users').insertMany([...documents])
    else await under.db.createCollection('users')
    return await under.source.highest({ ...users, where }, field, never)
  }

  it.each<[string, readonly Document[], string | null]>([
    ['of nothing', [], null],
    ['of rows without it', [{ a: 1 }, { a: { b: null } }, {}], null],
    [
      'of numbers',
      [{ a: { b: 1 } }, { a: { b: Long.MAX_VALUE } }, { a: { b: 2.5 } }],
      '{"$numberLong":"9223372036854775807"}',
    ],
    ['of doubles', [{ a: { b: new Double(0.1) } }, { a: { b: -1 } }], '{"$numberDouble":"0.1"}'],
    ['of decimals', [{ a: { b: Decimal128.fromString('1.10') } }], '{"$numberDecimal":"1.10"}'],
    ['of texts', [{ a: { b: 'é"' } }, { a: { b: 'z' } }, { a: { b: 9 } }], '"é\\""'],
    ['of dates', [{ a: { b: new Date(-1) } }, { a: { b: 'x' } }], '{"$date":{"$numberLong":"-1"}}'],
  ])('%s', async (_, documents, expected) => {
    expect(await highest(documents)).toBe(expected)
  })

  it('is among the rows selected', async () => {
    const rows = [1, 2, 3].map((n) => ({ a: { b: n }, keep: n < 3 }))
    expect(await highest(rows, 'a.b', '{"keep": true}')).toBe('{"$numberInt":"2"}')
  })

  it.each([[[{ a: { b: [1] } }]], [[{ a: [{ b: 1 }] }]], [[{ a: { b: { c: 1 } } }]], [[{ a: { b: /x/ } }]]])(
    'is refused where it orders nothing: %j',
    async (rows) => {
      await expect(highest(rows)).rejects.toMatchObject({
        code: 'invalid-value',
        message: expect.stringContaining('a.b') as string,
      })
    },
  )

  it.each(['$where', 'a.$b', '', 'a..b', 'a\0'])('is not that of %j', async (field) => {
    await expect(highest([{ a: 1 }], field)).rejects.toMatchObject({ code: 'invalid-value' })
  })
})

describe('rows since', () => {
  const since = async (under: MongoUnderTest, range: SinceRange): Promise<readonly number[]> => {
    const selection = { ...users, since: range }
    const bounds = await under.source.partition(selection, 3, never)
    expect(bounds.length).toBeGreaterThan(1)
    const ids: number[] = []
    for (const [id, bound] of bounds.entries()) {
      const limits = { rows: 2, bytes: 1e6 }
      const pool = { take: (size: number) => new Uint8Array(size), give: () => undefined }
      const partition = { ...bound, id, table: 'users' }
      for await (const batch of under.source.read(selection, partition, { firstSeq: 0, limits, pool }, never)) {
        for (let row = 0; row < batch.rows; row++)
          ids.push(Buffer.from(batch.bytes).readInt32LE((batch.offsets[row] ?? 0) + 9))
      }
    }
    expect(await under.source.count(selection, never)).toBe(ids.length)
    return ids.toSorted((a, b) => a - b)
  }

  it('takes the range with its ends, in all partitions and in the count', async () => {
    await using under = await mongoUnderTest()
    const day = (n: number) => new Date(Date.UTC(2020, 0, n))
    await under.db.collection('users').insertMany(
      [day(1), day(2), day(2), day(3), day(4), null, undefined, 'x', [day(2)]].map((at, n) => ({
        _id: n as never,
        ...(at === undefined ? {} : { at }),
      })),
    )
    const json = (n: number): string => JSON.stringify({ $date: { $numberLong: String(day(n).getTime()) } })
    const range = { field: 'at', from: json(2), upTo: json(3) }
    expect(await since(under, range)).toEqual([1, 2, 3, 8])
    expect(await since(under, { ...range, upTo: null })).toEqual([1, 2, 3, 4, 8])
    expect(await since(under, { ...range, from: null })).toEqual([0, 1, 2, 3, 5, 6, 7, 8])
    expect(await since(under, { ...range, from: null, upTo: null })).toHaveLength(9)
    expect(await since(under, { ...range, from: '{"$date": "2020-01-03T00:00:00Z"}' })).toEqual([3])
  })

  it('keeps the whole of an int64', async () => {
    await using under = await mongoUnderTest()
    const big = 9007199254740992n
    const rows = [big, big + 1n, big + 2n].map((n, id) => ({ _id: id as never, n: Long.fromBigInt(n) }))
    await under.db.collection('users').insertMany(rows)
    const from = `{"$numberLong": "${big + 1n}"}`
    expect(await since(under, { field: 'n', from, upTo: from })).toEqual([1])
    expect(await since(under, { field: 'n', from: `${big + 1n}`, upTo: null })).toEqual([1, 2])
  })

  it('refuses what is no value and no field', async () => {
    await using under = await mongoUnderTest()
    await under.db.collection('users').insertOne({ n: 1 })
    const count = (range: SinceRange) => under.source.count({ ...users, since: range }, never)
    await expect(count({ field: 'n', from: '{"$date": "never"}', upTo: null })).rejects.toMatchObject({
      code: 'invalid-filter',
    })
    await expect(count({ field: '$where', from: '"sleep(1)"', upTo: null })).rejects.toMatchObject({
      code: 'invalid-value',
    })
  })
})
