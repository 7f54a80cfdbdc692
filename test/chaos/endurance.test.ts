import { MongoClient } from 'mongodb'
import { afterAll, describe, expect, it } from 'vitest'
import { SAMPLE_ROWS } from '../../params.ts'
import { expectSurvived, chaosSite, chaosSource, killAtRandom, seeded } from '../support/chaos/campaign.ts'
import { Figures } from '../support/chaos/figures.ts'

const figures = new Figures('endurance')
const ROWS = 1_000_000
const KILLS = 200
const BATCH_ROWS = 500

/** What a kill may cost: two pages, and for each of two workers one batch at the server, one being encoded, one waiting. */
const MOST_READ_AGAIN = 2 * 4000 + 2 * 3 * BATCH_ROWS

afterAll(() => figures.print())

describe('1,000,000 rows', { timeout: 3_600_000 }, () => {
  it('arrive once each though the whole process tree is killed 200 times', async () => {
    await using source = await chaosSource([{ name: 'people', rows: ROWS, keys: 'objectid' }])
    await using client = await MongoClient.connect(source.from)
    await seeded(async (dice) => {
      let kills = 0
      // One migration is complete long before it has been killed so often.
      while (kills < KILLS) {
        await using site = await chaosSite(source.tables)
        const args = [
          '--workers',
          '2',
          '--batch-rows',
          String(BATCH_ROWS),
          '--isolation',
          'processes',
          '--no-primary-key',
        ]
        const strike = killAtRandom('group', dice, 300, 2000)
        const before = await rowsSent(client)
        const outcome = await expectSurvived({ source, site, args, strike, strikes: KILLS - kills })
        expect(outcome).toMatchObject({ losses: 0, duplicates: 0 })
        const sampled = outcome.planned * SAMPLE_ROWS
        const again = Math.ceil(((await rowsSent(client)) - before - ROWS - sampled) / outcome.runs.length)
        process.stdout.write(`rows read again, by run: ${again} (at most ${MOST_READ_AGAIN})\n`)
        expect(again).toBeLessThan(MOST_READ_AGAIN)
        kills += outcome.faults
        figures.add('the group', outcome)
      }
    })
  })
})

/** Documents that the source has answered with since it was started. */
async function rowsSent(client: MongoClient): Promise<number> {
  const { metrics } = (await client.db('admin').command({ serverStatus: 1 })) as {
    readonly metrics: { readonly document: { readonly returned: bigint | number } }
  }
  return Number(metrics.document.returned)
}
