import { setTimeout as pause } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { migrate } from '../../src/index.ts'
import { databases, type BothDatabases, type Keyed } from '../support/both-databases.ts'
import { runDrover, startDrover } from '../support/chaos/run.ts'
import { at, migrationsOf } from '../support/interruption.ts'
import { drover } from '../support/run-bin.ts'

const ROWS = 2000

async function seeded(): Promise<BothDatabases> {
  const both = await databases()
  await both.db.collection<Keyed>('things').insertMany(Array.from({ length: ROWS }, (_, n) => ({ _id: n, n })))
  return both
}

const here = { isolation: 'inline', workers: 1, batchRows: 50 } as const
const sums = 'select count(*)::int as rows, count(distinct _id)::int as ids from things'
const ledgerSums = 'select sum(written)::int as rows from drover.entry'

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
    const second = await runDrover(['resume', '--take-over'], { from, to })
    expect(second.code, second.stderr).toBe(0)
    expect(second.result).toMatchObject({ state: 'done', totals: { read: ROWS, written: ROWS } })
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
    const second = await runDrover(['migrate', '--mode', 'recreate', '--take-over'], { from, to })
    expect(second.code, second.stderr).toBe(0)
    going.resolve(undefined)
    expect(await first).toMatchObject({ state: 'stopped', error: { code: 'lease-lost' } })
    expect(await sql(sums)).toEqual([{ rows: ROWS, ids: ROWS }])
    expect((await migrationsOf(both)).map(({ state }) => state)).toEqual(['done', 'superseded'])
  })
})

describe('a run stopped by SIGSTOP', () => {
  it('that was taken over commits nothing when it goes on, and exits 7', async () => {
    await using both = await seeded()
    const { from, to, sql } = both
    // Every commit waits a little, so that the run is in the middle for some seconds.
    await sql(`create table things (_id integer, n integer);
      create function slow() returns trigger language plpgsql as 'begin perform pg_sleep(0.05); return null; end';
      create trigger slow after insert on things for each statement execute function slow()`)
    const args = ['--isolation', 'processes', '--workers', '2', '--batch-rows', '20', '--mode', 'append']
    const first = startDrover(['migrate', ...args], { from, to })
    using _ = { [Symbol.dispose]: () => void first.kill('group') }
    while ((await sql('select 1 from things limit 1')).length === 0 && first.group().length > 0) await pause(20)
    expect(first.kill('group', 'SIGSTOP')).toBe(1)
    const second = await runDrover(['resume', '--take-over', '--batch-rows', '500'], { from, to })
    expect(second.code, second.stderr).toBe(0)
    const before = [await sql(sums), await sql(ledgerSums)]
    expect(before).toEqual([[{ rows: ROWS, ids: ROWS }], [{ rows: ROWS }]])
    first.kill('group', 'SIGCONT')
    const fenced = await first.ended
    expect(fenced.code, fenced.stderr).toBe(7)
    expect(fenced.result).toMatchObject({ state: 'stopped', error: { code: 'lease-lost' } })
    expect([await sql(sums), await sql(ledgerSums)]).toEqual(before)
    expect(first.group()).toEqual([])
  })
})
