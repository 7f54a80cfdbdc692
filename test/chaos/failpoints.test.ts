import { MongoClient } from 'mongodb'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { failpoints, type Failpoint } from '../../src/core/failpoint.ts'
import {
  expectSurvived,
  chaosSite,
  chaosSource,
  oneOf,
  threeTables,
  type ChaosSource,
} from '../support/chaos/campaign.ts'
import { arm } from '../support/chaos/failpoint-dir.ts'
import { Figures } from '../support/chaos/figures.ts'

const figures = new Figures('failpoints')
const small = ['--workers', '2', '--batch-rows', '500']
const never = (): Promise<number> => Promise.resolve(0)

/** What has to be asked for so that a place is passed; null: no part of a copy. */
const needs: Readonly<Record<Failpoint, readonly string[] | null>> = {
  'plan.saved': [],
  'chunk.claimed': [],
  'src.cursor_open': [],
  'src.mid_read': [],
  'copy.mid_stream': [],
  'copy.done_before_ledger': [],
  'ledger.before_commit': [],
  'commit.sent': [],
  'commit.acked_before_ipc': [],
  'dlq.insert': [],
  'index.mid_build': [],
  'fk.validate': ['--references', 'place=events._id'],
  'verify.mid': ['--verify', 'full'],
  'publish.before_commit': ['--atomic'],
  'rollback.mid_drop': null,
  'replay.before_commit': null,
}

/** Passed once for each batch, or more often. */
const frequent: ReadonlySet<Failpoint> = new Set([
  'chunk.claimed',
  'copy.mid_stream',
  'copy.done_before_ledger',
  'ledger.before_commit',
  'commit.sent',
  'commit.acked_before_ipc',
])

let clean: ChaosSource
let poisoned: ChaosSource

beforeAll(async () => {
  clean = await chaosSource(threeTables(4000))
  poisoned = await chaosSource(threeTables(4000, oneOf(500)))
  for (const { from } of [clean, poisoned]) {
    await using client = await MongoClient.connect(from)
    await client.db().collection('people').createIndex({ name: 1 })
  }
})

afterAll(async () => {
  figures.print()
  await Promise.all([clean[Symbol.asyncDispose](), poisoned[Symbol.asyncDispose]()])
})

const places = failpoints.filter((name) => needs[name] !== null)
const actions = ['kill9', 'exit'] as const
const isolations = ['threads', 'processes'] as const

describe('every failpoint, with and without a primary key', { timeout: 600_000 }, () => {
  it.each(places.flatMap((name) => actions.map((action) => ({ name, action }))))(
    '$name:$action',
    async ({ name, action }) => {
      for (const isolation of isolations) {
        for (const key of name === 'fk.validate' ? [[]] : [[], ['--no-primary-key']]) {
          const nth = frequent.has(name) ? [1, 2, 5] : [1]
          for (const pass of nth) await expectSurvivedOnce(name, action, pass, ['--isolation', isolation, ...key])
        }
      }
    },
  )
})

async function expectSurvivedOnce(
  name: Failpoint,
  action: string,
  nth: number,
  args: readonly string[],
): Promise<void> {
  const source = name === 'dlq.insert' ? poisoned : clean
  await using site = await chaosSite(source.tables)
  using armed = arm(`${name}:${action}:${nth}`)
  const outcome = await expectSurvived({
    source,
    site,
    args: [...small, ...args, ...(needs[name] ?? [])],
    environment: armed.environment,
    strike: never,
    strikes: 1,
    exitCode: name === 'dlq.insert' ? 4 : 0,
  })
  armed.expectFired()
  expect(outcome).toMatchObject({ losses: 0, duplicates: 0 })
  figures.add(`F01 ${name}:${action}`, { ...outcome, faults: 1 })
}
