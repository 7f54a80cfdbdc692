import { describe, expect, it } from 'vitest'
import type { Mode, PlannedTable } from '../../../src/connectors/planned-table.ts'
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
} from '../../support/migration.ts'
import { failure, postgresUnderTest, type PostgresUnderTest } from './postgres-under-test.ts'

const marks = childOf('marks', {
  path: ['marks'],
  target: { schema: 'deep', name: 'marks' },
  ordinals: ['item', 'place'],
  key: ['row_id', 'item', 'place'],
})
const items = childOf('items', { children: [marks] })
const orders = planOf('orders', { children: [items] })
const names = [orders.target, items.target, marks.target]

const parts = [
  encoded([tuple('a', 1)]),
  encoded([tuple('a', 1, 'first'), tuple('a', 2, 'second')], 1, [0, 0]),
  encoded([tuple('a', 2, 1, 'deep')], 2, [0]),
]

/** Begins, writes a row with children and finishes. */
async function copy(under: PostgresUnderTest, id: string, planned: PlannedTable): Promise<void> {
  await using begun = await beginMigration(under.target, id, [planned])
  await using writer = await begun.openWriter()
  expect(await commitParts(writer, batchId('orders', 1, 0, true), planned.plan, parts)).toMatchObject({ derived: 3 })
  await under.target.finish(planned.plan, { buildKey: !planned.exists }, never)
  await begun.ledger.setState(begun.id, begun.lease, 'done', null)
}

async function counts(under: PostgresUnderTest): Promise<readonly number[]> {
  return Promise.all(names.map((name) => under.target.count(name, never)))
}

const keysOf = async (under: PostgresUnderTest): Promise<unknown> =>
  (await under.target.existing(names, never)).map(({ key }) => key)

describe('child tables', () => {
  it('are created with their parent, as the statements for people say', async () => {
    await using under = await postgresUnderTest()
    await copy(under, 'm', plannedOf(orders))
    expect(await counts(under)).toEqual([1, 2, 1])
    const { create, finish } = under.target.ddl({ plan: orders })
    await under.sql('drop table orders, items, deep.marks')
    await under.sql(create)
    for (const statement of finish) await under.sql(statement)
    expect(await keysOf(under)).toEqual([['_id'], ['row_id', 'place'], ['row_id', 'item', 'place']])
    expect(
      await under.sql(`select conrelid::regclass::text || ' ' || pg_get_constraintdef(oid) as reference
        from pg_constraint where contype = 'f' and connamespace <> 'drover'::regnamespace order by 1`),
    ).toEqual([
      { reference: 'deep.marks FOREIGN KEY (row_id, item) REFERENCES items(row_id, place)' },
      { reference: 'items FOREIGN KEY (row_id) REFERENCES orders(_id)' },
    ])
  })

  it.each([
    ['append', [2, 4, 2]],
    ['truncate', [1, 2, 1]],
    ['recreate', [1, 2, 1]],
  ] as const)('%s over tables that refer to each other', async (mode: Mode, expected) => {
    await using under = await postgresUnderTest()
    await copy(under, 'm1', plannedOf(orders))
    // Rows that a second copy of the same key may join.
    if (mode === 'append') {
      await under.sql(`alter table orders drop constraint orders_pkey cascade;
        alter table items drop constraint items_pkey cascade; alter table deep.marks drop constraint marks_pkey`)
    }
    for (const { dependents } of await under.target.existing(names, never)) expect(dependents).toEqual([])
    expect((await under.target.existing([orders.target], never))[0]?.dependents).toHaveLength(mode === 'append' ? 0 : 1)
    await copy(under, 'm2', plannedOf(orders, mode, { exists: mode !== 'recreate' }))
    expect(await counts(under)).toEqual(expected)
  })

  it.each(['truncate', 'recreate'] as const)(
    '%s takes tables of one migration that refer to each other',
    async (mode) => {
      await using under = await postgresUnderTest()
      const [one, two] = [planOf('one'), planOf('two')]
      await under.sql(`create table two (_id text primary key, n integer);
      create table one (_id text references two, n integer);
      insert into two values ('a', 1); insert into one values ('a', 1)`)
      const alone = failure(beginMigration(under.target, 'm1', [plannedOf(two, mode, { exists: mode === 'truncate' })]))
      expect(await alone).toMatchObject({ code: 'target-in-use', message: expect.stringContaining('one') })
      await using kept = new AsyncDisposableStack()
      const both = [two, one].map((plan) => plannedOf(plan, mode, { exists: mode === 'truncate' }))
      kept.use(await beginMigration(under.target, 'm2', both))
      expect(await under.target.count(two.target, never)).toBe(0)
    },
  )

  it('create takes empty ones, and refuses one that holds rows or has appeared', async () => {
    await using under = await postgresUnderTest()
    await under.sql('create table items (row_id text, place integer, name text)')
    expect(await failure(beginMigration(under.target, 'm', [plannedOf(orders)]))).toMatchObject({
      code: 'target-not-empty',
      message: expect.stringContaining('items'),
    })
    await under.sql('create table orders (_id text primary key, n integer)')
    await under.sql(`insert into items values ('x', 1, null)`)
    const planned = plannedOf(orders, 'create', { exists: true })
    expect(await failure(beginMigration(under.target, 'm', [planned]))).toMatchObject({
      code: 'target-not-empty',
      message: 'table public.items holds rows',
    })
    await under.sql('truncate items')
    await copy(under, 'm', planned)
    expect(await counts(under)).toEqual([1, 2, 1])
    // The one that was missing is not finished with its parent, which stays as it is.
    expect(await keysOf(under)).toEqual([['_id'], [], ['row_id', 'item', 'place']])
  })

  it.each([
    ['upsert', orders],
    ['create', planOf('orders', { children: [items], onConflict: 'skip' })],
  ] as const)('a new table has its keys from the beginning: %s', async (mode, plan) => {
    await using under = await postgresUnderTest()
    await using kept = new AsyncDisposableStack()
    kept.use(await beginMigration(under.target, 'm', [plannedOf(plan, mode)]))
    expect(await keysOf(under)).toEqual([['_id'], ['row_id', 'place'], ['row_id', 'item', 'place']])
  })

  it('tables that stay get the columns that they lack', async () => {
    await using under = await postgresUnderTest()
    await under.sql(`create table orders (_id text primary key); insert into orders values ('kept')`)
    await using kept = new AsyncDisposableStack()
    const n = { kind: 'add', target: orders.target, column: { name: 'n', type: 'int32' } } as const
    const name = { kind: 'add', target: items.target, column: { name: 'name', type: 'text' } } as const
    const planned = plannedOf(orders, 'append', { exists: true, additions: [n, name] })
    kept.use(await beginMigration(under.target, 'm', [planned]))
    expect(await under.sql('select * from orders')).toEqual([{ _id: 'kept', n: null }])
    expect(await counts(under)).toEqual([1, 0, 0])
  })

  it('upsert lets tables that are there stay', async () => {
    await using under = await postgresUnderTest()
    await copy(under, 'm1', plannedOf(orders))
    await using kept = new AsyncDisposableStack()
    kept.use(await beginMigration(under.target, 'm2', [plannedOf(orders, 'upsert', { exists: true })]))
    expect(await counts(under)).toEqual([1, 2, 1])
  })
})
