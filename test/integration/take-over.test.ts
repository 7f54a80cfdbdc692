import { describe, expect, it } from 'vitest'
import { databases, type BothDatabases, type Keyed } from '../support/both-databases.ts'
import { at, migrationsOf } from '../support/interruption.ts'
import { migrate } from '../support/migrate.ts'
import { drover } from '../support/run-bin.ts'

const ROWS = 2000

async function seeded(): Promise<BothDatabases> {
  const both = await databases()
  await both.db.collection<Keyed>('things').insertMany(Array.from({ length: ROWS }, (_, n) => ({ _id: n, n })))
  return both
}

const here = { isolation: 'inline', workers: 1, batchRows: 50 } as const
const sums = 'select count(*)::int as rows, count(distinct _id)::int as ids from things'

describe('two runs at once', () => {
  it('of one table: the second exits 7 and names the holder; nothing of it is stored', async () => {
    await using both = await seeded()
    const { from, to } = both
    const reached = Promise.withResolvers<undefined>()
    const going = Promise.withResolvers<undefined>()
    using _ = at('ledger.before_commit', 5, () => {
      reached.resolve(undefined)
      return going.promise
    })
    const first = migrate({ from, to, ...here })
    await reached.promise
    const second = await drover(['migrate', '--mode', 'recreate', '--json'], { DROVER_FROM: from, DROVER_TO: to })
    expect(second.code).toBe(7)
    expect(JSON.parse(second.stdout)).toMatchObject({ error: { code: 'lease-held' }, exitCode: 7 })
    expect(second.stderr).toMatch(/table public\.things is held by another run.*\n.*--take-over/)
    const shown = await drover(['status'], { DROVER_TO: to })
    expect(shown.stdout).toContain('copying, running')
    expect(shown.stdout).not.toContain('drover resume')
    going.resolve(undefined)
    expect(await first).toMatchObject({ state: 'done', totals: { written: ROWS } })
    expect(await migrationsOf(both)).toHaveLength(1)
  })

  it('the second takes over by resume: the first ends with 7, and every row is there once', async () => {
    await using both = await seeded()
    const { from, to, sql } = both
    const reached = Promise.withResolvers<undefined>()
    const going = Promise.withResolvers<undefined>()
    using _ = at('ledger.before_commit', 5, () => {
      reached.resolve(undefined)
      return going.promise
    })
    const first = migrate({ from, to, ...here })
    await reached.promise
    const second = await migrate({ from, to, resume: true, takeOver: true })
    expect(second).toMatchObject({ state: 'done', totals: { read: ROWS, written: ROWS } })
    going.resolve(undefined)
    const fenced = await first
    expect(fenced).toMatchObject({ state: 'stopped', error: { code: 'lease-lost' } })
    expect(await sql(sums)).toEqual([{ rows: ROWS, ids: ROWS }])
    // The run that lost says nothing in the ledger about the one that won.
    expect(await migrationsOf(both)).toMatchObject([{ state: 'done', error: null }])
  })

  it('recreate takes over too, and supersedes what it ends', async () => {
    await using both = await seeded()
    const { from, to, sql } = both
    const reached = Promise.withResolvers<undefined>()
    const going = Promise.withResolvers<undefined>()
    using _ = at('ledger.before_commit', 5, () => {
      reached.resolve(undefined)
      return going.promise
    })
    const first = migrate({ from, to, ...here })
    await reached.promise
    expect(await migrate({ from, to, mode: 'recreate', takeOver: true })).toMatchObject({ state: 'done' })
    going.resolve(undefined)
    expect(await first).toMatchObject({ state: 'stopped', error: { code: 'lease-lost' } })
    expect(await sql(sums)).toEqual([{ rows: ROWS, ids: ROWS }])
    expect((await migrationsOf(both)).map(({ state }) => state)).toEqual(['done', 'superseded'])
  })
})
