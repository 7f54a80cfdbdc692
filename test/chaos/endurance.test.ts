import { afterAll, describe, expect, it } from 'vitest'
import { expectSurvived, chaosSite, chaosSource, killAtRandom, seeded } from '../support/chaos/campaign.ts'
import { Figures } from '../support/chaos/figures.ts'

const figures = new Figures('endurance')
const ROWS = 1_000_000
const KILLS = 200

afterAll(() => figures.print())

describe('1,000,000 rows', { timeout: 3_600_000 }, () => {
  it('arrive once each though the whole process tree is killed 200 times', async () => {
    await using source = await chaosSource([{ name: 'people', rows: ROWS, keys: 'objectid' }])
    await seeded(async (dice) => {
      let kills = 0
      // One migration is complete long before it has been killed so often.
      while (kills < KILLS) {
        await using site = await chaosSite(source.tables)
        const args = ['--workers', '2', '--batch-rows', '500', '--isolation', 'processes', '--no-primary-key']
        const strike = killAtRandom('group', dice, 300, 2000)
        const outcome = await expectSurvived({ source, site, args, strike, strikes: KILLS - kills })
        expect(outcome).toMatchObject({ losses: 0, duplicates: 0 })
        kills += outcome.faults
        figures.add('the group', outcome)
      }
    })
  })
})
