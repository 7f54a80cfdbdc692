import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { expect, it } from 'vitest'
import { bench } from '../../../src/devkit/bench.ts'
import { measureBeside } from '../../../src/devkit/bench-beside.ts'
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

it('measures other ways from SQLite and PostgreSQL, and says what it says nothing of', async () => {
  await using folder = temporaryFolder()
  await using postgres = await freshPostgres()
  const client = new pg.Client({ connectionString: postgres.url })
  await client.connect()
  const password = new URL(postgres.url).password
  // Nothing else is installed; this fails with the secret that it was told.
  await folder.write(
    'bin/pgloader',
    `#!/bin/sh\n[ "$1" = --version ] || { echo ":${password}@" >&2; exit 3; }\n`,
    0o755,
  )
  const lines: string[] = []
  const environment = childEnvironment({ PATH: join(folder.path, 'bin') })
  const shared = {
    to: postgres.url,
    target: client,
    repeats: 2,
    environment,
    onLine: (line: string) => lines.push(line),
  }
  const seeding = { rows, rngSeed: 42, shape: 'orders', drop: false, workers: 1, onProgress: () => undefined } as const
  const tables = ['orders', 'order_items'] as const
  const sqlite = `sqlite:${join(folder.path, 'orders.db')}`
  for (const url of [sqlite, postgres.url]) await seed({ ...seeding, url }, never)
  const [read, ...others] = await measureBeside({ ...shared, from: sqlite, tables }, never)
  expect(read).toMatchObject({ name: 'raw read', version: null, rows: rows * 4, allSeconds: { length: 2 } })
  expect(others).toEqual([])
  const fromPostgres = await measureBeside({ ...shared, from: postgres.url, tables, repeats: 1 }, never)
  expect(fromPostgres).toMatchObject([{ name: 'bare COPY pipe', rows }])
  expect(lines).toEqual([
    'measuring raw read',
    'measuring pgloader',
    expect.stringMatching(/^nothing is measured of pgloader, which failed: pgloader ended with 3: :\*\*\*@/),
    'measuring bare COPY pipe',
    'pgcopydb is not installed: nothing is measured of it',
  ])
  const { rows: left } = await client.query("select datname from pg_database where datname ~ '^drover_bench'")
  await client.end()
  expect(left).toEqual([])
})
