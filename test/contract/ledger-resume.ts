import { describe, expect, it } from 'vitest'
import type { MigrationId, MigrationState } from '../../src/connectors/ledger-contract.ts'
import { noCounts } from '../../src/core/counts.ts'
import type { ForeignKeyPlan, IndexPlan } from '../../src/core/index-plan.ts'
import { inSchema } from '../../src/core/plan.ts'
import {
  allWritten,
  at,
  atOnce,
  batchId,
  beginMigration,
  childOf,
  never,
  plannedOf,
  planOf,
  recordOf,
} from '../support/migration.ts'
import { batchOpener, type LedgerUnderTest } from './ledger.ts'
import { postgresTraits, type Traits } from './traits.ts'

const users = planOf('users')
const others = planOf('others')
const lower = { after: null, upTo: at(7) }
const upper = { after: at(7), upTo: null }

const byN: IndexPlan = {
  name: 'users_n',
  source: 'n_1',
  target: users.target,
  unique: false,
  nullsNotDistinct: false,
  method: 'btree',
  parts: [{ column: 'n', type: 'int32', path: [], as: 'text', descending: true }],
  where: [],
}
const toOthers: ForeignKeyPlan = {
  name: 'users_n_fkey',
  target: users.target,
  columns: ['_id'],
  references: others.target,
  referencedColumns: ['_id'],
}

/** What every {@link Ledger} does for the runs that come after the one that began a migration. */
export function describeLedgerResume(
  name: string,
  make: () => Promise<LedgerUnderTest>,
  traits: Traits = postgresTraits,
): void {
  const { tuple, commitRows } = traits
  describe(`ledger ${name}: load`, () => {
    it('gives back what was begun, tables and partitions in their order', async () => {
      await using under = await make()
      await using ledger = await under.target.openLedger(never)
      expect(await ledger.load('m' as MigrationId)).toBeNull()
      const parent = planOf('users', { children: [childOf('items')] })
      const tables = [
        plannedOf(parent, 'recreate', {
          partitions: [lower, upper],
          ordered: false,
          drops: [planOf('old_items').target],
          indexes: [byN],
          references: [toOthers],
        }),
        plannedOf(others, 'create', { baseline: 3 }),
      ]
      await using begun = await beginMigration(under.target, 'm', tables)
      const record = recordOf(begun.id, tables)
      expect(await ledger.load(begun.id)).toEqual({
        ...record,
        state: 'copying',
        error: null,
        beganAt: expect.any(Date),
        changedAt: expect.any(Date),
      })
      const error = { code: 'target-failed', message: 'gone' } as const
      await begun.ledger.setState(begun.id, begun.lease, 'stopped', error)
      expect(await ledger.load(begun.id)).toMatchObject({ state: 'stopped', error })
      expect(await ledger.load('n' as MigrationId)).toBeNull()
    })

    it('knows tables that are loaded beside others by both their names', async () => {
      await using under = await make()
      const parent = planOf('users', { children: [childOf('items')] })
      const planned = plannedOf(inSchema(parent, 'load_m'), 'recreate', { publishTo: 'public' })
      await using begun = await beginMigration(under.target, 'm', [planned])
      expect((await begun.ledger.load(begun.id))?.tables).toEqual([planned])
      const names = [users.target, childOf('items').target]
      expect(await begun.ledger.unfinished(names)).toMatchObject(names.map((target) => ({ id: 'm', target })))
      expect(await begun.ledger.childTables(users.target)).toEqual([childOf('items').target])
      expect(await begun.ledger.unfinished([{ schema: 'load_m', name: 'users' }])).toEqual([])
      expect((await begun.ledger.migrations())[0]?.tables[0]?.target).toEqual(users.target)
      const again = plannedOf(inSchema(parent, 'load_m2'), 'recreate', { publishTo: 'public' })
      await begun.lease[Symbol.asyncDispose]()
      await using later = await beginMigration(under.target, 'm2', [again])
      expect(await later.ledger.unfinished(names)).toMatchObject(names.map((target) => ({ id: 'm2', target })))
    })
  })

  describe(`ledger ${name}: migrations`, () => {
    it('are summed up, the newest first', async () => {
      await using under = await make()
      await using ledger = await under.target.openLedger(never)
      expect(await ledger.migrations()).toEqual([])
      {
        await using begun = await beginMigration(under.target, 'z', [plannedOf(planOf('first'))])
        await begun.ledger.setState(begun.id, begun.lease, 'done', null)
      }
      const tables = [plannedOf(users, 'create', { partitions: [lower, upper] }), plannedOf(others)]
      await using begun = await beginMigration(under.target, 'm', tables)
      await using writer = await begun.openWriter()
      await commitRows(writer, batchId('users', 1, 0), [tuple('a', 1), tuple('b', 2)])
      await commitRows(writer, { ...upper, table: 'users', partition: 2, seq: 0, last: true }, [tuple('c', 3)])
      const found = await ledger.migrations()
      expect(found).toMatchObject([
        { id: 'm', source: 'mongodb://source', state: 'copying', error: null, running: true },
        { id: 'z', state: 'done', running: false, tables: [{ partitions: 1, openPartitions: 1 }] },
      ])
      const nothing = { mode: 'create', counts: noCounts, bytes: 0, openLetters: 0 }
      expect(found[0]?.tables).toEqual([
        { ...nothing, source: 'others', target: others.target, partitions: 1, openPartitions: 1 },
        {
          ...nothing,
          source: 'users',
          target: users.target,
          counts: allWritten(3),
          bytes: [tuple('a', 1), tuple('b', 2), tuple('c', 3)].reduce((sum, row) => sum + row.length, 0),
          partitions: 2,
          openPartitions: 1,
        },
      ])
    })

    it('have a partition open until all of its batches are there, also when the last came first', async () => {
      await using under = await make()
      await using begun = await beginMigration(under.target, 'm', [plannedOf(users)])
      const { ledger } = begun
      const partitions = async () => {
        const [summary] = await ledger.migrations()
        const table = summary?.tables[0]
        return [table?.partitions, table?.openPartitions]
      }
      await using writer = await begun.openWriter()
      await commitRows(writer, batchId('users', 1, 1, true), [tuple('b', 2)])
      expect(await partitions()).toEqual([1, 1])
      await commitRows(writer, batchId('users', 1, 0), [tuple('a', 1)])
      expect(await partitions()).toEqual([1, 0])
      const [first] = begun.partitions
      if (first === undefined) throw new Error('no partition')
      // Others in its place, of which one is done.
      const gaps = await ledger.replan(begun.id, first, begun.lease, () => [lower, upper])
      expect(await partitions()).toEqual([2, 2])
      await commitRows(writer, { ...lower, table: 'users', partition: gaps[0]?.id ?? 0, seq: 0, last: true }, [])
      expect(await partitions()).toEqual([2, 1])
      await ledger.openReplay(begun.id, 'users', begun.lease)
      expect(await partitions()).toEqual([2, 1])
    })
  })

  describe(`ledger ${name}: resume`, () => {
    it('gives what is open, to a run that can then copy it', async () => {
      await using under = await make()
      const tables = [plannedOf(users, 'create', { partitions: [lower, upper] }), plannedOf(others)]
      await using begun = await beginMigration(under.target, 'm', tables)
      {
        await using writer = await begun.openWriter()
        await commitRows(writer, batchId('users', 1, 0), [tuple('a', 1)])
      }
      const [first] = begun.partitions
      if (first === undefined) throw new Error('no partition')
      const gap = { after: at(1), upTo: at(7) }
      await begun.ledger.replan(begun.id, first, begun.lease, () => [gap])
      await begun.ledger.openReplay(begun.id, 'users', begun.lease)
      await begun.ledger.setState(begun.id, begun.lease, 'stopped', { code: 'target-failed', message: 'gone' })
      await begun.lease[Symbol.asyncDispose]()

      await using lease = await begun.ledger.lease(begun.id, [users.target, others.target], atOnce, never)
      expect(await begun.ledger.resume(begun.id, lease)).toEqual([
        { ...upper, id: 2, table: 'users' },
        { after: null, upTo: null, id: 3, table: 'others' },
        { ...gap, id: 4, table: 'users' },
      ])
      expect(await begun.ledger.load(begun.id)).toMatchObject({ state: 'copying', error: null })
      await using next = await begun.openWriter(lease.epoch)
      await commitRows(next, { ...gap, table: 'users', partition: 4, seq: 0, last: true }, [tuple('b', 2)])
      expect(await under.target.count(users.target, never)).toBe(2)
    })

    it.each<MigrationState>(['done', 'rolled-back'])('refuses a migration that is %s', async (state) => {
      await using under = await make()
      await using begun = await beginMigration(under.target, 'm', [plannedOf(users)])
      await begun.ledger.setState(begun.id, begun.lease, state, null)
      const resuming = begun.ledger.resume(begun.id, begun.lease)
      await expect(resuming).rejects.toMatchObject({ code: 'missing-migration' })
      expect(await begun.ledger.load(begun.id)).toMatchObject({ state })
      expect(await begun.ledger.unfinished([users.target])).toEqual([])
    })

    it('refuses a migration that was superseded, and one that is not there', async () => {
      await using under = await make()
      await using ledger = await under.target.openLedger(never)
      const id = 'm' as MigrationId
      {
        await using lease = await ledger.lease(id, [users.target], atOnce, never)
        const none = { code: 'missing-migration', message: expect.stringContaining('no migration m') }
        await expect(ledger.resume(id, lease)).rejects.toMatchObject(none)
        await using kept = new AsyncDisposableStack()
        kept.use(await beginMigration(under.target, 'another', [plannedOf(others)]))
        await expect(ledger.resume(id, lease)).rejects.toMatchObject(none)
      }
      {
        await using kept = new AsyncDisposableStack()
        kept.use(await beginMigration(under.target, id, [plannedOf(users)]))
      }
      await using later = await beginMigration(under.target, 'later', [plannedOf(users, 'recreate')])
      await using lease = await ledger.lease(id, [others.target], atOnce, never)
      await expect(ledger.resume(id, lease)).rejects.toMatchObject({ code: 'missing-migration' })
      const replay = ledger.openReplay(id, 'users', lease)
      await expect(replay).rejects.toMatchObject({ code: 'missing-migration' })
      expect(await ledger.unfinished([users.target])).toMatchObject([{ id: later.id }])
    })

    it('is refused to a run that was fenced', async () => {
      await using under = await make()
      await using begun = await beginMigration(under.target, 'm', [plannedOf(users)])
      await begun.lease[Symbol.asyncDispose]()
      await using second = await begun.ledger.lease(begun.id, [users.target], atOnce, never)
      expect(second.epoch).toBe(2)
      const lost = { code: 'lease-lost', hint: expect.stringContaining('drover resume') }
      await expect(begun.ledger.resume(begun.id, begun.lease)).rejects.toMatchObject(lost)
      await expect(begun.ledger.openReplay(begun.id, 'users', begun.lease)).rejects.toMatchObject(lost)
    })
  })

  describe(`ledger ${name}: leases of others`, () => {
    it('are waited for, and meanwhile nothing is kept from a third run', async () => {
      await using under = await make()
      await using ledger = await under.target.openLedger(never)
      const patient = { waitMs: 30_000, takeOver: false }
      await using kept = new AsyncDisposableStack()
      const first = kept.use(await ledger.lease('m1' as MigrationId, [users.target], atOnce, never))
      let taken = false
      const waiting = ledger.lease('m2' as MigrationId, [others.target, users.target], patient, never)
      const second = waiting.then((lease) => {
        taken = true
        return kept.use(lease)
      })
      for (let time = 0; time < 3; time++) {
        await using third = await ledger.lease('m3' as MigrationId, [others.target], patient, never)
        expect(third.lost.aborted).toBe(false)
      }
      expect(taken).toBe(false)
      await first[Symbol.asyncDispose]()
      expect((await second).lost.aborted).toBe(false)
    })

    it('are waited for no longer than was said, and no longer than the signal allows', async () => {
      await using under = await make()
      await using ledger = await under.target.openLedger(never)
      await using first = await ledger.lease('m1' as MigrationId, [users.target], atOnce, never)
      const held = {
        code: 'lease-held',
        message: expect.stringContaining('public.users'),
        hint: expect.stringContaining('--take-over'),
      }
      const short = ledger.lease('m2' as MigrationId, [users.target], { waitMs: 150, takeOver: false }, never)
      await expect(short).rejects.toMatchObject(held)
      const controller = new AbortController()
      const reason = new Error('enough')
      const patient = { waitMs: 600_000, takeOver: false }
      const waiting = ledger.lease('m2' as MigrationId, [users.target], patient, controller.signal)
      controller.abort(reason)
      await expect(waiting).rejects.toBe(reason)
      expect(first.lost.aborted).toBe(false)
    })

    it('of one table are taken over by a migration of another', async () => {
      await using under = await make()
      await using ledger = await under.target.openLedger(never)
      await using first = await ledger.lease('m1' as MigrationId, [users.target], atOnce, never)
      await using unconcerned = await ledger.lease('m3' as MigrationId, [planOf('third').target], atOnce, never)
      const lost = new Promise((resolve) => first.lost.addEventListener('abort', resolve))
      const wanted = [users.target, others.target]
      await using second = await ledger.lease('m2' as MigrationId, wanted, { waitMs: 0, takeOver: true }, never)
      await lost
      expect([second.lost.aborted, unconcerned.lost.aborted]).toEqual([false, false])
    })
  })

  describe(`ledger ${name}: checks`, () => {
    it('keep what they found by check and part until they are over', async () => {
      await using under = await make()
      await using ledger = await under.target.openLedger(never)
      expect(await ledger.checked('c')).toEqual(new Map())
      await ledger.forgetChecked('c')
      await ledger.saveChecked('c', 'users/1', Uint8Array.of(0, 255, 1))
      await ledger.saveChecked('c', 'users/2', new Uint8Array())
      await ledger.saveChecked('c', 'users/1', Uint8Array.of(7))
      await ledger.saveChecked('other', 'users/1', Uint8Array.of(8))
      const found = [
        ['users/1', Uint8Array.of(7)],
        ['users/2', new Uint8Array()],
      ] as const
      expect(await ledger.checked('c')).toEqual(new Map(found))
      await ledger.forgetChecked('c')
      expect(await ledger.checked('c')).toEqual(new Map())
      expect(await ledger.checked('other')).toEqual(new Map([['users/1', Uint8Array.of(8)]]))
    })
  })
  if (traits.abreast) describeTakeOverAbreast(name, make, traits)
  else describeTakeOverInTurns(name, make, traits)
}

/** Where a run can end the batches of another one. */
function describeTakeOverAbreast(name: string, make: () => Promise<LedgerUnderTest>, traits: Traits): void {
  const { tuple, commitRows } = traits
  const openBatch = batchOpener(traits)
  describe(`ledger ${name}: leases of others`, () => {
    it('are taken over, and the run that had it writes no more', async () => {
      await using under = await make()
      await using begun = await beginMigration(under.target, 'm', [plannedOf(users)])
      const lost = new Promise((resolve) => begun.lease.lost.addEventListener('abort', resolve))
      await using writer = await begun.openWriter()
      await using open = await openBatch(writer, batchId('users', 1, 0), [tuple('late', 1)])
      await using second = await begun.ledger.lease(begun.id, [users.target], { waitMs: 0, takeOver: true }, never)
      await lost
      expect(begun.lease.lost.reason).toMatchObject({ code: 'lease-lost' })
      expect(second.epoch).toBe(2)
      // Its worker was stopped in the middle of a batch, and goes on now.
      await expect(open.commit(allWritten(1), 1)).rejects.toMatchObject({ code: 'target-failed' })
      const claim = writer.begin(batchId('users', 1, 0), users, never)
      await expect(claim).rejects.toMatchObject({ code: 'lease-lost' })
      const state = begun.ledger.setState(begun.id, begun.lease, 'done', null)
      await expect(state).rejects.toMatchObject({ code: 'lease-lost' })
      await using next = await begun.openWriter(2)
      await commitRows(next, batchId('users', 1, 0), [tuple('a', 1)])
      expect(await under.target.count(users.target, never)).toBe(1)
    })
  })
}

/** Where it cannot. */
function describeTakeOverInTurns(name: string, make: () => Promise<LedgerUnderTest>, traits: Traits): void {
  const { tuple, commitRows } = traits
  const openBatch = batchOpener(traits)
  describe(`ledger ${name}: leases of others`, () => {
    it('are taken over between two batches of the run that had it, which writes no more', async () => {
      await using under = await make()
      await using begun = await beginMigration(under.target, 'm', [plannedOf(users)])
      const lost = new Promise((resolve) => begun.lease.lost.addEventListener('abort', resolve))
      await using writer = await begun.openWriter()
      const open = await openBatch(writer, batchId('users', 1, 0), [tuple('a', 1)])
      const taking = begun.ledger.lease(begun.id, [users.target], { waitMs: 0, takeOver: true }, never)
      await under.untilSomebodyWaits()
      await open.commit(allWritten(1), 1)
      await using second = await taking
      await lost
      expect(begun.lease.lost.reason).toMatchObject({ code: 'lease-lost' })
      expect(second.epoch).toBe(2)
      const claim = writer.begin(batchId('users', 1, 1), users, never)
      await expect(claim).rejects.toMatchObject({ code: 'lease-lost' })
      const state = begun.ledger.setState(begun.id, begun.lease, 'done', null)
      await expect(state).rejects.toMatchObject({ code: 'lease-lost' })
      await using next = await begun.openWriter(2)
      await commitRows(next, batchId('users', 1, 1), [tuple('b', 2)])
      expect(await under.target.count(users.target, never)).toBe(2)
    })
  })
}
