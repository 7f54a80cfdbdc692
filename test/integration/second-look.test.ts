import { describe, expect, it } from 'vitest'
import { databases, type Keyed } from '../support/both-databases.ts'
import { migrate } from '../support/migrate.ts'

describe('documents that tell little of themselves', () => {
  it('that are always empty can be flattened, and get columns when fields come', async () => {
    await using both = await databases()
    const { from, to, db } = both
    const rows = Array.from({ length: 40 }, (_, n) => ({ _id: n, profile: n === 20 ? { level: n } : {} }))
    await db.collection<Keyed>('users').insertMany(rows)
    const result = await migrate({ from, to, nest: { profile: 'column' }, sampleRows: 1, batchRows: 10 })
    expect(result).toMatchObject({ state: 'done', error: null, totals: { written: 40 } })
    expect(await both.sql('select _id, profile_level from users where profile_level is not null')).toEqual([
      { _id: 20, profile_level: 20 },
    ])
  })

  it('do not stop an incremental copy whose few rows lack what options name', async () => {
    await using both = await databases()
    const { from, to, db } = both
    const users = db.collection<Keyed>('users')
    const rows = Array.from({ length: 20 }, (_, n) => ({ _id: n, at: n, items: [{ n }], nick: `n${n}` }))
    await users.insertMany(rows)
    const options = { from, to, since: { at: 'last' }, nest: { items: 'table' }, rename: { nick: 'alias' } } as const
    expect(await migrate(options)).toMatchObject({ state: 'done', totals: { written: 20, derived: 20 } })
    await users.insertOne({ _id: 100, at: 100 })
    // The row with the mark's own value comes again, the new one lacks every field that is named.
    expect(await migrate({ ...options, mode: 'upsert' })).toMatchObject({ state: 'done', totals: { read: 2 } })
    expect(await both.sql('select count(*)::int as n, count(alias)::int as named from users')).toEqual([
      { n: 21, named: 20 },
    ])
  })

  it('leave a table that can be merged into, when their index cannot be built', async () => {
    await using both = await databases()
    const { from, to, db } = both
    const users = db.collection<Keyed>('users')
    await users.insertMany([
      { _id: 1, code: 'a' },
      { _id: 2, code: 'b' },
    ])
    await users.createIndex({ code: 1 }, { unique: true })
    const same = { code: 'constant(x)' }
    const first = await migrate({ from, to, map: same })
    expect(first).toMatchObject({ state: 'stopped', error: { code: 'key-violation' } })
    expect(await both.sql('select state from drover.migration')).toEqual([{ state: 'done' }])
    await users.insertOne({ _id: 3, code: 'c' })
    expect(await migrate({ from, to, mode: 'append', where: '{"_id":3}' })).toMatchObject({ state: 'done' })
    const again = await migrate({ from, to, mode: 'append', where: '{"_id":3}', onError: 'stop' })
    expect(again).toMatchObject({ state: 'stopped', error: { code: 'row-rejected' } })
    expect(again.error?.hint).toContain('--on-conflict')
  })

  it('can be nested another way when their table is recreated', async () => {
    await using both = await databases()
    const { from, to, db } = both
    await db.collection<Keyed>('orders').insertOne({ _id: 1, items: [{ parts: [{ n: 1 }] }], tags: ['a'] })
    const tables = `select string_agg(tablename, ' ' order by tablename) as names from pg_tables where schemaname = 'public'`
    const nested = { items: 'table', 'items.parts': 'table', tags: 'table' } as const
    expect(await migrate({ from, to, nest: nested })).toMatchObject({ state: 'done', totals: { derived: 3 } })
    const notices: string[] = []
    const onNotice = ({ message }: { readonly message: string }): void => void notices.push(message)
    const again = await migrate({ from, to, mode: 'recreate', nest: { tags: 'table' }, onNotice })
    expect(again).toMatchObject({ state: 'done', totals: { derived: 1 } })
    expect(notices.filter((notice) => notice.startsWith('drops '))).toEqual([
      'drops public.orders_items, a child table of an earlier copy',
      'drops public.orders_items_parts, a child table of an earlier copy',
    ])
    expect(await both.sql(tables)).toEqual([{ names: 'orders orders_tags' }])
    await both.sql('create view looking as select * from orders_tags')
    const flat = migrate({ from, to, mode: 'recreate' })
    await expect(flat).rejects.toMatchObject({ code: 'target-in-use' })
    await both.sql('drop view looking')
    expect(await migrate({ from, to, mode: 'recreate' })).toMatchObject({ state: 'done', totals: { derived: 0 } })
    expect(await both.sql(tables)).toEqual([{ names: 'orders' }])
  })
})
