import { describe, expect, it } from 'vitest'
import { plan, type MigrateOptions } from '../../src/index.ts'
import { databases, type BothDatabases, type Keyed } from '../support/both-databases.ts'
import { temporaryFolder } from '../support/dump.ts'
import { at, rolledBack, stoppedAt } from '../support/interruption.ts'
import { migrate } from '../support/migrate.ts'

async function seeded(): Promise<BothDatabases> {
  const both = await databases()
  const { db } = both
  await db.collection<Keyed>('users').insertMany(Array.from({ length: 100 }, (_, n) => ({ _id: n, name: `u${n}` })))
  await db
    .collection<Keyed>('orders')
    .insertMany(Array.from({ length: 600 }, (_, n) => ({ _id: n, user: n % 100, items: [{ sku: 'a' }] })))
  return both
}

/** Tables that people see. */
async function visible({ sql }: BothDatabases): Promise<readonly unknown[]> {
  return (await sql(`select tablename from pg_tables where schemaname = 'public' order by 1`)).map(
    (row) => row['tablename'],
  )
}

const rows = `select (select count(*) from users)::int as users, (select count(*) from orders)::int as orders,
  (select count(*) from orders_items)::int as items`
const all = ['orders', 'orders_items', 'users']

const nested = 'tables: { orders: { nest: { items: table }, references: { user: users._id } } }'

describe('--atomic', () => {
  it('shows all of the new tables at once, with child tables and references, or none of them', async () => {
    await using both = await seeded()
    await using folder = temporaryFolder()
    const { from, to } = both
    const way = { from, to, tables: ['orders', 'users'], config: await folder.write('d.yaml', nested), atomic: true }
    await stoppedAt(7, way)
    expect(await visible(both)).toEqual([])
    // Whoever looks at the very end, before the commit, sees nothing still.
    let before: Promise<readonly unknown[]> | undefined
    using _ = at('publish.before_commit', 1, async () => {
      before = visible(both)
      await before
    })
    const resumed = await migrate({ from, to, resume: true, isolation: 'inline' })
    expect(resumed).toMatchObject({ state: 'done', error: null, verification: { equal: true } })
    expect(await before).toEqual([])
    expect(await visible(both)).toEqual(all)
    expect(await both.sql(rows)).toEqual([{ users: 100, orders: 600, items: 600 }])
    expect(
      await both.sql(`select conname from pg_constraint
        where contype = 'f' and convalidated and connamespace = 'public'::regnamespace order by 1`),
    ).toEqual([{ conname: 'orders_items_parent_fkey' }, { conname: 'orders_user_fkey' }])
    expect(await both.sql(`select 1 from pg_namespace where nspname like 'drover\\_load%'`)).toEqual([])
    await rolledBack(both, { migration: resumed.migration })
    expect(await visible(both)).toEqual([])
  })

  it('leaves nothing to be seen where one table fails, and nothing at all with --rollback-on-failure', async () => {
    await using both = await seeded()
    const { from, to, db, sql } = both
    await db.collection<Keyed>('users').insertOne({ _id: 1000, name: 'a\0b' })
    const way: MigrateOptions = { from, to, tables: ['orders', 'users'], atomic: true }
    const failed = await migrate(way)
    expect(failed).toMatchObject({ state: 'stopped', error: { code: 'too-many-dead-letters' } })
    expect(await visible(both)).toEqual([])
    expect(await rolledBack(both)).not.toEqual([])
    const gone = await migrate({ ...way, rollbackOnFailure: true })
    expect(gone).toMatchObject({ state: 'rolled-back', error: { code: 'too-many-dead-letters' } })
    expect(gone.error?.hint).toMatch(/^nothing of the run is left/)
    expect(await visible(both)).toEqual([])
    expect(await sql(`select nspname from pg_namespace where nspname like 'drover%'`)).toEqual([{ nspname: 'drover' }])
  })

  it('adds to a table that is there at the very end, and a rollback takes away just that', async () => {
    await using both = await seeded()
    const { from, to, sql } = both
    await sql(`create table users (_id integer primary key, name text); insert into users values (-1, 'theirs')`)
    const way: MigrateOptions = { from, to, tables: ['users'], mode: 'append', atomic: true }
    await stoppedAt(1, { ...way, batchRows: 10 })
    expect(await sql('select count(*)::int as n from users')).toEqual([{ n: 1 }])
    const resumed = await migrate({ from, to, resume: true })
    expect(resumed).toMatchObject({ state: 'done', totals: { written: 100 } })
    expect(await sql('select count(*)::int as n from users')).toEqual([{ n: 101 }])
    await rolledBack(both, { migration: resumed.migration })
    expect(await sql('select name from users')).toEqual([{ name: 'theirs' }])
  })

  it('leaves out references to a table that its rows join at the end, and says so', async () => {
    await using both = await seeded()
    await using folder = temporaryFolder()
    const { from, to, sql } = both
    await sql('create table users (_id integer primary key, name text)')
    const file = 'tables: { users: { mode: append }, orders: { references: { user: users._id } } }'
    const way = { from, to, tables: ['orders', 'users'], config: await folder.write('d.yaml', file), atomic: true }
    const notices: string[] = []
    const onNotice = ({ message }: { readonly message: string }): void => void notices.push(message)
    const words = /the reference from user of public\.orders to public\.users is not built: with --atomic/
    const planned = await plan(way)
    const orders = planned.tables.find(({ planned }) => planned.plan.source === 'orders')
    expect(orders?.warnings.join()).toMatch(words)
    expect(orders?.ddl.finish.join()).not.toContain('foreign key')
    expect(await migrate({ ...way, onNotice })).toMatchObject({ state: 'done', error: null })
    expect(notices.join('\n')).toMatch(words)
    await sql('alter table orders add foreign key ("user") references users')
    // Without --atomic it is built.
    await using again = await seeded()
    await again.sql('create table users (_id integer primary key, name text)')
    expect(await migrate({ ...way, from: again.from, to: again.to, atomic: false })).toMatchObject({ state: 'done' })
    expect(
      await again.sql(`select conname from pg_constraint where contype = 'f' and conrelid = 'orders'::regclass`),
    ).toEqual([{ conname: 'orders_user_fkey' }])
  })

  it.each<[Partial<MigrateOptions>, string]>([
    [{ mode: 'upsert' }, 'the mode is a merge'],
    [{ mode: 'truncate' }, 'the mode is truncate'],
    [{ mode: 'append', onConflict: 'skip' }, 'the mode is a merge'],
    [{}, 'the table is there already'],
  ])('is refused where it cannot be kept: %j', async (change, why) => {
    await using both = await seeded()
    const { from, to, sql } = both
    await sql('create table users (_id integer primary key, name text)')
    const refused = {
      code: 'conflicting-options',
      kind: 'usage',
      message: `--atomic cannot be kept for users: ${why}`,
      hint: expect.stringContaining('--mode recreate') as unknown,
    }
    const way = { from, to, tables: ['users'], atomic: true, ...change }
    await expect(plan(way)).rejects.toMatchObject(refused)
    await expect(migrate(way)).rejects.toMatchObject(refused)
    expect(await sql(`select 1 from pg_namespace where nspname like 'drover%'`)).toEqual([])
  })
})
