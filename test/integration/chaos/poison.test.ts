import { afterAll, describe, expect, it } from 'vitest'
import { expectSurvived, chaosSite, chaosSource, oneOf, threeTables } from '../../support/chaos/campaign.ts'
import { Figures } from '../../support/chaos/figures.ts'

const figures = new Figures('poison')
const small = ['--workers', '2', '--batch-rows', '200']
const never = (): Promise<number> => Promise.resolve(0)

afterAll(() => figures.print())

/** Of the 2nd batch every row, of the 3rd every other one. */
const dense = (n: number): boolean => (n >= 200 && n < 400) || (n >= 400 && n < 600 && n % 2 === 0)

describe('F30 rows that the target cannot hold', () => {
  it.each([
    // As many are allowed as there are.
    ['one row of a batch', oneOf(200), ['--no-primary-key', '--max-dead-letters', '15'], 0],
    ['a half and a whole batch', dense, ['--isolation', 'processes'], 4],
  ] as const)('%s: dead letters, and all others are there', async (name, poisoned, args, exitCode) => {
    await using source = await chaosSource(threeTables(1200, poisoned))
    await using site = await chaosSite(source.tables)
    const outcome = await expectSurvived({
      source,
      site,
      args: [...small, ...args],
      strike: never,
      strikes: 0,
      exitCode,
    })
    expect(outcome.runs).toHaveLength(1)
    const faults = source.tables.reduce((sum, table) => sum + table.poisoned, 0)
    figures.add(name, { ...outcome, faults })
  })
})
