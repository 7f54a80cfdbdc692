import { Binary, type Document, type ObjectId, serialize } from 'bson'
import { type Db, MongoClient } from 'mongodb'
import { describe, expect, it } from 'vitest'
import { seed, type SeedOptions } from '../../../src/devkit/seed.ts'
import { shapes } from '../../../src/devkit/shapes/shapes.ts'
import { freshMongo } from '../../support/databases.ts'

const never = new AbortController().signal
const rows = 4500

async function database() {
  await using stack = new AsyncDisposableStack()
  const mongo = stack.use(await freshMongo())
  const client = stack.use(await MongoClient.connect(mongo.url))
  const moved = stack.move()
  return {
    url: mongo.url,
    db: client.db(mongo.name),
    [Symbol.asyncDispose]: () => moved.disposeAsync(),
  }
}

/** All documents of a collection as they are stored, by key. */
async function bytesOf(db: Db, collection: string): Promise<Buffer> {
  const cursor = db.collection(collection).find({}, { sort: { _id: 1 }, promoteValues: false })
  return Buffer.concat(await cursor.map((document) => serialize(document)).toArray())
}

/** As MongoDB orders ObjectIds among themselves, and UUIDs. */
function compareKeys(a: Document, b: Document): number {
  return Buffer.compare(keyBytes(a), keyBytes(b))
}

function keyBytes({ _id: key }: Document): Uint8Array {
  return key instanceof Binary ? key.buffer : (key as ObjectId).id
}

function optionsFor(url: string, change: Partial<SeedOptions> = {}): SeedOptions {
  return { url, rows, rngSeed: 7, shape: 'users', drop: false, workers: 2, onProgress: () => undefined, ...change }
}

describe('seed', () => {
  it.each(['users', 'orders', 'fact'] as const)(
    'writes exactly the documents of %s with any number of workers',
    async (name) => {
      await using mongo = await database()
      const shape = shapes[name]
      const options = optionsFor(mongo.url, { shape: name })
      const progress: number[] = []
      const result = await seed({ ...options, onProgress: (count) => progress.push(count) }, never)
      expect(result).toEqual({ rows, collection: shape.name, seconds: expect.any(Number) })
      expect(progress).toHaveLength(3)
      expect(progress.at(-1)).toBe(rows)
      await seed({ ...options, collection: 'alone', workers: 1 }, never)
      const documents = Array.from({ length: rows }, (_, index) => shape.document(index, 7))
      const expected = Buffer.concat(documents.toSorted(compareKeys).map((document) => serialize(document)))
      expect((await bytesOf(mongo.db, shape.name)).equals(expected)).toBe(true)
      expect((await bytesOf(mongo.db, 'alone')).equals(expected)).toBe(true)
    },
  )

  it('refuses a collection with rows, and drops it when told to', async () => {
    await using mongo = await database()
    await mongo.db.collection('users').insertOne({ precious: true })
    const refused = seed(optionsFor(mongo.url), never)
    await expect(refused).rejects.toMatchObject({ code: 'target-not-empty', hint: '--drop drops it first' })
    expect(await mongo.db.collection('users').countDocuments()).toBe(1)
    await seed(optionsFor(mongo.url, { drop: true, rows: 10 }), never)
    expect(await mongo.db.collection('users').countDocuments({ precious: true })).toBe(0)
    await expect(seed(optionsFor(mongo.url), never)).rejects.toMatchObject({ code: 'target-not-empty' })
  })

  it('makes an empty collection of no rows, and takes one that is empty, or not there when it should be dropped', async () => {
    await using mongo = await database()
    expect(await seed(optionsFor(mongo.url, { rows: 0, drop: true }), never)).toMatchObject({ rows: 0 })
    expect(await mongo.db.listCollections({ name: 'users' }).toArray()).toHaveLength(1)
    expect(await seed(optionsFor(mongo.url, { rows: 3 }), never)).toMatchObject({ rows: 3 })
  })

  it('counts what is there in the end', async () => {
    await using mongo = await database()
    await mongo.db.createCollection('users', { capped: true, size: 100_000, max: 5 })
    const seeding = seed(optionsFor(mongo.url, { rows: 10 }), never)
    const message = 'users holds 5 rows after 10 were written to it'
    await expect(seeding).rejects.toMatchObject({ code: 'count-mismatch', message })
  })

  it('stops on its signal with its reason', async () => {
    await using mongo = await database()
    const controller = new AbortController()
    const reason = new Error('enough')
    const onProgress = (): void => controller.abort(reason)
    await expect(seed(optionsFor(mongo.url, { rows: 50_000, onProgress }), controller.signal)).rejects.toBe(reason)
    const left = await mongo.db.collection('users').countDocuments()
    expect(left).toBeGreaterThan(0)
    expect(left).toBeLessThan(50_000)
  })

  it('says which address or number it cannot use, without the password', async () => {
    await using mongo = await database()
    await mongo.db.createCollection('seen', { viewOn: 'users', pipeline: [] })
    const refusals: [Partial<SeedOptions>, string][] = [
      [{ collection: 'seen', drop: true }, 'target-incompatible'],
      [{ rows: -1 }, 'invalid-value'],
      [{ rows: 2 ** 32 + 1 }, 'invalid-value'],
      [{ workers: 0 }, 'invalid-value'],
      [{ rngSeed: 0.5 }, 'invalid-value'],
      [{ url: 'mysql://u:s3cret@h/d' }, 'unknown-scheme'],
      [{ url: 'mongodb://u:s3cret@h' }, 'invalid-url'],
      [{ url: 'mongodb://u:s3cret@h:99999/d' }, 'invalid-url'],
      [{ url: 'mongodb://u:s3cret@127.0.0.1:9/d?serverSelectionTimeoutMS=50' }, 'target-unreachable'],
    ]
    for (const [change, code] of refusals) {
      const error: unknown = await seed(optionsFor(mongo.url, change), never).catch((thrown: unknown) => thrown)
      expect(error).toMatchObject({ code, message: expect.not.stringContaining('s3cret') })
    }
  })
})
