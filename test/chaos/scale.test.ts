import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { seed } from '../../src/devkit/seed.ts'
import { migrate } from '../../src/index.ts'
import { compareValues, ordersColumns, usersColumns } from '../support/compare-values.ts'
import { freshMongo, freshPostgres } from '../support/databases.ts'

const shapes = [
  { shape: 'users', rows: 1_000_000, columns: usersColumns },
  { shape: 'orders', rows: 200_000, columns: ordersColumns },
] as const

describe.each(shapes)('$rows $shape', ({ shape, rows, columns }) => {
  let mongo: Awaited<ReturnType<typeof freshMongo>>

  beforeAll(async () => {
    mongo = await freshMongo()
    const seeding = { url: mongo.url, rngSeed: 42, drop: false, workers: 2, onProgress: () => undefined }
    await seed({ ...seeding, shape, rows }, new AbortController().signal)
  }, 300_000)

  afterAll(() => mongo[Symbol.asyncDispose]())

  const ways = (['threads', 'processes', 'inline'] as const).flatMap((isolation) =>
    (['paged', 'partitioned'] as const).map((feed) => ({ isolation, feed })),
  )

  it.each(ways)('every value arrives by $isolation, $feed', { timeout: 300_000 }, async (way) => {
    await using postgres = await freshPostgres()
    const result = await migrate({ ...way, from: mongo.url, to: postgres.url, workers: 2 })
    expect(result).toMatchObject({
      state: 'done',
      totals: { read: rows, written: rows },
      verification: { equal: true },
    })
    const compared = { mongoUrl: mongo.url, collection: shape, postgresUrl: postgres.url, table: shape, columns }
    expect(await compareValues(compared)).toBe(rows)
  })
})
