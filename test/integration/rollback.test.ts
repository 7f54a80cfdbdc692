import { Long } from 'mongodb'
import { describe, expect, it } from 'vitest'
import { plan, type MigrateOptions } from '../../src/index.ts'
import { databases, type BothDatabases, type Keyed } from '../support/both-databases.ts'
import { temporaryFolder } from '../support/dump.ts'
import { at, killedAt, migrationsOf, rolledBack, stoppedAt } from '../support/interruption.ts'
import { migrate } from '../support/migrate.ts'
import { drover } from '../support/run-bin.ts'
import { catalogOf } from './postgres/catalog.ts'

const ROWS = 600

async function seeded(row: (n: number) => object = () => ({})): Promise<BothDatabases> {
  const both = await databases()
  const rows = Array.from({ length: ROWS }, (_, n): Keyed => ({ _id: n, n, ...row(n) }))
  await both.db.collection<Keyed>('things').insertMany(rows)
  return both
}

/** A table of others, with a check, a view on it, and rows. */
const theirs = `create table things (_id integer primary key, n integer check (n < 100000));
  create view latest as select max(_id) from things;
  insert into things select -x, x from generate_series(1, 20) x`

const theirRows = `select count(*)::int as n, md5(string_agg(t::text, ' ' order by _id)) as rows from things t`

async function append({ from, to }: BothDatabases, change: Partial<MigrateOptions> = {}): Promise<string> {
  const result = await migrate({ from, to, mode: 'append', ...change })
  expect(result).toMatchObject({ state: 'done', error: null })
  return result.migration
}

describe('rollback of a migration that made its tables', () => {
  it('removes them with all that belongs to them, and nothing else; twice is no error', async () => {
    await using both = await databases()
    await using folder = temporaryFolder()
    const { from, to, db, sql } = both
    await db.collection<Keyed>('users').insertMany(Array.from({ length: 9 }, (_, n) => ({ _id: n })))
    await db
      .collection<Keyed>('orders')
      .insertMany(Array.from({ length: ROWS }, (_, n) => ({ _id: n, user: n % 9, items: [{ sku: 'a' }] })))
    await db.collection('orders').createIndex({ user: 1 })
    await sql('create schema theirs; create table theirs.orders (n integer); create table public.other (n integer)')
    const before = await catalogOf(both)
    const file = `tables:
      orders: { nest: { items: table }, references: { user: users._id } }
      users: { to: crm."the users" }`
    const config = await folder.write('drover.yaml', file)
    const way = { from, to, tables: ['orders', 'users'], config, targetSchema: 'shop' }
    const { migration } = await migrate(way)
    expect((await catalogOf(both)).length).toBeGreaterThan(before.length + 10)

    const undone = await drover(['rollback', migration, '--json'], { DROVER_TO: to })
    expect(undone).toMatchObject({ code: 0 })
    expect(JSON.parse(undone.stdout)).toEqual({
      migration,
      removed: [
        'table shop.orders is dropped',
        'table shop.orders_items is dropped',
        'table crm.the users is dropped',
        'schema shop is dropped',
        'schema crm is dropped',
      ],
      exitCode: 0,
    })
    expect(await catalogOf(both)).toEqual(before)
    expect(await migrationsOf(both)).toMatchObject([{ id: migration, state: 'rolled-back', running: false }])
    const again = await drover(['rollback', migration], { DROVER_TO: to })
    expect(again).toMatchObject({
      code: 0,
      stdout: `nothing was left to remove\nmigration ${migration} is rolled back\n`,
    })
    await expect(rolledBack(both)).rejects.toMatchObject({ code: 'missing-migration' })
    await expect(migrate({ ...way, resume: true })).rejects.toMatchObject({ code: 'missing-migration' })
    expect(await migrate(way)).toMatchObject({ state: 'done' })
  })

  it('that is not finished needs no id; a finished one does', async () => {
    await using both = await seeded()
    const { from, to } = both
    const before = await catalogOf(both)
    await stoppedAt(4, { from, to })
    expect(await rolledBack(both)).toEqual(['table public.things is dropped'])
    expect(await catalogOf(both)).toEqual(before)
    const { migration } = await migrate({ from, to })
    await expect(rolledBack(both)).rejects.toMatchObject({
      code: 'missing-migration',
      hint: expect.stringContaining(`drover rollback ${migration}`) as unknown,
    })
    expect(await both.sql('select count(*)::int as n from things')).toEqual([{ n: ROWS }])
  })

  it('F45 finishes when it was killed half-way', async () => {
    await using both = await seeded()
    const { from, to } = both
    const before = await catalogOf(both)
    const { migration } = await migrate({ from, to })
    const after = await catalogOf(both)
    await killedAt('rollback.mid_drop:kill9:1', ['rollback', migration], { to })
    expect(await catalogOf(both)).toEqual(after)
    expect(await rolledBack(both, { migration })).toEqual(['table public.things is dropped'])
    expect(await catalogOf(both)).toEqual(before)
  })

  it('keeps a table into which others have written, unless it is forced', async () => {
    await using both = await seeded()
    const { from, to, sql } = both
    const { migration } = await migrate({ from, to })
    await sql('insert into things values (-1, 1)')
    const refused = await drover(['rollback', migration], { DROVER_TO: to })
    expect(refused).toMatchObject({ code: 3, stdout: '' })
    expect(refused.stderr).toMatch(/has 601 rows, and 600 were written by the migration\n.*--yes.*\n.*\[not-undoable\]/)
    expect(await sql('select count(*)::int as n from things')).toEqual([{ n: ROWS + 1 }])
    expect(await rolledBack(both, { migration, yes: true })).toEqual(['table public.things is dropped'])
  })

  it('is what --rollback-on-failure does by itself; but not where the run was only interrupted', async () => {
    await using both = await seeded((n) => (n === 500 ? { text: 'a\0b' } : {}))
    const { from, to } = both
    const before = await catalogOf(both)
    const notices: string[] = []
    const onNotice = ({ message }: { readonly message: string }): void => void notices.push(message)
    const failed = await migrate({ from, to, rollbackOnFailure: true, onNotice })
    expect(failed).toMatchObject({ state: 'rolled-back', error: { code: 'too-many-dead-letters' } })
    expect(notices).toContain('rolled back: table public.things is dropped')
    expect(await catalogOf(both)).toEqual(before)
    expect(await migrationsOf(both)).toMatchObject([{ state: 'rolled-back' }])
    await stoppedAt(4, { from, to, rollbackOnFailure: true })
    expect(await migrate({ from, to, resume: true, maxDeadLetters: 1 })).toMatchObject({ state: 'done' })
  })
})

describe('rollback of rows that joined those of others', () => {
  it('removes just these, whoever has written before, during and after the run', async () => {
    await using both = await seeded()
    const { sql } = both
    await sql(theirs)
    const catalog = await catalogOf(both)
    let during: Promise<unknown> | undefined
    let migration: string
    {
      using _ = at('ledger.before_commit', 2, async () => {
        during = sql(
          'insert into things select -x, x from generate_series(21, 30) x; delete from things where _id = -1',
        )
        await during
      })
      // A check by count cannot tell rows of others that come meanwhile.
      migration = await append(both, { isolation: 'inline', batchRows: 50, verify: 'none' })
    }
    await sql('insert into things select -x, x from generate_series(31, 40) x; update things set n = 7 where _id = -2')
    const others = await sql(theirRows.replace('things t', 'things t where _id < 0'))
    expect(await rolledBack(both, { migration })).toEqual([`${ROWS} rows of public.things are deleted`])
    expect(await sql(theirRows)).toEqual(others)
    expect(others).toMatchObject([{ n: 39 }])
    expect(await catalogOf(both)).toEqual(catalog)
  })

  it('removes those of a migration that stopped in the middle, and of its resumed runs', async () => {
    await using both = await seeded()
    const { from, to, sql } = both
    await sql(theirs)
    const before = await sql(theirRows)
    await stoppedAt(3, { from, to, mode: 'append' })
    await stoppedAt(3, { from, to, resume: true })
    expect((await sql('select count(*) > 20 as more from things'))[0]).toEqual({ more: true })
    await rolledBack(both)
    expect(await sql(theirRows)).toEqual(before)
    expect(await append(both)).toMatch(/^\d{8}-/)
  })

  it('drops columns that planning or drift has added, unless others have filled them', async () => {
    await using both = await seeded((n) => (n === 400 ? { late: 1, early: 1 } : { early: 2 }))
    const { sql } = both
    await sql(theirs)
    const before = [await sql(theirRows), await catalogOf(both)]
    const migration = await append(both, { sampleRows: 1 })
    expect((await sql('select early, late from things where _id = 400'))[0]).toEqual({ early: 1, late: 1 })
    await sql('update things set late = 3 where _id = -3')
    await expect(rolledBack(both, { migration })).rejects.toMatchObject({
      code: 'not-undoable',
      message: expect.stringContaining('"late"') as unknown,
    })
    await sql('update things set late = null where _id = -3')
    const removed = (await rolledBack(both, { migration })).join('\n')
    expect(removed).toContain(`${ROWS} rows of public.things are deleted`)
    expect(removed).toContain('column "late" of public.things is dropped')
    expect(removed).toContain('column "early" of public.things is dropped')
    expect([await sql(theirRows), await catalogOf(both)]).toEqual(before)
  })

  it('refuses where it cannot tell any more which rows were written, and deletes what it can when forced', async () => {
    await using both = await seeded()
    const { sql } = both
    await sql(theirs)
    const migration = await append(both)
    await sql('update things set n = n where _id in (3, 4)')
    await expect(rolledBack(both, { migration })).rejects.toMatchObject({
      code: 'not-undoable',
      message: expect.stringMatching(
        /wrote 600 rows .* 598 can be identified: others have changed or removed/,
      ) as unknown,
    })
    await rolledBack(both, { migration, yes: true })
    expect(await sql('select count(*)::int as n from things where _id >= 0')).toEqual([{ n: 2 }])
  })
})

describe('what cannot be undone', () => {
  it.each<[MigrateOptions['mode'], string, RegExp]>([
    ['truncate', 'public.things is emptied, and no rollback brings its rows back', /was emptied by the migration/],
    ['upsert', 'rows of public.things that are updated cannot be rolled back', /rows of public\.things were replaced/],
    ['recreate', 'public.things is replaced when the new one is complete', /that was there before is gone/],
  ])('by --mode %s is said by the plan, as the run begins, and by rollback', async (mode, before, after) => {
    await using both = await seeded()
    const { from, to, sql } = both
    await sql(theirs.replace(/create view.*/, ''))
    const { tables } = await plan({ from, to, mode })
    expect(tables[0]?.warnings.join()).toContain(before)
    const notices: string[] = []
    const onNotice = ({ message }: { readonly message: string }): void => void notices.push(message)
    const { migration } = await migrate({ from, to, mode, onNotice })
    expect(notices.join('\n')).toContain(before)
    await expect(rolledBack(both, { migration })).rejects.toMatchObject({
      code: 'not-undoable',
      kind: 'preflight',
      message: expect.stringMatching(after) as unknown,
    })
  })

  it('a wider type of a column that was there: the plan says so, and drift does', async () => {
    const wide = { big: Long.fromNumber(2 ** 40) }
    await using both = await seeded(() => wide)
    const { from, to, sql } = both
    const table = 'create table things (_id integer primary key, n integer, big integer)'
    await sql(table)
    const words = 'column "big" of public.things becomes bigint, and no rollback makes it integer again'
    const { tables } = await plan({ from, to, mode: 'append' })
    expect(tables[0]?.warnings.join()).toContain(words)
    const migration = await append(both)
    await expect(rolledBack(both, { migration })).rejects.toMatchObject({
      code: 'not-undoable',
      message: expect.stringContaining('column "big" of public.things keeps the wider type that it got') as unknown,
    })
    expect(await rolledBack(both, { migration, yes: true })).toContain(`${ROWS} rows of public.things are deleted`)

    await using late = await seeded((n) => (n === 300 ? wide : { big: 1 }))
    await late.sql(table)
    const notices: string[] = []
    await append(late, { sampleRows: 1, onNotice: ({ message }) => void notices.push(message) })
    expect(notices).toContain(words)
  })
})
