import { describe, expect, it } from 'vitest'
import { formatShare, renderPlan, sharesOf } from '../../../src/cli/plan-text.ts'
import type { PlanReport, TableReport } from '../../../src/engine/plan-report.ts'

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
  sample: {
    rows: 1000,
    bytes: 260_000,
    complete: false,
    fields: [
      { field: '_id', types: [{ name: 'objectId', type: 'objectid', count: 1000 }] },
      { field: 'createdAt', types: [{ name: 'date', type: 'timestamp', count: 750 }] },
      {
        field: 'age',
        types: [
          { name: 'double', type: 'float64', count: 1 },
          { name: 'int', type: 'int32', count: 999 },
        ],
      },
    ],
  },
  estimatedRows: 1_000_000,
  ddl: {
    create: 'create table "public"."users" (\n  "_id" text\n)',
    finish: ['alter table "public"."users" add primary key ("_id")'],
  },
  warnings: ['age is cast'],
}

const report: PlanReport = {
  source: 'mongodb://h/shop',
  target: 'postgres://h/shop',
  tables: [users],
  skipped: [{ name: 'v', kind: 'view', skipped: 'a view', estimatedRows: null, averageRowBytes: null, ordered: false }],
  findings: [{ level: 'warning', error: { code: 'unsupported-version', message: 'old server' } }],
  workers: { count: 2, reason: '2 cores' },
  feed: { choice: 'paged', reason: 'one cursor keeps 2 workers busy' },
  isolation: 'threads',
}

describe('renderPlan', () => {
  it('shows what would be done', () => {
    const settings = [{ option: 'workers', value: 'auto', origin: 'params.ts' }] as const
    expect(renderPlan(report, settings)).toMatchInlineSnapshot(`
      "mongodb://h/shop → postgres://h/shop
      2 workers, threads (2 cores); feed paged (one cursor keeps 2 workers busy)
      warning: old server

      users → public.users: about 1,000,000 rows, 1,000 looked at; 1 partition; mode create
        field      column      type            seen
        _id        _id         objectid        objectId 100 %
        createdAt  created_at  timestamptz     date 75 %, missing 25 %
        age        age         integer (cast)  int 99.9 %, double 0.1 %
        warning: age is cast

        create table "public"."users" (
          "_id" text
        )
        alter table "public"."users" add primary key ("_id")

      not copied:
        v: a view

      settings:
        setting  value  from
        workers  auto   params.ts

      Nothing was written."
    `)
  })

  it('has no settings unless asked for', () => {
    expect(renderPlan(report, [])).not.toContain('settings')
  })
})

describe('shares', () => {
  it('name the missing ones, the most frequent first', () => {
    expect(sharesOf(users, { field: 'createdAt' })).toEqual([
      { name: 'date', percent: 75 },
      { name: 'missing', percent: 25 },
    ])
    expect(sharesOf(users, { field: 'unseen' })).toEqual([{ name: 'missing', percent: 100 }])
  })

  it('are never rounded to nothing or everything', () => {
    expect([100, 99.99, 33.333, 0.05].map(formatShare)).toEqual(['100 %', '> 99.9 %', '33.3 %', '< 0.1 %'])
  })
})
