import { describe, expect, it } from 'vitest'
import type { OpenBatch } from '../../../src/connectors/contract.ts'
import {
  batchId,
  beginMigration,
  commitParts,
  encoded,
  never,
  plannedOf,
  planOf,
  tuple,
} from '../../support/migration.ts'
import { first, second, column, flat, nested, madeOrders, begun, claim, ordersOf, storedOrders } from './orders.ts'
import { postgresUnderTest } from './postgres-under-test.ts'

describe('what cannot be merged', () => {
  it.each([
    ['no index at all', 'create table orders (_id text, n integer)'],
    ['an index on more', 'create table orders (_id text, n integer, unique (_id, n))'],
    ['a partial index', 'create table orders (_id text, n integer); create unique index on orders (_id) where n > 0'],
    [
      'an index on an expression',
      'create table orders (_id text, n integer); create unique index on orders (lower(_id))',
    ],
    ['a deferrable key', 'create table orders (_id text primary key deferrable, n integer)'],
    [
      'an index that includes it',
      'create table orders (_id text, n integer); create unique index on orders (n) include (_id)',
    ],
  ])('%s: refused, and named', async (_, sql) => {
    await using under = await postgresUnderTest()
    await under.sql(sql)
    await using migration = await beginMigration(under.target, 'm', [plannedOf(flat, 'append')])
    await using writer = await migration.openWriter()
    await using open = await claim(writer, first, flat)
    const message = expect.stringContaining('(_id)')
    await expect(open.write([encoded([tuple('a', 1)])])).rejects.toMatchObject({ code: 'target-incompatible', message })
  })

  it('children that refer to something else than the key', async () => {
    await using under = await postgresUnderTest()
    await madeOrders(under)
    await under.sql('create unique index on orders (n)')
    const plan = { ...nested, key: ['n'] }
    await using migration = await beginMigration(under.target, 'm', [plannedOf(plan, 'append')])
    await using open = await claim(await migration.openWriter(), first, plan)
    const refused = open.write(ordersOf([['a', 1, []]]))
    await expect(refused).rejects.toMatchObject({
      code: 'target-incompatible',
      message: expect.stringContaining('(n)'),
    })
  })

  it.each(['update', 'skip'] as const)('%s: a row without a key is named', async (onConflict) => {
    await using under = await postgresUnderTest()
    const plan = { ...flat, onConflict }
    await using migration = await begun(under, plan)
    await using writer = await migration.openWriter()
    await commitParts(writer, first, plan, [encoded([tuple('a', 1), tuple('b', 1)])])
    {
      await using open = await claim(writer, second, plan)
      const answer = await open.write([encoded([tuple('c', 1), tuple('a', 2), tuple(null, 3), tuple(null, 4)])])
      const message = expect.stringContaining('(_id)')
      expect(answer).toEqual({ rejected: { part: 0, index: 2, error: { code: 'row-rejected', message } } })
    }
    expect(await under.sql('select * from orders order by _id')).toEqual([
      { _id: 'a', n: 1 },
      { _id: 'b', n: 1 },
    ])
  })

  it('what the server refuses is told with its place where that is known, and nothing is written', async () => {
    await using under = await postgresUnderTest()
    await using migration = await begun(under, nested)
    await using writer = await migration.openWriter()
    const refused = async (parts: Parameters<OpenBatch['write']>[0]): Promise<unknown> => {
      await using open = await claim(writer, first, nested)
      return await open.write(parts)
    }
    const good = ordersOf([['a', 1, [['x']]]])
    const rejected = (part: number, index: number | null, word: string, column?: string) => ({
      rejected: { part, index, column, error: { code: 'row-rejected', message: expect.stringContaining(word) } },
    })
    expect(await refused([encoded([tuple('a', 1), tuple('b\0', 1)])])).toEqual(rejected(0, 1, '22021', '_id'))
    expect(await refused([encoded([tuple('a', 1), tuple('b', 1000)])])).toEqual(rejected(0, null, '23514'))
    const owners = [0, 0, 1, 2]
    const rows = encoded([tuple('a', 1), tuple('a', 2), tuple('b', 1)])
    const children = [tuple('a', 1, 'left'), tuple('a', 2, 'left'), tuple('a', 1, 'x'), tuple('b', 1, 'y\0')]
    expect(await refused([rows, encoded(children, 1, owners)])).toEqual(rejected(1, 3, '22021', 'sku'))
    expect(await storedOrders(under)).toEqual([])
    expect(await commitParts(writer, first, nested, good)).toMatchObject({ written: 1, derived: 2 })
  })

  it('children that somebody else refers to', async () => {
    await using under = await postgresUnderTest()
    await using migration = await begun(under, nested)
    await under.sql('create table notes (id text, place integer, foreign key (id, place) references items)')
    await using writer = await migration.openWriter()
    await commitParts(writer, first, nested, ordersOf([['a', 1, [[]]]]))
    await under.sql(`insert into notes values ('a', 1)`)
    await using open = await claim(writer, second, nested)
    const answer = await open.write(ordersOf([['a', 2, []]]))
    const message = expect.stringContaining('notes')
    expect(answer).toEqual({ rejected: { part: 0, index: null, error: { code: 'row-rejected', message } } })
  })

  it('a trigger that leaves rows out breaks the law of conservation', async () => {
    await using under = await postgresUnderTest()
    await using migration = await begun(under, flat)
    await under.sql(`create function nothing() returns trigger language plpgsql as $$ begin return null; end $$`)
    await under.sql(`create trigger t before insert on orders for each row when (new.n = 7) execute function nothing()`)
    await using writer = await migration.openWriter()
    for (const onConflict of ['update', 'skip'] as const) {
      const plan = { ...flat, onConflict }
      await using open = await claim(writer, first, plan)
      const writing = open.write([encoded([tuple('a', 1), tuple('b', 7)])])
      await expect(writing).rejects.toMatchObject({ code: 'conservation-broken' })
    }
  })
})

describe('the stage', () => {
  it('is made once for a version of the schema, anew for the next, and outlives a rollback', async () => {
    await using under = await postgresUnderTest()
    await using migration = await begun(under, flat)
    await under.sql(`create table made (name text)`)
    await under.sql(`create function noted() returns event_trigger language plpgsql as $$ begin
      insert into made select objid::regclass::text from pg_event_trigger_ddl_commands() where command_tag = 'CREATE TABLE AS';
      end $$`)
    await under.sql(`create event trigger noted on ddl_command_end execute function noted()`)
    const made = async (): Promise<unknown> => (await under.sql('select count(*)::int as n from made'))[0]?.['n']
    await using writer = await migration.openWriter()
    {
      await using open = await claim(writer, first, flat)
      await open.write([encoded([tuple('a', 1)])])
    }
    await commitParts(writer, first, flat, [encoded([tuple('a', 1)])])
    {
      await using open = await claim(writer, second, flat)
      await open.write([encoded([tuple('b', 1)])])
    }
    await commitParts(writer, second, flat, [encoded([tuple('b', 1)])])
    expect(await made()).toBe(1)

    await under.sql('alter table orders drop constraint orders_n_check, alter n type text, add arrival integer')
    await under.sql('update drover.partition set schema_version = 2')
    const columns = [column('_id', 'text'), column('n', 'text'), column('arrival', 'int32')]
    const plan = { ...flat, columns, schemaVersion: 2 }
    await commitParts(writer, batchId('orders', 1, 2), plan, [encoded([tuple('b', 'two', 2), tuple('b', 'three', 3)])])
    await commitParts(writer, batchId('orders', 1, 3), plan, [encoded([tuple('c', 'four', 4)])])
    expect(await made()).toBe(2)
    const late = writer.begin(batchId('orders', 1, 4), flat, never)
    await expect(late).rejects.toMatchObject({ code: 'schema-drift' })
    expect(await under.sql('select * from orders order by _id')).toEqual([
      { _id: 'a', n: '1', arrival: null },
      { _id: 'b', n: 'three', arrival: 3 },
      { _id: 'c', n: 'four', arrival: 4 },
    ])
  })

  it('two tables have a stage each', async () => {
    await using under = await postgresUnderTest()
    await madeOrders(under)
    await under.sql('create table users (_id text primary key, n integer)')
    const users = planOf('users', { onConflict: 'skip' })
    const planned = [plannedOf(flat, 'append'), plannedOf(users, 'append')]
    await using migration = await beginMigration(under.target, 'm', planned)
    await using writer = await migration.openWriter()
    for (const seq of [0, 1]) {
      await commitParts(writer, batchId('orders', 1, seq), flat, [encoded([tuple('a', seq)])])
      await commitParts(writer, batchId('users', 2, seq), users, [encoded([tuple('a', seq)])])
    }
    expect(await under.sql('select o.n as updated, u.n as skipped from orders o, users u')).toEqual([
      { updated: 1, skipped: 0 },
    ])
  })
})
