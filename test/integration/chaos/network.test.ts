import { setTimeout as pause } from 'node:timers/promises'
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
import { toxicProxy } from '../../support/chaos/proxy.ts'

const figures = new Figures('network')
const small = ['--workers', '2', '--batch-rows', '100', '--no-primary-key']

let source: ChaosSource

beforeAll(async () => {
  source = await chaosSource(threeTables(2000))
})

afterAll(async () => {
  figures.print()
  await source[Symbol.asyncDispose]()
})

describe('between drover and its target', () => {
  it('F09 the answer to a COMMIT is lost, F10 a COMMIT is lost: four times each', async () => {
    await using site = await chaosSite(source.tables)
    await using proxy = await toxicProxy(site.to)
    const outcome = await expectSurvived({
      source,
      site,
      to: proxy.url,
      args: small,
      strikes: 1,
      strike: async (running) => {
        if (await untilRows(site, running, 300)) proxy.set({ kind: 'cut-after-commit', times: 4 })
        while (proxy.struck < 4 && !running.hasEnded()) await pause(1)
        expect(proxy.struck).toBe(4)
        proxy.set({ kind: 'drop-commit', times: 4 })
        return 8
      },
    })
    expect(outcome.runs).toHaveLength(1)
    expect(proxy.struck).toBe(8)
    figures.add('F09, F10 COMMITs and their answers are lost', outcome)
  })
})

describe('between drover and both', () => {
  it('F16 all connections of the source are reset, F18 every byte of the first 20,000 of the target comes alone', async () => {
    await using site = await chaosSite(source.tables)
    await using from = await toxicProxy(source.from)
    await using to = await toxicProxy(site.to)
    to.set({ kind: 'slice', bytes: 20_000 })
    const outcome = await expectSurvived({
      source,
      site,
      from: from.url,
      to: to.url,
      args: [...small, '--feed', 'partitioned'],
      strikes: 1,
      strike: async (running) => {
        if (await untilRows(site, running, 300)) from.reset()
        return from.struck
      },
    })
    expect(outcome.runs).toHaveLength(1)
    expect(outcome.faults).toBeGreaterThan(0)
    figures.add('F16, F18 resets and slices', outcome)
  })
})
