import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  expectSurvived,
  chaosSite,
  chaosSource,
  checkAll,
  oneOf,
  tellOf,
  threeTables,
  untilRows,
  type ChaosSource,
} from '../../support/chaos/campaign.ts'
import { Figures } from '../../support/chaos/figures.ts'
import { checkSecret, commandLinesWith } from '../../support/chaos/oracles.ts'
import { runDrover, startDrover } from '../../support/chaos/run.ts'

const figures = new Figures('processes')
const small = ['--workers', '2', '--batch-rows', '500', '--no-primary-key']
const never = (): Promise<number> => Promise.resolve(0)

let source: ChaosSource

beforeAll(async () => {
  source = await chaosSource(threeTables(6000))
})

afterAll(async () => {
  figures.print()
  await source[Symbol.asyncDispose]()
})

describe('signals', () => {
  it.each([
    ['SIGTERM', 143, 'threads'],
    ['SIGINT', 130, 'processes'],
  ] as const)('F50 %s drains, and a resume finishes', async (signal, code, isolation) => {
    await using site = await chaosSite(source.tables)
    const outcome = await expectSurvived({
      source,
      site,
      args: [...small, '--isolation', isolation],
      strikes: 1,
      // To the whole group, as a terminal does.
      strike: async (running) => ((await untilRows(site, running, 2000)) ? running.kill('group', signal) : 0),
    })
    expect(outcome.runs.map((run) => run.code)).toEqual([code, 0])
    figures.add(`F50 ${signal}`, outcome)
  })

  it('F50 twice, at once: the same exit status, and a resume finishes', async () => {
    await using site = await chaosSite(source.tables)
    const outcome = await expectSurvived({
      source,
      site,
      args: small,
      strikes: 1,
      strike: async (running) => {
        await untilRows(site, running, 2000)
        running.kill('coordinator', 'SIGTERM')
        await pause(1)
        return running.kill('coordinator', 'SIGTERM')
      },
    })
    expect(outcome.runs.map((run) => run.code)).toEqual([143, 0])
    figures.add('F50 SIGTERM twice', outcome)
  })
})

describe('other runs', () => {
  it('F11 a worker of a dead run that was paused commits nothing when it goes on', async () => {
    await using site = await chaosSite(source.tables)
    const old = startDrover(['migrate', ...small, '--isolation', 'processes'], { from: source.from, to: site.to })
    expect(await untilRows(site, old, 2000)).toBe(true)
    expect(old.kill('worker', 'SIGSTOP')).toBe(1)
    const paused = [...old.workers()]
    old.kill('coordinator')
    const outcome = await expectSurvived({ source, site, args: small, strike: never, strikes: 0 })
    for (const pid of paused) if (old.group().includes(pid)) process.kill(pid, 'SIGCONT')
    await old.ended
    await checkAll(site, outcome.runs.at(-1) ?? null, [old])
    figures.add('F11 a paused worker', { ...outcome, faults: 1 })
  })

  it('F12 a second run is refused, or takes over; and the first one then writes nothing', async () => {
    await using site = await chaosSite(source.tables)
    const ends = { from: source.from, to: site.to }
    const first = startDrover(['migrate', ...small], ends)
    expect(await untilRows(site, first, 2000)).toBe(true)
    first.kill('group', 'SIGSTOP')
    const refused = await runDrover(['resume', ...small], ends)
    expect(refused.code, tellOf(refused)).toBe(7)
    const takenOver = await runDrover(['resume', '--take-over', ...small], ends)
    expect(takenOver.code, tellOf(takenOver)).toBe(0)
    first.kill('group', 'SIGCONT')
    const fenced = await first.ended
    expect(fenced.code, tellOf(fenced)).toBe(7)
    await checkAll(site, takenOver, [first])
  })
})

describe('what is around a run', () => {
  it('F05 nothing but the target: a resume from elsewhere, without a home', async () => {
    await using site = await chaosSite(source.tables)
    const home = mkdtempSync(join(tmpdir(), 'drover-home-'))
    try {
      const first = startDrover(['migrate', ...small], { from: source.from, to: site.to })
      expect(await untilRows(site, first, 2000)).toBe(true)
      first.kill('group')
      await first.ended
      const options = { cwd: home, environment: { HOME: home, TMPDIR: home } }
      const args = ['--workers', '3', '--batch-rows', '700', '--feed', 'partitioned', '--no-primary-key']
      figures.add(
        'F05 no local state',
        await expectSurvived({ source, site, args, ...options, strike: never, strikes: 0 }),
      )
    } finally {
      rmSync(home, { recursive: true })
    }
  })

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
        await untilRows(site, running, 2000)
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

  it('O8 no word of the password, neither by runs that succeed nor by ones that fail', async () => {
    await using poisoned = await chaosSource(threeTables(600, oneOf(100)))
    await using site = await chaosSite(poisoned.tables)
    const secret = `canary-${randomBytes(6).toString('hex')}@/%`
    const role = `chaos_${randomBytes(6).toString('hex')}`
    await site.query(`create role ${role} login superuser password '${secret}'`)
    try {
      const url = new URL(site.to)
      url.username = role
      url.password = encodeURIComponent(secret)
      const ends = { from: poisoned.from, to: url.href }
      const running = startDrover(['migrate', ...small, '--isolation', 'processes', '--log-level', 'debug'], ends)
      const shown = new Set<string>()
      while (!running.hasEnded()) {
        for (const line of commandLinesWith(secret.slice(0, 19))) shown.add(line)
        await pause(20)
      }
      const wrong = new URL(url.href)
      wrong.pathname = '/no_such_database'
      const unreachable = new URL(url.href)
      unreachable.port = '1'
      const runs = [
        await running.ended,
        await runDrover(['migrate', ...small], ends),
        await runDrover(['status'], ends),
        await runDrover(['migrate', ...small], { ...ends, to: wrong.href }),
        await runDrover(['migrate', ...small], { ...ends, to: unreachable.href }),
      ]
      expect(runs.map(({ code }) => code)).toEqual([4, 3, 0, 3, 3])
      for (const form of [secret, encodeURIComponent(secret), secret.slice(0, 19)]) await checkSecret(site, form, runs)
      expect([...shown]).toEqual([])
    } finally {
      await site.query(`reassign owned by ${role} to current_user`)
      await site.query(`drop owned by ${role}`)
      await site.query(`drop role ${role}`)
    }
  })
})
