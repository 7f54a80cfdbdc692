import { Decimal128, Double, Long, ObjectId, type Document } from 'bson'
import { describe, expect, it } from 'vitest'
import type { ConfigOptions } from '../../src/config.ts'
import type { Verification } from '../../src/core/result.ts'
import { databases } from '../support/both-databases.ts'
import { insertThings } from '../support/corpus.ts'
import { verified } from '../support/verification.ts'

/** Compares documents with a table that somebody else has made and filled. */
async function compared(
  documents: readonly Document[],
  sql: string,
  options: ConfigOptions = {},
): Promise<Verification & { readonly notices: string }> {
  await using both = await databases()
  await insertThings(both.db, documents)
  await both.sql(sql)
  const notices: string[] = []
  const found = await verified(both, 'full', options, ({ message }) => notices.push(message))
  return { ...found, notices: notices.join('\n') }
}

const documents: readonly Document[] = Array.from({ length: 20 }, (_, n) => ({
  _id: new ObjectId(n.toString(16).padStart(24, '0')),
  userName: `user ${n}`,
  age: n,
  visits: Long.fromNumber(n),
  rate: new Double(n + 0.5),
  paid: Decimal128.fromString(`${n}.50`),
  zip: String(10_000 + n),
  extra: { n },
}))

const rows = `
  insert into things
  select lpad(to_hex(n), 24, '0'), 'user ' || n, n, n, n + 0.5, (n || '.50')::numeric, 10000 + n, now()
  from generate_series(0, 19) n`
const table = `
  create table things (_id varchar(24) primary key, user_name text, age smallint, visits bigint, rate double precision,
    paid numeric, zip integer, loaded_at timestamptz default now());`

describe('tables that drover did not copy', () => {
  it('are compared by name, each column as the type that it has', async () => {
    const { equal, differences, rows: count, columns, notices } = await compared(documents, table + rows)
    expect({ equal, differences, count }).toEqual({ equal: true, differences: [], count: 20 })
    expect(columns.filter(({ compared: how }) => how === 'not').map(({ column }) => column)).toEqual(['loaded_at'])
    expect(notices).toMatch(/public\.things has no column for "extra": not compared/)
  })

  it('are told apart from the source where they differ', async () => {
    const { equal, differences } = await compared(
      documents,
      `${table}${rows}; update things set zip = 1 where age = 3; delete from things where age = 4;
       insert into things (_id) values ('stranger')`,
    )
    expect(equal).toBe(false)
    const id = (n: number): string => n.toString(16).padStart(24, '0')
    expect(differences).toEqual(
      expect.arrayContaining([
        { table: 'things', key: id(3), column: 'zip', source: '10003', target: '1' },
        { table: 'things', key: id(4), column: null, source: 'found', target: 'missing' },
        { table: 'things', key: 'stranger', column: null, source: 'missing', target: 'extra' },
      ]),
    )
  })

  it('are left as they are, and so is the ledger', async () => {
    await using both = await databases()
    await insertThings(both.db, documents)
    await both.sql(table + rows)
    await verified(both, 'full')
    const schemas = await both.texts(`select nspname from pg_namespace where nspname = 'drover'`)
    expect(schemas).toEqual([])
  })

  it('need to be there', async () => {
    await expect(compared(documents, 'select 1')).rejects.toMatchObject({ code: 'target-missing' })
  })

  it('say which columns no value of the source can be told by', async () => {
    const sql = `create table things (_id text primary key, user_name char(9), age money);
      insert into things select lpad(to_hex(n), 24, '0'), 'user ' || n, n from generate_series(0, 19) n`
    const { equal, columns, notices } = await compared(documents, sql)
    expect(equal).toBe(true)
    expect(columns.filter(({ compared: how }) => how === 'exactly').map(({ column }) => column)).toEqual([
      '_id',
      'user_name',
    ])
    expect(notices).toMatch(/column "age" of public\.things is money, which cannot be compared exactly/)
  })

  it('are compared with their child tables', async () => {
    const orders = [
      { _id: 1, items: [{ sku: 'a' }, { sku: 'b' }] },
      { _id: 2, items: [] },
    ]
    const sql = `create table things (_id int primary key);
      create table things_items (things_id int, ordinal int, sku text);
      insert into things values (1), (2);
      insert into things_items values (1, 1, 'a'), (1, 2, 'B'), (2, 1, 'c')`
    const { differences } = await compared(orders, sql, { nest: { items: 'table' } })
    expect(differences).toEqual([
      { table: 'public.things_items', key: '1, 2', column: 'sku', source: 'b', target: 'B' },
      { table: 'public.things_items', key: '2, 1', column: null, source: 'missing', target: 'extra' },
    ])
  })
})
