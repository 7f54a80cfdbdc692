import { describe, expect, it } from 'vitest'
import { plan } from '../../src/index.ts'
import type { BothDatabases, Keyed } from '../support/both-databases.ts'
import { compareValues } from '../support/compare-values.ts'
import { migrate } from '../support/migrate.ts'
import { sharedDatabases } from '../support/shared-databases.ts'

const shared = sharedDatabases()

const ROWS = 1500
const CHANGED = 300
const NEW = 100

const product = (n: number): Keyed => ({
  _id: n,
  name: `product ${n}`,
  price: n + 0.25,
  tags: [`t${n % 7}`],
  at: new Date(1.7e12 + n),
})

const productColumns = { _id: '_id', name: 'name', price: 'price', tags: 'tags', at: 'at' }

/** The transaction that wrote each row last. */
async function writers({ sql }: BothDatabases, table: string): Promise<ReadonlyMap<unknown, unknown>> {
  const rows = await sql(`select _id, xmin::text as writer from ${table}`)
  return new Map(rows.map((row) => [row['_id'], row['writer']]))
}

describe('upsert by the key of the source', () => {
  const ways = (['paged', 'partitioned'] as const).map((feed) => ({ feed }))
  it.each(ways)('writes the rows that differ and no others ($feed)', async ({ feed }) => {
    const both = shared()
    const { from, to, db } = both
    const products = db.collection<Keyed>('products')
    await products.insertMany(Array.from({ length: ROWS }, (_, n) => product(n)))
    const way = { from, to, feed, batchRows: 120, workers: 3, mode: 'upsert' } as const
    expect(await migrate(way)).toMatchObject({ state: 'done', totals: { read: ROWS, written: ROWS, skipped: 0 } })
    const before = await writers(both, 'products')

    // Every fifth, so that each batch holds both kinds.
    await products.updateMany({ _id: { $mod: [ROWS / CHANGED, 0] } }, [{ $set: { price: { $add: ['$price', 1] } } }])
    await products.insertMany(Array.from({ length: NEW }, (_, n) => product(ROWS + n)))
    const result = await migrate(way)
    expect(result).toMatchObject({
      state: 'done',
      error: null,
      totals: { read: ROWS + NEW, written: ROWS + NEW, skipped: 0, derived: 0 },
      verification: { equal: true },
    })
    const after = await writers(both, 'products')
    const touched = [...after].filter(([key, writer]) => before.get(key) !== writer).map(([key]) => Number(key))
    const expected = [...after.keys()].map(Number).filter((n) => n >= ROWS || n % (ROWS / CHANGED) === 0)
    expect(touched.toSorted((a, b) => a - b)).toEqual(expected.toSorted((a, b) => a - b))
    expect(touched).toHaveLength(CHANGED + NEW)
    const sums = await both.sql('select count(*)::int as n, sum(price)::float8 as price from products')
    const sum = Array.from({ length: ROWS + NEW }, (_, n) => n + 0.25).reduce((a, b) => a + b, CHANGED)
    expect(sums).toEqual([{ n: ROWS + NEW, price: sum }])
  })

  it('into a new table makes it, with its key, and the rows are equal', async () => {
    const both = shared()
    const { from, to, db } = both
    const { ObjectId } = await import('mongodb')
    const rows = Array.from({ length: 500 }, (_, n) => ({
      ...product(n),
      _id: new ObjectId(n.toString(16).padStart(24, '0')),
    }))
    await db.collection('products').insertMany(rows)
    const result = await migrate({ from, to, mode: 'upsert', batchRows: 100, workers: 2 })
    expect(result).toMatchObject({ state: 'done', totals: { read: 500, written: 500 }, verification: { equal: true } })
    const compared = { mongoUrl: from, collection: 'products', postgresUrl: to, table: 'products' }
    expect(await compareValues({ ...compared, columns: productColumns })).toBe(500)
    const keys = await both.sql(`select 1 from pg_constraint where conrelid = 'products'::regclass and contype = 'p'`)
    expect(keys).toHaveLength(1)
  })

  it('leaves a key that the source has lost, and says nothing is wrong', async () => {
    const both = shared()
    const { from, to, db } = both
    await db.collection<Keyed>('products').insertMany([product(1), product(2)])
    await migrate({ from, to, workers: 1 })
    await db.collection<Keyed>('products').deleteOne({ _id: 1 })
    const result = await migrate({ from, to, mode: 'upsert', workers: 1 })
    expect(result).toMatchObject({ state: 'done', totals: { read: 1, written: 1 }, verification: { equal: true } })
    expect(await both.sql('select _id from products order by 1')).toEqual([{ _id: 1 }, { _id: 2 }])
  })
})

describe('upsert by another key', () => {
  /** Versions of 40 people, each coming up in every batch and in many. */
  async function seedPeople({ db, sql }: BothDatabases): Promise<void> {
    const versions = Array.from({ length: 1200 }, (_, n) => ({
      _id: n,
      email: `p${(n * 7) % 40}@x.org`,
      version: n,
      name: `v${n}`,
    }))
    await db.collection<Keyed>('people').insertMany(versions.toReversed())
    await sql('create table people (email text primary key, version integer, name text, noted text)')
    await sql(`insert into people values ('p3@x.org', -1, 'before', 'kept'), ('other@x.org', -1, 'before', 'kept')`)
  }

  const way = { mode: 'upsert', excludeColumns: ['_id'], batchRows: 100, workers: 3 } as const

  it.each(['threads', 'inline'] as const)(
    'the last version in the order of the source wins (%s)',
    async (isolation) => {
      const both = shared()
      await seedPeople(both)
      const { from, to } = both
      const planned = await plan({ from, to, ...way, isolation })
      expect(planned.feed.choice).toBe('partitioned')
      expect(planned.tables[0]?.planned.partitions).toHaveLength(1)
      const result = await migrate({ from, to, ...way, isolation })
      // In each batch of 100 there are 40 people; the others of it were superseded.
      expect(result).toMatchObject({
        state: 'done',
        totals: { read: 1200, written: 480, skipped: 720 },
        verification: { equal: true },
      })
      const rows = await both.sql('select email, version, name, noted from people order by version, email')
      const last = (email: string): number => {
        return Array.from({ length: 1200 }, (_, n) => n).findLast((n) => `p${(n * 7) % 40}@x.org` === email) ?? -1
      }
      expect(rows).toHaveLength(41)
      for (const { email, version, name, noted } of rows.slice(1)) {
        expect({ version, name }).toEqual({ version: last(String(email)), name: `v${last(String(email))}` })
        expect(noted).toBe(email === 'p3@x.org' ? 'kept' : null)
      }
      expect(rows[0]).toEqual({ email: 'other@x.org', version: -1, name: 'before', noted: 'kept' })
    },
  )

  it('is refused where the rows would not come in order, naming the key', async () => {
    const both = shared()
    await seedPeople(both)
    const { from, to } = both
    await expect(migrate({ from, to, ...way, feed: 'paged' })).rejects.toMatchObject({
      code: 'conflicting-options',
      message: expect.stringContaining('email') as unknown,
    })
    const result = await migrate({ from, to, ...way, workers: 1, feed: 'paged' })
    expect(result).toMatchObject({ state: 'done', totals: { read: 1200, written: 480, skipped: 720 } })
    expect(await both.sql(`select version from people where email = 'p0@x.org'`)).toEqual([{ version: 1160 }])
  })

  it('stops at a row without the key where it is to, naming it', async () => {
    const both = shared()
    const { from, to, db } = both
    await db.collection<Keyed>('people').insertMany([
      { _id: 1, email: 'a@x.org' },
      { _id: 2, email: null },
    ])
    await both.sql('create table people (email text primary key)')
    const result = await migrate({ from, to, ...way, onError: 'stop' })
    expect(result).toMatchObject({ state: 'stopped', error: { code: 'row-rejected' } })
    expect(result.error?.message).toMatch(/document 2 of table people.*email/)
    expect(await both.sql('select count(*)::int as n from people')).toEqual([{ n: 0 }])
  })

  it('and a table without a key is refused before anything is written', async () => {
    const both = shared()
    const { from, to, db } = both
    await db.collection<Keyed>('people').insertOne({ _id: 1, email: 'a@x.org' })
    await both.sql('create table people (_id integer, email text)')
    await expect(migrate({ from, to, mode: 'upsert' })).rejects.toMatchObject({
      code: 'target-incompatible',
      message: expect.stringContaining('primary key') as unknown,
    })
    expect(await both.sql(`select 1 from information_schema.schemata where schema_name = 'drover'`)).toEqual([])
  })
})

describe('upsert with child tables', () => {
  const order = (n: number, items: number) => ({
    _id: n,
    total: items,
    items: Array.from({ length: items }, (_, i) => ({ sku: `s${n}-${i}`, quantity: i + 1, parts: [i, n] })),
  })
  const way = { mode: 'upsert', nest: { items: 'table', 'items.parts': 'table' }, batchRows: 50, workers: 2 } as const

  it('takes the elements of a row with it: fewer, more, none', async () => {
    const both = shared()
    const { from, to, db } = both
    const orders = db.collection<Keyed>('orders')
    await orders.insertMany(Array.from({ length: 300 }, (_, n) => order(n, (n % 4) + 1)))
    const first = await migrate({ from, to, ...way })
    expect(first).toMatchObject({ state: 'done', totals: { written: 300, derived: 750 * 3 } })
    for (let n = 0; n < 300; n += 10) await orders.replaceOne({ _id: n }, order(n, n % 3))
    await orders.insertMany(Array.from({ length: 20 }, (_, n) => order(300 + n, 2)))
    const documents = await orders.find().toArray()
    const items = documents.reduce((sum, { total }) => sum + Number(total), 0)

    const result = await migrate({ from, to, ...way })
    expect(result).toMatchObject({
      state: 'done',
      error: null,
      totals: { read: 320, written: 320, derived: items * 3 },
      verification: { equal: true },
    })
    const [found] = await both.sql(`select (select count(*)::int from orders) as orders,
      (select count(*)::int from orders_items) as items, (select count(*)::int from orders_items_parts) as parts`)
    expect(found).toEqual({ orders: 320, items, parts: items * 2 })
    const wrong = await both.sql(`select o._id from orders o left join orders_items i on i.orders_id = o._id
      group by o._id, o.total having count(i.sku) <> o.total or count(i.sku) filter (where i.sku not like 's' || o._id || '-%') > 0`)
    expect(wrong).toEqual([])
  })
})
