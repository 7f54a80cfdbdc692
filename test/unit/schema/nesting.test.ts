import { describe, expect, it } from 'vitest'
import type { PlanTableOptions } from '../../../src/schema/plan-table.ts'
import {
  address,
  columnsOf,
  documentsOf,
  errorOf,
  ints,
  objectIds,
  orders,
  plan,
  planOrders,
  sampleOf,
  type SeenNested,
  strings,
} from './plan-fixtures.ts'

describe('a flattened document', () => {
  it('has columns for its fields, of documents in it too, and arrays as they are', () => {
    const planned = planOrders({ address: 'column' })
    expect(columnsOf(planned)).toEqual([
      '_id objectid',
      'address_city text',
      'address_zip_code int32',
      'address_geo_lat float64',
      'address_geo_lon.deg int32',
      'address_tags text[]',
      'items json',
      'total float64',
    ])
    expect(planned.plan.columns[3]).toEqual({
      field: 'address',
      within: ['geo', 'lat'],
      name: 'address_geo_lat',
      type: 'float64',
      cast: false,
    })
    expect(planned.plan.flattened).toEqual([
      { path: ['address'], ignore: [] },
      { path: ['address', 'geo'], ignore: [] },
    ])
    expect(planned.notes).toEqual([
      'field "address" has columns of its own: "address_city", "address_zip_code", "address_geo_lat", "address_geo_lon.deg", "address_tags"',
    ])
  })

  it('is a jsonb column without a word from the user', () => {
    expect(columnsOf(planOrders({}))).toEqual(['_id objectid', 'address json', 'items json', 'total float64'])
  })

  it('goes no deeper than a longer path says', () => {
    const planned = planOrders({
      address: 'column',
      'address.geo': 'jsonb',
      'address.city': 'skip',
      'address.tags': 'text',
    })
    expect(columnsOf(planned).slice(1, 4)).toEqual(['address_zip_code int32', 'address_geo json', 'address_tags text'])
    expect(planned.plan.columns[3]).toMatchObject({ cast: true })
    expect(planned.plan.flattened).toEqual([{ path: ['address'], ignore: ['city'] }])
  })

  it('has a column more for what is no document, if there was any', () => {
    const mixed: SeenNested = {
      types: [
        ['object', 'json', 60],
        ['string', 'text', 30],
        ['null', 'null', 10],
      ],
      documents: documentsOf(60, { address: strings }),
    }
    const planned = plan(sampleOf({ _id: objectIds, address: mixed, address_address: ints }), {
      nest: { address: 'column' },
    })
    expect(planned.plan.columns.slice(1)).toEqual([
      { field: 'address', holds: 'others', name: 'address', type: 'text', cast: false },
      { field: 'address', within: ['address'], name: 'address_address', type: 'text', cast: false },
      { field: 'address_address', name: 'address_address_2', type: 'int32', cast: false },
    ])
  })

  it('that was never one is a column like any other', () => {
    const planned = planOrders({ total: 'column' })
    expect(columnsOf(planned).at(-1)).toBe('total float64')
    expect(planned.plan.flattened).toBeUndefined()
  })

  it('takes --cast, --rename, --exclude-columns and --pin by path', () => {
    const planned = planOrders(
      { address: 'column' },
      {
        cast: { 'address.zipCode': 'text' },
        rename: { 'address.city': 'town', 'address.geo': 'place' },
        excludeColumns: ['address.tags'],
        pin: ['address.geo.lat'],
      },
    )
    expect(planned.plan.columns.slice(1, 5)).toEqual([
      { field: 'address', within: ['city'], name: 'town', type: 'text', cast: false },
      { field: 'address', within: ['zipCode'], name: 'address_zip_code', type: 'text', cast: true },
      { field: 'address', within: ['geo', 'lat'], name: 'place_lat', type: 'float64', cast: false, pinned: true },
      { field: 'address', within: ['geo', 'lon.deg'], name: 'place_lon.deg', type: 'int32', cast: false },
    ])
    expect(planned.plan.flattened?.[0]).toEqual({ path: ['address'], ignore: ['tags'] })
  })

  it('is left to a cast of itself', () => {
    const planned = planOrders({ address: 'column' }, { cast: { 'address.geo': 'text' } })
    expect(columnsOf(planned)).toContain('address_geo text')
  })

  it('declares a rare field by a cast, and a rare document by its nesting', () => {
    const part = { ...orders, complete: false }
    const planned = plan(part, {
      nest: { address: 'column', shippingNotes: 'column' },
      cast: { 'address.country': 'text', 'shippingNotes.carrier': 'text' },
    })
    expect(columnsOf(planned)).toContain('address_country text')
    expect(columnsOf(planned).at(-1)).toBe('shipping_notes_carrier text')
    expect(planned.warnings).toContain('field "address.country" was not seen: it has a column because --cast names it')
  })

  it('may be declared before there are rows', () => {
    const planned = plan(sampleOf({}, { rows: 0 }), {
      nest: { a: 'column', b: 'table' },
      cast: { 'a.x': 'int', 'b.y': 'int' },
    })
    expect(columnsOf(planned)).toEqual(['_id json', 'a_x int32', 'b_count int32'])
    expect(planned.plan.children?.[0]?.columns).toMatchObject([{ field: 'y', type: 'int32' }])
  })
})

describe('a path', () => {
  it('is first of all the name of a field', () => {
    const sample = sampleOf({ _id: objectIds, address, 'address.city': ints })
    const planned = plan(sample, { nest: { address: 'column' }, rename: { 'address.city': 'literal' } })
    expect(planned.plan.columns).toContainEqual(expect.objectContaining({ field: 'address.city', name: 'literal' }))
    expect(columnsOf(planned)).toContain('address_city text')
  })

  it('may have names without letters in it', () => {
    const odd: SeenNested = { types: [['object', 'json', 100]], documents: documentsOf(100, { '': ints, '.': ints }) }
    const planned = plan(sampleOf({ _id: objectIds, '': odd }), { nest: { '': 'column', '.': 'text' } })
    expect(planned.plan.columns.slice(1)).toMatchObject([
      { field: '', within: [''], type: 'text' },
      { field: '', within: ['.'], type: 'int32' },
    ])
  })

  it.each([
    [{ 'address.city': 'jsonb' }, {}, /"address.city", and "address" is kept whole in one column/],
    [{ 'address.city': 'skip' }, {}, /"address" is kept whole/],
    [{ address: 'jsonb', 'address.geo.lat': 'skip' }, {}, /"address" is kept whole/],
    [{ address: 'column', 'address.geo': 'jsonb', 'address.geo.lat': 'text' }, {}, /"address.geo" is kept whole/],
    [{ items: 'column', 'items.sku': 'text' }, {}, /"items" is kept whole/],
    [{}, { cast: { 'address.city': 'text' } }, /--cast names "address.city", and "address" is kept whole/],
    [{}, { rename: { 'items.sku': 'x' } }, /--rename names "items.sku", and "items" is kept whole/],
    [{}, { excludeColumns: ['address.city'] }, /--exclude-columns names "address.city", and "address" is kept whole/],
    [{}, { pin: ['address.geo'] }, /--pin names "address.geo", and "address" is kept whole/],
    [{ address: 'column' }, { pin: ['address.geo'] }, /--pin names "address.geo", which has columns of its own/],
    [{ address: 'skip', 'address.geo': 'jsonb' }, {}, /"address" is left out/],
    [{ address: 'column' }, { columns: ['_id', 'total'] }, /--columns leaves it out/],
    [{ address: 'column' }, { excludeColumns: ['address'] }, /--exclude-columns leaves it out/],
    [{ address: 'column' }, { cast: { address: 'text' } }, /--nest makes it column/],
    [{ items: 'table' }, { rename: { items: 'x' } }, /--nest makes it a table/],
    [{ total: 'skip' }, { pin: ['total'] }, /--nest leaves it out/],
    [{ items: 'table' }, { excludeColumns: ['_id'] }, /the key "_id", by which its rows know theirs, has no column/],
    [{ _id: 'table' }, {}, /as the key it must be one column/],
  ] as [{ [path: string]: string }, Partial<PlanTableOptions>, RegExp][])(
    'that cannot be had is refused: %j %j',
    (nest, options, message) => {
      const error = errorOf(() => planOrders(nest, options))
      expect(error.code).toBe('conflicting-options')
      expect(error.message).toMatch(message)
    },
  )

  it('that nobody has seen is refused, with the nearest', () => {
    const error = errorOf(() => planOrders({ address: 'column', 'address.cty': 'jsonb' }))
    expect(error.code).toBe('unknown-column')
    expect(error.message).toBe('--nest names "address.cty", which is not in any of the 100 rows')
    expect(error.hint).toMatch(/^did you mean address.city\? Fields are address.city, address.zipCode/)
    const options: readonly Partial<PlanTableOptions>[] = [
      { rename: { 'address.cty': 'x' } },
      { pin: ['address.cty'] },
      { excludeColumns: ['address.cty'] },
    ]
    for (const option of options) {
      expect(errorOf(() => planOrders({ address: 'column' }, option)).code).toBe('unknown-column')
    }
  })

  it('can become only what there is', () => {
    const error = errorOf(() => planOrders({ address: 'tabel' }))
    expect(error.code).toBe('invalid-value')
    expect(error.hint).toMatch(/^did you mean table\?/)
  })
})
