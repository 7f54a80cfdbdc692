import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { databases, type BothDatabases } from '../support/both-databases.ts'
import type { Ended } from '../support/run-bin.ts'
import { droverHere } from '../support/run-here.ts'

let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'drover-plan-'))
})

afterAll(() => rm(folder, { recursive: true }))

interface Saved {
  readonly path: string
  readonly text: string
}

async function seedOrders({ db }: BothDatabases): Promise<void> {
  const orders = db.collection<Record<string, unknown> & { _id: number }>('orders')
  await orders.insertMany(
    Array.from({ length: 50 }, (_, n) => ({
      _id: n,
      number: `no ${n}`,
      secret: 'x',
      place: { city: `c${n}`, zip: n },
      items: Array.from({ length: n % 3 }, (__, i) => ({ sku: `s${i}`, qty: i })),
    })),
  )
  await orders.createIndex({ number: 1 }, { unique: true })
}

async function savePlan(both: BothDatabases, name: string, options: readonly string[]): Promise<Saved> {
  const path = join(folder, name)
  const { code, stderr } = await droverHere(['plan', '--from', both.from, '--to', both.to, '--save', path, ...options])
  expect(stderr).not.toContain('[')
  expect(code).toBe(0)
  return { path, text: await readFile(path, 'utf8') }
}

function run({ from, to }: BothDatabases, path: string, options: readonly string[] = []): Promise<Ended> {
  return droverHere(['migrate', '--from', from, '--to', to, '--plan', path, '--progress', 'none', ...options])
}

const nest = ['--nest', 'place=column,items=table']

describe('a saved plan', () => {
  it('is run as it was edited', async () => {
    await using both = await databases()
    await seedOrders(both)
    const { path, text } = await savePlan(both, 'edited.yaml', nest)
    const edited = text
      .replace('{ field: number, name: number,', '{ field: number, name: order_number,')
      .replace('{ field: place.zip, name: place_zip, type: integer }', '{ field: place.zip, name: zip, type: bigint }')
      .replace(/ +- \{ field: secret, .*\n/, '')
      .replace('ignore: []', 'ignore: [ secret ]')
      .replaceAll('column: number', 'column: order_number')
    expect(edited).not.toBe(text)
    await writeFile(path, edited)
    const ended = await run(both, path)
    expect(ended).toMatchObject({ code: 0 })
    const columns = await both.sql(
      `select string_agg(column_name || ' ' || data_type, ', ' order by ordinal_position) as columns
       from information_schema.columns where table_name = 'orders'`,
    )
    expect(columns).toEqual([
      { columns: '_id integer, order_number text, place_city text, zip bigint, items_count integer' },
    ])
    expect(await both.sql('select sum(zip)::int as zips, sum(items_count)::int as items from orders')).toEqual([
      { zips: 1225, items: 49 },
    ])
    expect(await both.sql('select count(*)::int as n from orders_items')).toEqual([{ n: 49 }])
    const indexes = await both.sql(`select indexdef from pg_indexes where indexdef like '%(order_number)%'`)
    expect(indexes).toHaveLength(1)
  })

  it('is refused when it no longer fits, before anything is written', async () => {
    await using both = await databases()
    await seedOrders(both)
    const { path } = await savePlan(both, 'old.yaml', nest)
    const orders = both.db.collection<Record<string, unknown> & { _id: number }>('orders')
    await orders.insertOne({ _id: 100, number: 5, place: { country: 'x' }, fresh: 1 })
    const { code, stderr } = await run(both, path)
    expect(code).toBe(3)
    expect(stderr).toMatch(/plan no longer fits orders: .*"number".*int.*"place.country".*"fresh".*\n.*hint.*--save/)
    expect(stderr).toContain('[plan-outdated]')
    expect(await both.sql(`select 1 from pg_tables where tablename = 'orders'`)).toEqual([])
    await both.db.collection('orders').drop()
    await both.db.createCollection('others')
    expect((await run(both, path)).stderr).toMatch(/the plan has the table orders, and the source has not/)
  })

  it('excludes the options that it speaks of itself, and takes another mode', async () => {
    await using both = await databases()
    await seedOrders(both)
    const { path } = await savePlan(both, 'mode.yaml', [])
    const { code, stderr } = await run(both, path, ['--cast', 'number=text'])
    expect([code, stderr.includes('[conflicting-options]')]).toEqual([2, true])
    expect(await run(both, path)).toMatchObject({ code: 0 })
    expect((await run(both, path)).stderr).toContain('[target-not-empty]')
    expect(await run(both, path, ['--mode', 'recreate'])).toMatchObject({ code: 0 })
    expect(await run(both, path, ['--mode', 'truncate'])).toMatchObject({ code: 0 })
    await both.sql('alter table orders alter column secret type varchar(3)')
    expect(await run(both, path, ['--mode', 'truncate'])).toMatchObject({ code: 0 })
    await both.sql('alter table orders drop column secret')
    expect((await run(both, path, ['--mode', 'truncate'])).stderr).toMatch(/"secret" of public.orders.*no such column/)
  })

  it('is run in the mode that is asked for now, whatever table is there', async () => {
    await using both = await databases()
    await seedOrders(both)
    const { path } = await savePlan(both, 'again.yaml', [])
    await both.sql('create table orders (number integer)')
    expect(await run(both, path, ['--mode', 'recreate'])).toMatchObject({ code: 0 })
    const orders = both.db.collection<Record<string, unknown> & { _id: number }>('orders')
    await orders.updateOne({ _id: 7 }, { $set: { secret: 'changed' } })
    expect(await run(both, path, ['--mode', 'upsert'])).toMatchObject({ code: 0 })
    expect(
      await both.sql('select count(*)::int as n, string_agg(distinct secret, chr(32)) as secrets from orders'),
    ).toEqual([{ n: 50, secrets: 'changed x' }])
  })

  it('is not written over a file, and not read from what is no plan', async () => {
    await using both = await databases()
    await seedOrders(both)
    const { path } = await savePlan(both, 'there.yaml', [])
    const again = await droverHere(['plan', '--from', both.from, '--to', both.to, '--save', path])
    expect([again.code, again.stderr.includes('EEXIST')]).toEqual([2, true])
    expect(await run(both, join(folder, 'none.yaml'))).toMatchObject({ code: 2 })
    await writeFile(join(folder, 'wrong.yaml'), 'version: 1\ntables:\n  orders: {tpye: x}\n')
    expect((await run(both, join(folder, 'wrong.yaml'))).stderr).toMatch(/wrong.yaml line 3.*tpye[^]*\[invalid-plan\]/)
  })
})
