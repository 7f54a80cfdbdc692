import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { PlannedTable } from '../../src/connectors/planned-table.ts'
import { DroverError } from '../../src/core/errors.ts'
import type { ChildPlan } from '../../src/core/plan.ts'
import { parseGivenTarget } from '../../src/plan-file-names.ts'
import type { SavedTable } from '../../src/plan-file-read.ts'
import { readPlan, writePlan } from '../../src/plan-file.ts'
import { plannedTables } from './plan-arbitraries.ts'

function save(plans: readonly PlannedTable[]): string {
  const source = 'mongodb://h/shop'
  return writePlan({ source, target: 'postgres://h/shop', tables: plans.map((one) => ({ planned: one })) })
}

function saved({ plan, mode, selection, indexes = [], references = [] }: PlannedTable): SavedTable {
  const { where, limit, since: range = null } = selection
  return { plan, mode, where, limit, since: range, indexes, references }
}

describe('a plan file', () => {
  it('gives back the plan that was written', () => {
    fc.assert(
      fc.property(plannedTables, (plans) => {
        const read = readPlan(save(plans), 'p.yaml')
        expect([...read.tables]).toEqual(plans.map((one) => [one.plan.source, saved(one)]))
      }),
      { numRuns: 100 },
    )
  })
})

const items: ChildPlan = {
  path: ['items'],
  target: { schema: 'public', name: 'orders_items' },
  columns: [{ field: 'sku', name: 'sku', type: 'text', cast: false }],
  key: ['orders_id', 'ordinal'],
  ignore: [],
  rowKey: [{ field: '_id', name: 'orders_id', type: 'objectid', cast: false }],
  ordinals: ['ordinal'],
  value: { field: '', name: 'value', type: 'json', cast: false },
}

const orders: PlannedTable = {
  plan: {
    source: 'orders',
    target: { schema: 'public', name: 'orders' },
    columns: [
      { field: '_id', name: '_id', type: 'objectid', cast: false },
      { field: 'address', within: ['city'], name: 'address_city', type: 'text', cast: false },
      { field: 'address', holds: 'others', name: 'address', type: 'json', cast: false },
      { field: 'a.b', name: 'a.b', type: 'int64', cast: true, pinned: true },
      { field: 'items', holds: 'length', name: 'items_count', type: 'int32', cast: false },
    ],
    key: ['_id'],
    ignore: ['secret'],
    flattened: [{ path: ['address'], ignore: [] }],
    overflow: 'more',
    children: [items],
    nestedJson: 'plain',
    schemaVersion: 1,
    transform: { file: '/work/fix.ts', steps: [{ kind: 'rename', fields: { zip: 'postcode' } }] },
  },
  selection: {
    table: 'orders',
    where: '{"open": true}',
    fields: null,
    limit: null,
    since: { field: 'at', from: null, upTo: '{"$numberInt":"5"}' },
  },
  mode: 'create',
  exists: false,
  baseline: 0,
  ordered: true,
  partitions: [],
  indexes: [
    {
      name: 'orders_sku',
      source: 'sku_1',
      target: items.target,
      unique: true,
      nullsNotDistinct: false,
      method: 'btree',
      parts: [{ column: 'sku', type: 'text', path: [], as: 'json', descending: true }],
      where: [{ column: 'value', type: 'json', path: ['n'], operator: '>', value: 5 }],
    },
  ],
  references: [
    {
      name: 'orders_fkey',
      target: { schema: 'public', name: 'orders' },
      columns: ['address_city'],
      references: { schema: 'public', name: 'old cities' },
      referencedColumns: ['_id'],
    },
  ],
}

const text = save([orders])

describe('its text', () => {
  it('is made for people', () => {
    const withoutHeader = text.replaceAll(/^#.*\n/gm, '')
    expect(text).toContain('# What drover makes of each table.')
    expect(withoutHeader).toMatchInlineSnapshot(`
      "

      version: 1
      source: mongodb://h/shop
      target: postgres://h/shop
      tables:
        orders:
          to: public.orders
          mode: create
          where: '{"open": true}'
          since: { field: at, up-to: '{"$numberInt":"5"}' }
          transform:
            file: /work/fix.ts
            steps:
              - { rename: { zip: postcode } }
          nested-json: plain
          columns:
            - { field: _id, name: _id, type: objectid }
            - { field: address.city, name: address_city, type: text }
            - { field: address, name: address, type: jsonb, holds: others }
            - { field: [ a.b ], name: a.b, type: bigint, cast: true, pinned: true }
            - { field: items, name: items_count, type: integer, holds: length }
          key: [ _id ]
          ignore: [ secret ]
          flattened:
            - { path: address, ignore: [] }
          overflow: more
          children:
            - path: items
              to: public.orders_items
              row-key:
                - { field: _id, name: orders_id, type: objectid }
              ordinals: [ ordinal ]
              value: { name: value, type: jsonb }
              columns:
                - { field: sku, name: sku, type: text }
              key: [ orders_id, ordinal ]
              ignore: []
          indexes:
            - name: orders_sku
              source: sku_1
              on: public.orders_items
              unique: true
              method: btree
              parts:
                - { column: sku, descending: true }
              where:
                - { column: value, path: n, operator: ">", value: 5 }
          references:
            - name: orders_fkey
              on: public.orders
              columns: [ address_city ]
              references: public."old cities"
              referenced-columns: [ _id ]
      "
    `)
  })
})

function refusal(change: (text: string) => string): string {
  const changed = change(text)
  expect(changed).not.toBe(text)
  try {
    readPlan(changed, 'p.yaml')
  } catch (error) {
    if (!(error instanceof DroverError)) throw error
    const line = changed.split('\n')[Number(/line (\d+)/.exec(error.message)?.[1]) - 1]?.trim() ?? 'no line'
    return [
      `${error.code}: ${error.message.replace(/line \d+/, `line <${line.slice(0, 30)}>`)}`,
      ...(error.hint === undefined ? [] : [error.hint]),
    ].join(' | ')
  }
  throw new Error('was not refused')
}

const change = (from: string | RegExp, to: string) => (): string => refusal((plan) => plan.replace(from, to))

describe('changes that are no plan', () => {
  it.each<[string, () => string, string]>([
    [
      'no YAML',
      change('columns:', 'columns: ['),
      'line <- { field: _id, name: _id, typ>: Block collections are not allowed within flow collections',
    ],
    [
      'a version of later',
      change('version: 1', 'version: 2'),
      'line <version: 2>: the plan is of version 2; this drover reads version 1',
    ],
    ['no version', change('version: 1\n', ''), 'line <source: mongodb://h/shop>: the plan has no version'],
    [
      'an unknown key at the top',
      change('source:', 'sources:'),
      'line <sources: mongodb://h/shop>: unknown key sources in the plan | did you mean source?',
    ],
    [
      'an unknown key of a table',
      change('mode:', 'mod:'),
      'line <mod: create>: unknown key mod in table orders | did you mean mode?',
    ],
    [
      'an unknown key of a column',
      change('holds: length', 'hold: length'),
      'line <- { field: items, name: items_>: unknown key hold in a column | did you mean holds?',
    ],
    ['a missing key', change('name: sku, ', ''), 'line <- { field: sku, type: text }>: a column has no name'],
    [
      'an unknown mode',
      change('mode: create', 'mode: creat'),
      'line <mode: creat>: mode of table orders is "creat"; allowed is create, append, truncate, recreate, upsert | did you mean create?',
    ],
    [
      'an unknown type',
      change('type: bigint', 'type: bigit'),
      'line <- { field: [ a.b ], name: a.b,>: "bigit" is not the name of a type | did you mean bigint? Types are text, integer, bigint, double precision, numeric, boolean, timestamptz, date, uuid, bytea, jsonb; each but jsonb also with []',
    ],
    [
      'an unknown table',
      change('on: public.orders_items', 'on: public.orders_item'),
      'line <on: public.orders_item>: on of an index is public.orders_item, which is no table of orders | did you mean public.orders_items?',
    ],
    [
      'a table without its schema',
      change('to: public.orders\n', 'to: orders\n'),
      'line <to: orders>: to of table orders is "orders"; allowed is a schema and a table, as in public.users | a name with a dot or a space in it stands between double quotes: public."old users"',
    ],
    [
      'a column twice',
      change('name: address_city', 'name: address'),
      'line <- { field: address, name: addr>: table orders has two columns "address"',
    ],
    [
      'a field twice',
      change('field: address.city', 'field: _id'),
      'line <- { field: _id, name: address_>: table orders has two columns for field "_id"',
    ],
    [
      'a table twice',
      change('to: public.orders_items', 'to: public.orders'),
      'line <on: public.orders_items>: on of an index is public.orders_items, which is no table of orders | did you mean public.orders?',
    ],
    [
      'an index of the name of a table',
      change('name: orders_sku', 'name: orders'),
      'line <to: public.orders>: table orders has a table or index public.orders, which can be there once',
    ],
    [
      'a key of YAML twice',
      change('mode: create', 'mode: create\n    mode: append'),
      'line <mode: append>: Map keys must be unique',
    ],
    [
      'a key that is no column',
      change('key: [ _id ]', 'key: [ id ]'),
      'line <key: [ id ]>: key of table orders names "id", which is no column of it | did you mean _id?',
    ],
    [
      'an index on no column',
      change('column: sku', 'column: sk'),
      'line <- { column: sk, descending: tr>: column of a part of index orders_sku is "sk", which is no column of its table | did you mean sku?',
    ],
    [
      'a path into what has none',
      change('column: sku', 'column: sku, path: a'),
      'line <- { column: sku, path: a, desc>: column "sku" has no path: it is not of jsonb',
    ],
    [
      'a flag that is none',
      change(', pinned: true', ', pinned: yes'),
      'line <- { field: [ a.b ], name: a.b,>: pinned of a column is "yes"; allowed is true or false',
    ],
    [
      'a step that is none',
      change('rename: {', 'renam: {'),
      'line <- { renam: { zip: postcode } }>: this step is "renam", which is no step | did you mean rename? Steps are rename, pick, exclude, cast, validate, map, set, filter, function',
    ],
    [
      'a limit that is no number',
      change('mode: create', 'mode: create\n    limit: many'),
      'line <limit: many>: limit of table orders is "many"; allowed is a whole number of at least 0',
    ],
    [
      'an empty name in a path',
      change('field: address.city', 'field: address..city'),
      "line <- { field: address..city, name>: field of a column has a name that is empty | such a path is a list: ['', city]",
    ],
    [
      'a number that has lost digits',
      change('value: 5', 'value: 9007199254740993'),
      'line <- { column: value, path: n, op>: 9007199254740993 is no text, true, false, null, or number that a double holds exactly',
    ],
    [
      'a column as text',
      change(/- \{ field: sku.*\}/, '- sku'),
      'line <- sku>: a column must be a map of keys and values',
    ],
    [
      'nothing about what is left out',
      change('    ignore: [ secret ]\n', ''),
      'line <to: public.orders>: table orders does not say which fields it leaves out: ignore | it is a list of fields, [] for none, or others for all that have no column',
    ],
  ])('%s', (_, refused, expected) => {
    expect(refused()).toBe(`invalid-plan: p.yaml ${expected}`)
  })

  it('are refused where the file is empty', () => {
    expect(() => readPlan('', 'p.yaml')).toThrow('p.yaml line 1: the plan must be a map of keys and values')
  })
})

describe('a name that a person gives a table', () => {
  it.each([
    ['users', null, 'users'],
    ['the users', null, 'the users'],
    ['crm.users', 'crm', 'users'],
    ['crm."a.b ""c"""', 'crm', 'a.b "c"'],
    ['"a.b"', null, 'a.b'],
  ])('%s', (text, schema, name) => {
    expect(parseGivenTarget(text)).toEqual({ schema, name })
  })

  it.each(['a.b.c', 'crm.the users', '.users', 'crm.'])('is not %s', (text) => {
    expect(parseGivenTarget(text)).toBeNull()
  })
})

describe('changes that are allowed', () => {
  it('are taken over: names, types and what is left out', () => {
    const changed = text
      .replace('name: address_city, type: text', 'name: city, type: VARCHAR'.replace('VARCHAR', 'jsonb'))
      .replace('ignore: [ secret ]', 'ignore: [ secret, a.b ]')
      .replace(/ *- \{ field: \[ a\.b \].*\n/, '')
      .replace('columns: [ address_city ]', 'columns: [ city ]')
      .replace(/ {4}indexes:[^]*? {4}references:/, '    references:')
    const table = readPlan(changed, 'p.yaml').tables.get('orders')
    expect(table?.plan.columns.map((one) => [one.name, one.type])).toEqual([
      ['_id', 'objectid'],
      ['city', 'json'],
      ['address', 'json'],
      ['items_count', 'int32'],
    ])
    expect(table?.plan.ignore).toEqual(['secret', 'a.b'])
    expect(table?.indexes).toEqual([])
    expect(table?.references[0]?.columns).toEqual(['city'])
  })
})
