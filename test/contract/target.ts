import { describe, expect, it } from 'vitest'
import type { OpenBatch, Target, Writer } from '../../src/connectors/contract.ts'
import type { BatchId } from '../../src/core/batch.ts'
import { noCounts } from '../../src/core/counts.ts'
import type { DeadLetter } from '../../src/core/dead-letter.ts'
import { batchId, beginMigration, never, plannedOf, planOf } from '../support/migration.ts'
import { postgresTraits, type Traits } from './traits.ts'

/** A target in a database of its own, and nothing in it. */
export interface TargetUnderTest extends AsyncDisposable {
  readonly target: Target
}

const users = planOf('users')

const letter: DeadLetter = {
  index: 0,
  key: Uint8Array.of(2, 0, 255),
  keyText: '"a"',
  raw: Uint8Array.of(0, 1, 2, 255, 92, 34),
  format: 'bson',
  stage: 'encode',
  code: 'row-rejected',
  reason: 'field "n" is "no" number, \\ {1,NULL}',
  column: 'n',
  value: 'NULL',
}

async function claim(writer: Writer, id: BatchId): Promise<OpenBatch> {
  const opened = await writer.begin(id, planOf(id.table), never)
  if ('committed' in opened) throw new Error('committed already')
  return opened
}

/** What every {@link Target} that delivers atomically must do. */
export function describeTarget(
  name: string,
  make: () => Promise<TargetUnderTest>,
  traits: Traits = postgresTraits,
): void {
  const { tuple, encoded, commitRows, refused } = traits
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
      expect(table).toMatchObject({ target: users.target, kind: 'table', empty: true, dependents: [] })
      expect(table?.key).toEqual(traits.keysAtOnce ? ['_id'] : [])
      expect(table?.columns.map((column) => [column.name, column.required])).toEqual([
        ['_id', traits.keysAtOnce],
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

    it('tries rows without writing them, and writes what is given last', async () => {
      await using under = await make()
      await using begun = await beginMigration(under.target, 'm', [plannedOf(users)])
      await using writer = await begun.openWriter()
      await using open = await claim(writer, batchId('users', 1, 0))
      const attempt = (...tuples: readonly Buffer[]) => open.write([encoded(tuples)], { trial: true })
      const taken = { written: 1, skipped: 0, left: [], derived: 0 }
      const rejected = { rejected: { part: 0, index: 1, error: { code: 'row-rejected' } } }
      expect(await attempt(tuple('a', 1), refused(2), tuple('c', 3))).toMatchObject(rejected)
      expect(await attempt(tuple('a', 1))).toEqual(taken)
      expect(await attempt(tuple('b', 1), refused(2))).toMatchObject(rejected)
      expect(await attempt(tuple('c', 3))).toEqual(taken)
      expect(await open.write([encoded([tuple('a', 1), tuple('c', 3)])])).toEqual({ ...taken, written: 2 })
      await open.commit({ ...noCounts, read: 2, written: 2 }, 1)
      expect(await under.target.count(users.target, never)).toBe(2)
    })

    it('takes a batch up again that it has refused', async () => {
      await using under = await make()
      await using begun = await beginMigration(under.target, 'm', [plannedOf(users)])
      await using writer = await begun.openWriter()
      const many = Array.from({ length: 30_000 }, (_, i) => tuple(`${i} ${'x'.repeat(40)}`, i))
      for (const trial of [false, true]) {
        await using open = await claim(writer, batchId('users', 1, 0))
        // Most of it is still to be sent when the refusal comes.
        const answer = await open.write([encoded(many.with(1, refused(1)))], { trial })
        expect(answer).toMatchObject({ rejected: { part: 0, index: 1 } })
        const further = open.write([]).then(
          () => 'open',
          () => 'ended',
        )
        expect(await further).toBe(trial ? 'open' : 'ended')
      }
      await commitRows(writer, batchId('users', 1, 0), many)
      expect(await under.target.count(users.target, never)).toBe(30_000)
    })

    it('keeps dead letters with their batch, and only with it', async () => {
      await using under = await make()
      await using begun = await beginMigration(under.target, 'm', [plannedOf(users)])
      await using writer = await begun.openWriter()
      {
        await using open = await claim(writer, batchId('users', 1, 0))
        await open.bury([letter])
      }
      const options = { open: true, table: null, after: 0, limits: { rows: 5000, bytes: 1e9 } }
      expect(await begun.ledger.letters(begun.id, options, never)).toEqual([])
      const letters = Array.from({ length: 1200 }, (_, index) => ({ ...letter, index }))
      const bare = {
        ...letter,
        index: 1200,
        key: null,
        column: null,
        value: null,
        raw: new Uint8Array(5_000_000).fill(7),
      }
      await using open = await claim(writer, batchId('users', 1, 0))
      await open.bury([bare, ...letters])
      await open.commit({ ...noCounts, read: 1201, deadLetters: 1201 }, 1)
      const stored = await begun.ledger.letters(begun.id, options, never)
      const withBuffers = stored.map((kept) => ({ ...kept, key: kept.key && Buffer.from(kept.key) }))
      expect(withBuffers.toSorted((a, b) => a.index - b.index)).toEqual(
        [...letters, bare].map((kept) => ({
          ...kept,
          raw: expect.anything(),
          key: kept.key && Buffer.from(kept.key),
          id: expect.any(Number),
          table: 'users',
          buriedAt: expect.any(Date),
          resolvedAt: null,
        })),
      )
      for (const { raw, index } of stored) expect(Buffer.compare(raw, index === 1200 ? bare.raw : letter.raw)).toBe(0)
    })

    it('keeps what is said of a dead letter even where the target has no form for it', async () => {
      await using under = await make()
      await using begun = await beginMigration(under.target, 'm', [plannedOf(users)])
      await using writer = await begun.openWriter()
      await using open = await claim(writer, batchId('users', 1, 0))
      await open.bury([{ ...letter, keyText: 'a\0b', value: '\ud800 "\\\0', reason: 'b\0', column: '{,}' }])
      await open.commit({ ...noCounts, read: 1, deadLetters: 1 }, 1)
      const options = { open: true, table: 'users', after: 0, limits: { rows: 10, bytes: 1e6 } }
      const [stored] = await begun.ledger.letters(begun.id, options, never)
      expect(stored).toMatchObject({ keyText: 'a␀b', value: '\ufffd "\\␀', reason: 'b␀', column: '{,}' })
    })

    it('resolves a dead letter once, in the batch that writes its row', async () => {
      await using under = await make()
      await using begun = await beginMigration(under.target, 'm', [plannedOf(users)])
      await using writer = await begun.openWriter()
      {
        await using open = await claim(writer, batchId('users', 1, 0))
        await open.bury([letter, { ...letter, index: 1 }])
        await open.commit({ ...noCounts, read: 2, deadLetters: 2 }, 1)
      }
      const options = { open: true, table: 'users', after: 0, limits: { rows: 10, bytes: 1e6 } }
      const ids = (await begun.ledger.letters(begun.id, options, never)).map(({ id }) => id)
      const partition = await begun.ledger.openReplay(begun.id, 'users', begun.lease)
      const replayed = { ...noCounts, written: 1, deadLetters: -1 }
      {
        await using open = await claim(writer, batchId('users', partition.id, 0))
        await open.write([encoded([tuple('a', 1)])])
        expect(await open.resolve(ids.slice(0, 1))).toBe(1)
      }
      expect(await begun.ledger.letters(begun.id, options, never)).toHaveLength(2)
      {
        await using open = await claim(writer, batchId('users', partition.id, 0))
        await open.write([encoded([tuple('a', 1)])])
        expect(await open.resolve(ids.slice(0, 1))).toBe(1)
        await open.commit(replayed, 1)
      }
      expect((await begun.ledger.letters(begun.id, options, never)).map(({ id }) => id)).toEqual(ids.slice(1))
      await using open = await claim(writer, batchId('users', partition.id, 1))
      expect(await open.resolve(ids)).toBe(1)
      expect(await open.resolve([])).toBe(0)
      expect((await begun.ledger.totals(begun.id)).get('users')).toMatchObject({ read: 2, written: 1, deadLetters: 1 })
    })

    it('counts the coercions of a batch with it', async () => {
      await using under = await make()
      await using begun = await beginMigration(under.target, 'm', [plannedOf(users)])
      await using writer = await begun.openWriter()
      const uses = [
        { path: 'a.b', name: 'strip-nul', uses: 3 },
        { path: 'a', name: 'clamp-dates', uses: 1 },
      ] as const
      for (const seq of [0, 1]) {
        await using open = await claim(writer, batchId('users', 1, seq))
        await open.coerced(uses)
        await open.commit(noCounts, 0)
      }
      {
        await using open = await claim(writer, batchId('users', 1, 2))
        await open.coerced(uses)
      }
      const counted = (await begun.ledger.coercions(begun.id)).get('users') ?? []
      expect(counted.toSorted((a, b) => a.uses - b.uses)).toEqual([
        { path: 'a', name: 'clamp-dates', uses: 2 },
        { path: 'a.b', name: 'strip-nul', uses: 6 },
      ])
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
  })
  if (traits.keysAtOnce) describeKeysAtOnce(name, make, traits)
  else describeKeysBuilt(name, make, traits)
}

/** Where tables have their keys before their rows. */
function describeKeysAtOnce(name: string, make: () => Promise<TargetUnderTest>, traits: Traits): void {
  const { tuple, encoded, commitRows } = traits
  describe(`target ${name}: keys`, () => {
    it('refuses a row that violates the key, which is there from the beginning', async () => {
      await using under = await make()
      await using begun = await beginMigration(under.target, 'm', [plannedOf(users)])
      await using writer = await begun.openWriter()
      await commitRows(writer, batchId('users', 1, 0), [tuple('a', 1), tuple('twice', 2)])
      await using open = await claim(writer, batchId('users', 1, 1))
      const answer = await open.write([encoded([tuple('b', 1), tuple('twice', 3)])])
      expect(answer).toMatchObject({ rejected: { part: 0, index: 1, error: { code: 'row-rejected' } } })
      for (let time = 0; time < 2; time++) await under.target.finish(users, { buildKey: true }, never)
      expect((await under.target.existing([users.target], never))[0]?.key).toEqual(['_id'])
      expect(await under.target.count(users.target, never)).toBe(2)
    })
  })
}

/** Where they get them when they have their rows. */
function describeKeysBuilt(name: string, make: () => Promise<TargetUnderTest>, traits: Traits): void {
  const { tuple, commitRows } = traits
  describe(`target ${name}: keys`, () => {
    it('builds the key once, and names the value that violates it', async () => {
      await using under = await make()
      await using begun = await beginMigration(under.target, 'm', [plannedOf(users)])
      await using writer = await begun.openWriter()
      await commitRows(writer, batchId('users', 1, 0), [tuple('a', 1), tuple('twice', 2)])
      await under.target.finish(users, { buildKey: false }, never)
      expect((await under.target.existing([users.target], never))[0]?.key).toEqual([])
      await commitRows(writer, batchId('users', 1, 1), [tuple('twice', 3)])
      const failing = under.target.finish(users, { buildKey: true }, never)
      await expect(failing).rejects.toMatchObject({
        code: 'key-violation',
        message: expect.stringContaining('twice'),
      })

      const others = planOf('others')
      await using kept = new AsyncDisposableStack()
      kept.use(await beginMigration(under.target, 'm2', [plannedOf(others)]))
      await under.target.finish(others, { buildKey: true }, never)
      await under.target.finish(others, { buildKey: true }, never)
      expect((await under.target.existing([others.target], never))[0]?.key).toEqual(['_id'])
    })
  })
}
