import { describe, expect, it } from 'vitest'
import type { IndexPlan } from '../../../src/core/index-plan.ts'
import { planReferences, type ReferencingTable } from '../../../src/schema/plan-references.ts'
import { childOf, column, sampleOf, tableOf, text } from './index-fixtures.ts'

const sample = sampleOf({
  org: { types: ['objectid'] },
  meta: { types: ['json'], fields: { org: { types: ['objectid'] } } },
  items: { types: ['json'], elements: { types: ['json'], fields: { product: text } } },
})
const items = childOf('users', 'items', [column('product', 'text')])
const users = tableOf(
  'users',
  [column('org', 'objectid', { name: 'organisation_id' }), column('meta', 'json'), column('tags', 'text[]')],
  { children: [items] },
)
const organisations = tableOf('organisations', [column('code', 'text'), column('name', 'text')])
const unique: IndexPlan = {
  name: 'organisations_code_1',
  source: 'code_1',
  target: organisations.target,
  unique: true,
  nullsNotDistinct: true,
  method: 'btree',
  parts: [{ column: 'code', type: 'text', path: [], as: 'json', descending: false }],
  where: [],
}

function planAll(references: { readonly [field: string]: string }, indexes: readonly IndexPlan[] = [unique]) {
  const tables: readonly ReferencingTable[] = [
    { plan: users, sample, indexes: [], references, shared: false },
    { plan: organisations, sample: sampleOf({}), indexes, references: {}, shared: false },
    { plan: tableOf('organisations.old', []), sample: sampleOf({}), indexes: [], references: {}, shared: false },
  ]
  return planReferences(tables, 63)
}

describe('references', () => {
  it('go from a column to the key of another table', () => {
    expect(planAll({ org: 'organisations._id' }).get('users')).toEqual([
      {
        name: 'users_organisation_id_fkey',
        target: users.target,
        columns: ['organisation_id'],
        references: organisations.target,
        referencedColumns: ['_id'],
      },
    ])
  })

  it('go to tables with dots in their names, and to unique indexes, also from child tables', () => {
    const planned = planAll({ org: 'organisations.old._id', 'items.product': 'organisations.code' }).get('users')
    expect(planned).toMatchObject([
      { references: { name: 'organisations.old' }, referencedColumns: ['_id'] },
      { name: 'users_items_product_fkey', target: items.target, referencedColumns: ['code'] },
    ])
  })

  it('of one column may be several', () => {
    const tables: readonly ReferencingTable[] = [
      { plan: users, sample, indexes: [], references: { org: 'users._id', _id: 'users._id' }, shared: false },
    ]
    expect(
      planReferences(tables, 63)
        .get('users')
        ?.map(({ name }) => name),
    ).toEqual(['users_organisation_id_fkey', 'users__id_fkey'])
  })

  it.each([
    [{ org: 'organisations' }, 'invalid-value', /does not name a table and a field/],
    [{ org: 'organisation._id' }, 'missing-table', /organisation is not among/],
    [{ or: 'organisations._id' }, 'unknown-column', /"or" of users was not seen/],
    [{ org: 'organisations.id' }, 'unknown-column', /"id" of organisations/],
    [{ org: 'organisations.code' }, 'conflicting-options', /is objectid, and "code" is text/],
    [{ 'items.product': 'organisations.name' }, 'conflicting-options', /is not its key/],
    [{ 'meta.org': 'organisations._id' }, 'conflicting-options', /is jsonb/],
    [{ tags: 'organisations.code' }, 'conflicting-options', /holds arrays/],
  ])('are refused: %j', (references, code, message) => {
    expect(() => planAll(references as { [field: string]: string })).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) as string }),
    )
  })

  it('said of every table are those of the tables that have the field', () => {
    const others = sampleOf({})
    const plan = (references: { readonly [field: string]: string }) =>
      planReferences(
        [
          { plan: users, sample, indexes: [], references, shared: true },
          { plan: organisations, sample: others, indexes: [unique], references, shared: true },
        ],
        63,
      )
    const planned = plan({ org: 'organisations._id' })
    expect([...planned].map(([name, keys]) => [name, keys.length])).toEqual([
      ['users', 1],
      ['organisations', 0],
    ])
    expect(() => plan({ or: 'organisations._id' })).toThrow(expect.objectContaining({ code: 'unknown-column' }))
  })

  it('need a unique index of every row', () => {
    const partial = {
      ...unique,
      where: [{ column: 'code', type: 'text' as const, path: [], operator: 'exists' as const, value: null }],
    }
    for (const index of [partial, { ...unique, unique: false }]) {
      expect(() => planAll({ 'items.product': 'organisations.code' }, [index])).toThrow(/has no unique index/)
    }
  })

  it('name the nearest table and field', () => {
    const hintOf = (references: { readonly [field: string]: string }): string => {
      try {
        planAll(references)
      } catch (error) {
        if (error instanceof Error && 'hint' in error) return String(error.hint)
      }
      return ''
    }
    expect(hintOf({ org: 'organisation._id' })).toMatch(/^did you mean organisations\?/)
    expect(hintOf({ 'item.product': 'organisations._id' })).toMatch(/^did you mean items.product\?/)
  })
})
