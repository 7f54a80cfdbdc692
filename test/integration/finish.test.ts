import { describe, expect, it } from 'vitest'
import { buildConfig } from '../../src/config.ts'
import type { PlannedTable } from '../../src/connectors/planned-table.ts'
import type { ForeignKeyPlan, IndexPlan } from '../../src/core/index-plan.ts'
import { Aggregator } from '../../src/engine/aggregate.ts'
import { finishTables } from '../../src/engine/finish.ts'
import { never, plannedOf, planOf } from '../support/migration.ts'
import { failure, postgresUnderTest, type PostgresUnderTest } from './postgres/postgres-under-test.ts'

const indexOf = (table: string, column: string, unique: boolean, path: readonly string[] = []): IndexPlan => ({
  name: `${table}_${column}`,
  source: column,
  target: { schema: 'public', name: table },
  unique,
  nullsNotDistinct: false,
  method: 'btree',
  parts: [{ column, type: path.length > 0 ? 'json' : 'text', path, as: 'text', descending: false }],
  where: [],
})

const toUsers = (table: string, column: string): ForeignKeyPlan => ({
  name: `${table}_${column}_fkey`,
  target: { schema: 'public', name: table },
  columns: [column],
  references: { schema: 'public', name: 'users' },
  referencedColumns: ['_id'],
})

async function finish(under: PostgresUnderTest, tables: readonly PlannedTable[]): Promise<unknown> {
  const config = buildConfig({
    options: { from: 'mongodb://localhost/a', to: under.url },
    environment: {},
  })
  const report = { aggregator: new Aggregator(), seconds: { start: 0, copy: 0, index: 0 } }
  for (const { plan } of tables) report.aggregator.addTable(plan.source, plan.source, null)
  const planned = tables.map((table) => ({ planned: table }))
  const error = await failure(
    finishTables(
      { config, target: under.target, plan: { tables: planned }, report, steadily: (task) => task(), run: null },
      never,
    ),
  )
  expect(report.seconds.index).toBeGreaterThan(0)
  return error
}

const built = async (under: PostgresUnderTest): Promise<unknown> =>
  (
    await under.sql(
      `select relname as name from pg_class where relkind = 'i' and relnamespace = 'public'::regnamespace
       union all select conname from pg_constraint where contype = 'f' order by 1`,
    )
  ).map(({ name }) => name)

describe('finishing a run', () => {
  it('builds keys, then indexes, then references', async () => {
    await using under = await postgresUnderTest()
    await under.sql(
      `create table users (_id text, n int, doc jsonb); insert into users select n::text, n, '{"a":"x"}' from generate_series(1, 50) n`,
    )
    await under.sql(`create table orders (_id text, n int, "user" text); insert into orders values ('o', 1, '7')`)
    // The table that refers comes first: the key of the other one has to be there by then.
    const orders = plannedOf(planOf('orders'), 'create', {
      indexes: [indexOf('orders', 'user', false)],
      references: [toUsers('orders', 'user')],
    })
    const users = plannedOf(planOf('users'), 'create', { indexes: [indexOf('users', 'doc', false, ['a'])] })
    expect(await finish(under, [orders, users])).toBeNull()
    expect(await built(under)).toEqual(['orders_pkey', 'orders_user', 'orders_user_fkey', 'users_doc', 'users_pkey'])
    // The statistics of an expression are those of its index.
    expect(await under.sql(`select tablename from pg_stats where tablename = 'users_doc'`)).toHaveLength(1)
  })

  it('tells of all that the data does not allow, and builds the rest', async () => {
    await using under = await postgresUnderTest()
    await under.sql(
      `create table users (_id text, n int, email text); insert into users values ('1', 1, 'a'), ('2', 2, 'a')`,
    )
    await under.sql(`create table orders (_id text, n int, "user" text)`)
    await under.sql(`insert into orders values ('o', 1, '1'), ('o', 2, '3')`)
    const users = plannedOf(planOf('users'), 'create', {
      indexes: [indexOf('users', 'email', true), indexOf('users', '_id', false)],
    })
    const orders = plannedOf(planOf('orders'), 'create', { references: [toUsers('orders', 'user')] })
    const error = await finish(under, [orders, users])
    expect(error).toMatchObject({ code: 'key-violation' })
    expect(String(error)).toContain(
      '3 keys, indexes or references could not be built: the primary key (_id) of public.orders',
    )
    expect(String(error)).toMatch(
      /"o" in 2 rows; unique index "users_email".*"a" in 2 rows; the reference of public.orders.*"3" in 1 row/,
    )
    expect(await built(under)).toEqual(['users__id', 'users_pkey'])
  })

  it('gives one error as it is, and one that is no fault of the data at once', async () => {
    await using under = await postgresUnderTest()
    await under.sql(
      `create table users (_id text, n int, email text); insert into users values ('1', 1, 'a'), ('2', 2, 'a')`,
    )
    const violated = plannedOf(planOf('users'), 'create', { indexes: [indexOf('users', 'email', true)] })
    expect(await finish(under, [violated])).toMatchObject({
      code: 'key-violation',
      message: expect.stringMatching(/^unique index "users_email"/) as string,
    })
    const broken = plannedOf(planOf('users'), 'create', {
      indexes: [indexOf('users', 'gone', false)],
      references: [toUsers('users', 'email')],
    })
    expect(await finish(under, [broken])).toMatchObject({ code: 'target-failed' })
    expect(await built(under)).toEqual(['users_pkey'])
  })

  it('leaves a table that was there as it is', async () => {
    await using under = await postgresUnderTest()
    await under.sql(`create table users (_id text, n int, email text)`)
    const there = plannedOf(planOf('users'), 'append', {
      indexes: [indexOf('users', 'email', false)],
      references: [toUsers('users', 'email')],
    })
    expect(await finish(under, [there])).toBeNull()
    expect(await built(under)).toEqual([])
  })
})
