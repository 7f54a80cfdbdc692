import { describe, expect, it } from 'vitest'
import { planAsJson, renderPlan } from '../../../src/cli/plan-text.ts'
import type { ChildPlan } from '../../../src/core/plan.ts'
import type { PlanReport, TableReport } from '../../../src/engine/plan-report.ts'
import { documentsOf, elementsOf, sampleOf } from '../schema/plan-fixtures.ts'

const users: TableReport = {
  planned: {
    plan: {
      source: 'users',
      target: { schema: 'public', name: 'users' },
      columns: [
        { field: '_id', name: '_id', type: 'objectid', cast: false },
        { field: 'createdAt', name: 'created_at', type: 'timestamp', cast: false },
        { field: 'age', name: 'age', type: 'int32', cast: true },
      ],
      key: ['_id'],
      ignore: [],
      nestedJson: 'plain',
      schemaVersion: 1,
    },
    selection: { table: 'users', where: null, fields: null, limit: null },
    mode: 'create',
    exists: false,
    baseline: 0,
    ordered: true,
    partitions: [{ after: null, upTo: null }],
  },
  sample: sampleOf(
    {
      _id: [['objectId', 'objectid', 100]],
      createdAt: [
        ['date', 'timestamp', 75],
        ['null', 'null', 10],
        ['undefined', 'null', 5],
      ],
      age: [
        ['double', 'float64', 1],
        ['int', 'int32', 99],
      ],
    },
    { complete: false },
  ),
  sourceIndexes: [],
  estimatedRows: 1_000_000,
  way: null,
  ddl: {
    create: 'create table "public"."users" (\n  "_id" text\n)',
    finish: ['alter table "public"."users" add primary key ("_id")'],
  },
  notes: [],
  warnings: ['age is cast'],
  proposals: [],
}

const report: PlanReport = {
  source: 'mongodb://h/shop',
  target: 'postgres://h/shop',
  tables: [users],
  objects: { carried: [], listed: [] },
  skipped: [{ name: 'v', kind: 'view', skipped: 'a view', estimatedRows: null, averageRowBytes: null, ordered: false }],
  findings: [{ level: 'warning', error: { code: 'unsupported-version', message: 'old server' } }],
  workers: { count: 2, reason: '2 cores' },
  feed: { choice: 'paged', reason: 'one cursor keeps 2 workers busy' },
  isolation: 'threads',
}

const taxes: ChildPlan = {
  path: ['taxes'],
  target: { schema: 'public', name: 'orders_items_taxes' },
  columns: [],
  key: [],
  ignore: [],
  rowKey: [{ field: '_id', name: 'orders_id', type: 'int32', cast: false }],
  ordinals: ['items_ordinal', 'ordinal'],
  value: { field: '', name: 'value', type: 'float64', cast: false },
}

const items: ChildPlan = {
  path: ['items'],
  target: { schema: 'public', name: 'orders_items' },
  columns: [{ field: 'sku', name: 'sku', type: 'text', cast: false }],
  key: ['orders_id', 'ordinal'],
  ignore: ['x\u001b[31m'],
  rowKey: [{ field: '_id', name: 'orders_id', type: 'int32', cast: false }],
  ordinals: ['ordinal'],
  value: null,
  children: [taxes],
}

const orders: TableReport = {
  way: null,
  planned: {
    ...users.planned,
    plan: {
      source: 'orders',
      target: { schema: 'public', name: 'orders' },
      columns: [
        { field: '_id', name: '_id', type: 'int32', cast: false },
        { field: 'address', within: ['city'], name: 'address_city', type: 'text', cast: false, pinned: true },
        { field: 'address', holds: 'others', name: 'address', type: 'json', cast: false, nestedJson: 'extended' },
        { field: 'items', holds: 'length', name: 'items_count', type: 'int32', cast: false },
      ],
      key: ['_id'],
      ignore: ['secret'],
      flattened: [{ path: ['address'], ignore: ['zip'] }],
      overflow: 'more',
      children: [items],
      nestedJson: 'plain',
      onConflict: 'update',
      schemaVersion: 1,
      transform: {
        file: '/work/fix.ts',
        steps: [
          { kind: 'rename', fields: { zip: 'postcode' } },
          { kind: 'map', fields: { email: [{ name: 'default_value', arguments: ["it's"] }] } },
          { kind: 'filter', function: 'isOpen' },
          { kind: 'function', function: 'default', optional: true },
        ],
      },
    },
    selection: {
      table: 'orders',
      where: '{"open": true}',
      fields: null,
      limit: 5000,
      since: { field: 'at', from: null, upTo: '{"$numberInt":"5"}' },
    },
    mode: 'upsert',
    exists: true,
    additions: [
      { kind: 'add', target: { schema: 'public', name: 'orders' }, column: { name: 'more', type: 'json' } },
      {
        kind: 'widen',
        target: { schema: 'public', name: 'orders' },
        column: 'n',
        from: 'int32',
        to: 'int64',
        nestedJson: 'plain',
      },
    ],
  },
  sample: sampleOf(
    {
      _id: [['int', 'int32', 100]],
      address: {
        types: [
          ['object', 'json', 90],
          ['string', 'text', 10],
        ],
        documents: documentsOf(90, { city: [['string', 'text', 60]] }),
      },
      items: {
        types: [['array', 'json', 100]],
        elements: elementsOf(100, {
          types: [['object', 'json', 250]],
          documents: documentsOf(250, {
            sku: [['string', 'text', 250]],
            taxes: {
              types: [['array', 'float64[]', 250]],
              elements: elementsOf(250, [['double', 'float64', 500]]),
            },
          }),
        }),
      },
    },
    { rows: 110, damaged: 10 },
  ),
  sourceIndexes: [],
  estimatedRows: null,
  ddl: { create: 'create table …', finish: ['create index …'] },
  notes: ['field "items" becomes a table'],
  warnings: [],
  proposals: ['index "t" of orders is not built: it is a text index'],
}

describe('renderPlan', () => {
  it('shows what would be done', () => {
    const settings = [{ option: 'workers', value: 'auto', origin: 'params.ts' }] as const
    expect(renderPlan(report, settings)).toMatchInlineSnapshot(`
      "mongodb://h/shop → postgres://h/shop
      2 workers, threads (2 cores); feed paged (one cursor keeps 2 workers busy)
      warning: old server

      users → public.users: about 1,000,000 rows, 100 looked at; 1 partition; mode create
        field      column      type            seen
        _id        _id         objectid        objectId 100 %
        createdAt  created_at  timestamptz     date 75 %, null 10 %, missing 10 %, undefined 5 %
        age        age         integer (cast)  int 99 %, double 1 %
        warning: age is cast

        create table "public"."users" (
          "_id" text
        );
        alter table "public"."users" add primary key ("_id");

      not copied:
        v: a view

      settings:
        setting  value  from
        workers  auto   params.ts

      Nothing was written."
    `)
  })

  it('shows child tables, flattened documents, the overflow and what else shapes a table', () => {
    expect(renderPlan({ ...report, tables: [orders], skipped: [], findings: [] }, [])).toMatchInlineSnapshot(`
      "mongodb://h/shop → postgres://h/shop
      2 workers, threads (2 cores); feed paged (one cursor keeps 2 workers busy)

      orders → public.orders: rows unknown, 110 looked at, all of them; 1 partition; mode upsert
        where: {"open": true}
        limit: 5,000 rows
        since: at from the beginning up to {"$numberInt":"5"}
        on conflict: a row whose _id is in the target already is updated
        transform with the functions of /work/fix.ts:
          1. rename zip → postcode
          2. map email: default_value('it''s')
          3. keep the rows for which isOpen is true
          4. function default, where there is one
        field                       column        type              seen
        _id                         _id           integer           int 100 %
        address.city                address_city  text (pinned)     string 60 %, missing 40 %
        address (no document)       address       jsonb (extended)  object 90 %, string 10 %
        items (number of elements)  items_count   integer           array 100 %
        (all others)                more          jsonb
        left out: secret, address.zip

        items → public.orders_items: a row for each element, 250 seen
          field             column     type     seen
          (key of the row)  orders_id  integer
          (place)           ordinal    integer
          sku               sku        text     string 100 %
          left out: x\\u001b[31m

        items.taxes → public.orders_items_taxes: a row for each element, 500 seen
          field             column         type              seen
          (key of the row)  orders_id      integer
          (place)           items_ordinal  integer
          (place)           ordinal        integer
          (no document)     value          double precision  double 100 %
        the tables get:
          public.orders: column more (jsonb)
          public.orders: column n, integer, becomes bigint
        note: field "items" becomes a table
        note: index "t" of orders is not built: it is a text index

        -- the table is there and stays
        create index …;

      Nothing was written."
    `)
  })

  it('has no settings unless asked for', () => {
    expect(renderPlan(report, [])).not.toContain('settings')
  })
})

describe('planAsJson', () => {
  it('has shares for the columns of every table', () => {
    const { tables } = planAsJson({ ...report, tables: [users, orders] }) as {
      tables: { columns: { name: string; seen: object[] }[]; children: { target: string; value: object | null }[] }[]
    }
    expect(tables[0]?.columns[1]?.seen).toEqual([
      { name: 'date', count: 75, percent: 75 },
      { name: 'null', count: 10, percent: 10 },
      { name: 'missing', count: 10, percent: 10 },
      { name: 'undefined', count: 5, percent: 5 },
    ])
    expect(tables[1]?.columns[1]?.seen).toEqual([
      { name: 'string', count: 60, percent: 60 },
      { name: 'missing', count: 40, percent: 40 },
    ])
    expect(tables[1]?.children).toMatchObject([
      { target: 'public.orders_items', columns: [{ name: 'sku', seen: [{ name: 'string', percent: 100 }] }] },
      { target: 'public.orders_items_taxes', value: { name: 'value', seen: [{ name: 'double', count: 500 }] } },
    ])
  })
})
