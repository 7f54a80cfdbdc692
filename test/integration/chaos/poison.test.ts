import { afterAll, describe, expect, it } from 'vitest'
import { expectSurvived, chaosSite, chaosSource, oneOf, tellOf, threeTables } from '../../support/chaos/campaign.ts'
import { Figures } from '../../support/chaos/figures.ts'
import { runDrover } from '../../support/chaos/run.ts'

const figures = new Figures('poison')
const small = ['--workers', '2', '--batch-rows', '500']
const never = (): Promise<number> => Promise.resolve(0)

afterAll(() => figures.print())

/** Of the 2nd batch every row, of the 3rd every other one. */
const dense = (n: number): boolean => (n >= 500 && n < 1000) || (n >= 1000 && n < 1500 && n % 2 === 0)

describe('rows that the target cannot hold', () => {
  it.each([
    ['F30 one row of a batch', oneOf(500), ['--no-primary-key']],
    ['F30 a half and a whole batch', dense, ['--isolation', 'processes']],
  ] as const)('%s: dead letters, and all others are there', async (name, poisoned, args) => {
    await using source = await chaosSource(threeTables(3000, poisoned))
    await using site = await chaosSite(source.tables)
    const outcome = await expectSurvived({
      source,
      site,
      args: [...small, ...args],
      strike: never,
      strikes: 0,
      exitCode: 4,
    })
    expect(outcome.runs).toHaveLength(1)
    const faults = source.tables.reduce((sum, table) => sum + table.poisoned, 0)
    figures.add(name, { ...outcome, faults })
  })

  it('F30 that are allowed: exit 0', async () => {
    await using source = await chaosSource(threeTables(1000, oneOf(100)))
    await using site = await chaosSite(source.tables)
    const letters = source.tables.reduce((sum, table) => sum + table.poisoned, 0)
    const args = [...small, '--max-dead-letters', String(letters)]
    figures.add('F30 allowed', await expectSurvived({ source, site, args, strike: never, strikes: 0 }))
    await using other = await chaosSite(source.tables)
    const fewer = ['migrate', ...small, '--max-dead-letters', String(letters - 1)]
    expect((await runDrover(fewer, { from: source.from, to: other.to })).code).toBe(4)
  })

  it('F33 every row: the flood ends the run early', async () => {
    const rows = 30_000
    await using source = await chaosSource([{ name: 'events', rows, keys: 'int', poisoned: (n) => n >= 500 }])
    await using site = await chaosSite(source.tables)
    const ended = await runDrover(['migrate', ...small], { from: source.from, to: site.to })
    expect(ended.code, tellOf(ended)).toBe(4)
    expect(ended.result?.error).toMatchObject({ code: 'dead-letter-flood' })
    expect(ended.result?.totals.read).toBeLessThan(rows)
    const { rows: found } = await site.query('select count(*)::int as letters from drover.letter')
    expect(found).toEqual([{ letters: ended.result?.totals.deadLetters }])
  })
})
