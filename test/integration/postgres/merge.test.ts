import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { noCounts } from '../../../src/core/counts.ts'
import type { TablePlan } from '../../../src/core/plan.ts'
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
import {
  first,
  second,
  column,
  items,
  flat,
  nested,
  begun,
  claim,
  type Order,
  ordersOf,
  storedOrders,
  childCount,
} from './orders.ts'
import { postgresUnderTest } from './postgres-under-test.ts'

describe('upsert', () => {
  it('adds new rows, changes changed ones, and leaves alone what is as it should be', async () => {
    await using under = await postgresUnderTest()
    await using migration = await begun(under, flat)
    await under.sql(`insert into orders values ('same', 1), ('changed', 2), ('emptied', 3), ('other', 4)`)
    const versions = `select _id, xmin::text as version from orders where _id in ('same', 'other') order by _id`
    const before = await under.sql(versions)
    await using writer = await migration.openWriter()
    const rows = [tuple('new', 9), tuple('same', 1), tuple('changed', 20), tuple('emptied', null)]
    const counts = await commitParts(writer, first, flat, [encoded(rows)])
    expect(counts).toEqual({ ...noCounts, read: 4, written: 4 })
    expect(await under.sql('select * from orders order by _id')).toEqual([
      { _id: 'changed', n: 20 },
      { _id: 'emptied', n: null },
      { _id: 'new', n: 9 },
      { _id: 'other', n: 4 },
      { _id: 'same', n: 1 },
    ])
    expect(await under.sql(versions)).toEqual(before)
    expect(await writer.begin(first, flat, never)).toEqual({ committed: counts })
  })

  it('into tables that the migration itself makes', async () => {
    await using under = await postgresUnderTest()
    await using migration = await beginMigration(under.target, 'm', [plannedOf(nested, 'upsert')])
    await using writer = await migration.openWriter()
    const version = (n: number): Order => ['a', n, [['x'], []]]
    await commitParts(writer, first, nested, ordersOf([version(1), version(2)]))
    await commitParts(writer, second, nested, ordersOf([version(3)]))
    expect(await storedOrders(under)).toEqual([version(3)])
  })

  it('rewrites a value that compares equal and looks different', async () => {
    await using under = await postgresUnderTest()
    const collation = `create collation folded (provider = icu, locale = 'und-u-ks-level2', deterministic = false)`
    await under.sql(`${collation}; create table orders (_id text primary key, n text collate folded)`)
    await under.sql(`insert into orders values ('a', 'x')`)
    const plan = { ...flat, columns: [column('_id', 'text'), column('n', 'text')] }
    await using migration = await beginMigration(under.target, 'm', [plannedOf(plan, 'append')])
    await using writer = await migration.openWriter()
    await commitParts(writer, first, plan, [encoded([tuple('a', 'X')])])
    expect(await under.sql('select n from orders')).toEqual([{ n: 'X' }])
  })

  it('of rows with one key the last counts, the others are skipped', async () => {
    await using under = await postgresUnderTest()
    await using migration = await begun(under, flat)
    await under.sql(`insert into orders values ('a', 0)`)
    await using writer = await migration.openWriter()
    const rows = [tuple('a', 1), tuple('b', 1), tuple('a', 2), tuple('c', 1), tuple('b', 2), tuple('a', 3)]
    for (const id of [first, second]) {
      await using open = await claim(writer, id, flat)
      expect(await open.write([encoded(rows)])).toEqual({ written: 3, skipped: 3, left: [0, 1, 2], derived: 0 })
      await open.commit({ ...noCounts, read: 6, written: 3, skipped: 3 }, 1)
    }
    expect(await under.sql('select n from orders order by _id')).toEqual([{ n: 3 }, { n: 2 }, { n: 1 }])
  })

  it('a table of nothing but its key', async () => {
    await using under = await postgresUnderTest()
    await under.sql('create table orders (tenant integer, _id text, unique (_id, tenant))')
    await under.sql(`insert into orders values (1, 'a')`)
    const columns = [column('tenant', 'int32'), column('_id', 'text')]
    const plan = { ...flat, columns, key: ['tenant', '_id'] }
    await using migration = await beginMigration(under.target, 'm', [plannedOf(plan, 'append')])
    await using writer = await migration.openWriter()
    await commitParts(writer, first, plan, [encoded([tuple(1, 'a'), tuple(2, 'a'), tuple(2, 'a')])])
    expect(await under.sql('select * from orders order by tenant')).toEqual([
      { tenant: 1, _id: 'a' },
      { tenant: 2, _id: 'a' },
    ])
  })

  it('children follow their rows: fewer, more, none, and those of a row that came again', async () => {
    await using under = await postgresUnderTest()
    await using migration = await begun(under, nested)
    await using writer = await migration.openWriter()
    const before: Order[] = [
      ['grows', 1, [['x']]],
      ['shrinks', 1, [['x', 'y'], [], ['z']]],
      ['stays', 1, [['x']]],
      ['vanishes', 1, [['x']]],
    ]
    expect(await commitParts(writer, first, nested, ordersOf(before))).toMatchObject({ written: 4, derived: 12 })
    expect(await storedOrders(under)).toEqual(before)
    const again: Order[] = [
      ['vanishes', 2, [['p', 'q'], ['r']]],
      ['grows', 1, [['x', 'y'], ['z']]],
      ['new', 1, [[]]],
      ['shrinks', 2, [['y']]],
      ['vanishes', 3, []],
    ]
    const counts = await commitParts(writer, second, nested, ordersOf(again))
    expect(counts).toEqual({ ...noCounts, read: 5, written: 4, skipped: 1, derived: 8 })
    const [, grows, added, shrinks, vanishes] = again
    expect(await storedOrders(under)).toEqual([grows, added, shrinks, before[2], vanishes])
  })

  it('whatever the batches, the tables hold the last version of each order, and every row is counted', async () => {
    await using under = await postgresUnderTest()
    await using migration = await begun(under, nested)
    await using writer = await migration.openWriter()
    const order: fc.Arbitrary<Order> = fc.tuple(
      fc.constantFrom('a', 'b', 'c', 'd'),
      fc.integer({ min: 0, max: 2 }),
      fc.array(fc.array(fc.constantFrom('x', 'y'), { maxLength: 2 }), { maxLength: 2 }),
    )
    const last = new Map<string, Order>()
    let seq = 0
    const property = fc.asyncProperty(fc.array(order, { maxLength: 6 }), async (orders) => {
      const counts = await commitParts(writer, batchId('orders', 1, seq++), nested, ordersOf(orders))
      const kept = new Map(orders.map((one) => [one[0], one]))
      for (const [id, one] of kept) last.set(id, one)
      const written = kept.size
      const derived = childCount([...kept.values()])
      expect(counts).toEqual({ ...noCounts, read: orders.length, written, skipped: orders.length - written, derived })
      expect(await storedOrders(under)).toEqual([...last.keys()].toSorted().map((id) => last.get(id)))
    })
    await fc.assert(property, { numRuns: 40, endOnFailure: true })
  })

  it('two writers with the same keys in opposite order wait for each other and do not deadlock', async () => {
    await using under = await postgresUnderTest()
    await using migration = await begun(under, nested)
    await using one = await migration.openWriter()
    await using two = await migration.openWriter()
    const orders = (n: number): Order[] => Array.from({ length: 2000 }, (_, i): Order => [`k${i}`, n, [[]]])
    await commitParts(one, first, nested, ordersOf(orders(0)))
    for (const round of [0, 2, 4, 6, 8]) {
      await Promise.all([
        commitParts(one, batchId('orders', 1, round + 1), nested, ordersOf(orders(1))),
        commitParts(two, batchId('orders', 1, round + 2), nested, ordersOf(orders(2).toReversed())),
      ])
    }
    const found = await under.sql('select count(distinct n)::int as versions, count(*)::int as rows from orders')
    expect(found).toEqual([{ versions: 1, rows: 2000 }])
    expect(await under.target.count(items.target, never)).toBe(2000)
  })

  it('the second of two writers waits at the first key that both have', async () => {
    await using under = await postgresUnderTest()
    await using migration = await begun(under, nested)
    await using one = await migration.openWriter()
    await using two = await migration.openWriter()
    await using open = await claim(one, first, nested)
    await open.write(ordersOf([['a', 1, [[], []]]]))
    const waiting = commitParts(two, second, nested, ordersOf([['a', 2, [['x']]]]))
    await under.untilSomebodyWaits()
    await open.commit({ ...noCounts, read: 1, written: 1, derived: 2 }, 1)
    expect(await waiting).toMatchObject({ written: 1, derived: 2 })
    expect(await storedOrders(under)).toEqual([['a', 2, [['x']]]])
  })
})

describe('skip', () => {
  const skipping: TablePlan = { ...nested, onConflict: 'skip' }

  it('keeps what is there and the first of what comes again, with their children', async () => {
    await using under = await postgresUnderTest()
    await using migration = await begun(under, skipping)
    await using writer = await migration.openWriter()
    await under.sql(`insert into orders values ('there', 0); insert into items values ('there', 1, 'kept')`)
    const orders: Order[] = [
      ['b', 1, [['x'], []]],
      ['there', 1, [['no'], ['no']]],
      ['a', 1, []],
      ['b', 2, [['no']]],
      ['c', 1, [['y']]],
    ]
    const open = await claim(writer, first, skipping)
    expect(await open.write(ordersOf(orders))).toEqual({ written: 3, skipped: 2, left: [1, 3], derived: 5 })
    const counts = { ...noCounts, read: 5, written: 3, skipped: 2, derived: 5 }
    await open.commit(counts, 1)
    const [b, , a, , c] = orders
    expect(await storedOrders(under)).toEqual([a, b, c, ['there', 0, [[]]]])
    expect(await under.sql(`select sku from items where orders_id = 'there'`)).toEqual([{ sku: 'kept' }])
    expect(await writer.begin(first, skipping, never)).toEqual({ committed: counts })
    const all = { ...noCounts, read: 5, skipped: 5 }
    expect(await commitParts(writer, second, skipping, ordersOf(orders))).toEqual(all)
  })

  it('a key with several columns', async () => {
    await using under = await postgresUnderTest()
    await under.sql('create table orders (place integer, _id text, n integer, primary key (place, _id))')
    await under.sql(`insert into orders values (1, 'a', 0), (2, 'b', 0)`)
    const columns = [column('place', 'int32'), column('_id', 'text'), column('n', 'int32')]
    const plan = planOf('orders', { onConflict: 'skip', columns, key: ['_id', 'place'] })
    await using migration = await beginMigration(under.target, 'm', [plannedOf(plan, 'append')])
    await using open = await claim(await migration.openWriter(), first, plan)
    const answer = await open.write([encoded([tuple(1, 'b', 1), tuple(2, 'b', 1), tuple(1, 'a', 1), tuple(2, 'a', 1)])])
    expect(answer).toMatchObject({ written: 2, left: [1, 2] })
  })
})

describe('parts without merging', () => {
  it('parents come before children, and a child that is refused takes the batch with it', async () => {
    await using under = await postgresUnderTest()
    const plan = planOf('orders', { children: [items] })
    await using migration = await begun(under, plan)
    await using writer = await migration.openWriter()
    const orders: Order[] = [
      ['a', 1, [['x'], ['y', 'z']]],
      ['b', 2, []],
    ]
    {
      await using open = await claim(writer, first, plan)
      const orphan = [encoded([tuple('a', 1)]), encoded([tuple('a', 1, 'x'), tuple('a', 2, '\0')], 1, [0, 0])]
      expect(await open.write(orphan)).toMatchObject({ rejected: { part: 1, index: 1 } })
    }
    expect(await under.target.count(plan.target, never)).toBe(0)
    const counts = await commitParts(writer, first, plan, ordersOf(orders))
    expect(counts).toEqual({ ...noCounts, read: 2, written: 2, derived: 5 })
    expect(await storedOrders(under)).toEqual(orders)
  })

  it('counts that leave out the children are refused', async () => {
    await using under = await postgresUnderTest()
    const plan = planOf('orders', { children: [items] })
    await using migration = await begun(under, plan)
    await using open = await claim(await migration.openWriter(), first, plan)
    await open.write(ordersOf([['a', 1, [['x']]]]))
    const committing = open.commit({ ...noCounts, read: 1, written: 1 }, 1)
    await expect(committing).rejects.toMatchObject({ code: 'conservation-broken' })
    expect(await storedOrders(under)).toEqual([])
  })
})
