import type { Document } from 'bson'
import { GridFSBucket } from 'mongodb'
import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { describe, expect, it } from 'vitest'
import { plan } from '../../src/index.ts'
import { databases, type BothDatabases } from '../support/both-databases.ts'
import { insertThings, moveAll, whole } from '../support/corpus.ts'
import { migrate } from '../support/migrate.ts'

async function fillEveryKind({ db }: BothDatabases): Promise<void> {
  await insertThings(db, [
    { _id: 1, n: 1 },
    { _id: 2, n: 2 },
  ])
  await db.createCollection('view', { viewOn: 'things', pipeline: [{ $match: { n: 2 } }] })
  await db.createCollection('capped', { capped: true, size: 4096 })
  await insertThings(db, [{ _id: 2 }, { _id: 1 }], 'capped')
  await db.createCollection('clustered', { clusteredIndex: { key: { _id: 1 }, unique: true } })
  await insertThings(db, [{ _id: 'a' }], 'clustered')
  await db.createCollection('weather', { timeseries: { timeField: 'at', metaField: 'place' } })
  const measured: readonly Document[] = [0, 1, 2].map((n) => ({ _id: n, at: new Date(n * 1000), place: 'x', n }))
  await insertThings(db, measured, 'weather')
  await db.createCollection('empty')
}

describe('collections of every kind', () => {
  it('M31 are copied, and what is not is listed with its reason', async () => {
    await using done = await whole(await moveAll(fillEveryKind, { workers: 2 }))
    expect(done.result.tables.map(({ source, read }) => [source, read])).toEqual([
      ['capped', 2],
      ['clustered', 1],
      ['empty', 0],
      ['things', 2],
      ['view', 1],
      ['weather', 3],
    ])
    expect(await done.texts('select * from view')).toEqual([{ _id: '2', n: '2' }])
    expect(await done.texts('select * from capped order by _id')).toEqual([{ _id: '1' }, { _id: '2' }])
    expect(await done.texts('select * from clustered')).toEqual([{ _id: 'a' }])
    expect(await done.texts('select _id, at, place, n from weather order by _id')).toEqual(
      ['0', '1', '2'].map((n) => ({ _id: n, at: `1970-01-01 00:00:0${n}+00`, place: 'x', n })),
    )
    const { tables, skipped } = await plan({ from: done.from, to: done.to, mode: 'append' })
    expect(skipped.map(({ name, skipped: reason }) => [name, reason])).toEqual([
      ['system.buckets.weather', 'holds the data of the time-series weather'],
      ['system.views', "one of MongoDB's own"],
    ])
    const single = tables.filter(({ planned }) => !planned.ordered).map(({ planned }) => planned.plan.source)
    expect(single).toEqual(['view', 'weather'])
  })

  it('M31 of MongoDB itself are refused by name', async () => {
    await using both = await databases()
    await fillEveryKind(both)
    const { from, to } = both
    await expect(migrate({ from, to, tables: ['system.views'] })).rejects.toMatchObject({
      code: 'nothing-to-copy',
      message: expect.stringContaining("system.views cannot be copied: one of MongoDB's own") as string,
    })
  })

  it('M31 of GridFS give files and chunks, byte by byte', async () => {
    const bytes = randomBytes(600_000)
    await using done = await whole(
      await moveAll(async ({ db }) => {
        const bucket = new GridFSBucket(db)
        await pipeline(Readable.from([bytes]), bucket.openUploadStream('a.bin', { metadata: { by: 'me' } }))
      }),
    )
    expect(done.result.tables.map(({ source, read }) => [source, read])).toEqual([
      ['fs.chunks', 3],
      ['fs.files', 1],
    ])
    const [file] = await done.texts(
      `select filename, length, metadata, encode(sha256(string_agg(data, '' order by n)), 'hex') as hash
       from "fs.files" f join "fs.chunks" c on c.files_id = f._id group by 1, 2, 3`,
    )
    const hash = Buffer.from(await crypto.subtle.digest('SHA-256', bytes)).toString('hex')
    expect(file).toEqual({ filename: 'a.bin', length: String(bytes.length), metadata: '{"by": "me"}', hash })
    const unique = await done.texts(`select indexdef from pg_indexes where tablename = 'fs.chunks' order by indexname`)
    expect(unique.map(({ indexdef }) => indexdef)).toContainEqual(
      expect.stringMatching(/^CREATE UNIQUE INDEX .*\(files_id, n\)/),
    )
  })

  it('M31 that expire get a plain index and a proposal, and rows that go meanwhile fail no check', async () => {
    await using both = await databases()
    const { from, to, db } = both
    const documents = Array.from({ length: 2000 }, (_, _id) => ({ _id, at: new Date(_id) }))
    await db.createCollection('things')
    await db.command({
      createIndexes: 'things',
      indexes: [{ key: { at: 1 }, name: 'ttl', expireAfterSeconds: 2 ** 31 - 1 }],
    })
    await insertThings(db, documents)
    const notices: string[] = []
    let expiring: Promise<unknown> | undefined
    const result = await migrate({
      from,
      to,
      batchRows: 100,
      workers: 1,
      onNotice: ({ message }) => void notices.push(message),
      // What the TTL monitor does, when it likes: the first rows are gone before the last are read.
      onProgress: ({ phase }) => {
        if (phase === 'copy') expiring ??= db.collection<{ _id: number }>('things').deleteMany({ _id: { $lt: 500 } })
      },
    })
    await expiring
    expect(result).toMatchObject({ state: 'done', error: null, verification: { equal: true } })
    expect(await both.texts('select count(*) as n from things where _id >= 500')).toEqual([{ n: '1500' }])
    expect(await both.texts(`select indexdef from pg_indexes where indexname = 'things_ttl'`)).toEqual([
      { indexdef: 'CREATE INDEX things_ttl ON public.things USING btree (at)' },
    ])
    expect(notices.join('\n')).toMatch(/index "ttl" \(at\) of things deletes rows in the source 2147483647 s after/)
  })
})
