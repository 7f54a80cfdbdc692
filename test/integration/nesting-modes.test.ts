import { describe, expect, it } from 'vitest'
import type { MigrateOptions } from '../../src/index.ts'
import type { BothDatabases, Keyed } from '../support/both-databases.ts'
import { migrate } from '../support/migrate.ts'
import { sharedDatabases } from '../support/shared-databases.ts'

const way = { nest: { items: 'table', 'items.parts': 'table' }, workers: 2 } as const

const shared = sharedDatabases()

const first: readonly Keyed[] = [
  {
    _id: 1,
    items: [
      { sku: 'a', parts: ['x', 'y'] },
      { sku: 'b', parts: [] },
    ],
  },
  { _id: 2, items: [] },
]
const second: readonly Keyed[] = [
  { _id: 3, items: [{ sku: 'c', parts: ['z'] }] },
  { _id: 4, items: null },
]

async function insert({ db }: BothDatabases, rows: readonly Keyed[]): Promise<void> {
  await db.collection<Keyed>('rows').insertMany([...rows])
}

async function replace(both: BothDatabases, rows: readonly Keyed[]): Promise<void> {
  await both.db.collection<Keyed>('rows').deleteMany({})
  await insert(both, rows)
}

/** What is in the three tables. */
async function contents({ sql }: BothDatabases): Promise<unknown> {
  const [rows, items, parts] = [
    await sql('select _id as id, items_count as n from rows order by 1'),
    await sql('select rows_id as id, ordinal, sku, parts_count as n from rows_items order by 1, 2'),
    await sql('select rows_id as id, items_ordinal as item, ordinal, value from rows_items_parts order by 1, 2, 3'),
  ]
  const lines = (of: readonly Record<string, unknown>[]): readonly string[] =>
    of.map((row) => Object.values(row).join(' '))
  return { rows: lines(rows), items: lines(items), parts: lines(parts) }
}

const firstContents = { rows: ['1 2', '2 0'], items: ['1 1 a 2', '1 2 b 0'], parts: ['1 1 1 x', '1 1 2 y'] }
const secondContents = { rows: ['3 1', '4 '], items: ['3 1 c 1'], parts: ['3 1 1 z'] }
const bothContents = {
  rows: [...firstContents.rows, ...secondContents.rows],
  items: [...firstContents.items, ...secondContents.items],
  parts: [...firstContents.parts, ...secondContents.parts],
}

/** Names of all keys and references, with whether they are valid. */
async function constraints({ sql }: BothDatabases): Promise<readonly unknown[]> {
  const found = await sql(
    `select conname as name from pg_constraint
     where connamespace = 'public'::regnamespace and contype in ('p', 'f') and convalidated order by 1`,
  )
  return found.map(({ name }) => name)
}

const built = [
  'rows_items_parent_fkey',
  'rows_items_parts_parent_fkey',
  'rows_items_parts_pkey',
  'rows_items_pkey',
  'rows_pkey',
]

const ok = { state: 'done', error: null, verification: { equal: true } }

async function again(both: BothDatabases, change: Partial<MigrateOptions>): Promise<unknown> {
  const { from, to } = both
  return migrate({ from, to, ...way, ...change }).catch((error: unknown) => error)
}

describe('tables with child tables that are there already', () => {
  it('are refused by create, where the child table alone holds rows too', async () => {
    const both = shared()
    await insert(both, first)
    expect(await again(both, {})).toMatchObject(ok)
    await replace(both, second)
    expect(await again(both, {})).toMatchObject({ code: 'target-not-empty' })
    await both.sql('alter table rows_items_parts drop constraint rows_items_parts_parent_fkey')
    await both.sql('alter table rows_items drop constraint rows_items_parent_fkey')
    await both.sql('truncate rows')
    expect(await again(both, {})).toMatchObject({
      code: 'target-not-empty',
      message: expect.stringContaining('public.rows_items ') as string,
    })
    expect(await both.sql('select count(*)::int as n from rows_items')).toEqual([{ n: 2 }])
  })

  it.each(['append', 'truncate', 'recreate'] as const)('take the rows of --mode %s', async (mode) => {
    const both = shared()
    await insert(both, first)
    expect(await again(both, {})).toMatchObject(ok)
    expect(await contents(both)).toEqual(firstContents)
    await replace(both, second)
    expect(await again(both, { mode })).toMatchObject({ ...ok, totals: { written: 2, derived: 2 } })
    expect(await contents(both)).toEqual(mode === 'append' ? bothContents : secondContents)
    expect(await constraints(both)).toEqual(built)
    // Once more the same rows: what is there stops an append, and nothing of it is written.
    const refused = { state: 'stopped', error: { code: 'too-many-dead-letters' } }
    expect(await again(both, { mode })).toMatchObject(mode === 'append' ? refused : ok)
    expect(await contents(both)).toEqual(mode === 'append' ? bothContents : secondContents)
  })

  it.each(['create', 'append', 'truncate'] as const)('are taken empty as they are by --mode %s', async (mode) => {
    const both = shared()
    await insert(both, first)
    await both.sql('create table rows (_id bigint primary key, items_count integer)')
    await both.sql('create table rows_items (sku varchar(9), extra int, rows_id bigint, ordinal int, parts_count int)')
    await both.sql('create table rows_items_parts (rows_id bigint, items_ordinal int, ordinal int, value text)')
    expect(await again(both, { mode })).toMatchObject({ ...ok, totals: { written: 2, derived: 4 } })
    expect(await contents(both)).toEqual(firstContents)
    expect(await constraints(both)).toEqual(['rows_pkey'])
  })

  it.each(['append', 'truncate', 'create'] as const)(
    'get a child table that is missing below a parent that stays (%s)',
    async (mode) => {
      const both = shared()
      await insert(both, first)
      expect(await again(both, {})).toMatchObject(ok)
      await both.sql('drop table rows_items_parts')
      if (mode === 'create') await both.sql('truncate rows, rows_items')
      await replace(both, second)
      expect(await again(both, { mode })).toMatchObject({ ...ok, totals: { written: 2, derived: 2 } })
      const expected = mode === 'append' ? bothContents : secondContents
      expect(await contents(both)).toEqual({ ...expected, parts: secondContents.parts })
      expect(await constraints(both)).toEqual(built)
    },
  )

  it('get the columns that appended elements have beyond theirs', async () => {
    const both = shared()
    await insert(both, first)
    expect(await again(both, {})).toMatchObject(ok)
    await replace(both, [{ _id: 3, items: [{ sku: 'c', weight: 1.5, parts: [] }, 'lone'] }])
    expect(await again(both, { mode: 'append', onDrift: 'stop' })).toMatchObject({ code: 'target-incompatible' })
    expect(await again(both, { mode: 'append' })).toMatchObject({ ...ok, totals: { written: 1, derived: 2 } })
    const found = await both.sql('select ordinal, sku, weight, value from rows_items where rows_id = 3 order by 1')
    expect(found).toEqual([
      { ordinal: 1, sku: 'c', weight: 1.5, value: null },
      { ordinal: 2, sku: null, weight: null, value: 'lone' },
    ])
  })

  it('are not dropped where something else depends on them', async () => {
    const both = shared()
    await insert(both, first)
    expect(await again(both, {})).toMatchObject(ok)
    await both.sql('create view skus as select sku from rows_items')
    expect(await again(both, { mode: 'recreate' })).toMatchObject({
      code: 'target-in-use',
      message: expect.stringMatching(/rows_items.*public\.skus/) as string,
    })
    expect(await contents(both)).toEqual(firstContents)
  })
})

describe('upsert of rows with child tables', () => {
  it('replaces the elements of the rows that are there, and leaves the others alone', async () => {
    const both = shared()
    await insert(both, [...first, ...second])
    expect(await again(both, {})).toMatchObject(ok)
    await replace(both, [
      { _id: 1, items: [{ sku: 'new', parts: ['q'] }] },
      { _id: 4, items: [] },
      { _id: 5, items: ['lone'] },
    ])
    expect(await again(both, { mode: 'upsert' })).toMatchObject({ ...ok, totals: { read: 3, written: 3 } })
    expect(await contents(both)).toEqual({
      rows: ['1 1', '2 0', '3 1', '4 0', '5 1'],
      items: ['1 1 new 1', '3 1 c 1', '5 1  '],
      parts: ['1 1 1 q', '3 1 1 z'],
    })
  })

  it.each(['skip', 'update'] as const)('is what --on-conflict %s says where rows meet', async (onConflict) => {
    const both = shared()
    await insert(both, first)
    expect(await again(both, {})).toMatchObject(ok)
    await replace(both, [{ _id: 1, items: [{ sku: 'new' }] }, ...second])
    const skips = onConflict === 'skip'
    expect(await again(both, { mode: 'append', onConflict })).toMatchObject({
      ...ok,
      totals: { read: 3, written: skips ? 2 : 3, skipped: skips ? 1 : 0 },
    })
    const changed = { rows: ['1 1', '2 0'], items: ['1 1 new '], parts: [] }
    const kept = skips ? firstContents : changed
    expect(await contents(both)).toEqual({
      rows: [...kept.rows, ...secondContents.rows],
      items: [...kept.items, ...secondContents.items],
      parts: [...kept.parts, ...secondContents.parts],
    })
  })
})
