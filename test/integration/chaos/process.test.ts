import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  expectSurvived,
  chaosSite,
  chaosSource,
  checkAll,
  tellOf,
  threeTables,
  untilRows,
  type ChaosSource,
} from '../../support/chaos/campaign.ts'
import { Figures } from '../../support/chaos/figures.ts'
import { runDrover, startDrover } from '../../support/chaos/run.ts'
import { migrate } from '../../support/migrate.ts'

const figures = new Figures('processes')
const small = ['--workers', '2', '--batch-rows', '100', '--no-primary-key']
const never = (): Promise<number> => Promise.resolve(0)

let source: ChaosSource

beforeAll(async () => {
  source = await chaosSource(threeTables(2000))
})

afterAll(async () => {
  figures.print()
  await source[Symbol.asyncDispose]()
})

describe('signals', () => {
  it('F50 SIGINT to the whole group, as a terminal does: it drains, and a resume finishes', async () => {
    await using site = await chaosSite(source.tables)
    const outcome = await expectSurvived({
      source,
      site,
      args: [...small, '--isolation', 'processes'],
      strikes: 1,
      strike: async (running) => ((await untilRows(site, running, 700)) ? running.kill('group', 'SIGINT') : 0),
    })
    expect(outcome.runs.map((run) => run.code)).toEqual([130, 0])
    figures.add('F50 SIGINT', outcome)
  })

  it('F50 SIGTERM drains; twice, at once, ends with the same status; and a resume finishes', async () => {
    await using site = await chaosSite(source.tables)
    const outcome = await expectSurvived({
      source,
      site,
      args: [...small, '--isolation', 'threads'],
      strikes: 2,
      strike: async (running, round) => {
        await untilRows(site, running, round === 0 ? 700 : 2500)
        const signalled = running.kill('coordinator', 'SIGTERM')
        if (round === 0) return signalled
        await pause(1)
        return running.kill('coordinator', 'SIGTERM')
      },
    })
    expect(outcome.runs.map((run) => run.code)).toEqual([143, 143, 0])
    figures.add('F50 SIGTERM, once and twice', outcome)
  })
})

describe('other runs', () => {
  it('F11 a worker of a dead run that was paused commits nothing when it goes on', async () => {
    await using site = await chaosSite(source.tables)
    const old = startDrover(['migrate', ...small, '--isolation', 'processes'], { from: source.from, to: site.to })
    expect(await untilRows(site, old, 700)).toBe(true)
    expect(old.kill('worker', 'SIGSTOP')).toBe(1)
    const paused = [...old.workers()]
    old.kill('coordinator')
    const outcome = await expectSurvived({ source, site, args: small, strike: never, strikes: 0 })
    for (const pid of paused) if (old.group().includes(pid)) process.kill(pid, 'SIGCONT')
    await old.ended
    await checkAll(site, outcome.runs.at(-1) ?? null, [old])
    figures.add('F11 a paused worker', { ...outcome, faults: 1 })
  })

  it('F12 a run that was stopped and taken over writes nothing when it goes on', async () => {
    await using site = await chaosSite(source.tables)
    const ends = { from: source.from, to: site.to }
    const first = startDrover(['migrate', ...small, '--isolation', 'processes'], ends)
    expect(await untilRows(site, first, 700)).toBe(true)
    first.kill('group', 'SIGSTOP')
    await expect(migrate({ ...ends, resume: true })).rejects.toMatchObject({ code: 'lease-held' })
    const takenOver = await runDrover(['resume', '--take-over', ...small], ends)
    expect(takenOver.code, tellOf(takenOver)).toBe(0)
    first.kill('group', 'SIGCONT')
    const fenced = await first.ended
    expect(fenced.code, tellOf(fenced)).toBe(7)
    expect(fenced.result).toMatchObject({ state: 'stopped', error: { code: 'lease-lost' } })
    await checkAll(site, takenOver, [first])
  })
})

describe('what is around a run', () => {
  it('F51 nobody reads stdout', async () => {
    await using site = await chaosSite(source.tables)
    const running = startDrover(['migrate', ...small], { from: source.from, to: site.to, closeStdout: true })
    const ended = await running.ended
    expect(ended.code, tellOf(ended)).toBe(0)
    await checkAll(site, null, [running])
  })

  it('F52 the server ends all sessions but that of the lease', async () => {
    await using site = await chaosSite(source.tables)
    const outcome = await expectSurvived({
      source,
      site,
      args: small,
      strikes: 1,
      strike: async (running) => {
        await untilRows(site, running, 700)
        const { rowCount } = await site.query(`select pg_terminate_backend(pid) from pg_stat_activity
          where datname = current_database() and application_name = 'drover'
            and pid not in (select pid from pg_locks where locktype = 'advisory')`)
        return rowCount ?? 0
      },
    })
    expect(outcome.runs).toHaveLength(1)
    expect(outcome.runs[0]?.stderr).not.toMatch(/uncaught/i)
    figures.add('F52 sessions ended', outcome)
  })
})
