import { afterEach, describe, expect, it } from 'vitest'
import type { Mode } from '../../../src/connectors/planned-table.ts'
import type { TablePlan } from '../../../src/core/plan.ts'
import {
  batchId,
  beginMigration,
  childOf,
  commitParts,
  encoded,
  never,
  plannedOf,
  planOf,
  tuple,
  type Begun,
} from '../../support/migration.ts'
import { catalogOf } from './catalog.ts'
import { column } from './orders.ts'
import { failure, postgresUnderTest, type PostgresUnderTest } from './postgres-under-test.ts'
import { flat, idsOf, items, killAt, killNobody, orders, rollBack, stateOf, theirOrders, write } from './rollbacks.ts'

afterEach(killNobody)

describe('rollback of what a migration added to tables that were there', () => {
  it('removes its own rows and columns, and those alone', async () => {
    await using under = await postgresUnderTest()
    await theirOrders(under)
    const before = await catalogOf(under)
    const tags = childOf('tags')
    const extra = { kind: 'add' as const, target: orders.target, column: { name: 'extra', type: 'text' as const } }
    const plan = { ...orders, columns: [...orders.columns, column('extra', 'text')], children: [items, tags] }
    const planned = plannedOf(plan, 'append', { additions: [extra] })
    await using begun = await beginMigration(under.target, 'm', [planned])
    await using writer = await begun.openWriter()
    for (const [seq, id] of ['a', 'b'].entries()) {
      await commitParts(writer, batchId('orders', 1, seq), plan, [
        encoded([tuple(id, 1, 'z')]),
        encoded([tuple(id, 1, 'item')], 1, [0]),
        encoded([tuple(id, 1, 'tag')], 2, [0]),
      ])
      await under.sql(`insert into orders values ('later ' || $1, 1, 'x')`, [id])
    }
    // They get a new row version, with a transaction of its own, but hold what they held.
    await under.sql(`update orders set own = 'changed' where _id = 'theirs'`)
    await under.sql('vacuum freeze orders')
    expect(await rollBack(begun)).toEqual([
      '2 rows of public.orders are deleted',
      '2 rows of public.items are deleted',
      'column "extra" of public.orders is dropped',
      'table public.tags is dropped',
    ])
    expect(await catalogOf(under)).toEqual(before)
    expect(await under.sql('select * from orders order by 1')).toEqual([
      { _id: 'later a', n: 1, own: 'x' },
      { _id: 'later b', n: 1, own: 'x' },
      { _id: 'theirs', n: 7, own: 'changed' },
    ])
    expect(await under.sql('select name from items')).toEqual([{ name: 'y' }])
  })

  it('is the whole of it or nothing, and finishes after a kill', async () => {
    await using under = await postgresUnderTest()
    await theirOrders(under)
    await using begun = await beginMigration(under.target, 'm', [plannedOf(orders, 'append')])
    await write(begun, orders, ['a'])
    killAt(under, 'rollback.mid_drop')
    expect(await failure(rollBack(begun))).toMatchObject({ code: 'target-failed' })
    expect(await idsOf(under)).toEqual(['a', 'theirs'])
    killNobody()
    await rollBack(begun)
    expect(await idsOf(under)).toEqual(['theirs'])
  })

  it.each([
    ['inserted by skip', 'append', 'skip'],
    ['that came into an empty table', 'create', undefined],
  ] as const)('removes rows %s', async (_, mode: Mode, onConflict) => {
    await using under = await postgresUnderTest()
    await under.sql('create table orders (_id text primary key, n integer)')
    if (mode === 'append') await under.sql(`insert into orders values ('a', 7)`)
    const plan = planOf('orders', onConflict === undefined ? {} : { onConflict })
    await using begun = await beginMigration(under.target, 'm', [plannedOf(plan, mode, { exists: true })])
    await write(begun, plan, mode === 'append' ? ['a', 'b'] : ['b'])
    expect(await rollBack(begun)).toEqual(['1 row of public.orders is deleted'])
    expect(await under.sql('select * from orders')).toEqual(mode === 'append' ? [{ _id: 'a', n: 7 }] : [])
  })

  it('removes rows from a partitioned table, and from tables that refer to each other', async () => {
    await using under = await postgresUnderTest()
    await under.sql(`create table users (_id text primary key, n integer) partition by hash (_id);
      create table users0 partition of users for values with (modulus 2, remainder 0);
      create table users1 partition of users for values with (modulus 2, remainder 1);
      create table orders (_id text references users, n integer)`)
    const users = planOf('users')
    const both = [plannedOf(users, 'append'), plannedOf(flat, 'append')]
    await using begun = await beginMigration(under.target, 'm', both)
    await using writer = await begun.openWriter()
    const ids = ['a', 'b', 'c', 'd']
    const rows = [encoded(ids.map((id) => tuple(id, 1)))]
    await commitParts(writer, batchId('users', 1, 0), users, rows)
    await commitParts(writer, batchId('orders', 2, 0), flat, rows)
    await under.sql(`insert into users values ('theirs', 1)`)
    expect(await rollBack(begun)).toEqual(['4 rows of public.users are deleted', '4 rows of public.orders are deleted'])
    expect(await under.sql('select _id from users')).toEqual([{ _id: 'theirs' }])
  })

  it.each([
    ['others have changed', `update orders set n = 5 where _id = 'a'`, 1],
    ['others have removed', `delete from orders where _id = 'a'`, 1],
    ['were written anew', `alter table orders alter n type bigint`, 0],
  ])('refuses where rows %s, which leaves them all', async (_, change, found) => {
    await using under = await postgresUnderTest()
    await under.sql('create table orders (_id text primary key, n integer)')
    await using begun = await beginMigration(under.target, 'm', [plannedOf(flat, 'append')])
    await write(begun, flat, ['a', 'b'])
    await under.sql(change)
    const before = await idsOf(under)
    const message = expect.stringContaining(`wrote 2 rows to public.orders and its child tables, and ${found} can be`)
    expect(await failure(rollBack(begun))).toMatchObject({ code: 'not-undoable', message })
    expect(await idsOf(under)).toEqual(before)
    await rollBack(begun, true)
    expect(await stateOf(begun)).toBe('rolled-back')
    expect(await under.target.count(flat.target, never)).toBe(before.length - found)
  })

  it.each([
    ['has rows that look like its own', `update drover.entry set written = written - 1`],
    ['does not know its transactions', `update drover.entry set transaction = null`],
    ['knows transactions of long ago', `update drover.entry set transaction = transaction - 2147483648`],
  ])('deletes nothing, even forced, where the ledger %s', async (_, change) => {
    await using under = await postgresUnderTest()
    await under.sql('create table orders (_id text primary key, n integer)')
    await using begun = await beginMigration(under.target, 'm', [plannedOf(flat, 'append')])
    await write(begun, flat, ['a', 'b'])
    await under.sql(change)
    expect(await failure(rollBack(begun, true))).toMatchObject({ code: 'not-undoable' })
    expect(await idsOf(under)).toEqual(['a', 'b'])
  })

  it('refuses what was removed or replaced for good', async () => {
    await using under = await postgresUnderTest()
    await theirOrders(under)
    {
      await using begun = await beginMigration(under.target, 'm', [plannedOf(orders, 'truncate', { exists: true })])
      const emptied = { code: 'not-undoable', message: expect.stringContaining('was emptied') }
      expect(await failure(rollBack(begun, true))).toMatchObject(emptied)
    }
    const plan: TablePlan = { ...orders, onConflict: 'update' }
    await using begun = await beginMigration(under.target, 'n', [plannedOf(plan, 'upsert', { exists: true })])
    await write(begun, plan, ['a'])
    const replaced = { code: 'not-undoable', message: expect.stringContaining('were replaced') }
    expect(await failure(rollBack(begun, true))).toMatchObject(replaced)
    expect(await idsOf(under)).toEqual(['a'])
  })

  it('undoes an upsert that has written nothing, and one into a table of its own', async () => {
    await using under = await postgresUnderTest()
    await theirOrders(under)
    const plan: TablePlan = { ...orders, onConflict: 'update' }
    {
      await using begun = await beginMigration(under.target, 'm', [plannedOf(plan, 'upsert', { exists: true })])
      await rollBack(begun)
      expect(await idsOf(under)).toEqual(['theirs'])
    }
    await under.sql('drop table items, orders')
    await using begun = await beginMigration(under.target, 'n', [plannedOf(plan, 'upsert')])
    await write(begun, plan, ['a'])
    await write(begun, plan, ['a'], 1)
    expect(await rollBack(begun)).toContain('table public.orders is dropped')
  })

  it('names rows of others that refer to its own', async () => {
    await using under = await postgresUnderTest()
    await theirOrders(under)
    await using begun = await beginMigration(under.target, 'm', [plannedOf(flat, 'append')])
    await write(begun, flat, ['secret'])
    await under.sql(`insert into items values ('secret', 1, 'z')`)
    const refused = await failure(rollBack(begun))
    expect(refused).toMatchObject({ code: 'target-in-use', message: expect.stringContaining('table "items"') })
    expect(String(refused)).not.toContain('secret')
  })

  it('removes columns that drift has added, and keeps those that others have filled', async () => {
    await using under = await postgresUnderTest()
    await theirOrders(under)
    const before = await catalogOf(under)
    await using begun = await beginMigration(under.target, 'm', [plannedOf(flat, 'append')])
    const wider = { ...flat, schemaVersion: 2, columns: [...flat.columns, column('extra', 'text')] }
    const add = { kind: 'add' as const, target: flat.target, column: { name: 'extra', type: 'text' as const } }
    await begun.ledger.evolve(begun.id, begun.lease, wider, [add], never)
    await under.sql(`update orders set extra = 'theirs'`)
    const refused = { code: 'not-undoable', message: expect.stringContaining('"extra"') }
    expect(await failure(rollBack(begun))).toMatchObject(refused)
    await under.sql(`update orders set extra = null`)
    expect(await rollBack(begun)).toContain('column "extra" of public.orders is dropped')
    expect(await catalogOf(under)).toEqual(before)
  })

  it('says that a column stays wide', async () => {
    await using under = await postgresUnderTest()
    await theirOrders(under)
    await using begun = await beginMigration(under.target, 'm', [plannedOf(flat, 'append')])
    const columns = flat.columns.map((own) => (own.name === 'n' ? { ...own, type: 'int64' as const } : own))
    await begun.ledger.evolve(
      begun.id,
      begun.lease,
      { ...flat, schemaVersion: 2, columns },
      [{ kind: 'widen', target: flat.target, column: 'n', from: 'int32', to: 'int64', nestedJson: 'plain' }],
      never,
    )
    const stays = 'column "n" of public.orders keeps the wider type that it got'
    const refused = { code: 'not-undoable', message: expect.stringContaining(stays) }
    expect(await failure(rollBack(begun))).toMatchObject(refused)
    expect(await rollBack(begun, true)).toContain(stays)
  })

  it('drift of tables that it made needs no words', async () => {
    await using under = await postgresUnderTest()
    await using begun = await beginMigration(under.target, 'm', [plannedOf(flat)])
    const columns = flat.columns.map((own) => (own.name === 'n' ? { ...own, type: 'int64' as const } : own))
    await begun.ledger.evolve(
      begun.id,
      begun.lease,
      { ...flat, schemaVersion: 2, columns },
      [{ kind: 'widen', target: flat.target, column: 'n', from: 'int32', to: 'int64', nestedJson: 'plain' }],
      never,
    )
    expect(await rollBack(begun)).toEqual(['table public.orders is dropped'])
  })
})

describe('rollback of a pass of an incremental copy', () => {
  const marked = async (under: PostgresUnderTest, id: string, value: string): Promise<Begun> => {
    const begun = await beginMigration(under.target, id, [plannedOf(flat, 'append')])
    await begun.ledger.setState(begun.id, begun.lease, 'done', null, [{ table: 'orders', field: 'at', value }])
    return begun
  }
  const markOf = async ({ ledger }: Begun): Promise<unknown> =>
    (await ledger.mark('mongodb://source', 'orders', flat.target, 'at'))?.value

  it('lets the mark of the pass before count again', async () => {
    await using under = await postgresUnderTest()
    await theirOrders(under)
    await (await marked(under, 'm1', '1'))[Symbol.asyncDispose]()
    await using begun = await marked(under, 'm2', '2')
    await begun.ledger.setState(begun.id, begun.lease, 'done', null, [{ table: 'orders', field: 'at', value: '3' }])
    expect(await markOf(begun)).toBe('3')
    await rollBack(begun)
    expect(await markOf(begun)).toBe('1')
  })

  it('is not for one from which a later one has gone on, unless it is forced', async () => {
    await using under = await postgresUnderTest()
    await theirOrders(under)
    await using first = await marked(under, 'm1', '1')
    await first.lease[Symbol.asyncDispose]()
    await (await marked(under, 'm2', '2'))[Symbol.asyncDispose]()
    const refused = { code: 'not-undoable', message: expect.stringContaining('m2') }
    expect(await failure(rollBack(first))).toMatchObject(refused)
    expect(await markOf(first)).toBe('2')
    await rollBack(first, true)
    expect(await markOf(first)).toBeUndefined()
  })
})
