import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Long, MongoClient, ObjectId, type Collection, type Document, type WithId } from 'mongodb'
import pg from 'pg'
import { seed } from '../../src/devkit/seed.ts'
import { migrate } from '../../src/index.ts'
import { compareValues, usersColumns } from '../support/compare-values.ts'
import { freshMongo, freshPostgres } from '../support/databases.ts'

const never = new AbortController().signal

describe('500,000 documents whose last thousand have another shape', { timeout: 300_000 }, () => {
  const ROWS = 500_000
  const TURN = ROWS - 1001
  let mongo: Awaited<ReturnType<typeof freshMongo>>

  beforeAll(async () => {
    mongo = await freshMongo()
    await using client = await MongoClient.connect(mongo.url)
    await insertTurning(client.db().collection('events'), ROWS, TURN)
  }, 300_000)

  afterAll(() => mongo[Symbol.asyncDispose]())

  const columns = { _id: '_id', place: 'place', n: 'n', at: 'at', tag: 'tag', extra_field: 'extraField' }
  // Looks at the first and the last document only, and the last one is as the first: the turn is a surprise.
  const blind = { sampleRows: 1, workers: 2 }

  it.each(['paged', 'partitioned'] as const)('all arrive where tables evolve (%s)', async (feed) => {
    await using postgres = await freshPostgres()
    const result = await migrate({ ...blind, feed, from: mongo.url, to: postgres.url })
    expect(result.error).toBeNull()
    expect(result).toMatchObject({ totals: { read: ROWS, written: ROWS }, verification: { equal: true } })
    const compared = { mongoUrl: mongo.url, collection: 'events', postgresUrl: postgres.url, table: 'events', columns }
    expect(await compareValues({ ...compared, json: ['at', 'tag'] })).toBe(ROWS)
  })

  it('stop the run where drift is to stop it, with nothing of their batch written', async () => {
    await using postgres = await freshPostgres()
    const result = await migrate({ ...blind, from: mongo.url, to: postgres.url, onDrift: 'stop', batchRows: 1000 })
    expect(result).toMatchObject({ state: 'stopped', error: { code: 'schema-drift' } })
    const rows = await query(
      postgres.url,
      `select count(*)::int as n, count(*) filter (where place >= ${TURN} and place < ${ROWS} - 1)::int as turned,
         (select sum(written)::int from drover.entry) as committed
       from events`,
    )
    expect(rows).toEqual([{ n: result.totals.written, turned: 0, committed: result.totals.written }])
  })
})

describe('200,000 changed of 1,000,000 rows', { timeout: 300_000 }, () => {
  it('are the only ones that an upsert changes', async () => {
    await using mongo = await freshMongo()
    await using postgres = await freshPostgres()
    const ROWS = 1_000_000
    const seeding = { url: mongo.url, rngSeed: 42, drop: false, workers: 2, onProgress: () => undefined }
    await seed({ ...seeding, shape: 'users', rows: ROWS }, never)
    const ends = { from: mongo.url, to: postgres.url }
    expect(await migrate(ends)).toMatchObject({ state: 'done', totals: { written: ROWS } })
    await query(postgres.url, 'create table before as select _id, xmin::text as version from users')

    await using client = await MongoClient.connect(mongo.url)
    const users = client.db().collection('users')
    const [middle] = await users
      .find({}, { projection: { _id: 1 } })
      .sort({ _id: 1 })
      .skip(400_000)
      .limit(1)
      .toArray()
    const [end] = await users
      .find({}, { projection: { _id: 1 } })
      .sort({ _id: 1 })
      .skip(600_000)
      .limit(1)
      .toArray()
    const changed = await users.updateMany({ _id: { $gte: idOf(middle), $lt: idOf(end) } }, { $inc: { age: 100 } })
    expect(changed.modifiedCount).toBe(200_000)

    const result = await migrate({ ...ends, mode: 'upsert', workers: 2 })
    expect(result).toMatchObject({ state: 'done', error: null, totals: { read: ROWS, written: ROWS } })
    const counted = await query(
      postgres.url,
      `select count(*)::int as rows, count(*) filter (where u.xmin::text <> b.version)::int as touched,
         count(*) filter (where u.age >= 100)::int as changed
       from users u join before b using (_id)`,
    )
    expect(counted).toEqual([{ rows: ROWS, touched: 200_000, changed: 200_000 }])
    const compared = { mongoUrl: mongo.url, collection: 'users', postgresUrl: postgres.url, table: 'users' }
    expect(await compareValues({ ...compared, columns: usersColumns })).toBe(ROWS)
  })
})

function idOf(document: WithId<Document> | undefined): ObjectId {
  if (document === undefined) throw new Error('the collection is smaller than that')
  return document._id
}

async function insertTurning(collection: Collection, rows: number, turn: number): Promise<void> {
  const PAGE = 10_000
  for (let first = 0; first < rows; first += PAGE) {
    const page = Array.from({ length: PAGE }, (_, index) => first + index)
    await collection.insertMany(
      page.map((place) => (place >= turn && place < rows - 1 ? turnedRow(place) : plainRow(place))),
    )
  }
}

function plainRow(place: number): Record<string, unknown> {
  const _id = new ObjectId(place.toString(16).padStart(24, '0'))
  return { _id, place, n: place % 1000, at: new Date(1.7e12 + place), tag: `tag ${place}` }
}

/** A new field, a wider number, a text where dates were, an array where a text was. */
function turnedRow(place: number): Record<string, unknown> {
  return {
    ...plainRow(place),
    n: Long.fromString(`${2n ** 40n + BigInt(place)}`),
    at: `day ${place}`,
    tag: ['tag', place],
    extraField: place,
  }
}

async function query(url: string, sql: string): Promise<readonly Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows
  } finally {
    await client.end()
  }
}
