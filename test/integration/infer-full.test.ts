import { describe, expect, it } from 'vitest'
import { plan, type MigrateOptions } from '../../src/index.ts'
import { databases, type BothDatabases, type Keyed } from '../support/both-databases.ts'
import { temporaryFolder } from '../support/dump.ts'
import { insertRaw } from '../support/insert-raw.ts'
import { migrate } from '../support/migrate.ts'
import { sharedDatabases } from '../support/shared-databases.ts'
import { workerPids } from '../support/worker-pids.ts'
import { rawDocument } from '../unit/format/samples.ts'

const ROWS = 4000
/** The one row of another shape, where no sample of a few rows looks. */
const ODD = 2223

async function seedOdd({ db }: BothDatabases): Promise<void> {
  const plain = (n: number): Keyed => ({ _id: n, n, list: [n], nested: { n }, items: [{ n }] })
  const odd: Keyed = {
    _id: ODD,
    n: 'odd',
    list: ['odd'],
    nested: { n: 0.5, more: true },
    items: [{ n: 'odd' }, 7],
    late: 1,
  }
  const rows = Array.from({ length: ROWS }, (_, n) => (n === ODD ? odd : plain(n)))
  await db.collection<Keyed>('rows').insertMany(rows)
}

const full: Partial<MigrateOptions> = {
  infer: 'full',
  sampleRows: 1,
  batchRows: 100,
  workers: 2,
  // Whatever the survey has overlooked would stop the run.
  onDrift: 'stop',
  nest: { nested: 'column', items: 'table' },
}

async function typesOf({ sql }: BothDatabases): Promise<unknown> {
  const types = await sql(
    `select table_name || '.' || column_name as name, data_type as type from information_schema.columns
     where table_schema = 'public'`,
  )
  return Object.fromEntries(types.map(({ name, type }) => [name, type]))
}

const types = {
  'rows._id': 'integer',
  'rows.n': 'jsonb',
  'rows.list': 'jsonb',
  'rows.nested_n': 'double precision',
  'rows.nested_more': 'boolean',
  'rows.items_count': 'integer',
  'rows.late': 'integer',
  'rows_items.rows_id': 'integer',
  'rows_items.ordinal': 'integer',
  'rows_items.n': 'jsonb',
  'rows_items.value': 'integer',
}

describe('--infer full', () => {
  const shared = sharedDatabases(seedOdd)

  it.each([{ isolation: 'threads' }, { isolation: 'inline' }] as const)(
    'sees what one row in the middle has ($isolation)',
    async ({ isolation }) => {
      const both = shared()
      const { from, to } = both
      const result = await migrate({ from, to, ...full, isolation })
      expect(result.error).toBeNull()
      expect(result).toMatchObject({ state: 'done', totals: { written: ROWS, derived: ROWS + 1 } })
      expect(await typesOf(both)).toEqual(types)
      expect(await both.texts(`select * from rows where _id = ${ODD}`)).toEqual([
        { _id: `${ODD}`, n: '"odd"', list: '["odd"]', nested_n: '0.5', nested_more: 't', items_count: '2', late: '1' },
      ])
    },
  )

  it('sees what a transform has made of it', async () => {
    const both = shared()
    await using folder = temporaryFolder()
    const transform = await folder.write(
      'transform.ts',
      `export default (row) => {
         if (row._id % 2 === 0) return null
         return { _id: row._id, n: row.n === 'odd' ? 0.25 : row.n, ...(row.late === 1 ? { made: 'here' } : {}) }
       }`,
    )
    const { from, to } = both
    const { nest: _, ...rest } = full
    const result = await migrate({ from, to, ...rest, isolation: 'processes', transform })
    expect(result.error).toBeNull()
    expect(result).toMatchObject({ state: 'done', totals: { read: ROWS, written: ROWS / 2, filtered: ROWS / 2 } })
    expect(await typesOf(both)).toEqual({
      'rows._id': 'integer',
      'rows.n': 'double precision',
      'rows.made': 'text',
    })
    expect(await both.texts('select * from rows where made is not null')).toEqual([
      { _id: `${ODD}`, n: '0.25', made: 'here' },
    ])
  })

  it('needs no column for what is in rows that are not selected', async () => {
    const both = shared()
    const { from, to } = both
    const selected = { where: `{"_id": {"$gt": ${ODD}}}`, limit: 100, nest: { nested: 'column' } }
    const result = await migrate({ from, to, ...full, ...selected })
    expect(result).toMatchObject({ state: 'done', totals: { read: 100 } })
    expect(await typesOf(both)).toMatchObject({ 'rows.n': 'integer', 'rows.nested_n': 'integer' })
  })

  it('loses no row, and counts none twice, with worker processes that die meanwhile', async () => {
    const both = shared()
    await using folder = temporaryFolder()
    // Whoever comes to one of these rows first is gone, with all that it had seen.
    const transform = await folder.write(
      'transform.ts',
      `import { existsSync, writeFileSync } from 'node:fs'
       export default (row) => {
         const mark = new URL('died-' + row._id, import.meta.url)
         if ([600, ${ODD}, 3400].includes(row._id) && !existsSync(mark)) {
           writeFileSync(mark, '')
           process.kill(process.pid, 'SIGKILL')
         }
         return row
       }`,
    )
    const { from, to } = both
    const notices: string[] = []
    const onNotice: MigrateOptions['onNotice'] = ({ message }) => void notices.push(message)
    const found = await plan({ from, to, ...full, transform, isolation: 'processes', onNotice })
    expect(notices.filter((notice) => notice.includes('SIGKILL'))).toHaveLength(3)
    const [table] = found.tables
    expect(table?.sample).toMatchObject({ rows: ROWS, complete: true })
    const ofField = table?.sample.fields.find(({ field }) => field === 'n')?.types
    expect(ofField?.map(({ name, count }) => [name, count]).toSorted()).toEqual([
      ['int', ROWS - 1],
      ['string', 1],
    ])
    expect(table?.planned.plan.columns.find(({ name }) => name === 'late')?.type).toBe('int32')
    expect(workerPids()).toEqual([])
  })
})

describe('the sample of a plan', () => {
  it.each(['sample', 'full'] as const)('tells null, undefined and missing apart (%s)', async (infer) => {
    await using both = await databases()
    const { from, to, db } = both
    const int = (n: number): Buffer => Buffer.of(n, 0, 0, 0)
    const none = Buffer.alloc(0)
    const kinds: readonly (readonly (readonly [number, string, Buffer])[])[] = [
      [[0x0a, 'x', none]],
      [[0x06, 'x', none]],
      [],
      [[0x10, 'x', int(1)]],
    ]
    const rows = Array.from({ length: 10 }, (_, n) => rawDocument([[0x10, '_id', int(n)], ...(kinds[n % 4] ?? [])]))
    await insertRaw(db, 'rows', rows)
    const { tables } = await plan({ from, to, infer })
    const sample = tables[0]?.sample
    expect(sample).toMatchObject({ rows: 10, complete: true })
    const seen = sample?.fields.find(({ field }) => field === 'x')?.types
    // Of ten rows two have no x at all.
    expect(seen?.toSorted((a, b) => (a.name < b.name ? -1 : 1))).toEqual([
      { name: 'int', type: 'int32', count: 2 },
      { name: 'null', type: 'null', count: 3 },
      { name: 'undefined', type: 'null', count: 3 },
    ])
  })
})
