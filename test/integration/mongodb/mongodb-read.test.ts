import {
  Binary,
  Code,
  Decimal128,
  Double,
  Int32,
  Long,
  MaxKey,
  MinKey,
  ObjectId,
  Timestamp,
  UUID,
  type Collection,
  type Db,
} from 'mongodb'
import { deserialize } from 'bson'
import { describe, expect, it } from 'vitest'
import type { Selection } from '../../../src/connectors/planned-table.ts'
import { openMongoSource } from '../../../src/connectors/mongodb/connect.ts'
import type { Batch } from '../../../src/core/batch.ts'
import { plainPool, readRange, rowsOf } from '../../contract/source.ts'
import { lossyProxy } from '../../support/lossy-proxy.ts'
import { mongoUnderTest, type MongoUnderTest } from './mongo-under-test.ts'

const never = new AbortController().signal
const open = { after: null, upTo: null }
const unlimited = { rows: Infinity, bytes: Infinity }
const selectionOf = (table: string): Selection => ({ table, where: null, fields: null, limit: null })

/** A key of each kind that a collection takes, from a number. */
const kinds: readonly ((n: number) => unknown)[] = [
  (n) => new Int32(n),
  (n) => new Double(n + 0.5),
  (n) => Long.fromBigInt(2n ** 53n + BigInt(2 * n + 1)),
  (n) => Decimal128.fromString(`${n}.250`),
  (n) => `text ${n}`,
  (n) => `$text ${n}`,
  (n) => new ObjectId(n.toString(16).padStart(24, '0')),
  (n) => new UUID(n.toString(16).padStart(32, '0')),
  (n) => new Binary(new Uint8Array([n]), 0),
  (n) => new Binary(new Uint8Array([n]), 128),
  (n) => new Date(n * 1e9 - 1e12),
  (n) => new Timestamp({ t: n, i: n }),
  (n) =>
    new Map<string, unknown>([
      ['b', n],
      ['2', [n, null]],
    ]),
  (n) => ({ a: { gt: n }, at: new Date(n) }),
  (n) => new Code(`return ${n}`),
  (n) => ({ list: [[n], { x: `${n}` }] }),
]
const once = [null, true, false, new MinKey(), new MaxKey(), new Double(NaN), new Double(-Infinity), '', {}]

async function insertMixed(db: Db, wanted: number): Promise<Collection> {
  const mixed = db.collection('mixed')
  const ids = [...once]
  for (let n = 0; ids.length < wanted; n++) ids.push(...kinds.map((kind) => kind(n) as (typeof once)[number]))
  await mixed.insertMany(ids.slice(0, wanted).map((_id) => new Map([['_id', _id]]) as never))
  return mixed
}

/** With the first, every command goes to one server, and its answers are taken as bytes; with the other, by the driver. */
const preferences = ['readPreference=primary', 'readPreference=nearest']

describe.each(preferences)('reading MongoDB with %s', (preference) => {
  it('loses and doubles none of 511 keys of all kinds, in pages of 7 and partitions', async () => {
    await using under = await mongoUnderTest(preference)
    const mixed = await insertMixed(under.db, 509)
    // Dates that no Date holds, made by the server itself.
    for (const ms of [Long.MAX_VALUE, Long.MIN_VALUE]) {
      const far = { $project: { _id: { $toDate: { $literal: ms } } } }
      await mixed.aggregate([{ $limit: 1 }, far, { $merge: 'mixed' }]).toArray()
    }
    const expected = await keysInOrder(mixed)
    expect(expected).toHaveLength(511)
    expect(new Set(expected).size).toBe(511)
    const bounds = await under.source.partition(selectionOf('mixed'), 8, never)
    expect(bounds).toHaveLength(8)
    const batches: Batch[] = []
    for (const range of bounds) {
      batches.push(...(await readRange({ source: under.source, table: 'mixed' }, range, { ...unlimited, rows: 7 })))
    }
    expect(rowsOf(batches)).toEqual(expected)
    // Each batch again, as after the loss of its worker.
    const again: string[] = []
    for (const { id } of batches) {
      again.push(...rowsOf(await readRange({ source: under.source, table: 'mixed' }, id, unlimited)))
    }
    expect(again).toEqual(expected)
  })

  it('goes on when the server forgets its cursors', async () => {
    await using under = await mongoUnderTest(preference)
    await insertUsers(under, 5000, 8000)
    const pool = plainPool()
    const limits = { rows: 500, bytes: Infinity }
    const partition = { ...open, id: 1, table: 'users' }
    const ids: number[] = []
    let killed = 0
    for await (const batch of under.source.read(
      selectionOf('users'),
      partition,
      { firstSeq: 0, limits, pool },
      never,
    )) {
      for (const document of documentsOf(batch)) ids.push(document['_id'] as number)
      killed += await killCursors(under)
    }
    expect(killed).toBeGreaterThan(1)
    expect(ids).toEqual(Array.from({ length: 5000 }, (_, n) => n))
  })

  it('gives its memory back when the consumer leaves early, and closes its cursor', async () => {
    await using under = await mongoUnderTest(preference)
    await insertUsers(under, 5000, 8000)
    const pool = plainPool()
    const options = { firstSeq: 0, limits: { rows: 10, bytes: Infinity }, pool }
    for await (const batch of under.source.read(
      selectionOf('users'),
      { ...open, id: 1, table: 'users' },
      options,
      never,
    )) {
      pool.give(batch.bytes.buffer as ArrayBuffer)
      if (batch.id.seq === 2) break
    }
    expect(pool.out).toBe(0)
    expect(await killCursors(under)).toBe(0)
  })

  it('honours read preference and read concern of the URL', async () => {
    await using under = await mongoUnderTest()
    await insertUsers(under, 5, 10)
    const url = under.url.replace(/\?|$/, `?${preference}&readConcernLevel=majority&`)
    await using source = await openMongoSource(url)
    await under.db.command({ profile: 2 })
    expect((await source.describe(never)).map((table) => table.name)).toContain('users')
    await source.check(never)
    await source.sample(selectionOf('users'), { rows: 1, bytes: 100, seconds: 60 }, never)
    await source.partition({ ...selectionOf('users'), limit: 3 }, 3, never)
    expect(await source.count(selectionOf('users'), never)).toBe(5)
    await readRange({ source, table: 'users' }, open, unlimited)
    await under.db.command({ profile: 0 })
    const seen = await under.db
      .collection<{ command: { $readPreference?: { mode: string } } }>('system.profile')
      .find({ appName: 'drover', 'command.find': 'users' })
      .toArray()
    expect(seen.length).toBeGreaterThan(2)
    for (const { command } of seen) {
      expect(command).toMatchObject({ readConcern: { level: 'majority' } })
      // The primary is what a server takes for granted.
      expect(`readPreference=${command.$readPreference?.mode ?? 'primary'}`).toBe(preference)
    }
  })
})

describe('reading MongoDB', () => {
  it('keeps the order of a collection with a collation of its own', async () => {
    await using under = await mongoUnderTest()
    const words = await under.db.createCollection('words', { collation: { locale: 'en', numericOrdering: true } })
    await words.insertMany(Array.from({ length: 200 }, (_, n) => ({ _id: `${n % 2 ? 'a' : 'B'}${n}` as never })))
    const bounds = await under.source.partition(selectionOf('words'), 5, never)
    expect(bounds).toHaveLength(5)
    const read: string[] = []
    for (const range of bounds) {
      read.push(...rowsOf(await readRange({ source: under.source, table: 'words' }, range, { ...unlimited, rows: 9 })))
    }
    expect(read).toEqual(await keysInOrder(words))
  })

  it('goes on when its connection breaks', async () => {
    await using under = await mongoUnderTest()
    await insertUsers(under, 5000, 2000)
    await using proxy = await lossyProxy(under.url)
    const direct = new URL(proxy.url)
    direct.searchParams.set('directConnection', 'true')
    await using source = await openMongoSource(direct.href)
    const options = { firstSeq: 0, limits: { rows: 500, bytes: Infinity }, pool: plainPool() }
    const ids: number[] = []
    for await (const batch of source.read(selectionOf('users'), { ...open, id: 1, table: 'users' }, options, never)) {
      for (const document of documentsOf(batch)) ids.push(document['_id'] as number)
      if (batch.id.seq % 3 === 0) proxy.cutAnswerTo('getMore')
    }
    expect(proxy.cuts).toBeGreaterThan(1)
    expect(ids).toEqual(Array.from({ length: 5000 }, (_, n) => n))
  })

  it('does not repeat or skip rows of a view whose cursor is lost, but stops', async () => {
    await using under = await mongoUnderTest()
    await insertUsers(under, 5000, 8000)
    await under.db.createCollection('adults', { viewOn: 'users', pipeline: [] })
    const partition = { ...open, id: 1, table: 'adults' }
    const pool = plainPool()
    const options = { firstSeq: 0, limits: { rows: 500, bytes: Infinity }, pool }
    const reading = async (): Promise<void> => {
      for await (const { rows, bytes } of under.source.read(selectionOf('adults'), partition, options, never)) {
        expect(rows).toBe(500)
        pool.give(bytes.buffer as ArrayBuffer)
        await killCursors(under)
      }
    }
    await expect(reading()).rejects.toMatchObject({ code: 'source-failed' })
    expect(pool.out).toBe(0)
  })

  it('holds a few documents of 15 MB at a time, each in a batch of its own', async () => {
    await using under = await mongoUnderTest()
    const big = under.db.collection('big')
    for (let n = 0; n < 6; n++) await big.insertOne({ _id: n as never, data: Buffer.alloc(15_000_000, n) })
    const pool = plainPool()
    const options = { firstSeq: 0, limits: { rows: 1000, bytes: 1_000_000 }, pool }
    const sizes: number[] = []
    let peak = 0
    for await (const batch of under.source.read(selectionOf('big'), { ...open, id: 1, table: 'big' }, options, never)) {
      sizes.push(batch.rows)
      expect(batch.bytes.length).toBeGreaterThan(15_000_000)
      peak = Math.max(peak, pool.out)
      pool.give(batch.bytes.buffer as ArrayBuffer)
    }
    expect(sizes).toEqual([1, 1, 1, 1, 1, 1])
    expect(peak).toBe(1)
    expect(pool.out).toBe(0)
  })

  it('reads by filter, by field and up to a limit', async () => {
    await using under = await mongoUnderTest()
    await insertUsers(under, 100, 10)
    const selection = { table: 'users', where: '{"n": {"$gte": 50}}', fields: ['n'], limit: 30 }
    expect(await under.source.count(selection, never)).toBe(30)
    const bounds = await under.source.partition(selection, 3, never)
    const documents: unknown[] = []
    for (const range of bounds) {
      const read = await readRange({ source: under.source, table: 'users' }, range, unlimited, selection)
      documents.push(...read.flatMap(documentsOf))
    }
    expect(documents).toEqual(Array.from({ length: 30 }, (_, i) => ({ _id: i + 50, n: i + 50 })))
  })

  it('reads fields that MongoDB could take for paths, with all the others', async () => {
    await using under = await mongoUnderTest()
    await under.db.collection('odd').insertOne({ _id: 1 as never, a: { b: 1 }, 'a.b': 2, __proto__: null })
    const selection = { ...selectionOf('odd'), fields: ['a.b'] }
    const [batch] = await readRange({ source: under.source, table: 'odd' }, open, unlimited, selection)
    expect(batch && documentsOf(batch)).toEqual([{ _id: 1, a: { b: 1 }, 'a.b': 2 }])
  })

  it('says that the server refused a filter', async () => {
    await using under = await mongoUnderTest()
    await insertUsers(under, 1, 10)
    const selection = { ...selectionOf('users'), where: '{"n": {"$mod": [1]}}' }
    await expect(under.source.count(selection, never)).rejects.toMatchObject({ code: 'invalid-filter' })
  })

  it('reads views, capped collections and time-series, and refuses a part of what has no order', async () => {
    await using under = await mongoUnderTest()
    await insertUsers(under, 20, 10)
    await under.db.createCollection('odd', {
      viewOn: 'users',
      pipeline: [{ $match: { n: { $mod: [2, 1] } } }, { $unset: '_id' }],
    })
    const capped = await under.db.createCollection('log', { capped: true, size: 100_000 })
    await capped.insertMany([3, 1, 2].map((n) => ({ _id: n as never })))
    const series = await under.db.createCollection('weather', { timeseries: { timeField: 'at' } })
    await series.insertMany(Array.from({ length: 10 }, (_, n) => ({ at: new Date(n * 1e6), n })))
    for (const [table, rows] of [
      ['odd', 10],
      ['log', 3],
      ['weather', 10],
    ] as const) {
      const bounds = await under.source.partition(selectionOf(table), table === 'log' ? 1 : 4, never)
      expect(bounds).toEqual([open])
      const batches = await readRange({ source: under.source, table }, open, { rows: 4, bytes: 1_000_000 })
      expect(batches.reduce((sum, batch) => sum + batch.rows, 0)).toBe(rows)
      expect(batches.map((batch) => batch.id.last)).toEqual(batches.map((_, index) => index === batches.length - 1))
      expect(await under.source.count(selectionOf(table), never)).toBe(rows)
    }
    const limited = { ...selectionOf('odd'), limit: 4 }
    const [four] = await readRange({ source: under.source, table: 'odd' }, open, { rows: 9, bytes: 9e6 }, limited)
    expect(four).toMatchObject({ rows: 4, id: { last: true, after: null, upTo: null } })
    await expect(readRange({ source: under.source, table: 'odd' }, open, unlimited)).rejects.toMatchObject({
      code: 'source-failed',
    })
  })
})

async function keysInOrder(collection: Pick<Collection, 'find'>): Promise<string[]> {
  const documents = await collection.find({}, { raw: true }).sort({ _id: 1 }).toArray()
  return documents.map((document) => Buffer.from(document as never).toString('hex'))
}

function documentsOf({ rows, bytes, offsets }: Batch): Record<string, unknown>[] {
  return Array.from({ length: rows }, (_, row) => deserialize(bytes.subarray(offsets[row], offsets[row + 1])))
}

async function insertUsers({ db }: MongoUnderTest, rows: number, padding: number): Promise<void> {
  const pad = 'x'.repeat(padding)
  const documents = Array.from({ length: rows }, (_, n) => ({ _id: n as never, n, pad }))
  await db.collection('users').insertMany(documents, { ordered: false })
}

/** Kills what cursors the source holds open in this database; answers how many there were. */
async function killCursors({ client, db }: MongoUnderTest): Promise<number> {
  // One cursor id in a thousand is below 2^53: it has to stay a long for the server to take it back.
  const idle = await client
    .db('admin')
    .aggregate(
      [
        { $currentOp: { allUsers: true, idleCursors: true } },
        { $match: { ns: { $regex: `^${db.databaseName}\\.` }, 'cursor.cursorId': { $exists: true } } },
      ],
      { promoteLongs: false },
    )
    .toArray()
  for (const { ns, cursor } of idle) {
    const name = String(ns).slice(db.databaseName.length + 1)
    await db.command({ killCursors: name, cursors: [(cursor as { cursorId: unknown }).cursorId] })
  }
  return idle.length
}
