import { describe, expect, it } from 'vitest'
import type { Target } from '../../src/connectors/contract.ts'
import { noCounts } from '../../src/core/counts.ts'
import { batchId, encoded, beginMigration, commitRows, never, plannedOf, planOf, tuple } from '../support/migration.ts'

/** A target in a database of its own, and nothing in it. */
export interface TargetUnderTest extends AsyncDisposable {
  readonly target: Target
}

const users = planOf('users')

/** What every {@link Target} that accepts `pgcopy` and delivers atomically must do. */
export function describeTarget(name: string, make: () => Promise<TargetUnderTest>): void {
  describe(`target ${name}`, () => {
    it('is ready when it is new, and has free connections', async () => {
      await using under = await make()
      const findings = await under.target.check(['public'], never)
      expect(findings.filter(({ level }) => level === 'error')).toEqual([])
      const { limit, inUse, free } = await under.target.connections(never)
      expect(free).toBe(limit - inUse)
      expect(free).toBeGreaterThan(0)
    })

    it('knows the tables that exist, and takes back the types it created', async () => {
      await using under = await make()
      expect(await under.target.existing([users.target], never)).toEqual([])
      await using kept = new AsyncDisposableStack()
      kept.use(await beginMigration(under.target, 'm', [plannedOf(users)]))
      const [table, ...others] = await under.target.existing([{ schema: 'public', name: 'none' }, users.target], never)
      expect(others).toEqual([])
      expect(table).toMatchObject({ target: users.target, kind: 'table', empty: true, key: [], dependents: [] })
      expect(table?.columns.map((column) => [column.name, column.required])).toEqual([
        ['_id', false],
        ['n', false],
      ])
      users.columns.forEach(({ type }, i) => expect(table?.columns[i]?.accepts).toContain(type))
    })

    it('commits rows with their entry, and answers the counts when asked to write them again', async () => {
      await using under = await make()
      await using begun = await beginMigration(under.target, 'm', [plannedOf(users)])
      await using writer = await begun.openWriter()
      const id = batchId('users', 1, 0)
      expect(await commitRows(writer, id, [tuple('a', 1), tuple('b', 2)])).toMatchObject({ written: 2 })
      expect(await writer.begin(id, users, never)).toEqual({ committed: { ...noCounts, read: 2, written: 2 } })
      expect(await under.target.count(users.target, never)).toBe(2)
    })

    it('writes nothing of a batch that is not committed', async () => {
      await using under = await make()
      await using begun = await beginMigration(under.target, 'm', [plannedOf(users)])
      await using writer = await begun.openWriter()
      const id = batchId('users', 1, 0)
      {
        const opened = await writer.begin(id, users, never)
        if ('committed' in opened) throw new Error('never committed')
        await using open = opened
        expect(await open.write([encoded([tuple('a', 1)])])).toEqual({ written: 1, skipped: 0, left: [], derived: 0 })
      }
      expect(await under.target.count(users.target, never)).toBe(0)
      expect(await begun.ledger.entries(begun.id, 1)).toEqual([])
      await commitRows(writer, id, [tuple('a', 1)])
      expect(await under.target.count(users.target, never)).toBe(1)
    })

    it('commits an empty batch, which ends a partition', async () => {
      await using under = await make()
      await using begun = await beginMigration(under.target, 'm', [plannedOf(users)])
      await using writer = await begun.openWriter()
      const id = batchId('users', 1, 0, true)
      await commitRows(writer, id, [])
      expect(await begun.ledger.entries(begun.id, 1)).toEqual([{ ...id, counts: noCounts, bytes: 0 }])
    })

    it('refuses counts that do not add up', async () => {
      await using under = await make()
      await using begun = await beginMigration(under.target, 'm', [plannedOf(users)])
      await using writer = await begun.openWriter()
      const id = batchId('users', 1, 0)
      for (const counts of [
        { ...noCounts, read: 2, written: 1 },
        { ...noCounts, read: 2, written: 2 },
      ]) {
        const opened = await writer.begin(id, users, never)
        if ('committed' in opened) throw new Error('never committed')
        await using open = opened
        await open.write([encoded([tuple('a', 1)])])
        await expect(open.commit(counts, 1)).rejects.toMatchObject({ code: 'conservation-broken' })
      }
      expect(await under.target.count(users.target, never)).toBe(0)
    })

    it('stops on its signal with the reason, and stays usable', async () => {
      await using under = await make()
      const reason = new Error('enough')
      await expect(under.target.count(users.target, AbortSignal.abort(reason))).rejects.toBe(reason)
      await using begun = await beginMigration(under.target, 'm', [plannedOf(users)])
      await using writer = await begun.openWriter()
      const id = batchId('users', 1, 0)
      const controller = new AbortController()
      const opened = await writer.begin(id, users, controller.signal)
      if ('committed' in opened) throw new Error('never committed')
      const writing = opened.write([encoded([tuple('a', 1)])])
      controller.abort(reason)
      await expect(writing.then(() => opened.commit({ ...noCounts, read: 1, written: 1 }, 1))).rejects.toBe(reason)
      await opened[Symbol.asyncDispose]()
      await commitRows(writer, id, [tuple('a', 1)])
      expect(await under.target.count(users.target, never)).toBe(1)
    })

    it('builds the key once, and names the value that violates it', async () => {
      await using under = await make()
      await using begun = await beginMigration(under.target, 'm', [plannedOf(users)])
      await using writer = await begun.openWriter()
      await commitRows(writer, batchId('users', 1, 0), [tuple('a', 1), tuple('twice', 2)])
      await under.target.finish(users, { buildKey: false }, never)
      expect((await under.target.existing([users.target], never))[0]?.key).toEqual([])
      await commitRows(writer, batchId('users', 1, 1), [tuple('twice', 3)])
      const failing = under.target.finish(users, { buildKey: true }, never)
      await expect(failing).rejects.toMatchObject({ code: 'key-violation', message: expect.stringContaining('twice') })

      const others = planOf('others')
      await using kept = new AsyncDisposableStack()
      kept.use(await beginMigration(under.target, 'm2', [plannedOf(others)]))
      await under.target.finish(others, { buildKey: true }, never)
      await under.target.finish(others, { buildKey: true }, never)
      expect((await under.target.existing([others.target], never))[0]?.key).toEqual(['_id'])
    })
  })
}
