import { describe, expect, it } from 'vitest'
import type { OpenBatch, Writer } from '../../src/connectors/contract.ts'
import type { BatchId, Partition } from '../../src/core/batch.ts'
import type { CoercionUse } from '../../src/core/coercion.ts'
import { noCounts } from '../../src/core/counts.ts'
import type { DeadLetter } from '../../src/core/dead-letter.ts'
import { batchId, beginMigration, never, plannedOf, planOf, type Begun } from '../support/migration.ts'
import type { LedgerUnderTest } from './ledger.ts'
import { postgresTraits, type Traits } from './traits.ts'

const users = planOf('users')
const others = planOf('others')

function letterOf(index: number, change: Partial<DeadLetter> = {}): DeadLetter {
  return {
    index,
    key: Uint8Array.of(2, index),
    keyText: `"${index}"`,
    raw: Uint8Array.of(5, 0, 0, 0, 0),
    format: 'bson',
    stage: 'encode',
    code: 'row-rejected',
    reason: 'text with NUL',
    column: 'n',
    value: '"a\\u0000"',
    ...change,
  }
}

/** What every {@link Ledger} keeps of rows that could not be written, and of values that were changed. */
export function describeLedgerLetters(
  name: string,
  make: () => Promise<LedgerUnderTest>,
  traits: Traits = postgresTraits,
): void {
  describe(`ledger ${name}: letters`, () => {
    it('are as they were buried, by id, and of the table asked for', async () => {
      await using under = await make()
      await using begun = await beginMigration(under.target, 'm', [plannedOf(users), plannedOf(others)])
      expect(await lettersOf(begun)).toEqual([])
      await using writer = await begun.openWriter()
      const bare = letterOf(3, { key: null, column: null, value: null, stage: 'decode' })
      await bury(writer, batchId('users', 1, 0), [letterOf(1), bare])
      await bury(writer, batchId('others', 2, 0), [letterOf(0, { stage: 'store' })])
      const stored = { buriedAt: expect.any(Date), resolvedAt: null, id: expect.any(Number) }
      expect(await lettersOf(begun)).toEqual([
        { ...letterOf(1), ...stored, table: 'users' },
        { ...bare, ...stored, table: 'users' },
        { ...letterOf(0, { stage: 'store' }), ...stored, table: 'others' },
      ])
      expect(await lettersOf(begun, { table: 'others' })).toMatchObject([{ table: 'others' }])
      expect((await begun.ledger.migrations())[0]?.tables).toMatchObject([
        { source: 'others', openLetters: 1 },
        { source: 'users', openLetters: 2, counts: { read: 2, deadLetters: 2 } },
      ])
      await using second = await beginMigration(under.target, 'm2', [plannedOf(planOf('third'))])
      expect(await lettersOf(second)).toEqual([])
    })

    it('come in pages of bounded rows and bytes, one at least', async () => {
      await using under = await make()
      await using begun = await beginMigration(under.target, 'm', [plannedOf(users)])
      await using writer = await begun.openWriter()
      const sizes = [10, 20, 5, 1000, 1]
      await bury(
        writer,
        batchId('users', 1, 0),
        sizes.map((size, index) => letterOf(index, { raw: new Uint8Array(size).fill(index) })),
      )
      expect(await pages(begun, { rows: 2, bytes: 10_000 })).toEqual([[10, 20], [5, 1000], [1]])
      expect(await pages(begun, { rows: 100, bytes: 35 })).toEqual([[10, 20, 5], [1000], [1]])
      expect(await pages(begun, { rows: 100, bytes: 34 })).toEqual([[10, 20], [5], [1000], [1]])
    })

    it('are resolved by replays, which the sums take in, and which nothing reads again', async () => {
      await using under = await make()
      await using begun = await beginMigration(under.target, 'm', [plannedOf(users)])
      await using writer = await begun.openWriter()
      await bury(writer, batchId('users', 1, 0), [letterOf(0), letterOf(1)])
      const [first, second] = await lettersOf(begun)
      const replay = await begun.ledger.openReplay(begun.id, 'users', begun.lease)
      expect(replay).toEqual({ id: 2, table: 'users', after: null, upTo: null })
      await resolve(traits, writer, replay, first?.id ?? 0)
      expect(await lettersOf(begun)).toMatchObject([{ id: second?.id, resolvedAt: null }])
      expect(await lettersOf(begun, { open: false })).toMatchObject([{ resolvedAt: expect.any(Date) }, {}])
      const counts = { ...noCounts, read: 2, written: 1, deadLetters: 1 }
      expect((await begun.ledger.totals(begun.id)).get('users')).toMatchObject(counts)
      const [entry] = await begun.ledger.entries(begun.id, replay.id)
      expect(entry?.counts).toEqual({ ...noCounts, written: 1, deadLetters: -1 })
      expect((await begun.ledger.migrations())[0]?.tables).toMatchObject([{ counts, openLetters: 1, partitions: 1 }])
      expect(await begun.ledger.unbalanced(begun.id)).toEqual([])
      expect((await begun.ledger.load(begun.id))?.tables[0]?.partitions).toHaveLength(1)
      expect(await begun.ledger.openReplay(begun.id, 'users', begun.lease)).toMatchObject({ id: 3 })
      const unknown = begun.ledger.openReplay(begun.id, 'others', begun.lease)
      await expect(unknown).rejects.toMatchObject({ code: 'unexpected' })
    })
  })

  describe(`ledger ${name}: coercions`, () => {
    it('are added up by table, field and name', async () => {
      await using under = await make()
      await using begun = await beginMigration(under.target, 'm', [plannedOf(users), plannedOf(others)])
      expect(await begun.ledger.coercions(begun.id)).toEqual(new Map())
      await using writer = await begun.openWriter()
      await coerce(traits, writer, batchId('users', 1, 0), [
        { path: 'n', name: 'strip-nul', uses: 2 },
        { path: 'a.b', name: 'strip-nul', uses: 1 },
      ])
      await coerce(traits, writer, batchId('users', 1, 1), [{ path: 'n', name: 'strip-nul', uses: 3 }])
      await coerce(traits, writer, batchId('others', 2, 0), [{ path: 'n', name: 'clamp-dates', uses: 4 }])
      expect(await begun.ledger.coercions(begun.id)).toEqual(
        new Map([
          ['others', [{ path: 'n', name: 'clamp-dates', uses: 4 }]],
          [
            'users',
            [
              { path: 'a.b', name: 'strip-nul', uses: 1 },
              { path: 'n', name: 'strip-nul', uses: 5 },
            ],
          ],
        ]),
      )
    })
  })
}

type Wanted = Partial<Parameters<Begun['ledger']['letters']>[1]>

function lettersOf({ ledger, id }: Begun, wanted: Wanted = {}): ReturnType<Begun['ledger']['letters']> {
  const limits = { rows: 100, bytes: 1_000_000 }
  return ledger.letters(id, { open: true, table: null, after: 0, limits, ...wanted }, never)
}

/** Sizes of the letters of each page. */
async function pages(begun: Begun, limits: { readonly rows: number; readonly bytes: number }): Promise<number[][]> {
  const sizes: number[][] = []
  let after = 0
  for (;;) {
    const page = await lettersOf(begun, { after, limits })
    const last = page.at(-1)
    if (last === undefined) return sizes
    sizes.push(page.map(({ raw }) => raw.length))
    after = last.id
  }
}

async function claim(writer: Writer, id: BatchId): Promise<OpenBatch> {
  const opened = await writer.begin(id, id.table === 'users' ? users : others, never)
  if ('committed' in opened) throw new Error('committed already')
  return opened
}

async function bury(writer: Writer, id: BatchId, letters: readonly DeadLetter[]): Promise<void> {
  await using open = await claim(writer, id)
  await open.bury(letters)
  await open.commit({ ...noCounts, read: letters.length, deadLetters: letters.length }, 0)
}

async function resolve(
  { encoded, tuple }: Traits,
  writer: Writer,
  partition: Partition,
  letter: number,
): Promise<void> {
  const { table, id, after, upTo } = partition
  await using open = await claim(writer, { table, partition: id, seq: 0, last: false, after, upTo })
  await open.write([encoded([tuple('a', 1)])])
  expect(await open.resolve([letter])).toBe(1)
  await open.commit({ ...noCounts, written: 1, deadLetters: -1 }, 0)
}

async function coerce(
  { encoded, tuple }: Traits,
  writer: Writer,
  id: BatchId,
  uses: readonly CoercionUse[],
): Promise<void> {
  await using open = await claim(writer, id)
  await open.write([encoded([tuple(`${id.seq}`, 1)])])
  await open.coerced(uses)
  await open.commit({ ...noCounts, read: 1, written: 1 }, 0)
}
