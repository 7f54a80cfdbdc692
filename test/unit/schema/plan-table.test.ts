import { describe, expect, it } from 'vitest'
import { DroverError } from '../../../src/core/errors.ts'
import type { LogicalType, ObservedType } from '../../../src/core/logical-type.ts'
import type { Sample } from '../../../src/core/sample.ts'
import type { ExistingColumnShape, ExistingShape } from '../../../src/schema/fit-existing.ts'
import {
  planTable,
  type PlannedColumns,
  type PlanTableInput,
  type PlanTableOptions,
} from '../../../src/schema/plan-table.ts'

type Seen = readonly (readonly [name: string, type: ObservedType, count: number])[]

const objectIds: Seen = [['objectId', 'objectid', 100]]
const strings: Seen = [['string', 'text', 100]]
const ints: Seen = [['int', 'int32', 100]]

function sampleOf(fields: { readonly [field: string]: Seen }, rest: Partial<Sample> = {}): Sample {
  return {
    rows: 100,
    bytes: 25_600,
    complete: true,
    fields: Object.entries(fields).map(([field, types]) => ({
      field,
      types: types.map(([name, type, count]) => ({ name, type, count })),
    })),
    ...rest,
  }
}

const users = sampleOf({ username: strings, _id: objectIds, createdAt: [['date', 'timestamp', 100]], age: ints })

function plan(
  sample: Sample,
  options: Partial<PlanTableOptions> = {},
  rest: Partial<PlanTableInput> = {},
): PlannedColumns {
  return planTable({
    sample,
    source: 'users',
    keyField: '_id',
    target: { schema: 'public', name: 'users' },
    options: {
      columns: null,
      excludeColumns: [],
      rename: {},
      cast: {},
      naming: 'snake_case',
      nestedJson: 'plain',
      primaryKey: true,
      ...options,
    },
    maxNameBytes: 63,
    reservedColumns: ['ctid'],
    existing: null,
    ...rest,
  })
}

function columnsOf({ plan: { columns } }: PlannedColumns): string[] {
  return columns.map(({ name, type }) => `${name} ${type}`)
}

function existingOf(
  ...columns: (Partial<ExistingColumnShape> & { name: string; accepts: LogicalType[] })[]
): ExistingShape {
  return {
    columns: columns.map((column) => ({ nativeType: 'bigint', required: false, generated: false, ...column })),
    key: [],
  }
}

function errorOf(run: () => unknown): DroverError {
  try {
    run()
  } catch (error) {
    if (error instanceof DroverError) return error
    throw error
  }
  throw new Error('expected a DroverError')
}

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

describe('an existing table', () => {
  const id = { name: '_id', accepts: ['text', 'objectid'] as LogicalType[], nativeType: 'text' }
  const fit = (fields: { [field: string]: Seen }, existing: ExistingShape, options: Partial<PlanTableOptions> = {}) =>
    plan(sampleOf(fields), options, { existing })

  it('is taken as it is, by name and type, in the order of the fields', () => {
    const existing = existingOf({ name: 'age', accepts: ['int32'] }, { name: 'other', accepts: [] }, id)
    expect(columnsOf(fit({ _id: objectIds, age: ints }, existing))).toEqual(['_id objectid', 'age int32'])
  })

  it.each([
    ['int32', ['int64'], 'int64'],
    ['int32', ['json', 'decimal'], 'decimal'],
    ['float64', ['decimal'], 'decimal'],
    ['int32[]', ['float64[]'], 'float64[]'],
    ['text', ['json'], 'json'],
    ['null', ['timestamp'], 'timestamp'],
    ['empty-array', ['uuid[]'], 'uuid[]'],
  ] as [ObservedType, LogicalType[], LogicalType][])('has %s widened into a column of %j', (type, accepts, planned) => {
    const { plan: table, warnings } = fit(
      { f: [['any', type, 100]], _id: objectIds },
      existingOf(id, { name: 'f', accepts }),
    )
    expect(table.columns[1]?.type).toBe(planned)
    expect(warnings).toEqual([])
  })

  it.each([
    ['text', ['int64']],
    ['int64', ['int32']],
    ['int64', ['float64']],
    ['json', ['text']],
    ['empty-array', ['uuid']],
    ['int32', []],
  ] as [ObservedType, LogicalType[]][])('refuses %s for a column of %j', (type, accepts) => {
    const run = () => fit({ f: [['any', type, 100]] }, existingOf({ name: 'f', accepts }))
    expect(errorOf(run).code).toBe('target-incompatible')
  })

  it('refuses with the column, both types, and a cast', () => {
    const existing = existingOf(id, { name: 'age', accepts: ['int64'] })
    const error = errorOf(() => fit({ _id: objectIds, age: strings }, existing))
    expect(error.message).toBe('column "age" of public.users is bigint, and field "age" holds string 100 % (text)')
    expect(error.hint).toBe('--cast age=bigint converts the values that it can, exactly, and refuses the others')
    expect(columnsOf(fit({ _id: objectIds, age: strings }, existing, { cast: { age: 'bigint' } }))).toContain(
      'age int64',
    )
  })

  it.each([
    ['a column that is missing', existingOf(id, { name: 'years', accepts: ['int32'] }), /has no column "age"/],
    ['a generated one', existingOf(id, { name: 'age', accepts: ['int32'], generated: true }), /computed by the target/],
    [
      'a required one that gets nothing',
      existingOf(id, { name: 'age', accepts: ['int32'] }, { name: 'serial', accepts: ['int64'], required: true }),
      /"serial" of public.users \(bigint\) is NOT NULL without a default/,
    ],
  ])('refuses %s', (_what, existing, message) => {
    const error = errorOf(() => fit({ _id: objectIds, age: ints }, existing))
    expect(error.code).toBe('target-incompatible')
    expect(error.message).toMatch(message)
  })

  it('warns where a required column will meet nulls', () => {
    const existing = existingOf(id, { name: 'age', accepts: ['int32'], required: true })
    expect(fit({ _id: objectIds, age: [['int', 'int32', 90]] }, existing).warnings).toEqual([
      'column "age" of public.users is NOT NULL, and field "age" is null or missing in 10 rows of the sample',
    ])
  })

  it('keeps its own key, where all of it is written', () => {
    const columns = existingOf(id, { name: 'age', accepts: ['int32'] }, { name: 'serial', accepts: ['int64'] })
    const fields = { _id: objectIds, age: ints }
    expect(fit(fields, { ...columns, key: ['age', '_id'] }).plan.key).toEqual(['age', '_id'])
    expect(fit(fields, { ...columns, key: ['serial'] }).plan.key).toEqual([])
    expect(fit(fields, columns).plan.key).toEqual([])
  })

  it('has keys kept apart in a jsonb column', () => {
    const existing = existingOf({ name: '_id', accepts: ['json'], nativeType: 'jsonb' })
    expect(fit({ _id: objectIds }, existing).plan.columns[0]).toMatchObject({ type: 'json', nestedJson: 'extended' })
  })
})
