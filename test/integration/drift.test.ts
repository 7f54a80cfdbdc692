import { describe, expect, it } from 'vitest'
import type { MigrateOptions } from '../../src/index.ts'
import { databases, type BothDatabases } from '../support/both-databases.ts'
import { compareValues } from '../support/compare-values.ts'
import { migrate } from '../support/migrate.ts'
import { sharedDatabases } from '../support/shared-databases.ts'

const ROWS = 2000
/** The first row of another shape: all in the middle of the key order, where no sample of a few rows looks. */
const TURN = 1000
const END = 1100

const columns = {
  _id: '_id',
  place: 'place',
  n: 'n',
  when: 'when',
  tag: 'tag',
  ratio: 'ratio',
  nested: 'nested',
  extra_field: 'extraField',
}

/** Rows that change their shape in the middle: wider numbers, text where dates were, an array where a text was, new fields. */
async function seedTurning({ db }: BothDatabases): Promise<void> {
  const { Long, ObjectId } = await import('mongodb')
  const plain = (n: number) => ({
    _id: new ObjectId(n.toString(16).padStart(24, '0')),
    place: n,
    n,
    when: new Date(1.7e12 + n),
    tag: `t${n}`,
    ratio: n + 0.5,
    nested: { n },
  })
  const turned = (n: number) => ({
    ...plain(n),
    n: Long.fromString(`${2n ** 53n + BigInt(n)}`),
    when: n % 2 === 0 ? `on day ${n}` : new Date(1.7e12 + n),
    tag: [`t${n}`, n],
    ratio: n % 3 === 0 ? Long.fromString(`${2n ** 60n + BigInt(n)}`) : n + 0.25,
    extraField: { n },
  })
  const documents = Array.from({ length: ROWS }, (_, n) => (n >= TURN && n < END ? turned(n) : plain(n)))
  await db.collection('turning').insertMany(documents)
}

/** Looks at the first row and the last one only, so that the turn comes as a surprise. */
const blind: Partial<MigrateOptions> = { sampleRows: 1, batchRows: 50 }

describe('rows that change their shape while they are copied', () => {
  const turning = sharedDatabases(seedTurning)

  it.each([
    { isolation: 'threads', feed: 'partitioned' },
    { isolation: 'processes', feed: 'paged' },
    { isolation: 'inline', feed: 'partitioned' },
  ] as const)('are all in the table, every value equal ($isolation, $feed)', async (way) => {
    const both = turning()
    const { from, to } = both
    const notices: string[] = []
    const onNotice = ({ message }: { readonly message: string }): void => void notices.push(message)
    const result = await migrate({ from, to, ...way, ...blind, workers: 2, onNotice })
    expect(result.error).toBeNull()
    expect(result).toMatchObject({ state: 'done', totals: { read: ROWS, written: ROWS } })
    const compared = {
      mongoUrl: from,
      collection: 'turning',
      postgresUrl: to,
      table: 'turning',
      columns,
      json: ['when', 'tag', 'extra_field'],
    }
    expect(await compareValues(compared)).toBe(ROWS)
    const types = await both.sql(
      `select column_name as name, data_type as type from information_schema.columns
       where table_name = 'turning' order by column_name`,
    )
    expect(Object.fromEntries(types.map(({ name, type }) => [name, type]))).toEqual({
      _id: 'text',
      place: 'integer',
      n: 'bigint',
      when: 'jsonb',
      tag: 'jsonb',
      ratio: 'numeric',
      nested: 'jsonb',
      extra_field: 'jsonb',
    })
    expect(notices.filter((notice) => notice.includes('from integer to bigint'))).toHaveLength(1)
  })

  it('stop the run where drift is to stop it, and nothing of their batch is written', async () => {
    const both = turning()
    const { from, to } = both
    const result = await migrate({ from, to, ...blind, workers: 2, onDrift: 'stop' })
    expect(result).toMatchObject({ state: 'stopped', error: { code: 'schema-drift' } })
    // Another worker may have committed a later batch, of rows that are as they were.
    const [rows] = await both.sql(
      `select count(*) filter (where place >= ${TURN} and place < ${END})::int as turned, count(*)::int as n from turning`,
    )
    expect(rows).toEqual({ turned: 0, n: result.totals.written })
    const types = await both.sql(
      `select 1 from information_schema.columns where table_name = 'turning' and column_name = 'extra_field'`,
    )
    expect(types).toEqual([])
  })

  it('stop the run where a pinned column would have to be widened, naming it', async () => {
    const both = turning()
    const { from, to } = both
    const result = await migrate({ from, to, ...blind, pin: ['when'] })
    expect(result).toMatchObject({ state: 'stopped', error: { code: 'schema-drift' } })
    expect(result.error?.message).toContain('when')
  })

  it('share one column beyond the number that drift may add', async () => {
    await using both = await databases()
    const { from, to, db } = both
    const documents = Array.from({ length: 500 }, (_, n) => ({ _id: n, ...(n > 0 && n < 499 ? { [`f${n}`]: n } : {}) }))
    await db.collection<{ _id: number }>('wide').insertMany(documents)
    const result = await migrate({ from, to, ...blind, batchRows: 50, maxNewColumns: 10 })
    expect(result).toMatchObject({ state: 'done', totals: { written: 500 } })
    const [counted] = await both.sql(
      `select count(*)::int as n from information_schema.columns where table_name = 'wide'`,
    )
    expect(counted?.['n']).toBeLessThanOrEqual(1 + 10 + 1)
    const [sums] = await both.sql(
      `select count(*)::int as n from wide, jsonb_each(other_fields) where key = 'f' || _id and value = to_jsonb(_id)`,
    )
    expect(sums?.['n']).toBeGreaterThanOrEqual(498 - 10)
  })

  it('do not hold up another table', async () => {
    await using both = await databases()
    await seedTurning(both)
    const { from, to, db } = both
    await db.collection('calm').insertMany(Array.from({ length: 1000 }, (_, n) => ({ n })))
    const result = await migrate({ from, to, ...blind, workers: 2 })
    expect(result).toMatchObject({ state: 'done', totals: { written: ROWS + 1000 } })
  })
})
