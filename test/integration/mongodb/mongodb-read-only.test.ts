import { randomBytes } from 'node:crypto'
import { MongoClient, type Db, type Document } from 'mongodb'
import { expect, it } from 'vitest'
import type { Source } from '../../../src/connectors/contract.ts'
import type { Selection } from '../../../src/connectors/planned-table.ts'
import { openMongoSource } from '../../../src/connectors/mongodb/connect.ts'
import { startMongo } from '../../../src/devkit/servers/mongo.ts'
import { readRange, rowsOf } from '../../contract/source.ts'
import { temporaryFolder } from '../../support/dump.ts'
import { mongoUnderTest } from './mongo-under-test.ts'

const never = new AbortController().signal
const rows = 3000

async function fill(db: Db): Promise<void> {
  const users = Array.from({ length: rows }, (_, n) => ({ _id: n as never, n, at: new Date(n * 1e6) }))
  await db.collection('users').insertMany(users)
  await db.collection('users').createIndex({ at: 1 })
  await db.createCollection('adults', { viewOn: 'users', pipeline: [{ $match: { n: { $gt: 18 } } }] })
}

/** Everything that a run asks a source. */
async function askEverything(source: Source): Promise<void> {
  expect((await source.check(never)).filter(({ level }) => level === 'error')).toEqual([])
  expect((await source.describe(never)).map(({ name }) => name)).toContain('users')
  expect(await source.indexes('users', never)).toHaveLength(1)
  const users: Selection = { table: 'users', where: '{"n": {"$gte": 0}}', fields: null, limit: null }
  expect(await source.highest(users, 'at', never)).toContain('$date')
  await source.sample(users, { rows: 50, bytes: 1_000_000, seconds: 60 }, never)
  expect(await source.count(users, never)).toBe(rows)
  for (const table of ['users', 'adults']) {
    const selection = { ...users, table }
    for (const range of await source.partition(selection, 4, never)) {
      const limits = table === 'users' ? { rows: 100, bytes: 1_000_000 } : { rows: 1e6, bytes: 1e9 }
      expect(rowsOf(await readRange({ source, table }, range, limits, selection)).length).toBeGreaterThan(0)
    }
  }
}

it('a source is the same, byte for byte, after everything it was asked', async () => {
  await using under = await mongoUnderTest()
  await fill(under.db)
  const state = async (): Promise<Document> => {
    const { collections, md5 } = await under.db.command({ dbHash: 1 })
    return { collections: collections as unknown, md5: md5 as unknown, listed: await listed(under.db) }
  }
  const before = await state()
  expect(before).toMatchObject({ collections: { users: expect.any(String) as string } })
  await askEverything(under.source)
  expect(await state()).toEqual(before)
})

async function listed(db: Db): Promise<unknown> {
  const names = await db.listCollections().toArray()
  return { names, indexes: await db.collection('users').indexes() }
}

it('the role read on its database is right enough', async () => {
  await using folder = temporaryFolder()
  const keyFile = await folder.write('key', randomBytes(96).toString('base64'), 0o400)
  await using server = await startMongo({
    environment: process.env,
    allowDocker: false,
    settings: { keyFile },
    onNotice: () => undefined,
  })
  // Without a user yet, whoever comes from this machine may make the first.
  const owner = { user: 'owner', pwd: 'owner' }
  await using first = new MongoClient(server.url)
  await first.db('admin').command({ createUser: owner.user, pwd: owner.pwd, roles: ['root'] })
  await using admin = new MongoClient(server.url, { auth: { username: owner.user, password: owner.pwd } })
  await fill(admin.db('shop'))
  await admin.db('shop').command({ createUser: 'reader', pwd: 'reader', roles: ['read'] })
  const url = server.url.replace('mongodb://', 'mongodb://reader:reader@').replace('/?', '/shop?')
  await using source = await openMongoSource(url)
  await askEverything(source)
  // The rights count at all.
  await using stranger = await openMongoSource(url.replace('/shop?', '/other?authSource=shop&'))
  await expect(stranger.describe(never)).rejects.toMatchObject({ code: 'missing-right' })
}, 60_000)
