import { describe, expect, it } from 'vitest'
import { databases, type BothDatabases, type Keyed } from '../support/both-databases.ts'
import { bsonOf, temporaryFolder } from '../support/dump.ts'
import { stoppedAt } from '../support/interruption.ts'
import { migrate } from '../support/migrate.ts'

const ROWS = 1200

const done = { state: 'done', error: null, verification: { equal: true } }

async function constraintsOf({ sql }: BothDatabases): Promise<readonly unknown[]> {
  const rows = await sql(`select conname from pg_constraint
    where connamespace = 'public'::regnamespace and contype in ('p', 'f') and convalidated order by 1`)
  return rows.map(({ conname }) => conname)
}

async function indexesOf({ sql }: BothDatabases): Promise<readonly unknown[]> {
  const rows = await sql(`select indexname from pg_indexes where schemaname = 'public' order by 1`)
  return rows.map(({ indexname }) => indexname)
}

/** Rows of `things`, a part of which is of others: those have no `n`. */
async function seeded(rows: number, row: (n: number) => object = (n) => ({ n })): Promise<BothDatabases> {
  const both = await databases()
  await both.db
    .collection<Keyed>('things')
    .insertMany(Array.from({ length: rows }, (_, n): Keyed => ({ _id: n, ...row(n) })))
  return both
}

describe('what a resume builds', () => {
  it('child tables, indexes and references as they were planned', async () => {
    await using both = await databases()
    const { from, to, db } = both
    await db.collection<Keyed>('users').insertMany(Array.from({ length: 50 }, (_, n) => ({ _id: n, name: `u${n}` })))
    const items = [{ sku: 'a' }, { sku: 'b' }]
    const orders = Array.from({ length: ROWS }, (_, n) => ({ _id: n, user: n % 50, items }))
    await db.collection<Keyed>('orders').insertMany(orders)
    await db.collection<Keyed>('orders').createIndex({ user: 1 })
    await using folder = temporaryFolder()
    const file = 'tables: { orders: { nest: { items: table }, references: { user: users._id } } }'
    await stoppedAt(9, { from, to, tables: ['orders', 'users'], config: await folder.write('drover.yaml', file) })
    expect(await constraintsOf(both)).toEqual([])
    // Nothing of it is said again.
    expect(await migrate({ from, to, resume: true })).toMatchObject({ ...done, totals: { derived: 2 * ROWS } })
    const expected = ['orders_items_parent_fkey', 'orders_items_pkey', 'orders_pkey', 'orders_user_fkey', 'users_pkey']
    expect(await constraintsOf(both)).toEqual(expected)
    expect(await indexesOf(both)).toContain('orders_user_1')
    expect(
      await both.sql('select count(*)::int as n, count(distinct orders_id)::int as rows from orders_items'),
    ).toEqual([{ n: 2 * ROWS, rows: ROWS }])
  })

  it('no primary key where the first run was to build none, and no indexes', async () => {
    await using both = await seeded(ROWS)
    const { from, to, db } = both
    await db.collection('things').createIndex({ n: 1 })
    await stoppedAt(7, { from, to, primaryKey: false, indexes: false })
    expect(await migrate({ from, to, resume: true })).toMatchObject({ ...done, totals: { written: ROWS } })
    expect([await constraintsOf(both), await indexesOf(both)]).toEqual([[], []])
  })

  it('indexes of columns that drift has added in the first run', async () => {
    await using both = await seeded(ROWS, (n) => (n === 30 ? { n, late: 'x' } : { n }))
    const { from, to, db } = both
    await db.collection('things').createIndex({ late: 1 })
    // One row is looked at, so nothing is known of the others; one worker meets them in order.
    await stoppedAt(9, { from, to, sampleRows: 1, workers: 1 })
    expect(await both.sql(`select schema_version > 1 as drifted from drover.partition where open limit 1`)).toEqual([
      { drifted: true },
    ])
    expect(await migrate({ from, to, resume: true })).toMatchObject({ ...done, totals: { written: ROWS } })
    expect(await indexesOf(both)).toEqual(['things_late_1', 'things_pkey'])
    expect(await both.sql('select _id from things where late is not null')).toEqual([{ _id: 30 }])
  })

  it('what drift needs after the resume, and the indexes of that', async () => {
    await using both = await seeded(ROWS, (n) => (n === 900 ? { n: 'text', late: 1 } : { n }))
    const { from, to, db } = both
    await db.collection('things').createIndex({ late: 1 })
    await stoppedAt(5, { from, to, sampleRows: 1 })
    expect(await migrate({ from, to, resume: true, batchRows: 50 })).toMatchObject({
      ...done,
      totals: { written: ROWS },
    })
    expect(await indexesOf(both)).toEqual(['things_late_1', 'things_pkey'])
    expect(await both.sql(`select n #>> '{}' as n, late from things where late is not null`)).toEqual([
      { n: 'text', late: 1 },
    ])
  })
})

describe('what happens to drift', () => {
  it('is what the first run was told, unless the resume says otherwise', async () => {
    await using both = await seeded(ROWS, (n) => (n === 900 ? { n, late: 1 } : { n }))
    const { from, to, sql } = both
    await stoppedAt(5, { from, to, sampleRows: 1, onDrift: 'stop' })
    const again = await migrate({ from, to, resume: true })
    expect(again).toMatchObject({ state: 'stopped', error: { code: 'schema-drift' } })
    expect(await migrate({ from, to, resume: true, onDrift: 'evolve' })).toMatchObject(done)
    expect(await sql('select _id from things where late = 1')).toEqual([{ _id: 900 }])
  })
})

describe('a resume of rows that meet others', () => {
  it('append: rows of others stay, and count apart', async () => {
    await using both = await seeded(ROWS)
    const { from, to, sql } = both
    await sql('create table things (_id integer primary key, n integer)')
    await sql('insert into things select -x, null from generate_series(1, 40) x')
    await stoppedAt(7, { from, to, mode: 'append' })
    const result = await migrate({ from, to, resume: true })
    expect(result).toMatchObject({ state: 'done', error: null, totals: { written: ROWS } })
    expect(await sql('select count(n)::int as ours, count(*)::int as all from things')).toEqual([
      { ours: ROWS, all: ROWS + 40 },
    ])
  })

  it('upsert: old rows are updated once, new ones written', async () => {
    await using both = await seeded(ROWS)
    const { from, to, sql } = both
    await sql('create table things (_id integer primary key, n integer)')
    await sql('insert into things select x, -1 from generate_series(0, 899, 3) x')
    await stoppedAt(7, { from, to, mode: 'upsert', feed: 'paged' })
    expect(await migrate({ from, to, resume: true, feed: 'paged' })).toMatchObject({
      ...done,
      totals: { written: ROWS },
    })
    expect(
      await sql('select count(*)::int as rows, count(*) filter (where n = _id)::int as right from things'),
    ).toEqual([{ rows: ROWS, right: ROWS }])
  })

  it('upsert by another key than that of the source goes on in order', async () => {
    await using both = await seeded(ROWS, (n) => ({ n, code: n % 100 }))
    const { from, to, sql } = both
    await sql('create table things (code integer primary key, n integer)')
    await stoppedAt(7, { from, to, mode: 'upsert' })
    expect(await migrate({ from, to, resume: true, batchRows: 50, workers: 3 })).toMatchObject({ state: 'done' })
    // The last one counts.
    expect(await sql('select count(*)::int as rows, min(n) as least from things')).toEqual([
      { rows: 100, least: ROWS - 100 },
    ])
  })

  it('an incremental copy has its mark when the resumed run is complete, and not before', async () => {
    await using both = await seeded(ROWS, (n) => ({ n, at: new Date(1.7e12 + n) }))
    const { from, to, db, sql } = both
    const way = { from, to, mode: 'upsert', since: { at: 'last' } } as const
    await stoppedAt(7, way)
    expect(await sql('select 1 from drover.mark')).toEqual([])
    // Comes when the range was chosen already.
    await db.collection<Keyed>('things').insertOne({ _id: 5000, n: 1, at: new Date(1.7e12 + 5000) })
    expect(await migrate({ ...way, resume: true })).toMatchObject({ ...done, totals: { read: ROWS } })
    expect(await sql('select value from drover.mark')).toEqual([
      { value: `{"$date":{"$numberLong":"${1.7e12 + ROWS - 1}"}}` },
    ])
    expect(await migrate(way)).toMatchObject({ ...done, totals: { read: 2 } })
  })
})

describe('a resume of', () => {
  it('a dump goes on behind what is committed', async () => {
    await using both = await databases()
    await using folder = temporaryFolder()
    const path = await folder.write('things.bson', bsonOf(Array.from({ length: ROWS }, (_, n) => ({ _id: n, n }))))
    const way = { from: `bson:${path}`, to: both.to, feed: 'partitioned' } as const
    await stoppedAt(7, way)
    expect(await migrate({ ...way, resume: true })).toMatchObject({ ...done, totals: { read: ROWS, written: ROWS } })
    expect(await both.sql('select count(distinct _id)::int as ids from things')).toEqual([{ ids: ROWS }])
  })

  it('a table without key order is refused in words', async () => {
    await using both = await databases()
    const { from, to, db } = both
    await db.collection<Keyed>('rows').insertMany(Array.from({ length: ROWS }, (_, n) => ({ _id: n, n })))
    await db.createCollection('things', { viewOn: 'rows', pipeline: [] })
    const way = { from, to, tables: ['things'] }
    await stoppedAt(7, way)
    const [stopped] = await both.sql('select state, error from drover.migration')
    await expect(migrate({ ...way, resume: true })).rejects.toMatchObject({
      code: 'missing-migration',
      kind: 'preflight',
      message: expect.stringMatching(
        /cannot be resumed: [0-9,]+ rows of things are read already.*no key order/,
      ) as unknown,
      hint: expect.stringContaining('--mode recreate') as unknown,
    })
    expect(await both.sql('select state, error from drover.migration')).toEqual([stopped])
    expect(await migrate({ ...way, mode: 'recreate' })).toMatchObject(done)
  })

  it('several tables without key order goes on with those that have not begun', async () => {
    await using both = await databases()
    const { from, to, db, sql } = both
    await db.collection<Keyed>('rows').insertMany(Array.from({ length: 200 }, (_, n) => ({ _id: n, n })))
    const names = Array.from({ length: 6 }, (_, n) => `view_${n}`)
    for (const name of names) await db.createCollection(name, { viewOn: 'rows', pipeline: [] })
    // Each is one batch, so it is complete or has not begun.
    const way = { from, to, tables: ['view_*'], workers: 1, batchRows: 300 }
    const stopped = await stoppedAt(1, way)
    expect(stopped.totals.read).toBeGreaterThan(0)
    expect(stopped.totals.read).toBeLessThan(1200)
    expect(await migrate({ ...way, resume: true })).toMatchObject({ ...done, totals: { read: 1200, written: 1200 } })
    for (const name of names)
      expect(await sql(`select count(distinct _id)::int as n from ${name}`)).toEqual([{ n: 200 }])
  })
})
