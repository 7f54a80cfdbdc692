import { afterAll, describe, expect, it } from 'vitest'
import { expectSurvived, chaosSite, chaosSource, oneOf, tellOf } from '../support/chaos/campaign.ts'
import { arm } from '../support/chaos/failpoint-dir.ts'
import { Figures } from '../support/chaos/figures.ts'
import { checkContent, checkNothingLeft } from '../support/chaos/oracles.ts'
import { repairs } from '../support/chaos/poison.ts'
import { runDrover } from '../support/chaos/run.ts'

const figures = new Figures('poison')
const never = (): Promise<number> => Promise.resolve(0)

afterAll(() => figures.print())

describe('1,000 poisoned documents among 1,000,000', { timeout: 1_800_000 }, () => {
  it('are 1,000 dead letters, and nothing else is; replayed with coercions, all rows are there', async () => {
    const LETTERS = 1000
    const tables = [{ name: 'people', rows: 1_000_000, keys: 'objectid', poisoned: oneOf(1000) }] as const
    await using source = await chaosSource(tables)
    await using site = await chaosSite(source.tables)
    const args = ['--workers', '2']
    const outcome = await expectSurvived({ source, site, args, strike: never, strikes: 0, exitCode: 4 })
    expect(outcome.runs.at(-1)?.result?.totals).toMatchObject({ read: 1_000_000, deadLetters: LETTERS })
    figures.add('1,000 among 1,000,000', { ...outcome, faults: LETTERS })

    const replay = ['retry', '--coerce', repairs]
    using armed = arm('replay.before_commit:kill9:1')
    const killed = await runDrover(replay, { to: site.to, environment: armed.environment })
    expect(killed.signal, tellOf(killed)).toBe('SIGKILL')
    const replayed = await runDrover(replay, { to: site.to })
    expect(replayed.code, tellOf(replayed)).toBe(0)
    await checkContent(site, true)
    const again = await runDrover(replay, { to: site.to })
    expect(again.code, tellOf(again)).toBe(0)
    await checkContent(site, true)
    await checkNothingLeft(site, [])
  })
})
