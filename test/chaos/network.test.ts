import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  expectSurvived,
  chaosSite,
  chaosSource,
  seeded,
  threeTables,
  untilRows,
  type ChaosSource,
} from '../support/chaos/campaign.ts'
import { Figures } from '../support/chaos/figures.ts'
import { toxicProxy, type Toxic } from '../support/chaos/proxy.ts'

const figures = new Figures('network')
const ROWS = 10_000
const small = ['--workers', '2', '--batch-rows', '500']
const keys = [[], ['--no-primary-key']]
const ends = ['target', 'source'] as const

let source: ChaosSource
let little: ChaosSource

beforeAll(async () => {
  source = await chaosSource(threeTables(ROWS))
  little = await chaosSource(threeTables(1000), 2)
})

afterAll(async () => {
  figures.print()
  await Promise.all([source[Symbol.asyncDispose](), little[Symbol.asyncDispose]()])
})

interface Weather {
  readonly name: string
  readonly end: (typeof ends)[number]
  readonly toxic: Toxic
  /** From then on. */
  readonly afterRows: number
  /** Puts the network right again; before, so many milliseconds pass. Absent: never. */
  readonly forMs?: number | undefined
  readonly args?: readonly string[] | undefined
  readonly of?: ChaosSource | undefined
}

/** One run through a proxy, which is struck once. Answers what connections that met. */
async function expectSurvivedThrough({
  name,
  end,
  toxic,
  afterRows,
  forMs,
  args = [],
  of = source,
}: Weather): Promise<void> {
  await using site = await chaosSite(of.tables)
  await using proxy = await toxicProxy(end === 'target' ? site.to : of.from)
  const outcome = await expectSurvived({
    source: of,
    site,
    ...(end === 'target' ? { to: proxy.url } : { from: proxy.url }),
    args: [...small, ...args],
    strikes: 1,
    strike: async (running) => {
      await untilRows(site, running, afterRows)
      proxy.set(toxic)
      if (forMs === undefined) return 1
      await Promise.race([new Promise((resolve) => setTimeout(resolve, forMs)), running.ended])
      proxy.set(null)
      return Math.max(proxy.struck, 1)
    },
  })
  process.stdout.write(`${name}: runs ended with ${outcome.runs.map(({ code }) => code).join()}\n`)
  figures.add(name, outcome)
}

describe('the network', { timeout: 600_000 }, () => {
  it.each([
    ['F09', 'cut-after-commit'],
    ['F10', 'drop-commit'],
  ] as const)('%s %s, ten times at random places, in every way', async (row, kind) => {
    for (const isolation of ['threads', 'processes', 'inline']) {
      for (const key of keys) {
        await seeded(async (dice) => {
          const afterRows = dice.between(1, ROWS)
          const args = ['--isolation', isolation, ...key]
          const toxic: Toxic = { kind, times: 10 }
          await expectSurvivedThrough({ name: `${row} ${kind}`, end: 'target', toxic, afterRows, args })
        })
      }
    }
  })

  it.each(ends)('F17 is a black hole for half a minute, in front of the %s', async (end) => {
    const name = `F17 black hole, ${end}`
    await expectSurvivedThrough({ name, end, toxic: { kind: 'black-hole' }, afterRows: ROWS / 2, forMs: 30_000 })
  })

  it.each(ends)('F19 is half open in front of the %s', async (end) => {
    await expectSurvivedThrough({
      name: `F19 half open, ${end}`,
      end,
      toxic: { kind: 'half-open' },
      afterRows: ROWS / 2,
      forMs: 1000,
    })
  })

  it.each(ends)('F18 resets every 2 MB in front of the %s', async (end) => {
    const args = ['--no-primary-key']
    await expectSurvivedThrough({
      name: `F18 resets, ${end}`,
      end,
      toxic: { kind: 'limit', bytes: 2_000_000 },
      afterRows: 1,
      args,
    })
  })

  it.each(ends)('F18 passes single bytes, and 128 KB/s, in front of the %s', async (end) => {
    const slice: Toxic = { kind: 'slice', bytes: 100_000 }
    await expectSurvivedThrough({ name: `F18 slices, ${end}`, end, toxic: slice, afterRows: 0 })
    const slow: Toxic = { kind: 'bandwidth', bytesPerSecond: 128 * 1024 }
    await expectSurvivedThrough({ name: `F18 narrow, ${end}`, end, toxic: slow, afterRows: 0, of: little })
    await expectSurvivedThrough({
      name: `F18 far, ${end}`,
      end,
      toxic: { kind: 'latency', ms: 20 },
      afterRows: 0,
      of: little,
    })
  })

  it('is reset as a whole, again and again', async () => {
    await seeded(async (dice) => {
      await using site = await chaosSite(source.tables)
      await using proxy = await toxicProxy(site.to)
      const outcome = await expectSurvived({
        source,
        site,
        to: proxy.url,
        args: [...small, '--no-primary-key'],
        strikes: 3,
        strike: async (running) => {
          await untilRows(site, running, dice.between(1, 2 * ROWS))
          const before = proxy.struck
          proxy.reset()
          return proxy.struck - before
        },
      })
      expect(outcome.faults).toBeGreaterThan(0)
      figures.add('all connections to the target reset', outcome)
    })
  })
})
