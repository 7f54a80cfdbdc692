import { EJSON, deserialize, type Document } from 'bson'
import type { Db } from 'mongodb'
import { truncateSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { seed } from '../../src/devkit/seed.ts'
import type { MigrateOptions } from '../../src/index.ts'
import { databases, type BothDatabases } from '../support/both-databases.ts'
import { archiveOf, bsonOf, gzipped, temporaryFolder, type TemporaryFolder } from '../support/dump.ts'
import { migrate } from '../support/migrate.ts'
import { workerPids } from '../support/worker-pids.ts'

const ROWS = 900

interface Dumped {
  readonly bytes: Buffer
  readonly documents: readonly Document[]
  readonly metadata: Document
}

/** The bytes of a collection as the server has them, and what it says about it. */
async function dumpOf(db: Db, collection: string): Promise<Dumped> {
  const rows = await db.collection<Uint8Array>(collection).find({}, { raw: true }).toArray()
  const indexes = await db.collection(collection).listIndexes().toArray()
  return {
    bytes: Buffer.concat(rows),
    documents: rows.map((row) => deserialize(row, { promoteValues: false, bsonRegExp: true })),
    metadata: { options: {}, indexes, collectionName: collection, type: 'collection' },
  }
}

async function seeded(): Promise<BothDatabases> {
  const both = await databases()
  const seeding = { url: both.from, rngSeed: 11, drop: false, workers: 2, onProgress: () => undefined }
  await seed({ ...seeding, shape: 'orders', rows: ROWS }, new AbortController().signal)
  const orders = both.db.collection('orders')
  await orders.createIndex({ number: 1 }, { unique: true })
  await orders.createIndex({ status: 1, orderedAt: -1 })
  await orders.createIndex({ coupon: 1 }, { sparse: true })
  await orders.createIndex({ total: 1 }, { partialFilterExpression: { paid: true } })
  await orders.createIndex({ labels: 1 })
  return both
}

const text = (value: Document): string => EJSON.stringify(value, { relaxed: false })

/** Ways to dump one collection; each answers the path. */
const forms = {
  'a folder': async (folder, { bytes, metadata }) => {
    await folder.write('shop/orders.bson', bytes)
    await folder.write('shop/orders.metadata.json', text(metadata))
    return folder.path
  },
  'a compressed folder': async (folder, { bytes, metadata }) => {
    await folder.write('shop/orders.bson.gz', gzipped(bytes))
    await folder.write('shop/orders.metadata.json.gz', gzipped(Buffer.from(text(metadata))))
    return join(folder.path, 'shop')
  },
  'a file': async (folder, { bytes, metadata }) => {
    await folder.write('orders.metadata.json', text(metadata))
    return folder.write('orders.bson', bytes)
  },
  'an archive': (folder, { documents, metadata }) => folder.write('all.archive', archiveOfBlocks(documents, metadata)),
  'a compressed archive': (folder, { documents, metadata }) =>
    folder.write('all.gz', gzipped(archiveOfBlocks(documents, metadata))),
} satisfies Readonly<Record<string, (folder: TemporaryFolder, dump: Dumped) => Promise<string>>>

/** Blocks of two collections in turns, as mongodump writes what it reads side by side. */
function archiveOfBlocks(documents: readonly Document[], metadata: Document): Buffer {
  const half = Math.floor(documents.length / 2)
  return archiveOf({ orders: metadata, others: {} }, [
    { collection: 'orders', documents: documents.slice(0, half) },
    { collection: 'others', documents: [{ _id: 1 }] },
    { collection: 'orders', documents: documents.slice(half) },
  ])
}

/** Indexes and keys of the tables of a schema. */
async function builtIn({ sql }: BothDatabases, schema: string): Promise<readonly unknown[]> {
  const rows = await sql(`select indexdef from pg_indexes where schemaname = '${schema}' order by indexname`)
  return rows.map(({ indexdef }) => String(indexdef).replaceAll(`${schema}.`, ''))
}

const nest = { shipping: 'column', items: 'table' } as const

describe('the same collection from a server and from a dump', () => {
  // Form, feed and workers make no difference to each other: each is seen, not each with each.
  const ways = [
    { form: 'a folder', feed: 'paged', isolation: 'threads' },
    { form: 'a file', feed: 'partitioned', isolation: 'processes' },
    { form: 'a compressed folder', feed: 'partitioned', isolation: 'inline' },
    { form: 'an archive', feed: 'partitioned', isolation: 'inline' },
    { form: 'a compressed archive', feed: 'paged', isolation: 'inline' },
  ] as const
  it('gives equal tables and indexes, from every form of dump, in both feeds and by all kinds of workers', async () => {
    await using both = await seeded()
    const { from, to, db } = both
    const dump = await dumpOf(db, 'orders')
    expect(bsonOf(dump.documents).equals(dump.bytes)).toBe(true)
    const way = { to, tables: ['orders'], nest, workers: 2, batchRows: 100 } as const
    await both.sql('create schema served')
    const served = await migrate({ ...way, from, targetSchema: 'served' })
    expect(served).toMatchObject({ state: 'done', totals: { read: ROWS, written: ROWS, derived: ROWS * 3 } })
    const indexes = await builtIn(both, 'served')
    expect(indexes.length).toBeGreaterThanOrEqual(7)
    for (const { form, feed, isolation } of ways) {
      await using folder = temporaryFolder()
      const path = await forms[form](folder, dump)
      await both.sql('drop schema if exists dumped cascade')
      await both.sql('create schema dumped')
      const result = await migrate({ ...way, from: `bson:${path}`, feed, isolation, targetSchema: 'dumped' })
      expect(result, `${form}, ${feed}`).toMatchObject({ ...served, ...ofRun, feed, isolation, tables: [ofTable] })
      expect(await different(both), `${form}, ${feed}`).toEqual([{ orders: 0, items: 0, rows: ROWS }])
      expect(await builtIn(both, 'dumped'), form).toEqual(indexes)
    }
  }, 180_000)

  /** What is another run's own. */
  const ofRun = {
    migration: expect.any(String) as unknown,
    seconds: expect.any(Number) as unknown,
    startSeconds: expect.any(Number) as unknown,
    copySeconds: expect.any(Number) as unknown,
    stages: expect.any(Object) as unknown,
    peakRssBytes: expect.any(Number) as unknown,
    cpuSeconds: expect.any(Number) as unknown,
    verification: { equal: true },
  }
  const ofTable = { source: 'orders', read: ROWS, written: ROWS, derived: ROWS * 3 }

  async function different({ sql }: BothDatabases): Promise<readonly unknown[]> {
    const both = (table: string): string => `
      (select count(*)::int from ((table served.${table} except table dumped.${table})
        union all (table dumped.${table} except table served.${table})) as rows)`
    return sql(`select ${both('orders')} as orders, ${both('orders_items')} as items,
      (select count(*)::int from dumped.orders) as rows`)
  }
})

describe('a dump that is damaged', () => {
  const rows = Array.from({ length: 3000 }, (_, n) => ({ _id: n, name: `name ${n}` }))
  const bytes = bsonOf(rows)
  const last = bsonOf(rows.slice(0, -1)).length

  it('is refused before anything is written', async () => {
    await using both = await databases()
    for (const [name, content, message] of [
      ['things.bson', bytes.subarray(0, -3), new RegExp(`things\\.bson is cut short at byte ${last}:`)],
      [
        'things.bson.gz',
        gzipped(bytes).subarray(0, -20),
        /things\.bson\.gz is damaged near byte \d+ of the compressed file/,
      ],
      ['things.bson.gz', gzipped(bytes.subarray(0, -3)), new RegExp(`things\\.bson\\.gz is cut short at byte ${last}`)],
    ] as const) {
      await using folder = temporaryFolder()
      const path = await folder.write(name, content)
      await expect(migrate({ from: `bson:${path}`, to: both.to, workers: 2 }), String(message)).rejects.toMatchObject({
        code: 'damaged-dump',
        kind: 'preflight',
        message: expect.stringMatching(message) as unknown,
      })
      expect(await both.sql(`select 1 from information_schema.schemata where schema_name = 'drover'`)).toEqual([])
    }
  })

  it.each(['paged', 'partitioned'] as const)(
    'while it is copied stops the run, naming file and byte (%s)',
    async (feed) => {
      await using both = await databases()
      await using folder = temporaryFolder()
      const path = await folder.write('things.bson', bytes)
      const onProgress: MigrateOptions['onProgress'] = ({ phase }) => {
        if (phase === 'copy') truncateSync(path, bytes.length - 3)
      }
      const result = await migrate({ from: `bson:${path}`, to: both.to, workers: 2, feed, batchRows: 100, onProgress })
      expect(result).toMatchObject({ state: 'stopped', error: { code: 'source-failed' } })
      expect(result.error?.message).toContain(`${path} is cut short at byte ${last}`)
      const [counted] = await both.sql('select count(*)::int as n from things')
      expect(counted?.['n']).toBe(result.totals.written)
    },
  )
})

describe('a dump', () => {
  it('cannot be asked for some of its rows, and says what can; it is filtered by a transform, and limited', async () => {
    await using both = await databases()
    await using folder = temporaryFolder()
    const documents = Array.from({ length: 1000 }, (_, n) => ({ _id: n, n }))
    const path = await folder.write('things.bson', bsonOf(documents))
    for (const asked of [{ where: '{"n": 1}' }, { since: { n: '5' } }, { since: { n: 'last' } }] as const) {
      await expect(
        migrate({ from: `bson:${path}`, to: both.to, ...asked }),
        JSON.stringify(asked),
      ).rejects.toMatchObject({
        code: 'invalid-filter',
        kind: 'usage',
        hint: expect.stringContaining('transforms') as unknown,
      })
    }
    const transform = await folder.write('mine.ts', 'export const odd = ({ n }: { n: number }): boolean => n % 2 === 1')
    const options = { filter: 'odd', transform, limit: 700, batchRows: 50, workers: 2, to: both.to } as const
    const result = await migrate({ ...options, from: `bson:${path}` })
    expect(result).toMatchObject({ state: 'done', totals: { read: 700, written: 350, filtered: 350 } })
    expect(await both.sql('select max(n) as last from things')).toEqual([{ last: 699 }])
  })
})

describe('a worker killed while a dump is copied', () => {
  it.each([
    { name: 'things.bson', feed: 'partitioned' },
    { name: 'things.bson.gz', feed: 'paged' },
  ] as const)('costs nothing ($name, $feed)', async ({ name, feed }) => {
    const rows = 6000
    await using both = await databases()
    await using folder = temporaryFolder()
    const bytes = bsonOf(Array.from({ length: rows }, (_, n) => ({ _id: n, n, text: `text ${n}` })))
    const path = await folder.write(name, name.endsWith('.gz') ? gzipped(bytes) : bytes)
    const killed: number[] = []
    const onProgress: MigrateOptions['onProgress'] = ({ totals }) => {
      const [pid] = workerPids()
      if (killed.length > 0 || totals.written < 1500 || pid === undefined) return
      process.kill(pid, 'SIGKILL')
      killed.push(pid)
    }
    const way = { isolation: 'processes', workers: 2, feed, batchRows: 100, primaryKey: false } as const
    const result = await migrate({ from: `bson:${path}`, to: both.to, ...way, progressIntervalMs: 5, onProgress })
    expect(killed).toHaveLength(1)
    expect(result).toMatchObject({ state: 'done', error: null, totals: { read: rows, written: rows } })
    const [counted] = await both.sql(`select count(*)::int as n, count(distinct _id)::int as ids,
      count(*) filter (where n is distinct from _id or text is distinct from 'text ' || _id)::int as wrong from things`)
    expect(counted).toEqual({ n: rows, ids: rows, wrong: 0 })
  })
})
