import { describe, expect, it } from 'vitest'
import { databases, type Keyed } from '../support/both-databases.ts'
import { migrate } from '../support/migrate.ts'

describe('verification by count', () => {
  it('finds rows that went missing behind the copy', async () => {
    await using both = await databases()
    const { from, to, db } = both
    await db.collection<Keyed>('things').insertMany(Array.from({ length: 50 }, (_, n) => ({ _id: n })))
    await both.sql(`create table things (_id integer);
      create function lose() returns trigger language plpgsql as 'begin delete from things where _id = 7; return null; end';
      create trigger lose after insert on things for each statement execute function lose()`)
    const result = await migrate({ from, to, mode: 'append', workers: 1 })
    expect(result).toMatchObject({
      state: 'stopped',
      error: { code: 'count-mismatch' },
      verification: { equal: false },
    })
    expect(result.verification.differences).toEqual([
      { table: 'things', key: null, column: null, source: '50 rows expected from the ledger', target: '49 rows' },
    ])
  })

  it('says so where the source grew meanwhile, and compares ledger and target', async () => {
    await using both = await databases()
    const { from, to, db } = both
    const things = db.collection<Keyed>('things')
    await things.insertMany(Array.from({ length: 500 }, (_, n) => ({ _id: n })))
    let late: Promise<unknown> | undefined
    const result = await migrate({
      from,
      to,
      workers: 1,
      onProgress: ({ phase }) => {
        // Everything is read, and nothing is counted yet.
        if (phase === 'finish') late ??= things.insertOne({ _id: 1000 })
      },
    })
    await late
    expect(result).toMatchObject({ state: 'done', totals: { written: 500 }, verification: { equal: true } })
  })
})

describe('a run', () => {
  it('reports progress that never passes 100 % and ends with everything', async () => {
    await using both = await databases()
    const { from, to, db } = both
    await db.collection('things').insertMany(Array.from({ length: 3000 }, (_, n) => ({ n })))
    const seen: number[] = []
    await migrate({
      from,
      to,
      batchRows: 100,
      workers: 2,
      progressIntervalMs: 5,
      onProgress: ({ percent, totals }) => {
        expect(percent).toBeLessThanOrEqual(100)
        seen.push(totals.written)
      },
    })
    expect(seen.toSorted((a, b) => a - b)).toEqual(seen)
    expect(seen.at(-1)).toBe(3000)
  })

  it('stopped by its caller drains, says so, and leaves entries and rows in step', async () => {
    await using both = await databases()
    const { from, to, db } = both
    await db.collection('things').insertMany(Array.from({ length: 30_000 }, (_, n) => ({ n })))
    const stopping = new AbortController()
    const result = await migrate({
      from,
      to,
      batchRows: 50,
      workers: 2,
      progressIntervalMs: 5,
      signal: stopping.signal,
      onProgress: ({ totals }) => {
        if (totals.written > 0) stopping.abort()
      },
    })
    expect(result).toMatchObject({ state: 'stopped', error: { code: 'interrupted' } })
    expect(result.totals.written).toBeLessThan(30_000)
    const [row] = await both.sql(
      'select (select count(*) from things)::int as rows, (select sum(written) from drover.entry)::int as entries',
    )
    expect(row?.['rows']).toBe(row?.['entries'])
    expect(row?.['rows']).toBe(result.totals.written)
  })

  it('that expected another number of rows says so', async () => {
    await using both = await databases()
    const { from, to, db } = both
    await db.collection('things').insertOne({ n: 1 })
    expect(await migrate({ from, to, expect: 2 })).toMatchObject({ error: { code: 'expectation-missed' } })
  })

  it('of a table that an unfinished migration holds is refused, and recreate takes over', async () => {
    await using both = await databases()
    const { from, to, db } = both
    await db.collection<Keyed>('things').insertMany([{ _id: 1, t: 'a\0' }])
    expect(await migrate({ from, to, onError: 'stop' })).toMatchObject({ state: 'stopped' })
    await db.collection<Keyed>('things').updateOne({ _id: 1 }, { $set: { t: 'a' } })
    await expect(migrate({ from, to })).rejects.toMatchObject({ code: 'unfinished-migration' })
    expect(await migrate({ from, to, mode: 'recreate' })).toMatchObject({ state: 'done' })
    expect(await both.sql('select state from drover.migration order by state')).toEqual([
      { state: 'done' },
      { state: 'superseded' },
    ])
  })
})
