import { MongoClient } from 'mongodb'
import pg from 'pg'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startMongo } from '../../src/devkit/servers/mongo.ts'
import {
  expectSurvived,
  chaosSite,
  chaosSource,
  restartableSite,
  tellOf,
  threeTables,
  untilRows,
  type ChaosSite,
  type ChaosSource,
} from '../support/chaos/campaign.ts'
import { Figures } from '../support/chaos/figures.ts'
import { ownPostgres } from '../support/chaos/own-postgres.ts'
import { startDrover, type Running } from '../support/chaos/run.ts'

const figures = new Figures('servers')
const small = ['--workers', '2', '--batch-rows', '500', '--no-primary-key']
const HALF = 10_000

let source: ChaosSource

beforeAll(async () => {
  source = await chaosSource(threeTables(8000))
})

afterAll(async () => {
  figures.print()
  await source[Symbol.asyncDispose]()
})

describe('the target goes down', { timeout: 300_000 }, () => {
  it.each(['fast', 'immediate'] as const)('F13 and comes back (%s)', async (how) => {
    await using server = await ownPostgres()
    const site = restartableSite(source.tables, server.url)
    const outcome = await expectSurvived({
      source,
      site,
      args: small,
      strikes: 1,
      strike: async (running) => {
        await untilRows(site, running, HALF)
        await server.stop(how)
        await server.start()
        return 1
      },
    })
    process.stdout.write(`F13 ${how}: runs ended with ${outcome.runs.map(({ code }) => code).join()}\n`)
    figures.add(`F13 restart ${how}`, outcome)
  })

  it('F13 for a moment, because one of its processes was killed', async () => {
    await using server = await ownPostgres()
    const site = restartableSite(source.tables, server.url)
    const outcome = await expectSurvived({
      source,
      site,
      args: small,
      strikes: 1,
      strike: async (running) => {
        await untilRows(site, running, HALF)
        const [backend] = await server.query(`select pid from pg_stat_activity where application_name = 'drover'
          and pid not in (select pid from pg_locks where locktype = 'advisory') limit 1`)
        process.kill(Number(backend?.['pid']), 'SIGKILL')
        return 1
      },
    })
    figures.add('F13 a killed backend', outcome)
  })

  it('F14 for longer than the budget: exit 6, and a resume finishes', async () => {
    await using server = await ownPostgres()
    const site = restartableSite(source.tables, server.url)
    const args = [...small, '--retry-budget', '3']
    const running = startDrover(['migrate', ...args], { from: source.from, to: site.to })
    expect(await untilRows(site, running, HALF)).toBe(true)
    await server.stop('fast')
    const stopped = await running.ended
    expect(stopped.code, tellOf(stopped)).toBe(6)
    expect(stopped.stderr).toMatch(/resume/)
    await server.start()
    const strike = (): Promise<number> => Promise.resolve(1)
    figures.add('F14 longer than the budget', await expectSurvived({ source, site, args, strike, strikes: 1 }))
  })
})

describe('the target has no connections', { timeout: 300_000 }, () => {
  it('F39 for a while: fewer workers, and all rows', async () => {
    await using server = await ownPostgres({ settings: { max_connections: '12', superuser_reserved_connections: '0' } })
    await using site = await chaosSite(source.tables, server.url)
    const grabbed: pg.Client[] = []
    const grab = async (): Promise<void> => {
      for (;;) {
        const client = new pg.Client({ connectionString: server.url })
        client.on('error', () => undefined)
        try {
          await client.connect()
          grabbed.push(client)
        } catch {
          return
        }
      }
    }
    const outcome = await expectSurvived({
      source,
      site,
      args: ['--workers', '3', '--batch-rows', '200', '--no-primary-key'],
      strikes: 1,
      strike: async (running) => {
        await untilRows(site, running, HALF / 2)
        await grab()
        const { rowCount } = await site.query(`select pg_terminate_backend(pid) from pg_stat_activity
          where application_name = 'drover' and pid not in (select pid from pg_locks where locktype = 'advisory')`)
        await grab()
        await pause(2000)
        await Promise.all(grabbed.map((client) => client.end()))
        return rowCount ?? 0
      },
    })
    expect(outcome.runs).toHaveLength(1)
    figures.add('F39 no connections', outcome)
  })
})

describe('other sessions at the target', { timeout: 300_000 }, () => {
  const struck = async (site: ChaosSite, strike: (running: Running) => Promise<number>) =>
    expectSurvived({ source, site, args: small, strikes: 1, strike })

  it('F42 cancel statements (57014)', async () => {
    await using site = await chaosSite(source.tables)
    const outcome = await struck(site, async (running) => {
      let cancelled = 0
      for (let rows = 2000; rows < 12_000 && (await untilRows(site, running, rows)); rows += 2000) {
        const { rowCount } = await site.query(`select pg_cancel_backend(pid) from pg_stat_activity
          where datname = current_database() and application_name = 'drover' and state = 'active'`)
        cancelled += rowCount ?? 0
      }
      return cancelled
    })
    expect(outcome.runs).toHaveLength(1)
    figures.add('F42 cancelled statements', outcome)
  })

  it('F42 lock in another order (40P01)', async () => {
    await using site = await chaosSite(source.tables)
    const outcome = await struck(site, async (running) => {
      let met = 0
      for (let rows = 1000; rows < 16_000 && (await untilRows(site, running, rows)); rows += 3000) {
        const rival = new pg.Client({ connectionString: site.to })
        await rival.connect()
        await rival.query('begin')
        await rival.query('lock table public.events, public.mixed, public.people in access exclusive mode')
        // A worker that has claimed and waits for its table is waited for here.
        const failed = await rival.query('lock table drover.entry in access exclusive mode').then(
          () => 0,
          () => 1,
        )
        met += 1 + failed
        await rival.end()
      }
      return met
    })
    expect(outcome.runs).toHaveLength(1)
    figures.add('F42 deadlocks', outcome)
  })

  it('F42 have set time limits and isolation for the role', async () => {
    await using site = await chaosSite(source.tables)
    const name = new URL(site.to).pathname.slice(1)
    for (const setting of [
      "lock_timeout = '1ms'",
      "statement_timeout = '20ms'",
      "idle_in_transaction_session_timeout = '5ms'",
      "default_transaction_isolation = 'serializable'",
      "timezone = 'Asia/Kathmandu'",
      "datestyle = 'German'",
    ]) {
      await site.query(`alter database ${name} set ${setting}`)
    }
    const outcome = await struck(site, () => Promise.resolve(6))
    expect(outcome.runs).toHaveLength(1)
    figures.add('F42 settings of the database', outcome)
  })

  it('F43 make it read-only: exit 6 within the budget, and a resume finishes', async () => {
    await using site = await chaosSite(source.tables)
    const name = new URL(site.to).pathname.slice(1)
    const args = [...small, '--retry-budget', '3']
    const running = startDrover(['migrate', ...args], { from: source.from, to: site.to })
    expect(await untilRows(site, running, HALF)).toBe(true)
    await site.query(`alter database ${name} set default_transaction_read_only = on`)
    await site.query(`select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and application_name = 'drover'
        and pid not in (select pid from pg_locks where locktype = 'advisory')`)
    const stopped = await running.ended
    expect(stopped.code, tellOf(stopped)).toBe(6)
    await site.query('set default_transaction_read_only = off')
    await site.query(`alter database ${name} set default_transaction_read_only = off`)
    const strike = (): Promise<number> => Promise.resolve(1)
    figures.add('F43 read-only', await expectSurvived({ source, site, args, strike, strikes: 1 }))
  })

  it.each([
    ['truncate a table', 'truncate public.events', [5]],
    ['drop a column', 'alter table public.people drop column note', [5, 6, 9]],
  ])('F47 %s: never exit 0', async (name, change, codes) => {
    await using site = await chaosSite(source.tables)
    const running = startDrover(['migrate', ...small], { from: source.from, to: site.to })
    expect(await untilRows(site, running, HALF)).toBe(true)
    await site.query(change)
    const ended = await running.ended
    process.stdout.write(`F47 ${name}: ended with ${ended.code}\n`)
    expect(codes, tellOf(ended)).toContain(ended.code)
  })
})

describe('F16 the source', { timeout: 300_000 }, () => {
  it('forgets its cursors', async () => {
    // More than a page, so that there are cursors to forget.
    await using long = await chaosSource([{ name: 'people', rows: 200_000, keys: 'objectid' }])
    await using site = await chaosSite(long.tables)
    await using client = await MongoClient.connect(long.from)
    const db = client.db()
    const outcome = await expectSurvived({
      source: long,
      site,
      args: [...small, '--feed', 'partitioned'],
      strikes: 1,
      strike: async (running) => {
        let killed = 0
        for (let rows = 2000; rows < 190_000 && (await untilRows(site, running, rows)); rows += 5000) {
          const pipeline = [
            { $currentOp: { idleCursors: true, allUsers: true } },
            { $match: { ns: { $in: long.tables.map(({ name }) => `${db.databaseName}.${name}`) } } },
          ]
          // A cursor id below 2^53 has to stay a long for the server to take it back.
          const open = client.db('admin').aggregate(pipeline, { promoteLongs: false })
          for (const { ns, cursor } of await open.toArray()) {
            const id: unknown = (cursor as { cursorId?: unknown } | undefined)?.cursorId
            if (id === undefined) continue
            await db.command({ killCursors: String(ns).split('.').slice(1).join('.'), cursors: [id] })
            killed++
          }
        }
        return killed
      },
    })
    expect(outcome.runs).toHaveLength(1)
    expect(outcome.faults).toBeGreaterThan(0)
    figures.add('F16 killed cursors', outcome)
  })

  it('steps down', async () => {
    const notices: string[] = []
    await using mongo = await startMongo({
      environment: process.env,
      allowDocker: false,
      settings: { setParameter: 'ttlMonitorEnabled=false' },
      onNotice: (line) => notices.push(line),
    })
    const from = mongo.url.replace('/?', '/chaos?')
    await using client = await MongoClient.connect(from)
    for (const table of source.tables) await table.insert(client.db())
    await using site = await chaosSite(source.tables)
    const outcome = await expectSurvived({
      source,
      from,
      site,
      args: small,
      strikes: 1,
      strike: async (running) => {
        await untilRows(site, running, HALF / 2)
        await client.db('admin').command({ replSetStepDown: 2, force: true })
        return 1
      },
    })
    expect(outcome.runs).toHaveLength(1)
    figures.add('F16 step-down', outcome)
  })
})
