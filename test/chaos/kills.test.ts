import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  expectSurvived,
  chaosSite,
  chaosSource,
  killAtRandom,
  killInTheMiddle,
  seeded,
  threeTables,
  type ChaosSource,
} from '../support/chaos/campaign.ts'
import { Figures } from '../support/chaos/figures.ts'
import { toxicProxy } from '../support/chaos/proxy.ts'
import { runDrover } from '../support/chaos/run.ts'

const figures = new Figures('kills')
const WORKERS = 2
const BATCH_ROWS = 500
const small = ['--workers', String(WORKERS), '--batch-rows', String(BATCH_ROWS)]
const keys = [[], ['--no-primary-key']]

let source: ChaosSource

beforeAll(async () => {
  source = await chaosSource(threeTables(20_000))
})

afterAll(async () => {
  figures.print()
  await source[Symbol.asyncDispose]()
})

const ways = ['threads', 'processes'].flatMap((isolation) =>
  ['paged', 'partitioned'].flatMap((feed) => keys.map((key) => ['--isolation', isolation, '--feed', feed, ...key])),
)

describe('killed at random, and resumed', { timeout: 600_000 }, () => {
  it.each(['worker', 'workers'] as const)('F01, F02 %s, in every way', async (victim) => {
    for (const args of ways.filter((way) => way.includes('processes'))) {
      await seeded(async (dice) => {
        await using site = await chaosSite(source.tables)
        const strike = killInTheMiddle(site, victim, dice)
        const outcome = await expectSurvived({ source, site, args: [...small, ...args], strike, strikes: 1 })
        expect(outcome.runs).toHaveLength(1)
        figures.add(victim === 'worker' ? 'F01 a worker' : 'F02 all workers', outcome)
      })
    }
  })

  it('F03 the coordinator, 20 times, in every way', async () => {
    for (let seed = 0; seed < 20; seed++) {
      await seeded(async (dice) => {
        await using site = await chaosSite(source.tables)
        const args = [...small, ...(ways[seed % ways.length] ?? [])]
        const strike = killInTheMiddle(site, 'coordinator', dice)
        figures.add('F03 the coordinator', await expectSurvived({ source, site, args, strike, strikes: 1 }))
      })
    }
  })

  it.each(keys)('F04 the whole group, ten times in a row (%s)', async (...key) => {
    for (const isolation of ['threads', 'processes']) {
      await seeded(async (dice) => {
        await using site = await chaosSite(source.tables)
        const args = [...small, '--isolation', isolation, ...key]
        const strike = killAtRandom('group', dice, 300, 2500)
        figures.add('F04 the group, ten times', await expectSurvived({ source, site, args, strike, strikes: 10 }))
      })
    }
  })

  it('F04 with another cluster, batch and feed at every resume', async () => {
    await seeded(async (dice) => {
      await using site = await chaosSite(source.tables)
      const strike = killInTheMiddle(site, 'group', dice)
      const shapes = ['1', '2', '4'].flatMap((workers) =>
        ['100', '3000'].map((rows) => [
          '--workers',
          workers,
          '--batch-rows',
          rows,
          '--isolation',
          dice.pick(['threads', 'processes']),
        ]),
      )
      for (const [index, shape] of shapes.entries()) {
        const args = [...shape, '--feed', dice.pick(['paged', 'partitioned']), '--no-primary-key']
        const options = { source, site, args, strike }
        if (index < shapes.length - 1) await expectSurvived({ ...options, strikes: 1, stopAfter: 1 })
        else figures.add('F04 another shape at every resume', await expectSurvived({ ...options, strikes: 0 }))
      }
    })
  })
})

describe('O9 what is read again', { timeout: 600_000 }, () => {
  it('is bounded by kills, workers, credits and batches', async () => {
    await seeded(async (dice) => {
      const args = [...small, '--no-primary-key', '--feed', 'paged']
      const CREDITS = 2
      const KILLS = 8
      const planning = await bytesOf(async (from, to) => void (await runDrover(['plan', ...args], { from, to })))
      const clean = await bytesOf(async (from, to) => void (await runDrover(['migrate', ...args], { from, to })))
      let kills = 0
      const struck = await bytesOf(async (from, to, site) => {
        const strike = killInTheMiddle(site, 'group', dice)
        const outcome = await expectSurvived({ source, site, from, to, args, strike, strikes: KILLS })
        kills = outcome.faults
        figures.add('O9 the group, eight times', outcome)
      })
      const rows = source.tables.reduce((sum, table) => sum + table.rows, 0)
      const bytesOfRow = (clean - planning) / rows
      // A page may be on its way for each of the tables' cursors, and one batch is being cut.
      const PAGES = 2 * 1024 * 1024
      const waste = struck - clean
      process.stdout.write(
        `O9: ${kills} kills, ${Math.round(waste / bytesOfRow)} of ${rows} rows read again, ` +
          `${kills * WORKERS * CREDITS * BATCH_ROWS} rows in flight at most\n`,
      )
      expect(waste).toBeLessThan(kills * (WORKERS * CREDITS + 1) * BATCH_ROWS * bytesOfRow + kills * PAGES)
    })
  })

  /** Bytes that the source sent. */
  async function bytesOf(
    body: (from: string, to: string, site: Awaited<ReturnType<typeof chaosSite>>) => Promise<void>,
  ): Promise<number> {
    await using site = await chaosSite(source.tables)
    await using proxy = await toxicProxy(source.from)
    await body(proxy.url, site.to, site)
    return proxy.bytesToClient
  }
})
