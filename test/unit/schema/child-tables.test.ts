import { describe, expect, it } from 'vitest'
import type { ChildPlan } from '../../../src/core/plan.ts'
import type { ExistingShape } from '../../../src/schema/fit-existing.ts'
import type { PlanTableOptions } from '../../../src/schema/plan-table.ts'
import {
  arrays,
  columnsOf,
  documentsOf,
  elementsOf,
  errorOf,
  type Fields,
  ints,
  items,
  objectIds,
  plan,
  planOrders,
  sampleOf,
  type Seen,
  type SeenNested,
  strings,
} from './plan-fixtures.ts'

function onlyChild(fields: Fields, nest: { [path: string]: string } = { items: 'table' }): ChildPlan {
  const [child] = plan(sampleOf({ _id: objectIds, ...fields }), { nest }).plan.children ?? []
  if (child === undefined) throw new Error('expected a child table')
  return child
}

describe('a child table', () => {
  it('has the key of its row, its place, and the fields of its elements', () => {
    const planned = planOrders({ items: 'table' })
    expect(columnsOf(planned)).toEqual(['_id objectid', 'address json', 'items_count int32', 'total float64'])
    expect(planned.plan.columns[2]).toEqual({
      field: 'items',
      holds: 'length',
      name: 'items_count',
      type: 'int32',
      cast: false,
    })
    expect(planned.plan.children).toEqual([
      {
        path: ['items'],
        target: { schema: 'public', name: 'users_items' },
        rowKey: [{ field: '_id', name: 'users_id', type: 'objectid', cast: false }],
        ordinals: ['ordinal'],
        columns: [
          { field: 'sku', name: 'sku', type: 'text', cast: false },
          { field: 'price', name: 'price', type: 'float64', cast: false },
          { field: 'parts', name: 'parts', type: 'json', cast: false },
        ],
        value: null,
        key: ['users_id', 'ordinal'],
        ignore: [],
      },
    ])
    expect(planned.notes).toEqual([
      'field "items" becomes the table public.users_items: a row for each element, known by "users_id", "ordinal"',
    ])
  })

  it('has child tables of its own, which know the places of all above them', () => {
    const nest = { items: 'table', 'items.parts': 'table', address: 'column', 'address.tags': 'table' }
    const { plan: table } = planOrders(nest, { cast: { 'items.price': 'numeric' }, excludeColumns: ['items.parts.no'] })
    const [tags, outer] = table.children ?? []
    expect(tags).toMatchObject({
      path: ['address', 'tags'],
      ordinals: ['ordinal'],
      value: { name: 'value', type: 'text' },
    })
    expect(table.columns).toContainEqual(expect.objectContaining({ within: ['tags'], name: 'address_tags_count' }))
    expect(outer?.columns).toMatchObject([{ name: 'sku' }, { type: 'decimal', cast: true }, { name: 'parts_count' }])
    expect(outer?.children).toEqual([
      {
        path: ['parts'],
        target: { schema: 'public', name: 'users_items_parts' },
        rowKey: [{ field: '_id', name: 'users_id', type: 'objectid', cast: false }],
        ordinals: ['items_ordinal', 'ordinal'],
        columns: [],
        value: null,
        key: ['users_id', 'items_ordinal', 'ordinal'],
        ignore: ['no'],
      },
    ])
  })

  it('gives way to the names of fields', () => {
    const taken = { ordinal: ints, users_id: ints, value: ints }
    const elements = elementsOf(100, {
      types: [
        ['object', 'json', 100],
        ['int', 'int32', 1],
      ],
      documents: documentsOf(100, taken),
    })
    const child = onlyChild({ items: { types: arrays, elements } })
    expect(child.columns.map(({ name }) => name)).toEqual(['ordinal', 'users_id', 'value'])
    expect([child.rowKey[0]?.name, ...child.ordinals, child.value?.name]).toEqual([
      'users_id_2',
      'ordinal_2',
      'value_2',
    ])
  })

  it.each([
    ['scalars', [['int', 'int32', 9]], 'int32'],
    [
      'scalars and nulls',
      [
        ['string', 'text', 9],
        ['null', 'null', 1],
      ],
      'text',
    ],
    ['nulls only', [['null', 'null', 9]], 'json'],
    ['arrays of one type', [['array', 'int32[]', 9]], 'int32[]'],
    [
      'arrays of arrays, and empty ones',
      [
        ['array', 'json', 9],
        ['array', 'empty-array', 9],
      ],
      'json',
    ],
  ] as [string, Seen, string][])('has a value column for %s', (_what, types, type) => {
    const child = onlyChild({ items: { types: arrays, elements: elementsOf(100, types) } })
    expect(child.value).toEqual({ field: '', name: 'value', type, cast: false })
  })

  it('tells a null among documents from a document without fields', () => {
    const elements = elementsOf(100, {
      types: [
        ['object', 'json', 9],
        ['int', 'int32', 1],
        ['null', 'null', 1],
      ],
      documents: documentsOf(9, { a: ints }),
    })
    expect(onlyChild({ items: { types: arrays, elements } }).value?.type).toBe('json')
  })

  it('takes lone documents and values in too, and no row for a null', () => {
    const mixed: SeenNested = {
      types: [
        ['array', 'json', 50],
        ['array', 'int32[]', 10],
        ['object', 'json', 20],
        ['long', 'int64', 10],
        ['null', 'null', 10],
      ],
      documents: documentsOf(20, { price: [['double', 'float64', 20]], note: strings }),
      elements: elementsOf(60, {
        types: [
          ['object', 'json', 50],
          ['int', 'int32', 10],
        ],
        documents: documentsOf(50, { price: ints }),
      }),
    }
    const child = onlyChild({ items: mixed })
    expect(child.columns.map(({ name, type }) => `${name} ${type}`)).toEqual(['price float64', 'note text'])
    expect(child.value?.type).toBe('int64')
    const nullable = onlyChild({ items: { types: [['null', 'null', 100]] } })
    expect(nullable).toMatchObject({ columns: [], value: null })
  })

  it('repeats a key of several types as the row has it', () => {
    const keys: Seen = [
      ['objectId', 'objectid', 60],
      ['string', 'text', 40],
    ]
    const { plan: table } = plan(sampleOf({ _id: keys, items }), { nest: { items: 'table' } })
    expect(table.children?.[0]?.rowKey).toMatchObject([{ type: 'json', nestedJson: 'extended' }])
  })

  it('has no key where its rows have none', () => {
    const { plan: table, warnings } = planOrders({ items: 'table' }, { primaryKey: false })
    expect(table.children?.[0]?.key).toEqual([])
    expect(warnings.at(-1)).toMatch(/no reference from the child tables/)
  })
})

describe('existing tables', () => {
  const column = (name: string, ...accepts: ExistingShape['columns'][number]['accepts']) => ({
    name,
    accepts,
    nativeType: accepts[0] ?? 'unknown',
    maxCharacters: null,
    required: false,
    generated: false,
    acceptsText: [],
  })
  const parent: ExistingShape = {
    columns: [column('_id', 'objectid'), column('items_count', 'int32')],
    key: ['_id'],
  }
  const child: ExistingShape = {
    columns: [
      column('users_id', 'objectid'),
      column('ordinal', 'int32'),
      column('sku', 'text'),
      column('parts', 'json'),
    ],
    key: ['users_id', 'ordinal'],
  }
  const into = (shapes: { parent?: ExistingShape; child?: ExistingShape }, options: Partial<PlanTableOptions> = {}) =>
    plan(
      sampleOf({ _id: objectIds, items }),
      { nest: { items: 'table' }, ...options },
      {
        existing: shapes.parent ?? parent,
        existingChildren: new Map([['public.users_items', shapes.child ?? child]]),
      },
    )

  it('lack a column, which is an addition where they may evolve', () => {
    expect(errorOf(() => into({})).message).toBe(
      'public.users_items has no column "price" for field "items.price" (double precision)',
    )
    const { additions, plan: table } = into({}, { onDrift: 'evolve' })
    expect(additions).toEqual([
      { kind: 'add', target: { schema: 'public', name: 'users_items' }, column: { name: 'price', type: 'float64' } },
    ])
    expect(table.children?.[0]?.key).toEqual(['users_id', 'ordinal'])
  })

  it('must have the columns that drover fills itself', () => {
    const without = { ...child, columns: child.columns.filter(({ name }) => name !== 'ordinal') }
    expect(errorOf(() => into({ child: without }, { onDrift: 'evolve' })).message).toBe(
      'public.users_items has no column "ordinal" (integer), which drover needs there',
    )
    const wide = { ...parent, columns: [column('_id', 'objectid'), column('items_count', 'int64')] }
    expect(errorOf(() => into({ parent: wide }, { onDrift: 'evolve' })).code).toBe('target-incompatible')
  })
})
