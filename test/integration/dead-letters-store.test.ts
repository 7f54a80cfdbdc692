import { describe, expect, it } from 'vitest'
import { databases, type BothDatabases, type Keyed } from '../support/both-databases.ts'
import { exitCode, openLetters, retried, statusOf } from '../support/letters.ts'
import { migrate } from '../support/migrate.ts'

const BATCH = 200

/** In the first batch one bad row, in the second every other one, in the third all, in the fourth none. */
const isBad = (n: number): boolean =>
  n === 57 || (n >= BATCH && n < 2 * BATCH && n % 2 === 0) || (n >= 2 * BATCH && n < 3 * BATCH)

const ids = Array.from({ length: 4 * BATCH }, (_, n) => n)

const owned = `
  create table owners (_id integer primary key);
  insert into owners select generate_series(0, 99);
  create table things (_id integer primary key,
    owner integer constraint has_owner references owners deferrable initially deferred)`

async function seeded(make: (n: number) => Keyed, ddl: string, rows: number = ids.length): Promise<BothDatabases> {
  const both = await databases()
  await both.db.collection<Keyed>('things').insertMany(Array.from({ length: rows }, (_, n) => make(n)))
  await both.sql(ddl)
  return both
}

async function idsIn({ sql }: BothDatabases): Promise<readonly number[]> {
  return (await sql('select _id from things order by _id')).map(({ _id }) => Number(_id))
}

describe('rows that only the target refuses', () => {
  it.each([
    { mode: 'append', how: 'it names the row' },
    { mode: 'upsert', how: 'it does not, so the batch is halved' },
  ] as const)('F30 one of a batch, half of it, all of it ($mode: $how)', async ({ mode }) => {
    const ddl = 'create table things (_id integer primary key, n integer check (n >= 0))'
    await using both = await seeded((n) => ({ _id: n, n: isBad(n) ? -n : n }), ddl)
    const { from, to } = both
    const result = await migrate({ from, to, mode, batchRows: BATCH, workers: 2 })
    const bad = ids.filter(isBad)
    expect(result).toMatchObject({
      error: { code: 'too-many-dead-letters', message: `${bad.length} rows are dead letters, and 0 are allowed` },
      totals: { read: ids.length, written: ids.length - bad.length, skipped: 0, deadLetters: bad.length },
      verification: { equal: true },
    })
    expect(await idsIn(both)).toEqual(ids.filter((n) => !isBad(n)))
    const letters = await openLetters(both)
    expect(letters.map(({ keyText }) => Number(keyText)).toSorted((a, b) => a - b)).toEqual(bad)
    expect(new Set(letters.map(({ stage }) => stage))).toEqual(new Set(['store']))

    await both.sql('alter table things drop constraint things_n_check')
    expect(await retried(both)).toMatchObject({ resolved: bad.length, left: 0, error: null })
    expect(await idsIn(both)).toEqual(ids)
  })

  it('two new rows that only together violate a unique index: one of them is written', async () => {
    const ddl = 'create table things (_id integer primary key, code text unique)'
    // Within a batch, and across two of them.
    const twins = new Map([
      [11, 10],
      [399, 100],
    ])
    await using both = await seeded((n) => ({ _id: n, code: `c${twins.get(n) ?? n}` }), ddl, 2 * BATCH)
    const { from, to } = both
    const result = await migrate({ from, to, mode: 'append', batchRows: BATCH, workers: 2 })
    expect(result.totals).toMatchObject({ read: 400, written: 398, deadLetters: 2 })
    const written = new Set(await idsIn(both))
    expect([written.has(10) !== written.has(11), written.has(100) !== written.has(399)]).toEqual([true, true])
    for (const { reason } of await openLetters(both)) expect(reason).toMatch(/duplicate key .*\(SQLSTATE 23505/)
  })

  it('a row whose child alone is refused is buried whole, its siblings too', async () => {
    const items = (n: number) => [{ qty: n }, { qty: n === 150 ? -1 : 1 }, { qty: 2 }]
    const ddl = `
      create table things (_id integer primary key, items_count integer);
      create table things_items (
        things_id integer, ordinal integer, qty integer check (qty >= 0), primary key (things_id, ordinal))`
    await using both = await seeded((n) => ({ _id: n, items: items(n) }), ddl, BATCH)
    const { from, to } = both
    const result = await migrate({ from, to, mode: 'append', nest: { items: 'table' }, workers: 1 })
    expect(result.totals).toMatchObject({ read: 200, written: 199, deadLetters: 1, derived: 3 * 199 })
    expect(await both.sql('select 1 from things_items where things_id = 150')).toEqual([])
    expect(await both.sql('select 1 from things where _id = 150')).toEqual([])
    expect(await openLetters(both)).toMatchObject([{ keyText: '150', stage: 'store' }])
  })

  it('for a constraint that is deferred: the row is found all the same', async () => {
    await using both = await seeded((n) => ({ _id: n, owner: n === 250 ? 1234 : n % 100 }), owned)
    const { from, to } = both
    const result = await migrate({ from, to, tables: ['things'], batchRows: BATCH, workers: 1, mode: 'append' })
    expect(result.totals).toMatchObject({ read: ids.length, written: ids.length - 1, deadLetters: 1 })
    expect(await openLetters(both)).toMatchObject([{ keyText: '250', stage: 'store' }])
  })

  it('at COMMIT, where no row is named: the run stops, says so, and nothing is lost', async () => {
    const later = `create function later() returns trigger language plpgsql as $$
        begin set constraints all deferred; return null; end $$;
      create trigger later before insert on things execute function later()`
    await using both = await seeded((n) => ({ _id: n, owner: n === 250 ? 1234 : n % 100 }), `${owned};${later}`)
    const { from, to } = both
    const options = { from, to, tables: ['things'], batchRows: BATCH, workers: 1 }
    const result = await migrate({ ...options, mode: 'append' })
    expect(result).toMatchObject({ state: 'stopped', error: { code: 'row-rejected' } })
    expect(result.error?.message).toMatch(/has_owner.*SQLSTATE 23503/)
    expect(result.error?.message).toContain('COMMIT')
    expect(result.error?.hint).toContain('NOT DEFERRABLE')
    expect(exitCode(result)).toBe(4)
    expect(result.totals.written).toBe((await idsIn(both)).length)
    expect((await idsIn(both)).filter((n) => n >= BATCH && n < 2 * BATCH)).toEqual([])
    expect(await openLetters(both)).toEqual([])

    await both.sql('alter table things alter constraint has_owner not deferrable')
    const resumed = await migrate({ ...options, resume: true })
    expect(resumed.totals).toMatchObject({ read: ids.length, written: ids.length - 1, deadLetters: 1 })
    expect(await openLetters(both)).toMatchObject([{ keyText: '250', stage: 'store' }])
    expect((await statusOf(both)).tables).toMatchObject([{ openLetters: 1, openPartitions: 0 }])
  })
})
