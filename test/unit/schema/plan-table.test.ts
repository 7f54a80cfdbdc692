import { describe, expect, it } from 'vitest'
import { columnsOf, errorOf, ints, objectIds, plan, sampleOf, type Seen, strings, users } from './plan-fixtures.ts'

describe('planTable', () => {
  it('puts the key first and the others in the order first seen', () => {
    const planned = plan(users)
    expect(planned).toEqual({
      plan: {
        source: 'users',
        target: { schema: 'public', name: 'users' },
        columns: [
          { field: '_id', name: '_id', type: 'objectid', cast: false },
          { field: 'username', name: 'username', type: 'text', cast: false },
          { field: 'createdAt', name: 'created_at', type: 'timestamp', cast: false },
          { field: 'age', name: 'age', type: 'int32', cast: false },
        ],
        key: ['_id'],
        ignore: [],
        nestedJson: 'plain',
        schemaVersion: 1,
      },
      additions: [],
      notes: [],
      warnings: [],
    })
  })

  it('widens what a field holds, and takes int with double and null as normal', () => {
    const sample = sampleOf({
      _id: objectIds,
      balance: [
        ['int', 'int32', 10],
        ['double', 'float64', 80],
        ['null', 'null', 10],
      ],
      tags: [
        ['array', 'text[]', 90],
        ['array', 'empty-array', 10],
      ],
      total: [
        ['long', 'int64', 50],
        ['double', 'float64', 50],
      ],
    })
    const planned = plan(sample)
    expect(columnsOf(planned)).toEqual(['_id objectid', 'balance float64', 'tags text[]', 'total decimal'])
    expect(planned.warnings).toEqual([])
  })

  it('names the types of a mix with their shares', () => {
    const sample = sampleOf(
      {
        _id: [['objectId', 'objectid', 3000]],
        zip: [
          ['int', 'int32', 2999],
          ['string', 'text', 1],
        ],
        list: [
          ['array', 'int32[]', 1000],
          ['array', 'empty-array', 1000],
          ['array', 'text[]', 1000],
        ],
        any: [
          ['object', 'json', 2000],
          ['regex', 'json', 1000],
        ],
      },
      { rows: 3000 },
    )
    expect(plan(sample).warnings).toEqual([
      'field "zip" holds int > 99.9 %, string < 0.1 %: its column becomes jsonb, which alone holds them all',
      'field "list" holds array of integer 33.3 %, empty array 33.3 %, array of text 33.3 %: its column becomes jsonb, which alone holds them all',
    ])
  })

  it.each([
    [[['null', 'null', 100]], 'null 100 %'],
    [[['array', 'empty-array', 100]], 'empty array 100 %'],
  ] as [Seen, string][])('makes a column that says nothing of its type jsonb, and says so (%#)', (types, shares) => {
    const planned = plan(sampleOf({ _id: objectIds, note: types }))
    expect(columnsOf(planned)).toContain('note json')
    expect(planned.warnings).toEqual([
      `field "note" was seen only as ${shares}: its column becomes jsonb; --cast gives it a type`,
    ])
  })
})

describe('the key', () => {
  it.each([
    [
      'of several types',
      [
        ['objectId', 'objectid', 60],
        ['string', 'text', 40],
      ],
    ],
    ['of documents', [['object', 'json', 100]]],
  ] as [string, Seen][])('%s is kept apart by extended JSON', (_what, types) => {
    const { plan: table } = plan(sampleOf({ _id: types, doc: [['object', 'json', 100]] }))
    expect(table.columns[0]).toEqual({ field: '_id', name: '_id', type: 'json', cast: false, nestedJson: 'extended' })
    expect(table.columns[1]).not.toHaveProperty('nestedJson')
    expect(table.key).toEqual(['_id'])
  })

  it('of several number types is one number', () => {
    const planned = plan(
      sampleOf({
        _id: [
          ['int', 'int32', 50],
          ['double', 'float64', 20],
          ['decimal', 'decimal', 30],
        ],
      }),
    )
    expect(columnsOf(planned)).toEqual(['_id decimal'])
    expect(planned.warnings).toEqual([])
  })

  it.each([
    [
      'is null',
      {
        _id: [
          ['objectId', 'objectid', 99],
          ['null', 'null', 1],
        ],
      },
      /"_id" is null or missing in 1 rows/,
    ],
    ['is missing in some rows', { _id: [['objectId', 'objectid', 98]] }, /"_id" is null or missing in 2 rows/],
    ['is missing in all', { total: ints }, /the key "_id" is in no row/],
  ] as [string, { [field: string]: Seen }, RegExp][])('cannot be primary where it %s', (_what, fields, warning) => {
    const planned = plan(sampleOf(fields))
    expect(planned.plan.key).toEqual([])
    expect(planned.warnings).toEqual([expect.stringMatching(warning)])
  })

  it('is none by wish, without a word', () => {
    const planned = plan(users, { primaryKey: false })
    expect(planned.plan.key).toEqual([])
    expect(planned.warnings).toEqual([])
  })

  it('follows a rename', () => {
    expect(plan(users, { rename: { _id: 'userId' } }).plan.key).toEqual(['userId'])
  })
})

describe('--columns and --exclude-columns', () => {
  it('select and order exactly; without the key there is no primary key', () => {
    const planned = plan(users, { columns: ['age', 'username'] })
    expect(columnsOf(planned)).toEqual(['age int32', 'username text'])
    expect(planned.plan.ignore).toBe('others')
    expect(planned.plan.key).toEqual([])
    expect(planned.warnings).toEqual(['no primary key is possible: the key "_id" is left out'])
  })

  it('leave out only what is named', () => {
    const planned = plan(users, { excludeColumns: ['age'] })
    expect(columnsOf(planned)).toEqual(['_id objectid', 'username text', 'created_at timestamp'])
    expect(planned.plan.ignore).toEqual(['age'])
  })

  it.each([
    ['--columns', { columns: ['usrname'] }],
    ['--exclude-columns', { excludeColumns: ['usrname'] }],
    ['--rename', { rename: { usrname: 'x' } }],
  ])('%s refuses a name that is not there, with the nearest and all', (option, options) => {
    const error = errorOf(() => plan(users, options))
    expect(error.code).toBe('unknown-column')
    expect(error.message).toBe(`${option} names "usrname", which is not in any of the 100 rows`)
    expect(error.hint).toBe('did you mean username? Fields are username, _id, createdAt, age')
  })

  it('say how to name a rare field when only a part of the rows was looked at', () => {
    const part = sampleOf({ _id: objectIds }, { complete: false })
    expect(errorOf(() => plan(part, { columns: ['rare'] })).hint).toMatch(
      /--infer full, or declared by --cast rare=type$/,
    )
  })

  it('exclude a rare field that the sample has missed, but not a misspelt one', () => {
    const part = sampleOf({ _id: objectIds, password: strings }, { complete: false })
    const planned = plan(part, { excludeColumns: ['debugNotes'] })
    expect(planned.plan.ignore).toEqual(['debugNotes'])
    expect(planned.warnings).toEqual([expect.stringMatching(/^field "debugNotes" was not seen in 100 rows/)])
    expect(errorOf(() => plan(part, { excludeColumns: ['pasword'] })).code).toBe('unknown-column')
  })

  it.each([
    { columns: ['_id', 'age'], excludeColumns: ['age'] },
    { cast: { age: 'text' }, excludeColumns: ['age'] },
    { rename: { age: 'years' }, excludeColumns: ['age'] },
    { columns: ['_id'], cast: { age: 'text' } },
    { columns: ['_id'], rename: { age: 'years' } },
  ])('refuse a field both wanted and left out: %j', (options) => {
    expect(errorOf(() => plan(users, options)).code).toBe('conflicting-options')
  })

  it('refuse a name given twice', () => {
    expect(errorOf(() => plan(users, { columns: ['age', 'age'] })).code).toBe('invalid-value')
  })
})

describe('a table without rows', () => {
  const empty = sampleOf({}, { rows: 0, bytes: 0 })

  it('still gets its key', () => {
    const planned = plan(empty)
    expect(columnsOf(planned)).toEqual(['_id json'])
    expect(planned.plan.key).toEqual(['_id'])
    expect(planned.warnings).toEqual(['field "_id" was not seen: its column becomes jsonb; --cast gives it a type'])
  })

  it('takes every name as it is', () => {
    const options = { columns: ['username', 'age'], cast: { age: 'int' }, rename: { username: 'login' } }
    expect(columnsOf(plan(empty, options))).toEqual(['login json', 'age int32'])
  })
})

describe('--rename and --cast', () => {
  it('give names and types, and mark the cast', () => {
    const { plan: table } = plan(users, { rename: { createdAt: 'When' }, cast: { age: 'bigint', createdAt: 'text' } })
    expect(table.columns.slice(2)).toEqual([
      { field: 'createdAt', name: 'When', type: 'text', cast: true },
      { field: 'age', name: 'age', type: 'int64', cast: true },
    ])
  })

  it('make a column for a field that was not seen', () => {
    const planned = plan(users, { cast: { deletedAt: 'timestamptz' } })
    expect(columnsOf(planned).at(-1)).toBe('deleted_at timestamp')
    expect(planned.warnings).toEqual(['field "deletedAt" was not seen: it has a column because --cast names it'])
  })

  it('refuse a type that does not exist', () => {
    expect(errorOf(() => plan(users, { cast: { age: 'intger' } })).code).toBe('unknown-type')
  })

  it('are not fooled by fields called like members of every object', () => {
    const planned = plan(sampleOf({ _id: objectIds, constructor: strings, toString: ints, ['__proto__']: ints }))
    expect(columnsOf(planned)).toEqual(['_id objectid', 'constructor text', 'to_string int32', '__proto__ int32'])
  })
})
