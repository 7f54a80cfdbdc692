import { describe, expect, it } from 'vitest'
import type { TablePlan } from '../../../src/core/plan.ts'
import { type EvolvedPlan, type EvolveInput, evolvePlan } from '../../../src/schema/evolve-plan.ts'
import { planFits } from '../../../src/schema/plan-fits.ts'
import {
  documentsOf,
  elementsOf,
  errorOf,
  type Fields,
  ints,
  objectIds,
  plan,
  sampleOf,
  type Seen,
  type SeenNested,
  strings,
} from './plan-fixtures.ts'

const target = { schema: 'public', name: 'users' }
const doubles: Seen = [['double', 'float64', 100]]
const objects: Seen = [['object', 'json', 100]]
const address: SeenNested = { types: objects, documents: documentsOf(100, { city: strings }) }
const items: SeenNested = {
  types: [['array', 'json', 100]],
  elements: elementsOf(100, { types: objects, documents: documentsOf(100, { sku: strings }) }),
}

function evolve(table: TablePlan, fields: Fields, limits: Partial<EvolveInput['limits']> = {}): EvolvedPlan | null {
  return evolvePlan({
    plan: table,
    keyField: '_id',
    seen: sampleOf(fields),
    limits: { maxColumns: 400, newColumns: 200, addedSoFar: 0, ...limits },
    naming: 'snake_case',
    names: { maxBytes: 63, reserved: ['ctid'] },
  })
}

describe('evolvePlan', () => {
  const { plan: table } = plan(sampleOf({ _id: objectIds, age: ints, createdAt: ints }), {
    cast: { createdAt: 'text' },
    excludeColumns: [],
  })

  it('has nothing to do where all fits, nulls and casts included', () => {
    expect(evolve(table, { _id: objectIds, age: [['null', 'null', 9]], createdAt: objects })).toBeNull()
    expect(evolve(table, {})).toBeNull()
  })

  it('adds a column for a new field, named as all are, and widens one', () => {
    const evolved = evolve(table, { age: doubles, lastLogin: strings, created_at: ints })
    expect(evolved?.changes).toEqual([
      { kind: 'widen', target, column: 'age', from: 'int32', to: 'float64', nestedJson: 'plain' },
      { kind: 'add', target, column: { name: 'last_login', type: 'text' } },
      { kind: 'add', target, column: { name: 'created_at_2', type: 'int32' } },
    ])
    expect(evolved?.plan.schemaVersion).toBe(2)
    expect(evolved?.plan.columns.slice(3)).toEqual([
      { field: 'lastLogin', name: 'last_login', type: 'text', cast: false },
      { field: 'created_at', name: 'created_at_2', type: 'int32', cast: false },
    ])
    expect(evolved?.notes).toEqual([
      'column "age" of public.users widens from integer to double precision: field "age" holds double 100 %',
      'column "last_login" text is added to public.users: field "lastLogin" is new',
      'column "created_at_2" integer is added to public.users: field "created_at" is new',
    ])
  })

  it('widens to jsonb as the table writes it, without a length', () => {
    const bounded: TablePlan = {
      ...table,
      nestedJson: 'extended',
      columns: [{ field: 'name', name: 'name', type: 'text', cast: false, maxCharacters: 10 }],
    }
    const evolved = evolve(bounded, { name: ints })
    expect(evolved?.plan.columns).toEqual([{ field: 'name', name: 'name', type: 'json', cast: false }])
    expect(evolved?.changes).toMatchObject([{ kind: 'widen', to: 'json', nestedJson: 'extended' }])
  })

  it('leaves out what is left out', () => {
    const { plan: listed } = plan(sampleOf({ _id: objectIds, age: ints }), { columns: ['_id', 'age'] })
    expect(evolve(listed, { other: strings })).toBeNull()
    const { plan: excluded } = plan(sampleOf({ _id: objectIds, age: ints, address }), {
      excludeColumns: ['age', 'address.city'],
      nest: { address: 'column' },
    })
    expect(evolve(excluded, { age: strings, address })).toBeNull()
  })

  it('refuses what a pinned column cannot hold, and leaves numbers to their worth', () => {
    const { plan: pinned } = plan(sampleOf({ _id: objectIds, age: ints }), { pin: ['age'] })
    expect(evolve(pinned, { age: doubles })).toBeNull()
    const error = errorOf(() => evolve(pinned, { age: strings }))
    expect(error.code).toBe('schema-drift')
    expect(error.message).toBe('column "age" of public.users is pinned to integer, and field "age" holds string 100 %')
    expect(evolve(pinned, { age: doubles, other: ints })?.changes).toMatchObject([{ kind: 'add' }])
  })

  it('widens a key so that its types stay apart, in the child tables as well', () => {
    const nest = { items: 'table' }
    const { plan: keyed } = plan(sampleOf({ _id: objectIds, items }), { nest })
    const evolved = evolve(keyed, { _id: strings })
    const change = { kind: 'widen', from: 'objectid', to: 'json', nestedJson: 'extended' }
    expect(evolved?.changes).toEqual([
      { ...change, target, column: '_id' },
      { ...change, target: { schema: 'public', name: 'users_items' }, column: 'users_id' },
    ])
    expect(evolved?.plan.columns[0]).toMatchObject({ type: 'json', nestedJson: 'extended' })
    expect(evolved?.plan.children?.[0]?.rowKey).toMatchObject([{ type: 'json', nestedJson: 'extended' }])
  })
})

describe('evolvePlan, nested', () => {
  const { plan: table } = plan(sampleOf({ _id: objectIds, address, items }), {
    nest: { address: 'column', items: 'table' },
  })

  it('adds columns for fields of flattened documents, and for those of documents in them', () => {
    const geo: SeenNested = { types: objects, documents: documentsOf(100, { lat: doubles }) }
    const evolved = evolve(table, {
      address: { types: objects, documents: documentsOf(100, { city: ints, country: strings, geo }) },
    })
    expect(evolved?.plan.columns.slice(1)).toMatchObject([
      { name: 'address_city', type: 'json' },
      { name: 'items_count' },
      { within: ['country'], name: 'address_country', type: 'text' },
      { within: ['geo', 'lat'], name: 'address_geo_lat', type: 'float64' },
    ])
    expect(evolved?.plan.flattened?.map(({ path }) => path)).toEqual([['address'], ['address', 'geo']])
  })

  it('adds a column for what is no document where documents are flattened', () => {
    const evolved = evolve(table, { address: strings })
    expect(evolved?.plan.columns.at(-1)).toEqual({
      field: 'address',
      holds: 'others',
      name: 'address',
      type: 'text',
      cast: false,
    })
    expect(evolve(table, { address: [['null', 'null', 1]] })).toBeNull()
  })

  it('adds columns to child tables, and one for elements that are no documents', () => {
    const child = { schema: 'public', name: 'users_items' }
    const seen = (types: Seen): Fields => ({
      items: {
        types: [['array', 'json', 100]],
        elements: elementsOf(100, { types, documents: documentsOf(100, { size: ints }) }),
      },
    })
    const evolved = evolve(table, seen([...objects, ['int', 'int32', 5]]))
    expect(evolved?.changes).toEqual([
      { kind: 'add', target: child, column: { name: 'value', type: 'int32' } },
      { kind: 'add', target: child, column: { name: 'size', type: 'int32' } },
    ])
    expect(evolved?.plan.children?.[0]?.value).toEqual({ field: '', name: 'value', type: 'int32', cast: false })
    const nulls = evolve(table, {
      items: { types: [['array', 'json', 1]], elements: elementsOf(1, [['null', 'null', 1]]) },
    })
    expect(nulls?.plan.children?.[0]?.value?.type).toBe('json')
  })
})

describe('new fields beyond the limits', () => {
  const { plan: table } = plan(sampleOf({ _id: objectIds, a: ints }))
  const seen: Fields = { rare: [['int', 'int32', 1]], b: ints, c: [['int', 'int32', 50]] }
  const added = (evolved: EvolvedPlan | null) =>
    evolved?.changes.map((change) => (change.kind === 'add' ? change.column.name : change.column))

  it('share one column, and the most frequent come first', () => {
    const evolved = evolve(table, seen, { newColumns: 5, addedSoFar: 3 })
    expect(added(evolved)).toEqual(['b', 'c', 'other_fields'])
    expect(evolved?.plan.overflow).toBe('other_fields')
    expect(evolved?.notes.at(-1)).toBe('1 field shares the jsonb column "other_fields" of public.users: "rare"')
    expect(added(evolve(table, seen, { maxColumns: 4 }))).toEqual(['b', 'other_fields'])
    expect(added(evolve(table, seen, { maxColumns: 5 }))).toEqual(['rare', 'b', 'c'])
    expect(added(evolve(table, seen, { newColumns: 0 }))).toEqual(['other_fields'])
  })

  it('count together, those of a table and its child tables', () => {
    const { plan: nested } = plan(sampleOf({ _id: objectIds, items }), { nest: { items: 'table' } })
    const elements = elementsOf(100, { types: objects, documents: documentsOf(100, { size: ints }) })
    const evolved = evolve(nested, { b: ints, items: { types: [['array', 'json', 1]], elements } }, { newColumns: 1 })
    expect(added(evolved)).toEqual(['b', 'other_fields'])
    expect(evolved?.plan.children?.[0]?.overflow).toBe('other_fields')
  })

  it('need nothing once there is that column', () => {
    const full = evolve(table, seen, { newColumns: 0 })
    if (full === null) throw new Error('expected a change')
    expect(evolve(full.plan, { ...seen, d: strings })).toBeNull()
    expect(added(evolve(full.plan, { a: doubles }))).toEqual(['a'])
  })
})

describe('planFits', () => {
  const { plan: table } = plan(sampleOf({ _id: objectIds, age: ints, address, items }), {
    nest: { address: 'column', items: 'table' },
  })

  it('is content with what was planned for', () => {
    expect(planFits(table, sampleOf({ _id: objectIds, age: ints, address, items }))).toEqual([])
  })

  it('names what has no place', () => {
    const elements = elementsOf(100, { types: strings })
    const seen = sampleOf({
      age: doubles,
      extra: strings,
      address: { types: strings },
      items: { types: [['array', 'text[]', 100]], elements },
    })
    expect(planFits(table, seen)).toEqual([
      'field "age" holds double 100 %, and column "age" of public.users is integer',
      'field "extra" holds string 100 %, and public.users has no column for it',
      'field "address" holds string 100 %, and public.users has columns for the fields of documents only',
      'field "items" holds string 100 %, and public.users_items has columns for elements that are documents only',
    ])
  })
})
