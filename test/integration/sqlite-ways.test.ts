import { afterAll, beforeAll, expect, it } from 'vitest'
import type { MigrateOptions, MigrationResult } from '../../src/index.ts'
import { databases, type BothDatabases } from '../support/both-databases.ts'
import { killedAt } from '../support/interruption.ts'
import { migrate } from '../support/migrate.ts'
import { sqliteFile, type SqliteFile } from '../support/sqlite.ts'

const rows = 1500

let file: SqliteFile
let both: BothDatabases

beforeAll(async () => {
  both = await databases()
  // Numbers with gaps, and keys of two columns in another order than that of the table.
  file = sqliteFile(`
    create table users (id integer primary key, name text not null, at datetime, price decimal(9,2), note text unique);
    create table pairs (a int, b text, primary key (b, a)) without rowid;
    with recursive n (i) as (select 1 union all select i + 1 from n where i < ${rows})
      insert into users select i * i, 'User ' || i, datetime(1700000000 + i * 60, 'unixepoch'), i / 4.0, null from n;
    insert into pairs select id % 7, 'k' || id from users`)
})

afterAll(async () => {
  await both[Symbol.asyncDispose]()
  await file[Symbol.asyncDispose]()
})

/** The copy of a table into a schema of its own. */
function shaped(targetSchema: string, options: Partial<MigrateOptions>): Promise<MigrationResult> {
  return migrate({ from: file.url, to: both.to, targetSchema, tables: ['users'], verify: 'full', ...options })
}

it('a copy that was killed is finished by another feed, each row once', async () => {
  const { to } = both
  const way = ['--isolation', 'inline', '--workers', '2', '--batch-rows', '100', '--target-schema', 'killed']
  await killedAt('ledger.before_commit:kill9:8', ['migrate', ...way], { from: file.url, to })
  const options = { feed: 'partitioned', batchRows: 37, verify: 'full', targetSchema: 'killed' } as const
  const result = await migrate({ from: file.url, to, resume: true, ...options })
  expect(result).toMatchObject({
    state: 'done',
    totals: { read: 2 * rows, written: 2 * rows },
    verification: { equal: true },
  })
  const sums = 'select count(*)::int as rows, count(distinct id)::int as ids, sum(id)::int as sum from killed.users'
  expect(await both.sql(sums)).toEqual([{ rows, ids: rows, sum: (rows * (rows + 1) * (2 * rows + 1)) / 6 }])
})

it('rows and fields are chosen, changed and named as from any source', async () => {
  const result = await shaped('shaped', {
    where: `name like '%7' and price > 100`,
    columns: ['id', 'name', 'price'],
    rename: { price: 'cost' },
    cast: { price: 'numeric' },
    map: { name: 'uppercase' },
    limit: 3,
  })
  expect(result).toMatchObject({ state: 'done', totals: { read: 3, written: 3 }, verification: { equal: true } })
  expect(await both.texts('select * from shaped.users order by id')).toEqual([
    { id: '165649', name: 'USER 407', cost: '101.75' },
    { id: '173889', name: 'USER 417', cost: '104.25' },
    { id: '182329', name: 'USER 427', cost: '106.75' },
  ])
})

it('a copy goes on from the last date, and an empty table has its columns behind a transform', async () => {
  const first = { mode: 'upsert', since: { at: '2023-11-15 12:00:00' } } as const
  const read = async (options: Partial<MigrateOptions>): Promise<unknown> =>
    (await shaped('later', options)).totals.read
  expect(await read(first)).toBe(674)
  file.db.exec(`insert into users values (-1, 'new', '2030-01-01 00:00:00', null, null)`)
  expect(await read({ ...first, since: { at: 'last' } })).toBe(2)
  await shaped('bare', { where: 'id is null', map: { name: 'trim' } })
  const [columns] = await both.sql(
    `select string_agg(format_type(atttypid, null), ', ' order by attnum) as types from pg_attribute where attrelid = 'bare.users'::regclass and attnum > 0`,
  )
  expect(columns).toEqual({ types: 'bigint, text, timestamp with time zone, numeric, text' })
})

it('names of fields that the table has not are refused, and what needs a field that stays behind is told', async () => {
  for (const options of [
    { cast: { nme: 'text' } },
    { columns: ['nme'] },
    { excludeColumns: ['nme'] },
    { rename: { nme: 'x' } },
  ]) {
    await expect(shaped('refused', { where: 'id is null', ...options })).rejects.toMatchObject({
      code: 'unknown-column',
      message: expect.stringContaining('"nme", and users has no such field'),
    })
  }
  const notices: string[] = []
  await shaped('told', { excludeColumns: ['note'], limit: 1, onNotice: ({ message }) => void notices.push(message) })
  expect(notices).toContain('unique ("note") of users is not built: "note" is not copied')
})
