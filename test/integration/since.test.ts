import { ObjectId, type Document } from 'mongodb'
import { describe, expect, it } from 'vitest'
import { databases, type BothDatabases } from '../support/both-databases.ts'
import { migrate } from '../support/migrate.ts'

const DAY = 86_400_000
const now = Date.now()

/** A row for each of the last ten days, half a day apart from the hour of the test. */
async function days(): Promise<BothDatabases> {
  const both = await databases()
  const rows = Array.from({ length: 10 }, (_, n): Document => {
    const time = now - n * DAY - DAY / 2
    return {
      _id: ObjectId.createFromTime(Math.floor(time / 1000)),
      n,
      rank: n + 0.5,
      at: new Date(time),
      name: `n${n}`,
    }
  })
  await both.db.collection('days').insertMany([...rows, { n: -1, _id: new ObjectId('000000000000000000000000') }])
  return both
}

async function since(both: BothDatabases, range: Readonly<Record<string, string>>): Promise<readonly unknown[]> {
  const { from, to } = both
  const result = await migrate({ from, to, mode: 'recreate', since: range, cast: { n: 'int' }, workers: 1 })
  expect(result).toMatchObject({ state: 'done', error: null, verification: { equal: true } })
  const rows = (await both.sql('select n from days order by n')).map(({ n }) => n)
  expect(result.totals).toMatchObject({ read: rows.length, written: rows.length })
  return rows
}

const date = (ago: number): string => new Date(now - ago * DAY).toISOString()

describe('--since', () => {
  it('takes a time ago, a date, a number, a text, and an id by its time', async () => {
    await using both = await days()
    expect(await since(both, { at: '-1d' })).toEqual([0])
    expect(await since(both, { at: '-84h' })).toEqual([0, 1, 2])
    expect(await since(both, { at: date(4) })).toEqual([0, 1, 2, 3])
    expect(await since(both, { at: '1999-12-31' })).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    expect(await since(both, { at: '2200-01-01' })).toEqual([])
    expect(await since(both, { n: '7' })).toEqual([7, 8, 9])
    expect(await since(both, { rank: '8.5' })).toEqual([8, 9])
    expect(await since(both, { name: 'n9' })).toEqual([9])
    expect(await since(both, { _id: '-2d' })).toEqual([0, 1])
    expect(await since(both, { _id: date(3) })).toEqual([0, 1, 2])
    expect(await since(both, { _id: '0'.repeat(24) })).toHaveLength(11)
  })

  it.each([
    [{ att: '-1d' }, 'unknown-column', /"att".*days/],
    [{ at: 'yesterday' }, 'invalid-value', /"yesterday"/],
    [{ at: '2026-02-30' }, 'invalid-value', /"2026-02-30"/],
    [{ n: '-1d' }, 'invalid-value', /"-1d"/],
    [{ n: '1.5' }, 'invalid-value', /"1\.5"/],
    [{ _id: 'abc' }, 'invalid-value', /"abc"/],
    [{ at: '-1d', n: '3' }, 'invalid-value', /at and n/],
  ])('%o is refused', async (range, code, message) => {
    await using both = await days()
    const { from, to } = both
    await expect(migrate({ from, to, since: range })).rejects.toMatchObject({
      code,
      kind: 'usage',
      message: expect.stringMatching(message) as unknown,
    })
    expect(await both.sql(`select 1 from information_schema.tables where table_name = 'days'`)).toEqual([])
  })

  it('goes with a limit only where the next copy does not begin behind it', async () => {
    await using both = await days()
    const { from, to } = both
    await expect(migrate({ from, to, since: { n: 'last' }, limit: 3 })).rejects.toMatchObject({
      code: 'conflicting-options',
      message: '--limit 3 and --since n=last exclude each other',
    })
    const result = await migrate({ from, to, since: { n: '2' }, limit: 3 })
    expect(result).toMatchObject({ state: 'done', totals: { read: 3 } })
    expect(await both.sql('select 1 from drover.mark')).toEqual([])
  })

  it('of an empty collection copies nothing and leaves no mark', async () => {
    await using both = await databases()
    const { from, to, db } = both
    await db.createCollection('days')
    const way = { from, to, since: { at: 'last' } } as const
    expect(await migrate(way)).toMatchObject({ state: 'done', totals: { read: 0 } })
    expect(await both.sql('select 1 from drover.mark')).toEqual([])
  })
})
