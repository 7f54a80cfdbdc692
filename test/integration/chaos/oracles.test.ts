import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { chaosSite, chaosSource, oneOf, type ChaosSite, type ChaosSource } from '../../support/chaos/campaign.ts'
import {
  checkConservation,
  checkContent,
  checkLedger,
  checkMonotone,
  checkNothingLeft,
  checkSecret,
  doneSet,
} from '../../support/chaos/oracles.ts'
import { runDrover, type Ended } from '../../support/chaos/run.ts'

let source: ChaosSource
let site: ChaosSite
let ended: Ended

beforeAll(async () => {
  source = await chaosSource([{ name: 'mixed', rows: 1000, keys: 'mixed', poisoned: oneOf(100) }])
  site = await chaosSite(source.tables)
  const args = ['migrate', '--workers', '2', '--batch-rows', '100', '--no-primary-key']
  ended = await runDrover(args, { from: source.from, to: site.to })
  if (ended.code !== 4) throw new Error(ended.stderr)
})

afterAll(async () => {
  await site[Symbol.asyncDispose]()
  await source[Symbol.asyncDispose]()
})

/** Runs a check on a target that has been changed behind drover's back, and takes the change back. */
async function after(change: string, check: () => Promise<unknown>): Promise<void> {
  await site.query('begin')
  try {
    await site.query(change)
    await check()
  } finally {
    await site.query('rollback')
  }
}

describe('the oracles', () => {
  it('are content with what is right', async () => {
    await checkConservation(site, ended)
    await checkContent(site)
    await checkLedger(site)
    const done = await doneSet(site)
    expect(done.size).toBeGreaterThanOrEqual(10)
    checkMonotone(done, await doneSet(site))
    await checkSecret(site, 'nobody said this', [ended])
  })

  it.each([
    ['a row that is lost', 'delete from mixed where place = 7', /O2.*row 7: expected.*found undefined/],
    ['a row that is there twice', 'insert into mixed select * from mixed where place = 7', /O2.*more than once/],
    ['a value that has changed', `update mixed set note = 'x' where place = 7`, /O2.*row 7: expected/],
    ['NULL in place of an empty text', `update mixed set note = null where note = ''`, /O2.*row \d+/],
    [
      'values that have changed places',
      'update mixed set big = (select sum(big) from mixed where place in (7, 8)) - big where place in (7, 8)',
      /O2.*row 7/,
    ],
    ['a scale that is lost', 'update mixed set price = trim_scale(price)', /O2.*row \d+/],
    ['a letter that is lost', 'delete from drover.letter where id = (select min(id) from drover.letter)', /O1/],
    ['a letter with other bytes', `update drover.letter set raw = raw || '\\x00'`, /O1/],
  ])('O2, O3 name %s', async (_, change, message) => {
    await after(change, () => expect(checkContent(site)).rejects.toThrow(message))
  })

  it.each([
    ['an entry that is lost', 'delete from drover.entry where seq = 3'],
    [
      'an entry that is there twice',
      'insert into drover.entry (migration, partition, seq, after, up_to, last, epoch, read) select migration, partition, seq + 900, after, up_to, last, epoch, read from drover.entry where seq = 3',
    ],
    ['a partition without an end', 'update drover.entry set last = false'],
  ])('O4 notices %s', async (_, change) => {
    await after(change, () => expect(checkLedger(site)).rejects.toThrow(/O4/))
  })

  it('O1 notices counts that are wrong', async () => {
    await after('update drover.entry set filtered = filtered + 1 where seq = 3', () =>
      expect(checkConservation(site, ended)).rejects.toThrow(/O1/),
    )
    await expect(checkConservation(site, { ...ended, result: null })).rejects.toThrow(/O1/)
  })

  it('O6 notices a schema', async () => {
    await after('create schema left_behind', () => expect(checkNothingLeft(site, [], 0)).rejects.toThrow(/O6/))
  })

  it('O7 notices an entry that has gone', async () => {
    const before = await doneSet(site)
    await after('delete from drover.entry where seq = 3', async () => {
      const now = await doneSet(site)
      expect(() => checkMonotone(before, now)).toThrow(/O7/)
    })
  })

  it('O8 finds a secret in the ledger and in what was printed', async () => {
    const { result } = ended
    if (result === null) throw new Error('no result')
    await expect(checkSecret(site, result.migration, [])).rejects.toThrow(/O8/)
    await expect(checkSecret(site, 'mixed', [ended])).rejects.toThrow(/O8/)
  })
})
