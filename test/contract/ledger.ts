import { describe, expect, it } from 'vitest'
import type { OpenBatch, Target, Writer } from '../../src/connectors/contract.ts'
import type { Entry, Ledger, MigrationId } from '../../src/connectors/ledger-contract.ts'
import { samePosition, type BatchId, type Bounds } from '../../src/core/batch.ts'
import { noCounts } from '../../src/core/counts.ts'
import {
  allWritten,
  at,
  atOnce,
  batchId,
  beginMigration,
  never,
  plannedOf,
  planOf,
  recordOf,
} from '../support/migration.ts'
import { postgresTraits, type Traits } from './traits.ts'

export interface LedgerUnderTest extends AsyncDisposable {
  readonly target: Target
  /** Resolves once somebody waits for a lock in the target's database. */
  untilSomebodyWaits(): Promise<void>
  /** Ends the connection that holds the leases, as a crash would. */
  killLeases(): Promise<void>
}

const users = planOf('users')

/** What every {@link Ledger} of an atomic target must do. */
export function describeLedger(
  name: string,
  make: () => Promise<LedgerUnderTest>,
  traits: Traits = postgresTraits,
): void {
  const { tuple, commitRows } = traits
  const openBatch = batchOpener(traits)
  describe(`ledger ${name}: migrations`, () => {
    it('lists what began and did not finish, and knows nothing before the first', async () => {
      await using under = await make()
      await using ledger = await under.target.openLedger(never)
      expect(await ledger.unfinished([users.target])).toEqual([])
      await using begun = await beginMigration(under.target, 'm', [plannedOf(users)])
      expect(await ledger.unfinished([users.target])).toEqual([{ id: 'm', target: users.target, state: 'copying' }])
      expect(await ledger.unfinished([planOf('others').target])).toEqual([])
      await begun.ledger.setState(begun.id, begun.lease, 'stopped', { code: 'target-failed', message: 'gone' })
      expect(await ledger.unfinished([users.target])).toMatchObject([{ state: 'stopped' }])
      await begun.ledger.setState(begun.id, begun.lease, 'done', null)
      expect(await ledger.unfinished([users.target])).toEqual([])
    })

    it('numbers partitions from 1 over all tables and keeps their bounds', async () => {
      await using under = await make()
      const lower = { after: null, upTo: at(7) }
      const upper = { after: at(7), upTo: null }
      const tables = [plannedOf(users, 'create', { partitions: [lower, upper] }), plannedOf(planOf('others'))]
      await using begun = await beginMigration(under.target, 'm', tables)
      expect(begun.partitions).toEqual([
        { ...lower, id: 1, table: 'users' },
        { ...upper, id: 2, table: 'users' },
        { after: null, upTo: null, id: 3, table: 'others' },
      ])
      await using writer = await begun.openWriter()
      await commitRows(writer, { table: 'users', partition: 2, seq: 0, last: true, ...upper }, [tuple('a', 1)])
      const zero = { ...noCounts, bytes: 0 }
      expect(await begun.ledger.totals(begun.id)).toEqual(
        new Map([
          ['users', { ...allWritten(1), bytes: tuple('a', 1).length }],
          ['others', zero],
        ]),
      )
    })

    it('begins wholly or not at all', async () => {
      await using under = await make()
      await using ledger = await under.target.openLedger(never)
      const id = 'm' as MigrationId
      const taken = planOf('taken')
      await using kept = new AsyncDisposableStack()
      kept.use(await beginMigration(under.target, 'earlier', [plannedOf(taken)]))
      await using lease = await ledger.lease(id, [users.target], atOnce, never)
      const record = recordOf(id, [plannedOf(users), plannedOf(taken)])
      await expect(ledger.begin(record, lease, never)).rejects.toMatchObject({ code: 'target-not-empty' })
      expect(await under.target.existing([users.target], never)).toEqual([])
      expect(await ledger.unfinished([users.target])).toEqual([])
    })
  })

  describe(`ledger ${name}: lease`, () => {
    it('is one for each migration and each table', async () => {
      await using under = await make()
      await using ledger = await under.target.openLedger(never)
      const other = planOf('others').target
      {
        await using kept = new AsyncDisposableStack()
        kept.use(await ledger.lease('m1' as MigrationId, [users.target], atOnce, never))
        const held = { code: 'lease-held', message: expect.stringContaining('users') }
        await expect(ledger.lease('m2' as MigrationId, [other, users.target], atOnce, never)).rejects.toMatchObject(
          held,
        )
        await expect(ledger.lease('m1' as MigrationId, [other], atOnce, never)).rejects.toMatchObject({
          code: 'lease-held',
        })
        await using free = await ledger.lease('m2' as MigrationId, [other], atOnce, never)
        expect(free.epoch).toBe(1)
      }
      await using again = await ledger.lease('m2' as MigrationId, [other, users.target], atOnce, never)
      expect(again.lost.aborted).toBe(false)
    })

    it('raises the epoch, and waits for the batch that is open', async () => {
      await using under = await make()
      await using first = await beginMigration(under.target, 'm', [plannedOf(users)])
      await using writer = await first.openWriter()
      await using late = await openBatch(writer, batchId('users', 1, 0), [tuple('late', 1)])
      await first.lease[Symbol.asyncDispose]()
      const taking = first.ledger.lease(first.id, [users.target], atOnce, never)
      await late.commit(allWritten(1), 1)
      await using second = await taking
      expect(second.epoch).toBe(2)
      expect(await first.ledger.entries(first.id, 1)).toHaveLength(1)

      // Where its session was still there, it was ended, which the writer finds out once.
      const begin = (): Promise<unknown> => writer.begin(batchId('users', 1, 1), users, never)
      await expect(begin()).rejects.toMatchObject({ code: expect.toBeOneOf(['lease-lost', 'target-failed']) as string })
      await expect(begin()).rejects.toMatchObject({ code: 'lease-lost' })
      const state = first.ledger.setState(first.id, first.lease, 'done', null)
      await expect(state).rejects.toMatchObject({ code: 'lease-lost' })
      expect(await under.target.count(users.target, never)).toBe(1)
      await using successor = await first.openWriter(2)
      await commitRows(successor, batchId('users', 1, 1), [tuple('b', 2)])
      expect(await under.target.count(users.target, never)).toBe(2)
    })
  })

  describe(`ledger ${name}: claims`, () => {
    it('a second claim waits for the first, and then it is committed', async () => {
      await using under = await make()
      await using begun = await beginMigration(under.target, 'm', [plannedOf(users)])
      await using one = await begun.openWriter()
      await using two = await begun.openWriter()
      const id = batchId('users', 1, 0)
      await using open = await openBatch(one, id, [tuple('a', 1)])
      const second = two.begin(id, users, never)
      await under.untilSomebodyWaits()
      await open.commit(allWritten(1), 1)
      expect(await second).toEqual({ committed: allWritten(1) })
      expect(await under.target.count(users.target, never)).toBe(1)
    })

    it('a second claim waits for the first, and takes the batch when that is rolled back', async () => {
      await using under = await make()
      await using begun = await beginMigration(under.target, 'm', [plannedOf(users)])
      await using one = await begun.openWriter()
      await using two = await begun.openWriter()
      const id = batchId('users', 1, 0)
      const open = await openBatch(one, id, [tuple('a', 1)])
      const second = commitRows(two, id, [tuple('b', 2)])
      await under.untilSomebodyWaits()
      await open[Symbol.asyncDispose]()
      await second
      expect(await under.target.count(users.target, never)).toBe(1)
    })

    it('refuses a batch that is committed with other bounds', async () => {
      await using under = await make()
      await using begun = await beginMigration(under.target, 'm', [plannedOf(users)])
      await using writer = await begun.openWriter()
      await commitRows(writer, batchId('users', 1, 0), [tuple('a', 1)])
      const other = { ...batchId('users', 1, 0), upTo: at(99) }
      await expect(writer.begin(other, users, never)).rejects.toMatchObject({ code: 'conservation-broken' })
    })

    it('refuses a batch that was encoded for another version of the schema', async () => {
      await using under = await make()
      await using begun = await beginMigration(under.target, 'm', [plannedOf(users)])
      await using writer = await begun.openWriter()
      const claim = writer.begin(batchId('users', 1, 0), planOf('users', { schemaVersion: 2 }), never)
      await expect(claim).rejects.toMatchObject({ code: 'schema-drift' })
    })
  })

  describe(`ledger ${name}: replan`, () => {
    it('waits for the open batch, opens a partition for each gap and closes the old one', async () => {
      await using under = await make()
      await using begun = await beginMigration(under.target, 'm', [plannedOf(users)])
      await using one = await begun.openWriter()
      await using two = await begun.openWriter()
      await commitRows(one, batchId('users', 1, 3), [tuple('d', 4)])
      await using open = await openBatch(two, batchId('users', 1, 1), [tuple('b', 2)])
      const planning = replan(begun.ledger, begun, gapsOf)
      await under.untilSomebodyWaits()
      await open.commit(allWritten(1), 1)
      const expected = [
        { after: null, upTo: at(1), id: 2, table: 'users' },
        { after: at(2), upTo: at(3), id: 3, table: 'users' },
        { after: at(4), upTo: null, id: 4, table: 'users' },
      ]
      expect(await planning).toEqual(expected)
      const late = one.begin(batchId('users', 1, 0), users, never)
      await expect(late).rejects.toMatchObject({ code: 'lease-lost', message: expect.stringContaining('closed') })
      const gap: BatchId = { table: 'users', partition: 2, seq: 0, last: true, after: null, upTo: at(1) }
      await commitRows(two, gap, [tuple('a', 1)])
      expect(await under.target.count(users.target, never)).toBe(3)
      // The answer may have been lost on its way.
      expect(await replan(begun.ledger, begun, gapsOf)).toEqual(expected)
    })

    it('finds nothing left of a partition that is done', async () => {
      await using under = await make()
      await using begun = await beginMigration(under.target, 'm', [plannedOf(users)])
      await using writer = await begun.openWriter()
      await commitRows(writer, batchId('users', 1, 0), [tuple('a', 1)])
      await commitRows(writer, batchId('users', 1, 1, true), [])
      expect(await replan(begun.ledger, begun, gapsOf)).toEqual([])
    })

    it('is refused to a run that was fenced', async () => {
      await using under = await make()
      await using begun = await beginMigration(under.target, 'm', [plannedOf(users)])
      await begun.lease[Symbol.asyncDispose]()
      await using second = await begun.ledger.lease(begun.id, [users.target], atOnce, never)
      expect(second.epoch).toBe(2)
      await expect(replan(begun.ledger, begun, gapsOf)).rejects.toMatchObject({ code: 'lease-lost' })
    })
  })
  if (traits.abreast) describeAbreast(name, make, traits)
}

/** What a ledger does where several batches can be open, and several runs go on, beside each other. */
function describeAbreast(name: string, make: () => Promise<LedgerUnderTest>, traits: Traits): void {
  const { tuple, commitRows } = traits
  const openBatch = batchOpener(traits)
  describe(`ledger ${name}: abreast`, () => {
    it('outlives its connection, and is lost when another run has taken it meanwhile', async () => {
      await using under = await make()
      await using begun = await beginMigration(under.target, 'm', [plannedOf(users)])
      const lost = new Promise((resolve) => begun.lease.lost.addEventListener('abort', resolve))
      await under.killLeases()
      await using second = await begun.ledger.lease(begun.id, [users.target], atOnce, never)
      await lost
      expect(begun.lease.lost.reason).toMatchObject({ code: 'lease-lost' })
      expect(second.lost.aborted).toBe(false)
    })

    it('claims of one partition do not wait for each other', async () => {
      await using under = await make()
      await using begun = await beginMigration(under.target, 'm', [plannedOf(users)])
      await using one = await begun.openWriter()
      await using two = await begun.openWriter()
      await using open = await openBatch(one, batchId('users', 1, 0), [tuple('a', 1)])
      await commitRows(two, batchId('users', 1, 1), [tuple('b', 2)])
      await open.commit(allWritten(1), 1)
      expect((await begun.ledger.entries(begun.id, 1)).map(({ seq }) => seq)).toEqual([0, 1])
    })
  })
}

/** Claims a batch and writes its rows. */
export function batchOpener({
  encoded,
}: Traits): (writer: Writer, id: BatchId, rows: readonly Buffer[]) => Promise<OpenBatch> {
  return async (writer, id, rows) => {
    const opened = await writer.begin(id, users, never)
    if ('committed' in opened) throw new Error('committed already')
    await opened.write([encoded(rows)])
    return opened
  }
}

function replan(
  ledger: Ledger,
  begun: Awaited<ReturnType<typeof beginMigration>>,
  gaps: typeof gapsOf,
): Promise<readonly Bounds[]> {
  const [partition] = begun.partitions
  if (partition === undefined) throw new Error('no partition')
  return ledger.replan(begun.id, partition, begun.lease, gaps)
}

/** The least that fits: a gap wherever an entry does not start where the one before it ended. */
function gapsOf(partition: Bounds, entries: readonly Entry[]): readonly Bounds[] {
  const gaps: Bounds[] = []
  let reached = partition.after
  for (const { after, upTo } of entries) {
    if (!samePosition(after, reached)) gaps.push({ after: reached, upTo: after })
    reached = upTo
  }
  if (entries.at(-1)?.last !== true) gaps.push({ after: reached, upTo: partition.upTo })
  return gaps
}
