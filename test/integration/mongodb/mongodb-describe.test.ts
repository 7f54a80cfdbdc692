import { describe, expect, it } from 'vitest'
import type { SampledRows } from '../../../src/connectors/contract.ts'
import type { Selection } from '../../../src/connectors/planned-table.ts'
import { openMongoSource } from '../../../src/connectors/mongodb/connect.ts'
import type { Sample } from '../../../src/core/sample.ts'
import { createBsonObserver } from '../../../src/format/bson-observe.ts'
import { joinScalars } from '../../../src/schema/lattice.ts'
import { mongoUnderTest } from './mongo-under-test.ts'

const never = new AbortController().signal
const selectionOf = (table: string): Selection => ({ table, where: null, fields: null, limit: null })

function lookAt({ batches, complete }: SampledRows): Sample {
  const observer = createBsonObserver('_id', joinScalars)
  for (const batch of batches) void observer.observe(batch)
  return observer.sample(complete)
}

describe('looking at MongoDB', () => {
  it('describes every kind of table, names as they are', async () => {
    await using under = await mongoUnderTest()
    const odd = ' Odd "name".with-é '
    await under.db.collection(odd).insertMany([{ a: 1 }, { a: 2 }])
    await under.db.createCollection('a view', { viewOn: odd, pipeline: [] })
    await under.db.createCollection('capped', { capped: true, size: 1000 })
    await under.db.createCollection('series', { timeseries: { timeField: 'at' } })
    await under.db.createCollection('clustered', { clusteredIndex: { key: { _id: 1 }, unique: true } })
    expect(await under.source.describe(never)).toEqual([
      { name: odd, kind: 'table', skipped: null, estimatedRows: 2, averageRowBytes: 29, ordered: true },
      { name: 'a view', kind: 'view', skipped: null, estimatedRows: null, averageRowBytes: null, ordered: false },
      { name: 'capped', kind: 'capped', skipped: null, estimatedRows: 0, averageRowBytes: null, ordered: true },
      { name: 'clustered', kind: 'table', skipped: null, estimatedRows: 0, averageRowBytes: null, ordered: true },
      {
        name: 'series',
        kind: 'time-series',
        skipped: null,
        estimatedRows: null,
        averageRowBytes: null,
        ordered: false,
      },
      {
        name: 'system.buckets.series',
        kind: 'system',
        skipped: 'holds the data of the time-series series',
        estimatedRows: null,
        averageRowBytes: null,
        ordered: false,
      },
      expect.objectContaining({ name: 'system.views', kind: 'system', skipped: "one of MongoDB's own" }),
    ])
    expect(await under.source.check(never)).toEqual([])
  })

  it('samples a large table at both ends and in between', async () => {
    await using under = await mongoUnderTest()
    const rows = Array.from({ length: 5000 }, (_, n) => ({
      _id: n as never,
      ...(n === 0 ? { first: 1 } : n === 4999 ? { last: 'x' } : { middle: n % 2 ? 1 : 'x' }),
    }))
    await under.db.collection('users').insertMany(rows)
    const sample = lookAt(
      await under.source.sample(selectionOf('users'), { rows: 500, bytes: 1e6, seconds: 60 }, never),
    )
    expect(sample).toMatchObject({ rows: 500, complete: false })
    expect(sample.fields.map(({ field }) => field)).toEqual(['_id', 'first', 'middle', 'last'])
    const middle = sample.fields.find(({ field }) => field === 'middle')
    expect(middle?.types.map(({ name }) => name).toSorted()).toEqual(['int', 'string'])
    // A random row may be the first or the last again.
    const [, ...others] = sample.fields.map(({ types }) => types.reduce((sum, { count }) => sum + count, 0))
    expect(others.reduce((sum, count) => sum + count, 0)).toBe(500)
    const whole = lookAt(
      await under.source.sample(selectionOf('users'), { rows: 1250, bytes: 1e6, seconds: 60 }, never),
    )
    expect(whole).toMatchObject({ rows: 5000, complete: true })
  })

  it('samples within its time, with what was found by then', async () => {
    await using under = await mongoUnderTest()
    await under.db.collection('users').insertMany(Array.from({ length: 300 }, (_, n) => ({ n })))
    await under.source.describe(never)
    const limits = { rows: 1000, bytes: 1e6, seconds: 0 }
    const { complete } = await under.source.sample(selectionOf('users'), limits, never)
    expect(complete).toBe(false)
    const reason = new Error('enough')
    await expect(under.source.sample(selectionOf('users'), limits, AbortSignal.abort(reason))).rejects.toBe(reason)
  })

  it('samples within its bytes, and within the filter', async () => {
    await using under = await mongoUnderTest()
    const pad = 'x'.repeat(10_000)
    await under.db.collection('users').insertMany(Array.from({ length: 300 }, (_, n) => ({ n, pad })))
    const few = lookAt(
      await under.source.sample(selectionOf('users'), { rows: 1000, bytes: 200_000, seconds: 60 }, never),
    )
    expect(few.complete).toBe(false)
    expect(few.rows).toBeGreaterThan(5)
    expect(few.bytes).toBeLessThanOrEqual(200_000)
    const where = '{"n": {"$lt": 7}}'
    const seven = lookAt(
      await under.source.sample({ ...selectionOf('users'), where }, { rows: 10, bytes: 1e6, seconds: 60 }, never),
    )
    expect(seven).toMatchObject({ rows: 7, complete: true })
    const many = { ...selectionOf('users'), where: '{"n": {"$gte": 7}}', fields: ['n'] }
    const spread = lookAt(await under.source.sample(many, { rows: 20, bytes: 1e6, seconds: 60 }, never))
    expect(spread).toMatchObject({ rows: 20, complete: false })
    expect(spread.fields.map(({ field }) => field)).toEqual(['_id', 'n'])
  })

  it('splits a large table by random keys, and drops those behind the limit', async () => {
    await using under = await mongoUnderTest()
    const ids = Array.from({ length: 9000 }, (_, n) => ({ _id: n as never }))
    await under.db.collection('users').insertMany(ids)
    const limit = 8500
    const bounds = await under.source.partition({ ...selectionOf('users'), limit }, 4, never)
    expect(bounds.length).toBe(4)
    const key = (n: number): Uint8Array => new Uint8Array([16, n & 255, n >> 8, 0, 0])
    expect(Buffer.from(bounds.at(-1)?.upTo ?? [])).toEqual(Buffer.from(key(limit - 1)))
    expect(await under.source.partition({ ...selectionOf('users'), limit: 1 }, 4, never)).toHaveLength(1)
    const some = await under.source.partition({ ...selectionOf('users'), limit: 10_000 }, 4, never)
    expect(some.at(-1)?.upTo).toBeNull()
  })

  it('says that no server answers', async () => {
    await using source = await openMongoSource('mongodb://127.0.0.1:1/shop?serverSelectionTimeoutMS=50')
    await expect(source.check(never)).rejects.toMatchObject({ code: 'source-unreachable' })
    expect(source.classify(await source.check(never).catch((error: unknown) => error))).toBe('transient')
  })

  it('says that the login is refused', async () => {
    await using under = await mongoUnderTest()
    const url = under.url.replace('://', '://nobody:s3cret-word@')
    await using source = await openMongoSource(url)
    const error: unknown = await source.check(never).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'source-login-refused' })
    expect(String(error)).not.toContain('s3cret')
  })
})
