import { describe, expect, it } from 'vitest'
import type { BufferPool, Source } from '../../src/connectors/contract.ts'
import type { Selection } from '../../src/connectors/planned-table.ts'
import { samePosition, type Batch, type BatchLimits, type Bounds } from '../../src/core/batch.ts'

/** A source with one ordered table of as many rows as were asked for. */
export interface SourceUnderTest extends AsyncDisposable {
  readonly source: Source
  readonly table: string
}

const never = new AbortController().signal
const unlimited: BatchLimits = { rows: Infinity, bytes: Infinity }
const open: Bounds = { after: null, upTo: null }

/** What every {@link Source} must do. */
export function describeSource(name: string, make: (rows: number) => Promise<SourceUnderTest>): void {
  describe(`source ${name}`, () => {
    it('is ready, and describes its table', async () => {
      await using under = await make(3)
      const findings = await under.source.check(never)
      expect(findings.filter(({ level }) => level === 'error')).toEqual([])
      const tables = await under.source.describe(never)
      expect(tables.find((table) => table.name === under.table)).toMatchObject({ skipped: null, ordered: true })
      expect(tables.map((table) => table.name)).toEqual(tables.map((table) => table.name).toSorted())
    })

    it.each([0, 1, 6, 7, 8, 100])('reads %i rows once each, whatever the partitions and limits', async (rows) => {
      await using under = await make(rows)
      const whole = await readRange(under, open, unlimited)
      expect(whole).toHaveLength(1)
      const expected = rowsOf(whole)
      expect(new Set(expected).size).toBe(rows)
      expect(await under.source.count(all(under), never)).toBe(rows)
      for (const count of [1, 3, 16]) {
        for (const limits of [
          { ...unlimited, rows: 7 },
          { ...unlimited, bytes: 300 },
          { rows: 1, bytes: 1 },
        ]) {
          const bounds = await under.source.partition(all(under), count, never)
          expect(bounds.length).toBeLessThanOrEqual(count)
          expectContiguous(open, bounds)
          const read: string[] = []
          for (const range of bounds) read.push(...rowsOf(await checkedRange(under, range, limits)))
          expect(read).toEqual(expected)
        }
      }
    })

    it('gives the same rows when a batch is read again', async () => {
      await using under = await make(50)
      for (const batch of await readRange(under, open, { ...unlimited, rows: 8 })) {
        const [again, ...more] = await readRange(under, batch.id, unlimited)
        expect(more).toEqual([])
        expect(again?.id).toMatchObject({ after: batch.id.after, upTo: batch.id.upTo, last: true })
        expect(rowsOf(again === undefined ? [] : [again])).toEqual(rowsOf([batch]))
      }
    })

    it.each([1, 7, 49, 50, 51])('resolves a limit of %i rows to a bound', async (limit) => {
      await using under = await make(50)
      const selection = { ...all(under), limit }
      expect(await under.source.count(selection, never)).toBe(Math.min(limit, 50))
      const bounds = await under.source.partition(selection, 4, never)
      expectContiguous({ after: null, upTo: bounds.at(-1)?.upTo ?? null }, bounds)
      const read: string[] = []
      for (const range of bounds) read.push(...rowsOf(await readRange(under, range, unlimited, selection)))
      const first = rowsOf(await readRange(under, open, unlimited)).slice(0, limit)
      expect(read).toEqual(first)
    })

    it('has nothing to read under a limit of 0', async () => {
      await using under = await make(5)
      const selection = { ...all(under), limit: 0 }
      expect(await under.source.count(selection, never)).toBe(0)
      expect(await under.source.partition(selection, 4, never)).toEqual([])
    })

    it('samples every row of a small table', async () => {
      await using under = await make(20)
      const all20 = await under.source.sample(all(under), { rows: 100, bytes: 1_000_000, seconds: 60 }, never)
      expect(all20.complete).toBe(true)
      expect(rowsOf(all20.batches)).toEqual(rowsOf(await readRange(under, open, unlimited)))
      const some = await under.source.sample(all(under), { rows: 2, bytes: 1_000_000, seconds: 60 }, never)
      expect(some.complete).toBe(false)
      expect(rowsOf(some.batches).length).toBeGreaterThan(0)
    })

    it('stops with the reason of the signal', async () => {
      await using under = await make(50)
      const controller = new AbortController()
      const reason = new Error('enough')
      const reading = async (): Promise<void> => {
        const options = { firstSeq: 0, limits: { ...unlimited, rows: 1 }, pool: plainPool() }
        const partition = { ...open, id: 1, table: under.table }
        for await (const batch of under.source.read(all(under), partition, options, controller.signal)) {
          if (batch.id.seq === 3) controller.abort(reason)
          if (batch.id.seq === 10) throw new Error('it went on')
        }
      }
      await expect(reading()).rejects.toBe(reason)
      await expect(under.source.count(all(under), controller.signal)).rejects.toBe(reason)
      await expect(under.source.describe(controller.signal)).rejects.toBe(reason)
    })

    it('refuses a table that is not there', async () => {
      await using under = await make(0)
      const selection = { ...all(under), table: 'no such table' }
      await expect(under.source.count(selection, never)).rejects.toMatchObject({ code: 'missing-table' })
    })
  })
}

/** Memory that counts what it handed out. */
export function plainPool(): BufferPool & { readonly out: number } {
  let out = 0
  return {
    get out() {
      return out
    },
    take(size) {
      out++
      return new Uint8Array(size)
    },
    give() {
      out--
    },
  }
}

/** The rows of batches as text. */
export function rowsOf(batches: readonly Batch[]): string[] {
  return batches.flatMap(({ rows, bytes, offsets }) =>
    Array.from({ length: rows }, (_, row) =>
      Buffer.from(bytes.subarray(offsets[row], offsets[row + 1])).toString('hex'),
    ),
  )
}

/** The batches of one range. */
export async function readRange(
  { source, table }: Pick<SourceUnderTest, 'source' | 'table'>,
  { after, upTo }: Bounds,
  limits: BatchLimits,
  selection: Selection = { table, where: null, fields: null, limit: null },
): Promise<readonly Batch[]> {
  const options = { firstSeq: 0, limits, pool: plainPool() }
  const batches: Batch[] = []
  for await (const batch of source.read(selection, { id: 1, table, after, upTo }, options, never)) batches.push(batch)
  return batches
}

function all({ table }: SourceUnderTest): Selection {
  return { table, where: null, fields: null, limit: null }
}

/** Reads a range and checks what every batch must be. */
async function checkedRange(under: SourceUnderTest, range: Bounds, limits: BatchLimits): Promise<readonly Batch[]> {
  const batches = await readRange(under, range, limits)
  expectContiguous(
    range,
    batches.map(({ id }) => id),
  )
  for (const [index, { id, format, rows, bytes, offsets }] of batches.entries()) {
    expect(id).toMatchObject({ table: under.table, partition: 1, seq: index, last: index === batches.length - 1 })
    expect(format).toBe(under.source.format)
    expect(offsets).toHaveLength(rows + 1)
    expect(offsets[0]).toBe(0)
    expect(offsets[rows]).toBe(bytes.length)
    expect(rows).toBeLessThanOrEqual(limits.rows)
    expect(rows === 1 || bytes.length <= limits.bytes).toBe(true)
    expect(rows > 0 || batches.length === 1).toBe(true)
  }
  return batches
}

function expectContiguous(range: Bounds, parts: readonly Bounds[]): void {
  expect(parts.length).toBeGreaterThan(0)
  const ends = [range.after, ...parts.map((part) => part.upTo)]
  for (const [index, part] of parts.entries()) expect(samePosition(part.after, ends[index] ?? null)).toBe(true)
  expect(samePosition(parts.at(-1)?.upTo ?? null, range.upTo)).toBe(true)
}
