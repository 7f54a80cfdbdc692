import { describe, expect, it } from 'vitest'
import type { IndexPlan, SourceIndex } from '../../../src/core/index-plan.ts'
import type { TablePlan } from '../../../src/core/plan.ts'
import type { Sample } from '../../../src/core/sample.ts'
import { planIndexes, type PlannedIndexes } from '../../../src/schema/plan-indexes.ts'
import { childOf, column, indexOf, sampleOf, tableOf, text } from './index-fixtures.ts'

const columns = [
  column('email', 'text'),
  column('createdAt', 'timestamp', { name: 'created_at' }),
  column('age', 'int32'),
  column('address.city', 'text'),
  column('address', 'json', { name: 'address_other', holds: 'others' }),
  column('tags', 'text[]'),
  column('meta', 'json'),
  column('mixed', 'json'),
  column('items', 'int32', { name: 'items_length', holds: 'length' }),
]
const items = childOf('users', 'items', [column('sku', 'text'), column('qty', 'int32')])
const words = childOf('users', 'profile.words', [], { value: column('', 'text', { name: 'value' }) })
const users = tableOf('users', columns, {
  children: [items, words],
  ignore: ['secret'],
  flattened: [{ path: ['address'], ignore: ['zip'] }],
})
const sample = sampleOf({
  _id: { types: ['objectid'] },
  email: text,
  createdAt: { types: ['timestamp'] },
  age: { types: ['int32', 'null'] },
  address: { types: ['json'], fields: { city: text } },
  tags: { types: ['text[]'], elements: text },
  meta: {
    types: ['json'],
    fields: {
      ref: { types: ['objectid'] },
      name: { types: ['text', 'null'] },
      size: { types: ['int32', 'text'] },
      labels: { types: ['text[]', 'empty-array'], elements: text },
      parts: { types: ['json'], elements: { types: ['json'], fields: { code: text } } },
      deep: { types: ['json'], fields: { 'x y': text } },
    },
  },
  mixed: { types: ['int32', 'text[]'], elements: text },
  items: { types: ['json'], elements: { types: ['json'], fields: { sku: text, qty: { types: ['int32'] } } } },
  profile: { types: ['json'], fields: { words: { types: ['text[]'], elements: text } } },
})

function plan(indexes: readonly SourceIndex[], of: TablePlan = users, seen: Sample = sample): PlannedIndexes {
  return planIndexes(of, indexes, { sample: seen, naming: 'snake_case', maxNameBytes: 63, taken: new Set() })
}

/** The only index planned, without words about it. */
function only(index: SourceIndex, of: TablePlan = users): IndexPlan {
  const { indexes, proposals } = plan([index], of)
  expect(proposals).toEqual([])
  expect(indexes).toHaveLength(1)
  return indexes[0] as IndexPlan
}

const places = ({ method, parts }: IndexPlan): string =>
  `${method} ${parts.map((part) => [part.column, ...part.path].join('.') + (part.path.length > 0 ? ` ${part.as}` : '') + (part.descending ? ' desc' : '')).join(', ')}`

describe('where an index ends up', () => {
  it.each([
    [{ email: 1 }, 'btree email'],
    [{ createdAt: -1 }, 'btree created_at'],
    [{ createdAt: -1, email: 1 }, 'btree created_at desc, email'],
    [{ 'address.city': 1 }, 'btree address_city'],
    [{ tags: 1 }, 'gin tags'],
    [{ meta: 1 }, 'btree meta'],
    [{ mixed: 1 }, 'gin mixed'],
    [{ 'meta.name': 1 }, 'btree meta.name text'],
    [{ 'meta.ref': 1 }, 'btree meta.ref text'],
    [{ 'meta.size': 1, age: -1 }, 'btree meta.size json, age desc'],
    [{ 'meta.unseen.x': 1 }, 'btree meta.unseen.x json'],
    [{ 'meta.deep.x y': 1 }, 'btree meta.deep.x y text'],
    [{ 'meta.labels': 1 }, 'gin meta.labels json'],
    [{ 'meta.parts.code': 1 }, 'gin meta.parts json'],
    [{ 'meta.labels.0': 1 }, 'btree meta.labels.0 text'],
    [{ 'meta.parts.0.code': 1 }, 'btree meta.parts.0.code text'],
    [{ 'items.sku': 1, 'items.qty': -1 }, 'btree sku, qty desc'],
    [{ 'profile.words': 1 }, 'btree value'],
  ])('%j: %s', (keys, expected) => {
    expect(places(only(indexOf(keys as { [path: string]: 1 | -1 })))).toBe(expected)
  })

  it('belongs to the child table that holds its fields', () => {
    expect(only(indexOf({ 'items.sku': 1 })).target).toEqual(items.target)
    expect(only(indexOf({ 'profile.words': 1 })).target).toEqual(words.target)
  })

  it('keeps ids of extended JSON as jsonb', () => {
    const extended = { ...users, nestedJson: 'extended' as const }
    expect(places(only(indexOf({ 'meta.ref': 1 }), extended))).toBe('btree meta.ref json')
  })

  it('follows the names that a transform gives', () => {
    const steps = [
      { kind: 'rename' as const, fields: { mail: 'm' } },
      { kind: 'exclude' as const, fields: ['x'] },
      { kind: 'rename' as const, fields: { m: 'email' } },
    ]
    const renaming = { ...users, transform: { file: null, steps } }
    expect(places(only(indexOf({ mail: 1 }), renaming))).toBe('btree email')
  })

  it.each([
    [{ secret: 1 }, /"secret" is left out of the copy/],
    [{ 'address.zip': 1 }, /"address.zip" is left out of the copy/],
    [{ address: 1 }, /"address" is a document whose fields have columns/],
    [{ items: 1 }, /"items" holds documents, which are rows/],
    [{ profile: 1 }, /"profile" holds what has a table of its own/],
    [{ never: 1 }, /"never" was not seen/],
    [{ 'age.x': 1 }, /"age.x" lies below column "age"/],
    [{ email: 1, 'items.sku': 1 }, /in several tables/],
    [{ tags: 1, email: 1 }, /combines an array with other fields/],
  ])('says why %j is not built', (keys, reason) => {
    const { indexes, proposals } = plan([indexOf(keys as { [path: string]: 1 })])
    expect(indexes).toEqual([])
    expect(proposals).toEqual([expect.stringMatching(reason)])
    expect(proposals[0]).toMatch(/^index ".+" \(.+\) of users is not built: /)
  })

  it('says what is in the overflow, and what the columns chosen leave out', () => {
    expect(plan([indexOf({ rare: 1 })], { ...users, overflow: 'more' }).proposals[0]).toMatch(/it is in "more"/)
    expect(plan([indexOf({ rare: 1 })], { ...users, ignore: 'others' }).proposals[0]).toMatch(/left out of the copy/)
  })
})

describe('uniqueness', () => {
  it('lets one row be without a value, as MongoDB does, unless the index is sparse', () => {
    expect(only(indexOf({ email: 1 }, { unique: true }))).toMatchObject({ unique: true, nullsNotDistinct: true })
    const sparse = only(indexOf({ email: 1 }, { unique: true, sparse: true }))
    expect(sparse).toMatchObject({ unique: true, nullsNotDistinct: false, where: [] })
  })

  it('says that a sparse one of several fields compares whole rows only', () => {
    const { indexes, proposals } = plan([indexOf({ email: 1, age: 1 }, { unique: true, sparse: true })])
    expect(indexes).toMatchObject([{ unique: true, nullsNotDistinct: false }])
    expect(proposals).toEqual([expect.stringContaining('only rows that have all of its fields')])
  })

  it('is not asked of elements', () => {
    const array = plan([indexOf({ tags: 1 }, { unique: true })])
    expect(array.indexes).toEqual([])
    expect(array.proposals).toEqual([expect.stringContaining('child table')])
    const child = plan([indexOf({ 'items.sku': 1 }, { unique: true })])
    expect(child.indexes).toMatchObject([{ unique: false, nullsNotDistinct: false }])
    expect(child.proposals).toEqual([expect.stringContaining('without being unique')])
  })

  it('is asked of a child table of single documents', () => {
    const detail = childOf('users', 'detail', [column('code', 'text')])
    const seen = sampleOf({ detail: { types: ['json'], fields: { code: text } } })
    const index = indexOf({ 'detail.code': 1 }, { unique: true })
    expect(plan([index], { ...users, children: [detail] }, seen)).toMatchObject({
      indexes: [{ unique: true, target: detail.target }],
      proposals: [],
    })
  })
})

describe('partial indexes', () => {
  const partial = (filter: unknown): SourceIndex => indexOf({ email: 1 }, { partial: JSON.stringify(filter) })
  const conditions = (filter: unknown): string[] =>
    only(partial(filter)).where.map(({ column: name, path, operator, value }) =>
      [[name, ...path].join('.'), operator, ...(value === null ? [] : [JSON.stringify(value)])].join(' '),
    )

  it.each<[unknown, string[]]>([
    [{ email: { $exists: true } }, ['email exists']],
    [{ age: { $gt: { $numberInt: '17' }, $lte: 65 } }, ['age > 17', 'age <= 65']],
    [{ age: { $numberDouble: '1.5' } }, ['age = 1.5']],
    [{ email: 'a' }, ['email = "a"']],
    [{ email: { $eq: null } }, ['email missing']],
    [{ $and: [{ email: { $gte: '' } }, { age: { $lt: 5 } }] }, ['email >= ""', 'age < 5']],
    [{ createdAt: { $gt: { $date: { $numberLong: '0' } } } }, ['created_at > "1970-01-01T00:00:00.000Z"']],
    [{ createdAt: { $gt: { $date: '2020-02-01T00:00:00Z' } } }, ['created_at > "2020-02-01T00:00:00.000Z"']],
    [{ _id: { $gt: { $oid: '65A000000000000000000000' } } }, ['_id > "65a000000000000000000000"']],
    [{ email: { $type: 'string' } }, ['email exists']],
    [{ age: { $type: 'number' } }, ['age exists']],
    [{ createdAt: { $type: { $numberInt: '9' } } }, ['created_at exists']],
    [{ 'meta.name': 'x', 'meta.size': { $gt: 3 } }, ['meta.name = "x"', 'meta.size > 3']],
    [{}, []],
  ])('%j', (filter, expected) => {
    expect(conditions(filter)).toEqual(expected)
  })

  it.each([
    { $or: [{ age: 1 }, { age: 2 }] },
    { age: { $in: [1, 2] } },
    { age: { $exists: false } },
    { age: { $gt: { $numberLong: '9223372036854775807' } } },
    { age: { $gt: { $numberDecimal: '1' } } },
    { age: { $gt: { $numberDouble: 'NaN' } } },
    { age: 'text' },
    { age: { $type: 'string' } },
    { meta: { $type: 'string' } },
    { email: 5 },
    { email: { $gt: 'a\0b' } },
    { email: { sub: 1 } },
    { tags: 'a' },
    { mixed: { $gt: 3 } },
    { 'meta.size': 'text' },
    { 'meta.labels': 'a' },
    { secret: 1 },
    { 'items.sku': 'x' },
    { createdAt: { $gt: { $date: { $numberLong: '-99999999999999' } } } },
    { $and: [{ age: 1 }, { $nor: [] }] },
  ])('leaves out %j', (filter) => {
    const { indexes, proposals } = plan([partial(filter)])
    expect(indexes).toEqual([])
    expect(proposals).toEqual([expect.stringContaining('says more than conditions')])
  })

  it('keeps a sparse index as small, where it has one field', () => {
    expect(only(indexOf({ age: 1 }, { sparse: true })).where).toEqual([
      { column: 'age', type: 'int32', path: [], operator: 'exists', value: null },
    ])
    expect(only(indexOf({ age: 1, email: 1 }, { sparse: true })).where).toEqual([])
    expect(only(indexOf({ tags: 1 }, { sparse: true })).where).toEqual([])
  })
})

describe('kinds that the target has in another way', () => {
  it.each([
    [indexOf({ email: 'text', 'address.city': 'text' }), /to_tsvector\('simple', "email", "address_city"\)/],
    [indexOf({ 'meta.place': '2dsphere' }), /PostGIS/],
    [indexOf({ meta: 'wildcard' }), /gin \("meta" jsonb_path_ops\)/],
    [indexOf({ '': 'wildcard' }), /every field/],
    [indexOf({ email: 1 }, { collation: 'locale en, strength 2' }), /locale en, strength 2.*icu/],
    [indexOf({ email: 'columnstore' }), /"columnstore"/],
  ])('%#', (index, expected) => {
    const { indexes, proposals } = plan([index])
    expect(indexes).toEqual([])
    expect(proposals).toEqual([expect.stringMatching(expected)])
  })

  it('builds a plain one for hashes and for dates that rows are deleted by', () => {
    const { indexes, proposals } = plan([
      indexOf({ email: 'hashed' }),
      indexOf({ createdAt: 1 }, { expiresAfterSeconds: 3600 }),
    ])
    expect(indexes.map(places)).toEqual(['btree email', 'btree created_at'])
    expect(proposals).toEqual([
      expect.stringContaining('is hashed'),
      expect.stringContaining(`delete from public.users where "created_at" < now() - interval '3600 seconds'`),
    ])
  })
})

describe('twins and names', () => {
  it('leaves out what the key or another index does already', () => {
    const { indexes, proposals } = plan([
      indexOf({ _id: 'hashed' }),
      indexOf({ _id: -1 }),
      indexOf({ email: 1 }),
      indexOf({ email: -1 }),
      indexOf({ email: 1 }, { name: 'unique_one', unique: true }),
    ])
    expect(indexes.map(({ source }) => source)).toEqual(['email_1', 'unique_one'])
    expect(proposals.filter((proposal) => proposal.includes('the primary key serves'))).toHaveLength(2)
    expect(proposals).toContainEqual(expect.stringMatching(/email_-1.*index "email_1" serves the same/))
  })

  it('gives names that are free in the schema, and that the target holds', () => {
    const taken = new Set(['users_created_at_1'])
    const options = { sample, naming: 'snake_case', maxNameBytes: 63, taken } as const
    const long = 'é'.repeat(40)
    const first = planIndexes(
      users,
      [indexOf({ createdAt: 1 }), indexOf({ age: 1 }, { name: long }), indexOf({ email: 1 }, { name: long })],
      options,
    )
    const names = first.indexes.map(({ name }) => name)
    expect(names[0]).toBe('users_created_at_1_2')
    expect(names[1]).toMatch(/^users_é+_[0-9a-f]{8}$/)
    expect(new Set([...names, ...taken]).size).toBe(4)
    for (const name of names) expect(Buffer.byteLength(name)).toBeLessThanOrEqual(63)
    expect(planIndexes(users, [indexOf({ createdAt: 1 })], options).indexes[0]?.name).toBe('users_created_at_1_3')
    const preserved = planIndexes(users, [indexOf({ createdAt: 1 })], {
      ...options,
      naming: 'preserve',
      taken: new Set(),
    })
    expect(preserved.indexes[0]?.name).toBe('users_createdAt_1')
  })
})
