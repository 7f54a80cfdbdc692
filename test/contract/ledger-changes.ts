import { describe, expect, it } from 'vitest'
import type { Mark, MigrationId } from '../../src/connectors/ledger-contract.ts'
import type { TablePlan } from '../../src/core/plan.ts'
import type { TableChange } from '../../src/core/table-change.ts'
import type { BatchId } from '../../src/core/batch.ts'
import {
  allWritten,
  atOnce,
  batchId,
  beginMigration,
  childOf,
  never,
  plannedOf,
  planOf,
  type Begun,
} from '../support/migration.ts'
import { batchOpener, type LedgerUnderTest } from './ledger.ts'
import { postgresTraits, type Traits } from './traits.ts'

const users = planOf('users')
const withNote = planOf('users', {
  schemaVersion: 2,
  columns: [...users.columns, { field: 'note', name: 'note', type: 'text', cast: false }],
})
const addNote: TableChange = { kind: 'add', target: users.target, column: { name: 'note', type: 'text' } }

/** What every {@link Ledger} does about tables that change, and about marks. */
export function describeLedgerChanges(
  name: string,
  make: () => Promise<LedgerUnderTest>,
  traits: Traits = postgresTraits,
): void {
  const { tuple, commitRows } = traits
  const openBatch = batchOpener(traits)
  describe(`ledger ${name}: evolve`, () => {
    it('waits for the open batch, and then takes batches of the new version only', async () => {
      await using under = await make()
      await using begun = await beginMigration(under.target, 'm', [plannedOf(users)])
      await using one = await begun.openWriter()
      await using two = await begun.openWriter()
      await using open = await openBatch(one, batchId('users', 1, 0), [tuple('a', 1)])
      const evolving = evolve(begun)
      await under.untilSomebodyWaits()
      await open.commit(allWritten(1), 1)
      await evolving
      const late = two.begin(batchId('users', 1, 1), users, never)
      await expect(late).rejects.toMatchObject({ code: 'schema-drift' })
      await commitRows(two, batchId('users', 1, 1), [tuple('b', 2, 'new')], withNote)
      expect(await under.target.count(users.target, never)).toBe(2)
      expect(await columnsOf(under)).toEqual(['_id', 'n', 'note'])
    })

    it('gives its version to partitions that are opened later, and to no other table', async () => {
      await using under = await make()
      await using begun = await beginMigration(under.target, 'm', [plannedOf(users), plannedOf(planOf('others'))])
      await evolve(begun)
      const [opened] = await replanAll(begun)
      await using writer = await begun.openWriter()
      const id: BatchId = { ...batchId('users', opened?.id ?? 0, 0, true) }
      await expect(writer.begin(id, users, never)).rejects.toMatchObject({ code: 'schema-drift' })
      await commitRows(writer, id, [tuple('a', 1, 'new')], withNote)
      await commitRows(writer, batchId('others', 2, 0), [tuple('a', 1)])
    })

    it('is done once, however often it is asked for', async () => {
      await using under = await make()
      await using begun = await beginMigration(under.target, 'm', [plannedOf(users)])
      await evolve(begun)
      await evolve(begun)
      expect(await columnsOf(under)).toEqual(['_id', 'n', 'note'])
      const other = planOf('users', { schemaVersion: 2, ignore: 'others' })
      await expect(evolve(begun, other, [])).rejects.toMatchObject({ code: 'unexpected' })
    })

    it('leaves the table fenced where a change is refused, until its partitions are planned again', async () => {
      await using under = await make()
      await using begun = await beginMigration(under.target, 'm', [plannedOf(users)])
      const twice: TableChange = { kind: 'add', target: users.target, column: { name: 'n', type: 'text' } }
      await expect(evolve(begun, withNote, [addNote, twice])).rejects.toMatchObject({ code: 'schema-drift' })
      expect(await columnsOf(under)).toEqual(['_id', 'n'])
      await using writer = await begun.openWriter()
      const fenced = writer.begin(batchId('users', 1, 0), users, never)
      await expect(fenced).rejects.toMatchObject({ code: 'schema-drift' })
      const [opened] = await replanAll(begun)
      await commitRows(writer, batchId('users', opened?.id ?? 0, 0, true), [tuple('a', 1)])
    })

    it('is refused to a run that was fenced', async () => {
      await using under = await make()
      await using begun = await beginMigration(under.target, 'm', [plannedOf(users)])
      await begun.lease[Symbol.asyncDispose]()
      await using second = await begun.ledger.lease(begun.id, [users.target], atOnce, never)
      expect(second.epoch).toBe(2)
      await expect(evolve(begun)).rejects.toMatchObject({ code: 'lease-lost' })
      expect(await columnsOf(under)).toEqual(['_id', 'n'])
    })

    it('stops on its signal with the reason', async () => {
      await using under = await make()
      await using begun = await beginMigration(under.target, 'm', [plannedOf(users)])
      await using writer = await begun.openWriter()
      await using open = await openBatch(writer, batchId('users', 1, 0), [tuple('a', 1)])
      const controller = new AbortController()
      const reason = new Error('enough')
      const evolving = begun.ledger.evolve(begun.id, begun.lease, withNote, [addNote], controller.signal)
      await under.untilSomebodyWaits()
      controller.abort(reason)
      await expect(evolving).rejects.toBe(reason)
      await open.commit(allWritten(1), 1)
      await commitRows(writer, batchId('users', 1, 1), [tuple('b', 2)])
    })
  })

  describe(`ledger ${name}: marks`, () => {
    const mark: Mark = { table: 'users', field: 'at', value: '{"$date":"2024-01-01T00:00:00Z"}' }
    const source = 'mongodb://source'

    it('are saved with the state, and read by source, table, target and field', async () => {
      await using under = await make()
      {
        await using ledger = await under.target.openLedger(never)
        expect(await ledger.mark(source, 'users', users.target, 'at')).toBeNull()
      }
      await using begun = await beginMigration(under.target, 'm', [plannedOf(users)])
      const { ledger, id, lease } = begun
      expect(await ledger.mark(source, 'users', users.target, 'at')).toBeNull()
      await ledger.setState(id, lease, 'done', null, [mark])
      expect(await ledger.mark(source, 'users', users.target, 'at')).toEqual(mark)
      expect(await ledger.mark('mongodb://other', 'users', users.target, 'at')).toBeNull()
      expect(await ledger.mark(source, 'others', users.target, 'at')).toBeNull()
      expect(await ledger.mark(source, 'users', planOf('others').target, 'at')).toBeNull()
      expect(await ledger.mark(source, 'users', users.target, 'seen')).toBeNull()
    })

    it('take the place of earlier ones, and are kept by a run without', async () => {
      await using under = await make()
      for (const [id, marks] of [
        ['m1', [mark]],
        ['m2', [{ ...mark, value: '7' }]],
        ['m3', []],
      ] as const) {
        await using begun = await beginMigration(under.target, id, [plannedOf(users, 'recreate')])
        await begun.ledger.setState(begun.id, begun.lease, 'done', null, marks)
      }
      await using ledger = await under.target.openLedger(never)
      expect(await ledger.mark(source, 'users', users.target, 'at')).toEqual({ ...mark, value: '7' })
    })

    it('are saved with the state or not at all', async () => {
      await using under = await make()
      await using begun = await beginMigration(under.target, 'm', [plannedOf(users)])
      const { ledger, id, lease } = begun
      const unknown = { ...mark, table: 'others' }
      await expect(ledger.setState(id, lease, 'done', null, [mark, unknown])).rejects.toMatchObject({
        code: 'unexpected',
      })
      expect(await ledger.unfinished([users.target])).toMatchObject([{ state: 'copying' }])
      const later = { ...lease, epoch: 2, lost: lease.lost, [Symbol.asyncDispose]: () => Promise.resolve() }
      await expect(ledger.setState(id, later, 'done', null, [mark])).rejects.toMatchObject({ code: 'lease-lost' })
      expect(await ledger.mark(source, 'users', users.target, 'at')).toBeNull()
    })
  })

  describe(`ledger ${name}: child tables`, () => {
    const items = childOf('items')
    const parent = planOf('users', { children: [items] })

    it('count among the unfinished tables, and removing them supersedes', async () => {
      await using under = await make()
      await using begun = await beginMigration(under.target, 'm', [plannedOf(parent)])
      const names = [users.target, items.target]
      expect(await begun.ledger.unfinished(names)).toEqual(
        names.map((target) => ({ id: 'm', target, state: 'copying' })),
      )
      await begun.lease[Symbol.asyncDispose]()
      const ownName = planOf('others', { target: items.target })
      await using second = await beginMigration(under.target, 'm2', [plannedOf(ownName, 'recreate')])
      expect(await second.ledger.unfinished(names)).toMatchObject([{ id: 'm2' as MigrationId, target: items.target }])
    })
  })
}

function evolve(begun: Begun, plan: TablePlan = withNote, changes: readonly TableChange[] = [addNote]): Promise<void> {
  return begun.ledger.evolve(begun.id, begun.lease, plan, changes, never)
}

/** As a later run does with what no entry covers. */
async function replanAll({ ledger, lease, id, partitions }: Begun): Promise<readonly { readonly id: number }[]> {
  const [first] = partitions
  if (first === undefined) throw new Error('no partition')
  return ledger.replan(id, first, lease, (bounds) => [bounds])
}

async function columnsOf({ target }: LedgerUnderTest): Promise<readonly string[]> {
  const [table] = await target.existing([users.target], never)
  return table?.columns.map(({ name }) => name) ?? []
}
