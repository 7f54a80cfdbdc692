import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  expectSurvived,
  chaosSite,
  chaosSource,
  threeTables,
  untilRows,
  type ChaosSource,
} from '../../support/chaos/campaign.ts'
import { Figures } from '../../support/chaos/figures.ts'
import { toxicProxy, type Toxic } from '../../support/chaos/proxy.ts'

const figures = new Figures('network')
const small = ['--workers', '2', '--batch-rows', '500', '--no-primary-key']

let source: ChaosSource

beforeAll(async () => {
  source = await chaosSource(threeTables(4000))
})

afterAll(async () => {
  figures.print()
  await source[Symbol.asyncDispose]()
})

describe('between drover and its target', () => {
  it.each<[string, Toxic, number]>([
    ['F09 the answer to a COMMIT is lost', { kind: 'cut-after-commit', times: 4 }, 4],
    ['F10 a COMMIT is lost', { kind: 'drop-commit', times: 4 }, 4],
  ])('%s, four times', async (name, toxic, times) => {
    await using site = await chaosSite(source.tables)
    await using proxy = await toxicProxy(site.to)
    const outcome = await expectSurvived({
      source,
      site,
      to: proxy.url,
      args: small,
      strikes: 1,
      strike: async (running) => {
        if (await untilRows(site, running, 1000)) proxy.set(toxic)
        return times
      },
    })
    expect(outcome.runs).toHaveLength(1)
    expect(proxy.struck).toBe(times)
    figures.add(name, outcome)
  })

  it('F18 every byte of the first 20,000 comes alone', async () => {
    await using site = await chaosSite(source.tables)
    await using proxy = await toxicProxy(site.to)
    proxy.set({ kind: 'slice', bytes: 20_000 })
    const strike = (): Promise<number> => Promise.resolve(1)
    const outcome = await expectSurvived({ source, site, to: proxy.url, args: small, strikes: 1, strike })
    expect(outcome.runs).toHaveLength(1)
    figures.add('F18 slices', outcome)
  })
})

describe('between drover and its source', () => {
  it('F16 all connections are reset in the middle', async () => {
    await using site = await chaosSite(source.tables)
    await using proxy = await toxicProxy(source.from)
    const outcome = await expectSurvived({
      source,
      site,
      from: proxy.url,
      args: [...small, '--feed', 'partitioned'],
      strikes: 1,
      strike: async (running) => {
        if (await untilRows(site, running, 1000)) proxy.reset()
        return proxy.struck
      },
    })
    expect(outcome.runs).toHaveLength(1)
    expect(outcome.faults).toBeGreaterThan(0)
    figures.add('F16 source connections reset', outcome)
  })
})
