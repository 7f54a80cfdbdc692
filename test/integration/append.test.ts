import { describe, expect, it } from 'vitest'
import { plan, type MigrateOptions } from '../../src/index.ts'
import { databases, type BothDatabases, type Keyed } from '../support/both-databases.ts'
import { migrate } from '../support/migrate.ts'

const rowOf = (n: number): Keyed => ({ _id: n, name: `new ${n}`, n })

/** 500 rows in the source, and of every fourth of them an older version in the target, which has 10 rows of its own. */
async function half(): Promise<BothDatabases> {
  const both = await databases()
  await both.db.collection<Keyed>('things').insertMany(Array.from({ length: 500 }, (_, n) => rowOf(n)))
  await both.sql('create table things (_id integer primary key, name text, n integer)')
  await both.sql(`insert into things select n, 'old ' || n, n from generate_series(0, 496, 4) n`)
  await both.sql(`insert into things select -n, 'own', n from generate_series(1, 10) n`)
  return both
}

const way = { mode: 'append', batchRows: 60, workers: 3 } as const

/** How many rows of each kind there are in the target. */
async function kinds({ sql }: BothDatabases): Promise<unknown> {
  const rows = await sql(`select split_part(name, ' ', 1) as kind, count(*)::int as n from things group by 1`)
  return Object.fromEntries(rows.map(({ kind, n }) => [kind, n]))
}

describe('append onto keys that are there already', () => {
  it.each(['paged', 'partitioned'] as const)('skips them where told to, and counts them (%s)', async (feed) => {
    await using both = await half()
    const { from, to } = both
    const result = await migrate({ from, to, ...way, feed, onConflict: 'skip' })
    expect(result).toMatchObject({
      state: 'done',
      totals: { read: 500, written: 375, skipped: 125, filtered: 0 },
      verification: { equal: true },
    })
    expect(await kinds(both)).toEqual({ own: 10, old: 125, new: 375 })
  })

  it.each(['paged', 'partitioned'] as const)('updates them where told to (%s)', async (feed) => {
    await using both = await half()
    const { from, to } = both
    const result = await migrate({ from, to, ...way, feed, onConflict: 'update' })
    expect(result).toMatchObject({
      state: 'done',
      totals: { read: 500, written: 500, skipped: 0 },
      verification: { equal: true },
    })
    expect(await kinds(both)).toEqual({ own: 10, new: 500 })
  })

  it.each([{}, { onConflict: 'error' as const }])(
    'stops at the first of them where it is to, naming it (%o)',
    async (option) => {
      await using both = await half()
      const { from, to } = both
      const result = await migrate({ from, to, ...way, ...option, workers: 1, onError: 'stop' })
      expect(result).toMatchObject({ state: 'stopped', error: { code: 'row-rejected' } })
      expect(result.error?.message).toMatch(/document 0 of table things/)
      expect(await kinds(both)).toEqual({ own: 10, old: 125 })
    },
  )

  it('leaves the children of a row that is skipped, and counts only those it wrote', async () => {
    await using both = await databases()
    const { from, to, db } = both
    const carts = db.collection<Keyed>('carts')
    const cart = (n: number, items: readonly string[]): Keyed => ({ _id: n, items: items.map((sku) => ({ sku })) })
    await carts.insertMany([cart(1, ['a', 'b']), cart(2, ['c'])])
    const nested = { from, to, nest: { items: 'table' }, workers: 1 } as const
    expect(await migrate(nested)).toMatchObject({ state: 'done', totals: { written: 2, derived: 3 } })
    await carts.replaceOne({ _id: 1 }, cart(1, ['x', 'y', 'z']))
    await carts.insertOne(cart(3, ['d', 'e']))
    const result = await migrate({ ...nested, mode: 'append', onConflict: 'skip' })
    expect(result).toMatchObject({
      state: 'done',
      totals: { read: 3, written: 1, skipped: 2, derived: 2 },
      verification: { equal: true },
    })
    const skus = await both.sql(`select carts_id as cart, string_agg(sku, '' order by ordinal) as skus
      from carts_items group by 1 order by 1`)
    expect(skus).toEqual([
      { cart: 1, skus: 'ab' },
      { cart: 2, skus: 'c' },
      { cart: 3, skus: 'de' },
    ])
  })
})

describe('--on-conflict', () => {
  const others: MigrateOptions['mode'][] = ['create', 'truncate', 'recreate', 'upsert']
  it.each(others)('goes with append only, and not with %s', async (mode) => {
    await using both = await half()
    const { from, to } = both
    await expect(migrate({ from, to, mode, targetSchema: 'elsewhere', onConflict: 'skip' })).rejects.toMatchObject({
      code: 'conflicting-options',
      kind: 'usage',
      message: expect.stringContaining(`the mode is ${String(mode)}`) as unknown,
    })
  })

  it.each(['skip', 'update'] as const)('%s needs a key to go by', async (onConflict) => {
    await using both = await half()
    const { from, to } = both
    await both.sql('alter table things drop constraint things_pkey')
    await expect(migrate({ from, to, ...way, onConflict })).rejects.toMatchObject({
      code: 'target-incompatible',
      message: expect.stringContaining('public.things') as unknown,
    })
  })
})

describe('append to a table that lacks a column', () => {
  const lacking = { ...way, onConflict: 'skip' } as const

  it('adds it before the first row, and the plan says so', async () => {
    await using both = await half()
    const { from, to } = both
    await both.sql('alter table things drop column n')
    const [table] = (await plan({ from, to, ...lacking })).tables
    expect(table?.planned.additions).toMatchObject([{ kind: 'add', column: { name: 'n', type: 'int32' } }])
    const before = await both.sql(`select 1 from information_schema.columns where table_name = 'things'`)
    expect(before).toHaveLength(2)
    const result = await migrate({ from, to, ...lacking })
    expect(result).toMatchObject({ state: 'done', totals: { written: 375 }, verification: { equal: true } })
    const [sum] = await both.sql(`select count(n)::int as n, sum(n)::int as sum from things`)
    const added = Array.from({ length: 500 }, (_, n) => n).filter((n) => n % 4 !== 0)
    expect(sum).toEqual({ n: 375, sum: added.reduce((a, b) => a + b) })
  })

  it('is refused where drift is to stop the run, and the table stays as it is', async () => {
    await using both = await half()
    const { from, to } = both
    await both.sql('alter table things drop column n')
    await expect(migrate({ from, to, ...lacking, onDrift: 'stop' })).rejects.toMatchObject({
      code: 'target-incompatible',
      message: expect.stringContaining('"n"') as unknown,
    })
    const columns = await both.sql(
      `select column_name as name from information_schema.columns where table_name = 'things'`,
    )
    expect(columns).toEqual([{ name: '_id' }, { name: 'name' }])
  })
})
