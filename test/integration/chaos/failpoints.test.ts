import { MongoClient } from 'mongodb'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Failpoint } from '../../../src/core/failpoint.ts'
import { expectSurvived, chaosSite, chaosSource, threeTables, type ChaosSource } from '../../support/chaos/campaign.ts'
import { arm } from '../../support/chaos/failpoint-dir.ts'
import { Figures } from '../../support/chaos/figures.ts'

const figures = new Figures('failpoints')
const small = ['--workers', '2', '--batch-rows', '200']
const never = (): Promise<number> => Promise.resolve(0)

let source: ChaosSource

beforeAll(async () => {
  source = await chaosSource(threeTables(1200))
  await using client = await MongoClient.connect(source.from)
  await client.db().collection('people').createIndex({ name: 1 })
})

afterAll(async () => {
  figures.print()
  await source[Symbol.asyncDispose]()
})

describe('killed at a failpoint', () => {
  it('F01 workers, each somewhere else on the way of a batch, replaced by the run itself', async () => {
    await using site = await chaosSite(source.tables)
    using armed = arm('copy.mid_stream:kill9:2', 'ledger.before_commit:kill9:2', 'commit.sent:kill9:2')
    const { environment } = armed
    const args = [...small, '--isolation', 'processes', '--no-primary-key']
    const outcome = await expectSurvived({ source, site, args, environment, strike: never, strikes: 0 })
    armed.expectFired()
    expect(outcome.runs).toHaveLength(1)
    figures.add('F01 three failpoints', { ...outcome, faults: 3 })
  })

  it('F03, F36, F44 the whole run, and every resume of it a little later', async () => {
    await using site = await chaosSite(source.tables)
    const places: readonly Failpoint[] = [
      'commit.sent',
      'index.mid_build',
      'fk.validate',
      'verify.mid',
      'publish.before_commit',
    ]
    using armed = arm(...places.map((name) => `${name}:kill9:1` as const))
    const { environment } = armed
    const args = [...small, '--references', 'place=events._id', '--verify', 'checksum', '--atomic']
    const strikes = places.length
    const outcome = await expectSurvived({ source, site, args, environment, strike: never, strikes })
    armed.expectFired()
    expect(outcome.runs).toHaveLength(places.length + 1)
    figures.add('F03, F36, F44 five failpoints', { ...outcome, faults: places.length })
  })
})
