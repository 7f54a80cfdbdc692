import { MongoClient } from 'mongodb'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Failpoint } from '../../../src/core/failpoint.ts'
import {
  expectSurvived,
  chaosSite,
  chaosSource,
  hasBegun,
  oneOf,
  threeTables,
  untilRows,
  type ChaosSource,
} from '../../support/chaos/campaign.ts'
import { arm } from '../../support/chaos/failpoint-dir.ts'
import { Figures } from '../../support/chaos/figures.ts'
import { checkNothingLeft } from '../../support/chaos/oracles.ts'
import { runDrover, startDrover } from '../../support/chaos/run.ts'

const figures = new Figures('failpoints')
const small = ['--workers', '2', '--batch-rows', '500']
const processes = ['--isolation', 'processes']
const never = (): Promise<number> => Promise.resolve(0)

let source: ChaosSource
let poisoned: ChaosSource

beforeAll(async () => {
  source = await chaosSource(threeTables(2000))
  await using client = await MongoClient.connect(source.from)
  await client.db().collection('people').createIndex({ name: 1 })
  poisoned = await chaosSource(threeTables(2000, oneOf(400)))
})

afterAll(async () => {
  figures.print()
  await Promise.all([source[Symbol.asyncDispose](), poisoned[Symbol.asyncDispose]()])
})

describe('killed at a failpoint', () => {
  it.each<[Failpoint, readonly string[]]>([
    ['copy.mid_stream', ['--no-primary-key']],
    ['ledger.before_commit', ['--no-primary-key']],
    ['commit.sent', ['--no-primary-key']],
  ])('F01 %s: a worker, replaced by the run itself', async (name, args) => {
    await using site = await chaosSite(source.tables)
    using armed = arm(`${name}:kill9:2`)
    const { environment } = armed
    const options = [...small, ...processes, ...args]
    const outcome = await expectSurvived({ source, site, args: options, environment, strike: never, strikes: 0 })
    armed.expectFired()
    expect(outcome.runs).toHaveLength(1)
    figures.add(`F01 ${name}`, { ...outcome, faults: 1 })
  })

  it.each<[string, Failpoint, readonly string[]]>([
    ['F03', 'plan.saved', []],
    ['F03', 'commit.sent', ['--no-primary-key']],
    ['F03', 'index.mid_build', []],
    ['F36', 'verify.mid', ['--verify', 'checksum']],
    ['P12', 'publish.before_commit', ['--atomic']],
  ])('%s %s: the whole run, resumed', async (row, name, args) => {
    await using site = await chaosSite(source.tables)
    using armed = arm(`${name}:kill9:1`)
    const { environment } = armed
    const outcome = await expectSurvived({
      source,
      site,
      args: [...small, ...args],
      environment,
      strike: never,
      strikes: 1,
    })
    armed.expectFired()
    expect(outcome.runs).toHaveLength(2)
    figures.add(`${row} ${name}`, { ...outcome, faults: 1 })
  })

  it('F31 dlq.insert: dead letters and good rows are one', async () => {
    await using site = await chaosSite(poisoned.tables)
    using armed = arm('dlq.insert:kill9:2')
    const outcome = await expectSurvived({
      source: poisoned,
      site,
      args: [...small, ...processes, '--no-primary-key'],
      environment: armed.environment,
      strike: never,
      strikes: 0,
      exitCode: 4,
    })
    armed.expectFired()
    figures.add('F31 dlq.insert', { ...outcome, faults: 1 })
  })

  it('P12 rollback.mid_drop: nothing of the migration is left after the second try', async () => {
    await using site = await chaosSite(source.tables)
    using armed = arm('rollback.mid_drop:kill9:1')
    const running = startDrover(['migrate', ...small, ...processes], { from: source.from, to: site.to })
    expect(await untilRows(site, running, 1500)).toBe(true)
    running.kill('group')
    await running.ended
    const options = { to: site.to, environment: armed.environment }
    expect((await runDrover(['rollback'], options)).signal).toBe('SIGKILL')
    armed.expectFired()
    expect(await hasBegun(site)).toBe(true)
    const again = await runDrover(['rollback'], options)
    expect(again.code, again.stderr).toBe(0)
    const { rows } = await site.query("select tablename from pg_tables where schemaname = 'public'")
    expect(rows).toEqual([])
    await checkNothingLeft(site, [running])
  })
})
