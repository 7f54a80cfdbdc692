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
} from '../../support/chaos/campaign.ts'
import { Figures } from '../../support/chaos/figures.ts'

const figures = new Figures('kills')
const small = ['--workers', '2', '--batch-rows', '150']

let source: ChaosSource

beforeAll(async () => {
  source = await chaosSource(threeTables(2000))
})

afterAll(async () => {
  figures.print()
  await source[Symbol.asyncDispose]()
})

describe('killed in the middle, and resumed', () => {
  it.each([
    ['F02 all workers', 'workers', 1, ['--isolation', 'processes', '--feed', 'partitioned', '--no-primary-key']],
    ['F03 the coordinator', 'coordinator', 2, ['--isolation', 'processes', '--feed', 'paged', '--no-primary-key']],
  ] as const)('%s', async (name, victim, runs, args) => {
    await seeded(async (dice) => {
      await using site = await chaosSite(source.tables)
      const strike = killInTheMiddle(site, victim, dice)
      const outcome = await expectSurvived({ source, site, args: [...small, ...args], strike, strikes: 1 })
      expect(outcome).toMatchObject({ losses: 0, duplicates: 0 })
      // Workers are replaced by the run itself.
      expect(outcome.runs.length).toBeLessThanOrEqual(runs)
      figures.add(name, outcome)
    })
  })

  it('F04 the whole process group, again and again', async () => {
    await seeded(async (dice) => {
      await using site = await chaosSite(source.tables)
      const args = [...small, '--isolation', 'processes', '--no-primary-key']
      const strike = killAtRandom('group', dice, 300, 1500)
      figures.add('F04 the group, 3 times', await expectSurvived({ source, site, args, strike, strikes: 3 }))
    })
  })
})
