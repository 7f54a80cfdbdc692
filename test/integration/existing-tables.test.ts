import { Long } from 'mongodb'
import { describe, expect, it } from 'vitest'
import { databases, type Keyed } from '../support/both-databases.ts'
import { migrate } from '../support/migrate.ts'

const people = 'create table people (_id integer primary key, n integer, born timestamptz)'
const wide = Long.fromString('9007199254740993')

describe('a table that was there', () => {
  it('gets wider numbers where it may evolve, when planned and when surprised', async () => {
    for (const sampleRows of [1000, 1]) {
      await using both = await databases()
      const { from, to, db } = both
      await both.sql(people)
      const rows = Array.from({ length: 40 }, (_, n) => ({ _id: n, n: n === 20 ? wide : n, born: new Date(n) }))
      await db.collection<Keyed>('people').insertMany(rows)
      const result = await migrate({ from, to, mode: 'append', sampleRows, batchRows: 10 })
      expect(result).toMatchObject({ state: 'done', error: null, totals: { written: 40 } })
      expect(await both.sql('select n::text, pg_typeof(n)::text as type from people where _id = 20')).toEqual([
        { n: '9007199254740993', type: 'bigint' },
      ])
    }
  })

  it('is left as it is where drift is to stop the run', async () => {
    await using both = await databases()
    const { from, to, db } = both
    await both.sql(people)
    await db.collection<Keyed>('people').insertMany([{ _id: 1, n: wide, born: new Date(1) }])
    const running = migrate({ from, to, mode: 'append', onDrift: 'stop' })
    await expect(running).rejects.toMatchObject({
      code: 'target-incompatible',
      message: expect.stringContaining('"n"'),
    })
  })

  it('keeps its columns what they are: dates do not become jsonb', async () => {
    await using both = await databases()
    const { from, to, db } = both
    await both.sql(people)
    const rows = Array.from({ length: 40 }, (_, n) => ({ _id: n, n, born: n === 20 ? 'in spring' : new Date(n) }))
    await db.collection<Keyed>('people').insertMany(rows)
    const planned = migrate({ from, to, mode: 'append' })
    await expect(planned).rejects.toMatchObject({ code: 'target-incompatible' })
    const notices: string[] = []
    const onNotice = ({ message }: { readonly message: string }): void => void notices.push(message)
    const surprised = await migrate({ from, to, mode: 'append', sampleRows: 1, batchRows: 10, onNotice })
    expect(surprised).toMatchObject({ state: 'stopped', error: { code: 'schema-drift' } })
    expect(surprised.error?.message).toContain('born')
    expect(notices.filter((notice) => notice.startsWith('not done: '))).toHaveLength(1)
    expect(await both.sql('select pg_typeof(born)::text as type from people limit 1')).toEqual([
      { type: 'timestamp with time zone' },
    ])
  })

  it.each([{ mode: 'upsert' as const }, { mode: 'append' as const, onConflict: 'update' as const }])(
    'can be merged into again after a merge that stopped ($mode)',
    async (merging) => {
      await using both = await databases()
      const { from, to, db } = both
      await both.sql(people)
      const collection = db.collection<Keyed>('people')
      const rows = Array.from({ length: 40 }, (_, n) => ({ _id: n, n, born: n === 20 ? 'in spring' : new Date(n) }))
      await collection.insertMany(rows)
      const options = { from, to, ...merging, sampleRows: 1, batchRows: 10 }
      expect(await migrate(options)).toMatchObject({ state: 'stopped' })
      await collection.updateOne({ _id: 20 }, { $set: { born: new Date(20) } })
      expect(await migrate(options)).toMatchObject({ state: 'done', totals: { written: 40 } })
      expect(await both.sql('select count(*)::int as n from people')).toEqual([{ n: 40 }])
      expect(await both.sql('select state from drover.migration order by began_at')).toEqual([
        { state: 'superseded' },
        { state: 'done' },
      ])
    },
  )
})
