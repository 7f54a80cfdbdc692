import { describe, expect, it } from 'vitest'
import { errorKinds } from '../../src/core/errors.ts'
import { plan, type MigrateOptions, type MigrationResult } from '../../src/index.ts'
import { databases, type BothDatabases, type Keyed } from '../support/both-databases.ts'
import { temporaryFolder } from '../support/dump.ts'
import { migrate } from '../support/migrate.ts'
import { sharedDatabases } from '../support/shared-databases.ts'

const ROWS = 1000

const row = (n: number): Keyed => ({ _id: n, n, text: `t${n}`, ...(n % 2 === 0 ? { even: true } : {}) })

const seeded = sharedDatabases(({ db }) => {
  return db.collection<Keyed>('items').insertMany(Array.from({ length: ROWS }, (_, n) => row(n)))
})

/** Migrates with a module of functions. */
async function withFunctions(
  { from, to }: BothDatabases,
  source: string,
  options: Partial<MigrateOptions> = {},
): Promise<MigrationResult> {
  await using folder = temporaryFolder()
  const transform = await folder.write('mine.ts', source)
  return await migrate({ from, to, transform, batchRows: 64, workers: 2, ...options })
}

describe('a function that gives none, one or several rows', () => {
  const fan = `
    export default function (row: { _id: number; n: number }): object | readonly object[] | null {
      if (row.n % 5 === 0) return null
      if (row.n % 5 === 1) return []
      if (row.n % 5 === 2) return [row, { ...row, _id: row._id + 100_000 }, { ...row, _id: row._id + 200_000 }]
      return row
    }`

  it.each([
    { isolation: 'threads', feed: 'partitioned' },
    { isolation: 'processes', feed: 'paged' },
    { isolation: 'inline', feed: 'partitioned' },
  ] as const)('has each row counted once ($isolation, $feed)', async (way) => {
    const both = seeded()
    const result = await withFunctions(both, fan, way)
    expect(result).toMatchObject({
      state: 'done',
      error: null,
      totals: { read: ROWS, written: 600, filtered: 400, skipped: 0, deadLetters: 0, derived: 400 },
      verification: { equal: true },
    })
    const [found] = await both.sql(`select count(*)::int as rows, count(distinct n)::int as sources,
      count(*) filter (where _id >= 100000)::int as more, count(*) filter (where n % 5 < 2)::int as wrong from items`)
    expect(found).toEqual({ rows: 1000, sources: 600, more: 400, wrong: 0 })
  })

  it('stops the run where two of its rows have one key', async () => {
    const both = seeded()
    const result = await withFunctions(both, 'export default (row: object): readonly object[] => [row, row]')
    expect(result).toMatchObject({ state: 'stopped', error: { code: 'key-violation' } })
  })
})

describe('a function on values', () => {
  it('gets null for a field that is absent, and creates it with what it answers', async () => {
    const both = seeded()
    const source = `
      export const flag = (value: boolean | null): string | null => (value === null ? 'odd' : null)
      export const later = async (value: number): Promise<bigint> => BigInt(value) * 10_000_000_000n`
    const result = await withFunctions(both, source, { map: { even: 'flag', never: 'flag', n: 'later' } })
    expect(result).toMatchObject({ state: 'done', totals: { read: ROWS, written: ROWS } })
    expect(await both.sql('select * from items order by _id limit 2')).toEqual([
      { _id: 0, n: '0', text: 't0', even: null, never: 'odd' },
      { _id: 1, n: '10000000000', text: 't1', even: 'odd', never: 'odd' },
    ])
  })
})

describe('a function that throws', () => {
  const fault = `if (row.n === 777) throw new RangeError('no good'); return row`
  const sources = {
    'at once': `export default (row: { n: number }): object => { ${fault} }`,
    later: `export default async (row: { n: number }): Promise<object> => { await null; ${fault} }`,
  }
  const cases = [
    { when: 'at once', isolation: 'threads' },
    { when: 'later', isolation: 'processes' },
    { when: 'later', isolation: 'inline' },
  ] as const

  it.each(cases)(
    'stops the run where it is to stop, naming table, key and step ($when, $isolation)',
    async ({ when, isolation }) => {
      const both = seeded()
      const result = await withFunctions(both, sources[when], { isolation, onError: 'stop' })
      expect(result).toMatchObject({ state: 'stopped', error: { code: 'transform-failed' } })
      expect(errorKinds[result.error?.code ?? 'unexpected']).toBe('rejected')
      expect(result.error?.message).toMatch(
        /document 777 of table items, step 1 \(function "?default"?\).*RangeError: no good \(mine\.ts:1:\d+\)/,
      )
      expect(await both.sql('select count(*)::int as n from items where n = 777')).toEqual([{ n: 0 }])
      expect(await both.sql('select state from drover.migration')).toEqual([{ state: 'stopped' }])
    },
  )

  it('for every row looked at is refused before anything is written', async () => {
    const both = seeded()
    const source = `export default (): never => { throw new Error('never') }`
    await expect(withFunctions(both, source)).rejects.toMatchObject({
      code: 'invalid-transform',
      message: expect.stringMatching(/every row of items.*never/) as unknown,
    })
    expect(await both.sql(`select 1 from information_schema.schemata where schema_name = 'drover'`)).toEqual([])
  })
})

describe('what a transform makes of types', () => {
  const turning = `
    export default (row: { n: number; text: string }): object => {
      const turned = row.n >= 400 && row.n < 450
      return { ...row, text: turned ? [row.text] : row.text, n: turned ? String(row.n) : row.n, ...(turned ? { more: row.n } : {}) }
    }`

  it.each([
    { isolation: 'threads', feed: 'paged' },
    { isolation: 'processes', feed: 'partitioned' },
    { isolation: 'inline', feed: 'paged' },
  ] as const)('is followed where it changes in the middle ($isolation, $feed)', async (way) => {
    const both = seeded()
    const result = await withFunctions(both, turning, { ...way, sampleRows: 1 })
    expect(result).toMatchObject({ state: 'done', error: null, totals: { read: ROWS, written: ROWS } })
    const wrong = await both.sql(`select _id from items where case when _id between 400 and 449
      then text is distinct from jsonb_build_array('t' || _id) or n is distinct from to_jsonb(_id::text) or more is distinct from _id
      else text is distinct from to_jsonb('t' || _id) or n is distinct from to_jsonb(_id) or more is not null end`)
    expect(wrong).toEqual([])
    expect(await both.sql('select count(*)::int as n from items')).toEqual([{ n: ROWS }])
  })

  it.each(['sample', 'full'] as const)(
    'leaves a double one where only whole ones were seen (--infer %s)',
    async (infer) => {
      await using both = await databases()
      const { from, to, db } = both
      const { Double } = await import('mongodb')
      await db
        .collection<Keyed>('items')
        .insertMany(Array.from({ length: 300 }, (_, n) => ({ _id: n, ratio: new Double(n) })))
      const map = { ratio: 'default_value(0)' }
      const [table] = (await plan({ from, to, map, infer, workers: 2 })).tables
      expect(table?.planned.plan.columns.map(({ name, type }) => [name, type])).toEqual([
        ['_id', 'int32'],
        ['ratio', 'float64'],
      ])
    },
  )
})
