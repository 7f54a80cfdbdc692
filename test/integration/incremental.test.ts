import { describe, expect, it } from 'vitest'
import type { MigrateOptions, MigrationResult } from '../../src/index.ts'
import type { BothDatabases, Keyed } from '../support/both-databases.ts'
import { migrate } from '../support/migrate.ts'
import { sharedDatabases } from '../support/shared-databases.ts'

const shared = sharedDatabases()

const at = (n: number): Date => new Date(1.7e12 + n * 1000)

interface Pass {
  readonly result: MigrationResult
  readonly notices: readonly string[]
}

/** One pass of a copy that goes on from the one before. */
async function pass({ from, to }: BothDatabases, options: Partial<MigrateOptions> = {}): Promise<Pass> {
  const notices: string[] = []
  const onNotice = ({ message }: { readonly message: string }): void => void notices.push(message)
  const way = { mode: 'upsert', since: { updatedAt: 'last' }, batchRows: 50, workers: 2, onNotice } as const
  return { result: await migrate({ from, to, ...way, ...options }), notices }
}

async function ids({ sql }: BothDatabases, table = 'events'): Promise<readonly unknown[]> {
  return (await sql(`select _id from ${table} order by _id`)).map((row) => row['_id'])
}

const upTo = (n: number): readonly number[] => Array.from({ length: n }, (_, i) => i)

/** 200 rows with times, ten to a second, and three without. */
async function seeded(): Promise<BothDatabases> {
  const both = shared()
  const events = upTo(203).map((n) => ({ _id: n, n, ...(n < 200 ? { updatedAt: at(Math.floor(n / 10)) } : {}) }))
  await both.db.collection<Keyed>('events').insertMany(events)
  return both
}

describe('a copy that goes on from the last one', () => {
  it.each(['paged', 'partitioned'] as const)(
    'takes everything first, and then what is new, ties too (%s)',
    async (feed) => {
      const both = await seeded()
      const events = both.db.collection<Keyed>('events')
      const first = await pass(both, { feed })
      expect(first.result).toMatchObject({ state: 'done', totals: { read: 203, written: 203 } })
      expect(first.notices.join('\n')).toContain('every row')
      expect(await ids(both)).toEqual(upTo(203))

      // Nothing new: the rows of the last second are read again and stay as they are.
      const again = await pass(both, { feed })
      expect(again.result).toMatchObject({ state: 'done', totals: { read: 10 }, verification: { equal: true } })
      expect(again.notices.join('\n')).not.toContain('every row')

      // Two rows that came late within the second of the mark, one behind it, one changed, and one without the field.
      await events.insertMany([
        { _id: 300, updatedAt: at(19) },
        { _id: 301, updatedAt: at(19) },
        { _id: 302, updatedAt: at(20) },
        { _id: 303 },
      ])
      await events.updateOne({ _id: 5 }, { $set: { n: -5, updatedAt: at(21) } })
      const second = await pass(both, { feed })
      expect(second.result).toMatchObject({ state: 'done', totals: { read: 14 }, verification: { equal: true } })
      expect(await ids(both)).toEqual([...upTo(203), 300, 301, 302])
      expect(await both.sql('select n from events where _id = 5')).toEqual([{ n: -5 }])
    },
  )

  it('leaves to the next pass what comes after it was planned', async () => {
    const both = await seeded()
    const events = both.db.collection<Keyed>('events')
    let changed: Promise<unknown> | undefined
    const onProgress: MigrateOptions['onProgress'] = ({ phase }) => {
      if (phase !== 'copy' || changed !== undefined) return
      const inserted = events.insertOne({ _id: 1000, updatedAt: at(100) })
      const updated = events.updateOne({ _id: 150 }, { $set: { n: -1, updatedAt: at(101) } })
      changed = Promise.all([inserted, updated])
    }
    const first = await pass(both, { onProgress })
    await changed
    expect(first.result).toMatchObject({ state: 'done', verification: { equal: true } })
    expect(await both.sql(`select value from drover.mark`)).toEqual([
      { value: `{"$date":{"$numberLong":"${at(19).getTime()}"}}` },
    ])
    expect(await ids(both)).not.toContain(1000)
    const second = await pass(both)
    expect(second.result).toMatchObject({ state: 'done', verification: { equal: true } })
    expect(await ids(both)).toEqual([...upTo(203), 1000])
    expect(await both.sql('select n from events where _id = 150')).toEqual([{ n: -1 }])
  })

  it('keeps the mark of the pass before where a run fails', async () => {
    const both = await seeded()
    const events = both.db.collection<Keyed>('events')
    await pass(both)
    const marks = await both.sql('select value, migration from drover.mark')
    expect(marks).toHaveLength(1)
    await events.insertOne({ _id: 400, updatedAt: at(30), text: 'a\0b' })
    const failed = await pass(both)
    expect(failed.result).toMatchObject({ state: 'stopped', error: { code: 'too-many-dead-letters' } })
    expect(await both.sql('select value, migration from drover.mark')).toEqual(marks)
  })

  it('leaves no mark where the first run fails', async () => {
    const both = await seeded()
    await both.db.collection<Keyed>('events').insertOne({ _id: 400, updatedAt: at(1), text: 'a\0b' })
    expect((await pass(both)).result.state).toBe('stopped')
    expect(await both.sql('select 1 from drover.mark')).toEqual([])
  })

  it('has a mark for each table of the source, and of the target', async () => {
    const both = await seeded()
    await both.db.collection<Keyed>('visits').insertMany(upTo(30).map((n) => ({ _id: n, updatedAt: at(n) })))
    const first = await pass(both)
    expect(first.result).toMatchObject({ state: 'done', totals: { read: 233 } })
    expect(await both.sql('select count(*)::int as n from drover.mark')).toEqual([{ n: 2 }])
    await both.db.collection<Keyed>('visits').insertOne({ _id: 30, updatedAt: at(30) })
    const second = await pass(both)
    const read = second.result.tables.map(({ source, read }) => [source, read])
    expect(read).toEqual([
      ['events', 10],
      ['visits', 2],
    ])
    await both.sql('create schema copy')
    const elsewhere = await pass(both, { targetSchema: 'copy', tables: ['visits'] })
    expect(elsewhere.result).toMatchObject({ state: 'done', totals: { read: 31 } })
  })

  it.each(['recreate', 'truncate', 'create'] as const)(
    'takes everything again where the table begins anew (%s)',
    async (mode) => {
      const both = await seeded()
      await pass(both)
      if (mode === 'create') await both.sql('drop table events')
      const { result, notices } = await pass(both, { mode })
      expect(result).toMatchObject({ state: 'done', totals: { read: 203 }, verification: { equal: true } })
      expect(notices.join('\n')).toContain('every row')
      expect(await ids(both)).toEqual(upTo(203))
      expect((await pass(both)).result).toMatchObject({ state: 'done', totals: { read: 10 } })
    },
  )

  it('takes of the new rows only those of the filter', async () => {
    const both = await seeded()
    const where = '{"n": {"$mod": [2, 0]}}'
    const first = await pass(both, { where })
    expect(first.result).toMatchObject({ state: 'done', totals: { read: 102 } })
    const more = upTo(20).map((n) => ({ _id: 500 + n, n, updatedAt: at(50) }))
    await both.db.collection<Keyed>('events').insertMany(more)
    const second = await pass(both, { where, feed: 'partitioned' })
    expect(second.result).toMatchObject({ state: 'done', totals: { read: 15 }, verification: { equal: true } })
  })

  it('refuses to go on where the highest value is now of another type, which would hide the rest', async () => {
    const both = await seeded()
    await pass(both, { since: { n: 'last' } })
    const events = both.db.collection<Keyed>('events')
    await events.insertMany([
      { _id: 600, n: 600 },
      { _id: 601, n: 'six hundred' },
    ])
    await expect(pass(both, { since: { n: 'last' } })).rejects.toMatchObject({
      code: 'invalid-value',
      message: expect.stringMatching(/n of events.*"six hundred"/) as unknown,
    })
  })

  it('goes on where a number is only of another kind', async () => {
    const both = await seeded()
    const { Long } = await import('mongodb')
    await pass(both, { since: { n: 'last' }, cast: { n: 'decimal' } })
    await both.db.collection<Keyed>('events').insertMany([
      { _id: 600, n: Long.fromString('9007199254740993') },
      { _id: 601, n: 202.5 },
    ])
    const { result } = await pass(both, { since: { n: 'last' } })
    expect(result).toMatchObject({ state: 'done', totals: { read: 3, written: 3 } })
    expect(await both.texts('select n from events where _id >= 600 order by 1')).toEqual([
      { n: '202.5' },
      { n: '9007199254740993' },
    ])
  })
})
