import { describe, expect, it } from 'vitest'
import { seed } from '../../src/devkit/seed.ts'
import type { MigrateOptions } from '../../src/index.ts'
import type { Keyed } from '../support/both-databases.ts'
import { compareValues, usersColumns } from '../support/compare-values.ts'
import { migrate } from '../support/migrate.ts'
import { sharedDatabases } from '../support/shared-databases.ts'

const never = new AbortController().signal

const shared = sharedDatabases()

describe('every way to run gives the same table', () => {
  it.each([
    { isolation: 'threads', feed: 'paged' },
    { isolation: 'processes', feed: 'partitioned' },
    { isolation: 'inline', feed: 'partitioned' },
  ] as const)('$isolation, $feed', async (way) => {
    const both = shared()
    const { from, to } = both
    const seeding = { url: from, rngSeed: 7, drop: false, workers: 2, onProgress: () => undefined }
    await seed({ ...seeding, shape: 'users', rows: 2001 }, never)
    const result = await migrate({ ...way, from, to, workers: 2, batchRows: 200 })
    expect(result).toMatchObject({
      state: 'done',
      error: null,
      totals: { read: 2001, written: 2001, skipped: 0, deadLetters: 0 },
      verification: { level: 'count', equal: true },
    })
    const compared = { mongoUrl: from, collection: 'users', postgresUrl: to, table: 'users', columns: usersColumns }
    expect(await compareValues(compared)).toBe(2001)
    const [types] = await both.sql(
      `select string_agg(column_name || ' ' || data_type, ', ' order by ordinal_position) as columns
         from information_schema.columns where table_name = 'users'`,
    )
    expect(types?.['columns']).toBe(
      '_id text, username text, name text, email text, age integer, balance double precision, active boolean, ' +
        'created_at timestamp with time zone, address jsonb, tags ARRAY',
    )
    const keys = await both.sql(`select 1 from pg_constraint where conrelid = 'users'::regclass and contype = 'p'`)
    expect(keys).toHaveLength(1)
  })
})

describe('sizes around a page', () => {
  it('0, 1, 99, 100, 101 documents in batches of 100', async () => {
    const both = shared()
    const { from, to, db } = both
    const sizes = [0, 1, 99, 100, 101]
    for (const rows of sizes) {
      await db.createCollection(`things_${rows}`)
      const things = db.collection(`things_${rows}`)
      if (rows > 0) await things.insertMany(Array.from({ length: rows }, (_, n) => ({ n })))
    }
    const result = await migrate({ from, to, batchRows: 100, workers: 2 })
    expect(result).toMatchObject({ state: 'done', totals: { read: 301, written: 301 } })
    for (const rows of sizes) {
      const found = result.tables.find(({ source }) => source === `things_${rows}`)
      expect(found).toMatchObject({ read: rows, written: rows })
      expect(await both.sql(`select count(*)::int as n from things_${rows}`)).toEqual([{ n: rows }])
    }
  })
})

describe('documents', () => {
  it('M13 with ids of every kind mixed are all copied, in both feeds', async () => {
    const { Long, Double, Decimal128, ObjectId, Binary, MinKey, MaxKey, Timestamp, UUID } = await import('mongodb')
    const ids: unknown[] = [
      new MinKey(),
      new MaxKey(),
      null,
      true,
      false,
      new Date(0),
      new Date(1),
      new Timestamp({ t: 1, i: 2 }),
    ]
    for (let n = 0; n < 40; n++) {
      ids.push(n, `${n}`, new Double(n + 0.5), Long.fromString(`${2n ** 53n + BigInt(n)}`), new Decimal128(`${n}.25`))
      ids.push(new ObjectId(), new UUID(), new Binary(Buffer.from([n])), { n }, { n: `${n}` }, new Date(n * 1e9 + 2))
    }
    const both = shared()
    const { from, to, db } = both
    await db.command({ insert: 'mixed', documents: ids.map((_id, n) => ({ _id, n })) })
    for (const feed of ['paged', 'partitioned'] as const) {
      const result = await migrate({ from, to, feed, mode: 'recreate', batchRows: 7, workers: 3 })
      expect(result).toMatchObject({ state: 'done', totals: { read: ids.length, written: ids.length } })
      const [row] = await both.sql(
        `select count(distinct coalesce(_id::text, 'null'))::int as ids, count(distinct n)::int as n from mixed`,
      )
      expect(row).toEqual({ ids: ids.length, n: ids.length })
    }
  })

  it('of 15 MB are copied within the byte bound of a batch', async () => {
    const both = shared()
    const { from, to, db } = both
    const body = 'x'.repeat(15 * 1024 * 1024)
    for (let n = 0; n < 3; n++) await db.collection('large').insertOne({ n, body })
    const result = await migrate({ from, to, workers: 2 })
    expect(result).toMatchObject({ state: 'done', totals: { read: 3, written: 3 } })
    expect(await both.sql('select n, length(body) as length from large order by n')).toEqual(
      [0, 1, 2].map((n) => ({ n, length: body.length })),
    )
  })

  it('that do not fit the sampled type stop the run where drift is to, and are named; nothing of their batch is written', async () => {
    const both = shared()
    const { from, to, db } = both
    const people = db.collection<Keyed>('people')
    await people.insertMany(Array.from({ length: 20_000 }, (_, n) => ({ _id: n, age: n })))
    // Comes when the types are chosen already, and last in key order, so that it is read long after it is there.
    let late: Promise<unknown> | undefined
    const result = await migrate({
      from,
      to,
      batchRows: 100,
      workers: 2,
      onDrift: 'stop',
      onProgress: ({ phase }) => {
        if (phase === 'copy') late ??= people.insertOne({ _id: 20_000, age: 'old' })
      },
    })
    await late
    expect(result).toMatchObject({ state: 'stopped', error: { code: 'schema-drift' } })
    expect(result.error?.hint).toContain('--cast')
    expect(result.error?.message).toMatch(/20000.*people.*age.*string.*integer/)
    expect(await both.sql('select count(*)::int as n from people where _id >= 20000')).toEqual([{ n: 0 }])
    expect(await both.sql('select state from drover.migration')).toEqual([{ state: 'stopped' }])
  })

  it('M01 with text that PostgreSQL cannot hold stop the run where they are to, and are named', async () => {
    const both = shared()
    const { from, to, db } = both
    await db.collection<Keyed>('texts').insertMany([
      { _id: 1, text: 'fine' },
      { _id: 2, text: 'a\0b' },
    ])
    const result = await migrate({ from, to, workers: 1, onError: 'stop' })
    expect(result.error).toMatchObject({ code: 'row-rejected' })
    expect(result.error?.message).toMatch(/document 2 of table texts/)
    expect(await both.sql('select count(*)::int as n from texts')).toEqual([{ n: 0 }])
  })
})

describe('modes', () => {
  async function withRows(mode: MigrateOptions['mode'], tableSql: string) {
    const both = shared()
    await both.db.collection<Keyed>('things').insertMany([
      { _id: 1, name: 'a' },
      { _id: 2, name: 'b' },
    ])
    await both.sql(tableSql)
    const { from, to } = both
    const outcome = await migrate({ from, to, mode, workers: 1 }).catch((error: unknown) => error)
    return { both, outcome }
  }

  const filled = `create table things (_id integer, name text); insert into things values (9, 'z')`

  it('create refuses a table that holds rows, and touches nothing', async () => {
    const { both, outcome } = await withRows('create', filled)
    expect(outcome).toMatchObject({ code: 'target-not-empty', kind: 'preflight' })
    expect(await both.sql('select count(*)::int as n from things')).toEqual([{ n: 1 }])
    expect(await both.sql(`select 1 from information_schema.schemata where schema_name = 'drover'`)).toEqual([])
  })

  it('create takes an empty table as it is', async () => {
    const { both, outcome } = await withRows('create', 'create table things (name text, _id bigint, extra text)')
    expect(outcome).toMatchObject({ state: 'done' })
    expect(await both.sql('select * from things order by 2')).toEqual([
      { name: 'a', _id: '1', extra: null },
      { name: 'b', _id: '2', extra: null },
    ])
  })

  it('append adds, and its check counts what was there before', async () => {
    const { both, outcome } = await withRows('append', filled)
    expect(outcome).toMatchObject({ state: 'done', verification: { equal: true } })
    expect(await both.sql('select _id from things order by 1')).toEqual([{ _id: 1 }, { _id: 2 }, { _id: 9 }])
  })

  it.each(['truncate', 'recreate'] as const)('%s empties or drops', async (mode) => {
    const { both, outcome } = await withRows(mode, filled)
    expect(outcome).toMatchObject({ state: 'done' })
    expect(await both.sql('select _id from things order by 1')).toEqual([{ _id: 1 }, { _id: 2 }])
  })

  it('append into the table of the reference script: own key, bounded texts, default for the time', async () => {
    const both = shared()
    const { from, to, db } = both
    await both.sql(`create table users (id serial primary key, username varchar(8) not null, email varchar(50) not null,
      age int not null, registed_at timestamp default now())`)
    const users = db.collection<Keyed>('users')
    await users.insertMany([{ _id: 1, username: 'ana', email: 'a@x.org', age: 30 }])
    const way = { from, to, mode: 'append', columns: ['username', 'email', 'age'], workers: 1 } as const
    expect(await migrate(way)).toMatchObject({ state: 'done', totals: { written: 1 } })
    expect(await both.sql('select id, username, email, age, registed_at is not null as at from users')).toEqual([
      { id: 1, username: 'ana', email: 'a@x.org', age: 30, at: true },
    ])
    // Nine characters, one of them a trailing space that PostgreSQL would cut without a word.
    await users.updateOne({ _id: 1 }, { $set: { username: 'anastasi ' } })
    const refused = await migrate({ ...way, onError: 'stop' })
    expect(refused).toMatchObject({ state: 'stopped', error: { code: 'row-rejected' } })
    expect(refused.error?.message).toMatch(/users.*username.*9 characters.*8/)
  })

  it('an existing column that cannot take the values is named with both types', async () => {
    const { outcome } = await withRows('append', 'create table things (_id integer, name integer)')
    expect(outcome).toMatchObject({ code: 'target-incompatible', message: expect.stringMatching(/name.*text/) })
  })
})

describe('selection', () => {
  it('of columns, names, types, rows', async () => {
    const both = shared()
    const { from, to, db } = both
    const people = Array.from({ length: 50 }, (_, n) => ({ _id: n, userName: `u${n}`, age: n, secret: 'x' }))
    await db.collection<Keyed>('people').insertMany(people)
    const result = await migrate({
      from,
      to,
      excludeColumns: ['secret'],
      rename: { userName: 'login' },
      cast: { age: 'text' },
      where: '{"age": {"$gte": 10}}',
      limit: 5,
      workers: 2,
    })
    expect(result).toMatchObject({ state: 'done', totals: { read: 5, written: 5 } })
    expect(await both.sql('select * from people order by _id limit 1')).toEqual([{ _id: 10, login: 'u10', age: '10' }])
  })

  it('of columns without the key makes a table without one', async () => {
    const both = shared()
    const { from, to, db } = both
    await db.collection<Keyed>('users').insertMany([{ _id: 1, username: 'a', email: 'b', age: 3 }])
    const notices: string[] = []
    const result = await migrate({
      from,
      to,
      columns: ['username', 'email', 'age'],
      onNotice: ({ message }) => notices.push(message),
    })
    expect(result.state).toBe('done')
    expect(await both.sql('select * from users')).toEqual([{ username: 'a', email: 'b', age: 3 }])
    expect(notices.join()).toMatch(/key/)
  })

  it('M28 of more fields named than a table has columns is refused, and can be narrowed', async () => {
    const both = shared()
    const { from, to, db } = both
    const wide = Object.fromEntries(Array.from({ length: 1700 }, (_, n) => [`f${n}`, n]))
    await db.collection<Keyed>('wide').insertOne({ _id: 1, ...wide })
    await expect(migrate({ from, to, columns: ['_id', ...Object.keys(wide)] })).rejects.toMatchObject({
      code: 'target-incompatible',
      message: expect.stringMatching(/public.wide would have 1701 columns.*1600/),
    })
    expect(await migrate({ from, to, columns: ['_id', 'f1699'] })).toMatchObject({ state: 'done' })
    expect(await both.sql('select * from wide')).toEqual([{ _id: 1, f1699: 1699 }])
  })

  it('refuses what does not exist, naming the nearest', async () => {
    const both = shared()
    const { from, to, db } = both
    await db.collection<Keyed>('users').insertMany([{ _id: 1, username: 'a' }])
    await expect(migrate({ from, to, tables: ['user'] })).rejects.toMatchObject({
      code: 'missing-table',
      hint: expect.stringContaining('users'),
    })
    await expect(migrate({ from, to, columns: ['usrname'] })).rejects.toMatchObject({
      code: 'unknown-column',
      hint: expect.stringContaining('username'),
    })
    await expect(migrate({ from, to, where: '{"a": {"$gtt": 1}}' })).rejects.toMatchObject({
      code: 'unknown-operator',
      hint: expect.stringContaining('$gt'),
    })
    expect(
      await both.sql(`select 1 from information_schema.tables where table_schema in ('public', 'drover')`),
    ).toEqual([])
  })
})
