import { DatabaseSync, type SQLOutputValue } from 'node:sqlite'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { Document } from 'bson'
import pg from 'pg'
import { expect, it } from 'vitest'
import { seed, type SeedOptions } from '../../../src/devkit/seed.ts'
import { shapes } from '../../../src/devkit/shapes/shapes.ts'
import { sqlShapes } from '../../../src/devkit/shapes/sql-shapes.ts'
import { tablesOf, type SqlTable, type SqlType } from '../../../src/devkit/shapes/sql-table.ts'
import { freshPostgres } from '../../support/databases.ts'
import { temporaryFolder } from '../../support/dump.ts'

const never = new AbortController().signal
// More than a transaction of one stream, so that several have something to do.
const rows = 10_400
const shapeNames = ['users', 'orders', 'fact', 'narrow', 'wide', 'deep', 'huge'] as const

function rowsOf(shape: (typeof shapeNames)[number]): number {
  return shape === 'users' ? rows : Math.min(100, Math.ceil(2_000_000 / shapes[shape].bytes))
}

async function databases() {
  await using stack = new AsyncDisposableStack()
  const postgres = stack.use(await freshPostgres())
  const folder = stack.use(temporaryFolder())
  const client = new pg.Client({ connectionString: postgres.url })
  await client.connect()
  stack.defer(() => client.end())
  const path = join(folder.path, 'with space & ü.db')
  const moved = stack.move()
  return {
    postgres: postgres.url,
    sqlite: `sqlite://${encodeURIComponent(path).replaceAll('%2F', '/')}`,
    path,
    folder: folder.path,
    client,
    [Symbol.asyncDispose]: () => moved.disposeAsync(),
  }
}

function optionsFor(url: string, change: Partial<SeedOptions> = {}): SeedOptions {
  return { url, rows: 10, rngSeed: 7, shape: 'users', drop: false, workers: 2, onProgress: () => undefined, ...change }
}

/** What a value of SQLite is to a driver of PostgreSQL, by the type that both were declared for. */
function asPostgres(value: SQLOutputValue, type: SqlType): unknown {
  if (value === null) return null
  if (type === 'boolean') return value === 1n
  if (type === 'time') return new Date(value as string)
  if (type === 'json' || type === 'texts') return JSON.parse(value as string) as unknown
  if (type === 'numeric') return Number(value).toFixed(2)
  if (type === 'bytes') return Buffer.from(value as Uint8Array)
  return type === 'integer' ? Number(value) : type === 'bigint' ? `${value as bigint}` : value
}

function inSqlite(path: string, { name, columns, key }: SqlTable): readonly Document[] {
  using database = new DatabaseSync(path, { readOnly: true })
  const statement = database.prepare(`select * from "${name}" order by ${key.map((one) => `"${one}"`).join()}`)
  statement.setReadBigInts(true)
  return statement.all().map((row) => {
    return Object.fromEntries(columns.map((column) => [column.name, asPostgres(row[column.name] ?? null, column.type)]))
  })
}

async function inPostgres(client: pg.Client, { name, key }: SqlTable): Promise<readonly Document[]> {
  const sql = `select * from "${name}" order by ${key.map((one) => `"${one}" collate "C"`).join()}`
  const plain = sql.replaceAll(/"(id|ordinal|uuid)" collate "C"/g, '"$1"')
  return (await client.query<Document>(plain)).rows
}

it('fills PostgreSQL and SQLite with the same rows of every shape, which are those of the documents', async () => {
  await using both = await databases()
  for (const shape of shapeNames) {
    const count = rowsOf(shape)
    const { name } = sqlShapes[shape].main.table
    const progress: number[] = []
    for (const url of [both.postgres, both.sqlite]) {
      const options = optionsFor(url, { shape, rows: count, onProgress: (written) => progress.push(written) })
      expect(await seed(options, never)).toEqual({ rows: count, collection: name, seconds: expect.any(Number) })
    }
    expect(progress.filter((written) => written === count)).toHaveLength(2)
    for (const table of tablesOf(sqlShapes[shape])) {
      const found = await inPostgres(both.client, table)
      expect(found.length).toBeGreaterThan(0)
      const same = inSqlite(both.path, table)
      expect(same.slice(0, 20)).toEqual(found.slice(0, 20))
      expect(isDeepStrictEqual(same, found)).toBe(true)
    }
  }

  const [order] = await inPostgres(both.client, sqlShapes.orders.main.table)
  const document = shapes.orders.document(0, 7)
  expect(order).toMatchObject({
    id: String(document['_id']),
    sequence: String(document['sequence']),
    total: String(document['total']),
    paid: document['paid'],
    ordered_at: document['orderedAt'],
    cancelled_at: null,
    labels: document['labels'],
    signature: Buffer.from((document['signature'] as { buffer: Uint8Array }).buffer),
    trace_id: String(document['traceId']),
    shipping: JSON.parse(JSON.stringify(document['shipping'])),
  })
  const items = await both.client.query('select * from order_items where order_id = $1 order by ordinal', [
    order?.['id'],
  ])
  const [note, amount, last] = document['items'] as [string, number, { sku: string; gift: boolean }]
  const nothing = { note: null, amount: null, sku: null, gift: null }
  expect(items.rows).toMatchObject([
    { ...nothing, note },
    { ...nothing, amount },
    { ...nothing, ...last },
  ])
})

it('builds keys, references and indexes, and the next number of a numbered table is free', async () => {
  await using both = await databases()
  for (const shape of ['fact', 'orders'] as const) {
    for (const url of [both.postgres, both.sqlite]) await seed(optionsFor(url, { shape }), never)
  }
  const { rows: constraints } = await both.client.query<{ said: string }>(
    `select conrelid::regclass || ': ' || pg_get_constraintdef(oid) as said from pg_constraint
      where conrelid in ('data_fact'::regclass, 'order_items'::regclass) and contype in ('p', 'f') order by 1`,
  )
  expect(constraints.map(({ said }) => said)).toEqual([
    'data_fact: FOREIGN KEY (date_id) REFERENCES date(id)',
    'data_fact: FOREIGN KEY (fuel_id) REFERENCES fuel(id)',
    'data_fact: FOREIGN KEY (power_id) REFERENCES power(id)',
    'data_fact: FOREIGN KEY (region_id) REFERENCES region(id)',
    'data_fact: FOREIGN KEY (time_id) REFERENCES "time"(id)',
    'data_fact: PRIMARY KEY (uuid)',
    'order_items: FOREIGN KEY (order_id) REFERENCES orders(id)',
    'order_items: PRIMARY KEY (order_id, ordinal)',
  ])
  const indexes = await both.client.query('select 1 from pg_indexes where indexdef ~ \'btree \\("timestamp"\\)\'')
  expect(indexes.rows).toHaveLength(1)
  const added = await both.client.query("insert into fuel (name) values ('new') returning id")
  expect(added.rows).toEqual([{ id: 13 }])

  using file = new DatabaseSync(both.path)
  expect(
    file
      .prepare('pragma foreign_key_list(data_fact)')
      .all()
      .map((found) => found['table']),
  ).toEqual(expect.arrayContaining(['fuel', 'region', 'power', 'date', 'time']))
  expect(file.prepare('pragma foreign_key_check').all()).toEqual([])
  expect(file.prepare("insert into fuel (name) values ('new') returning id").all()).toEqual([{ id: 13 }])
  expect(file.prepare("select name from sqlite_schema where type = 'index' and sql is not null").all()).toEqual([
    { name: 'data_fact_timestamp' },
  ])
})

it('refuses tables with rows, drops them when told to, and takes empty ones as they are', async () => {
  await using both = await databases()
  const refusal = { code: 'target-not-empty', hint: '--drop drops it first' }
  for (const url of [both.postgres, both.sqlite]) {
    await seed(optionsFor(url, { shape: 'fact' }), never)
    await expect(seed(optionsFor(url, { shape: 'fact' }), never)).rejects.toMatchObject(refusal)
    expect(await seed(optionsFor(url, { shape: 'fact', drop: true, rows: 0 }), never)).toMatchObject({ rows: 0 })
    await seed(optionsFor(url), never)
    await expect(seed(optionsFor(url), never)).rejects.toMatchObject(refusal)
  }
  await both.client.query('truncate users')
  expect(await seed(optionsFor(both.postgres), never)).toMatchObject({ rows: 10 })
  using file = new DatabaseSync(both.path)
  file.exec('delete from users')
  expect(await seed(optionsFor(both.sqlite), never)).toMatchObject({ rows: 10 })
})

it('says what it cannot fill, without the password', async () => {
  await using both = await databases()
  await both.client.query('create view wide as select 1 as id; create table narrow (other integer)')
  await seed(optionsFor(both.postgres), never)
  await both.client.query('create view depends as select * from users')
  using file = new DatabaseSync(both.path)
  file.exec('create view narrow as select 1 as id')
  await seed(optionsFor(`sqlite:${both.folder}/other`), never)
  file.exec('create table deep (other integer)')
  const there = new URL(both.postgres)
  const refused = (url: string): string => url.replace(/:[^:@]*@/, ':s3cret-wrong@')
  const refusals: [Partial<SeedOptions>, string][] = [
    [{ url: both.postgres, shape: 'wide' }, 'target-incompatible'],
    [{ url: both.postgres, shape: 'narrow' }, 'target-incompatible'],
    [{ url: both.postgres, drop: true }, 'target-in-use'],
    [{ url: both.postgres, collection: 'people' }, 'invalid-value'],
    [{ url: refused(there.href) }, 'target-login-refused'],
    [{ url: 'postgres://u:s3cret-wrong@127.0.0.1:9/d' }, 'target-unreachable'],
    [{ url: 'postgres://u:s3cret-wrong@h:99999/d' }, 'invalid-url'],
    [{ url: both.sqlite, shape: 'narrow' }, 'target-incompatible'],
    [{ url: both.sqlite, shape: 'deep' }, 'target-incompatible'],
    [{ url: `sqlite:${both.folder}/none/a.db` }, 'target-unreachable'],
    [{ url: `sqlite:${process.execPath}` }, 'target-unreachable'],
  ]
  for (const [change, code] of refusals) {
    const error: unknown = await seed(optionsFor(both.postgres, change), never).catch((thrown: unknown) => thrown)
    expect(error, JSON.stringify(Object.keys(change))).toMatchObject({
      code,
      message: expect.not.stringContaining('s3cret'),
    })
  }
})

it('stops on its signal with its reason', async () => {
  await using both = await databases()
  for (const url of [both.postgres, both.sqlite]) {
    const controller = new AbortController()
    const reason = new Error('enough')
    const options = optionsFor(url, { rows: 100_000, onProgress: () => controller.abort(reason) })
    await expect(seed(options, controller.signal)).rejects.toBe(reason)
  }
})
