import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { expect, it } from 'vitest'
import { bench } from '../../../src/devkit/bench.ts'
import { seed } from '../../../src/devkit/seed.ts'
import { childEnvironment } from '../../support/child-environment.ts'
import { freshMongo, freshPostgres } from '../../support/databases.ts'
import { temporaryFolder } from '../../support/dump.ts'

const never = new AbortController().signal
const rows = 400

it('measures drover beside its limits and beside loops of INSERTs, and leaves nothing behind', async () => {
  await using folder = temporaryFolder()
  await using mongo = await freshMongo()
  await using postgres = await freshPostgres()
  const seeding = { rngSeed: 42, shape: 'orders', drop: false, workers: 2, onProgress: () => undefined } as const
  await seed({ ...seeding, url: mongo.url, rows }, never)
  const servers = { from: mongo.url, to: postgres.url, fill: null, [Symbol.asyncDispose]: () => Promise.resolve() }
  const out = join(folder.path, 'result.json')
  const report = await bench(
    {
      servers,
      workloads: [],
      source: 'server',
      tables: ['orders'],
      cases: [],
      // Sequential mode is measured always.
      modes: ['multi-insert', 'insert'],
      workers: [2],
      batchRows: [100],
      batchBytes: 1024 * 1024,
      repeats: 1,
      limits: true,
      transform: null,
      out,
      environment: childEnvironment({}),
      onLine: () => undefined,
    },
    never,
  )

  const [section] = report.sections
  expect(section).toMatchObject({ name: 'orders', source: 'address', rows, note: null })
  expect(section?.measurements).toMatchObject([
    { mode: 'sequential', workers: 1, rows, rowsVerified: rows, timesSequential: 1 },
    { mode: 'multi-insert', rows, rowsVerified: null, scaledFromRows: null },
    { mode: 'insert', rows, rowsVerified: null },
  ])
  // Every program has come to all the rows, and read or sent their bytes.
  const bytes = section?.bytes
  expect(section?.limits).toMatchObject({
    rawRead: [
      { connections: 1, rows, bytes },
      { connections: 2, rows, bytes },
    ],
    readyCopy: { connections: 2, rows },
    reference: { connections: 2, rows, bytes },
  })
  expect(JSON.parse(await readFile(out, 'utf8'))).toEqual(report)
  const client = new pg.Client({ connectionString: postgres.url })
  await client.connect()
  const { rows: left } = await client.query("select nspname from pg_namespace where nspname ~ '^drover'")
  await client.end()
  expect(left).toEqual([])
})
