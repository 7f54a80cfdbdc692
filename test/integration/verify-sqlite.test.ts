import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Difference } from '../../src/core/result.ts'
import { freshPostgres } from '../support/databases.ts'
import { openLetters } from '../support/letters.ts'
import { migrate } from '../support/migrate.ts'
import { sqliteFile, type SqliteFile } from '../support/sqlite.ts'
import { verified } from '../support/verification.ts'

const levels = ['checksum', 'full'] as const

/** Values as SQLite's users store them: dates as texts and numbers, words for booleans, documents, numbers as texts. */
const stored = `
  create table things (id integer primary key, name text not null, price real, flag boolean, at datetime, epoch timestamp,
    day date, doc json, blob blob, code uuid, "whole" integer, amount decimal(20,4), late julian);
  with recursive n (n) as (select 0 union all select n + 1 from n where n < 799)
  insert into things select n, 'näme ' || n, n / 7.0, case n % 3 when 0 then 'yes' when 1 then 'NO' else 1 end,
    datetime(1700000000 + n, 'unixepoch'), 1700000000 + n, date(1700000000 + n * 86400, 'unixepoch'),
    case when n = 3 then 'null' else '{"n": ' || n || '.0, "list": [1, 2.50, 1e3, null, "\\u00e9"]}' end,
    cast(x'00ff' || n as blob), printf('%08X-0000-4000-8000-%012x', n, n),
    case when n % 2 then n * 4611686018427 else null end, n || '.2500', 2460000.5 + n / 8.0 from n;
  create table pairs (a text, b integer, n real, primary key (b, a)) without rowid;
  insert into pairs select 'k' || (id % 10), id / 10, id + 0.5 from things where id < 200;
  create table loose (a, b text);
  insert into loose select id % 7, 'x' || (id % 9) from things where id < 300;
  create table fits (id integer primary key, amount text, code text, name text, ratio real, small integer, day text,
    at text, mood text, doc text, tag text, stamp text);
  create table shown (id integer primary key, ip text, span text, nets text);
  insert into shown select id, '10.0.0.' || id, id || ' hours', '10.' || id from things where id < 100;
  insert into fits select id, id || '.5', 'c' || id, 'n' || id, id / 4.0, id, date(1700000000 + id * 86400, 'unixepoch'),
    datetime(1700000000 + id, 'unixepoch') || '.25', case id % 2 when 0 then 'sad' else 'ok' end, '{"b":1, "a":' || id || '}',
    'T' || id, datetime(1700000000 + id, 'unixepoch') from things where id < 100;
  insert into fits (id, amount, code, name, mood) values (1000, '7.125', 'c', 'n', 'ok'),
    (1001, '7', 'c ', 'n', 'ok'), (1002, '7', 'c', 'a name that is too long', 'ok'), (1003, '7', 'c', 'n', 'angry');`

/** Rows that the types of that table do not hold. */
const refusedRows = [
  ['fits', '1000', 'encode', 'amount', '{"$numberDecimal":"7.125"}'],
  ['fits', '1001', 'encode', 'code', '"c "'],
  ['fits', '1002', 'encode', 'name', '"a name that is too long"'],
  ['fits', '1003', 'store', 'mood', '"angry"'],
]

/** A table of somebody's, with types of its own. */
const fits = `
  create type mood as enum ('ok', 'sad');
  create schema fit;
  create table fit.fits (id bigint primary key, amount numeric(10,2), code char(8), name varchar(20), ratio real,
    small smallint, day date, at timestamp, mood mood, doc json, tag varchar(5), stamp timestamptz(0));
  create table fit.shown (id bigint primary key, ip inet, span interval, nets cidr);`

type Found = readonly [table: string, key: string, column: string | null, source: string, target: string]

/** What the tamperings below make different, in the order of `inOrder`. */
const tampered: readonly Found[] = [
  ['loose', '1, x1', null, 'found', 'missing'],
  ['pairs', '3, k4', 'n', '34.5', '35.5'],
  ['things', '1', 'price', '0.14285714285714285', '0.2857142857142857'],
  ['things', '11', 'at', '2023-11-14 22:13:31+00', '2023-11-14 22:13:31.000001+00'],
  ['things', '13', 'doc', '{"n":13.0,"list":[1,2.50,1E+3,null,"é"]}', '{"n": 13, "list": [1, 2.50, 1000, null, "é"]}'],
  ['things', '15', 'flag', 'true', 'false'],
  ['things', '2', 'price', '0.2857142857142857', '0.14285714285714285'],
  ['things', '5', 'name', 'näme 5', 'other'],
  ['things', '7', null, 'found', 'missing'],
  ['things', '9999', null, 'missing', 'extra'],
]

let file: SqliteFile
let target: { readonly url: string } & AsyncDisposable
let client: pg.Client
let between: { readonly from: string; readonly to: string }

function inOrder(differences: readonly Difference[]): readonly Found[] {
  const found = differences.map(({ table, key, column, source, target: there }): Found => {
    return [table, key ?? '', column, source, there]
  })
  return found.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
}

beforeAll(async () => {
  file = sqliteFile(stored)
  target = await freshPostgres()
  between = { from: file.url, to: target.url }
  client = new pg.Client({ connectionString: target.url })
  await client.connect()
})

afterAll(async () => {
  await client.end()
  await target[Symbol.asyncDispose]()
  await file[Symbol.asyncDispose]()
})

describe('tables of SQLite', () => {
  it('are equal once they are copied, and differ where they are tampered with', async () => {
    const options = { tables: ['things', 'pairs', 'loose'], dateFormat: { late: 'julian' } }
    const { error, verification } = await migrate({ ...between, ...options, verify: 'checksum' })
    expect([error, verification.equal, verification.rows]).toEqual([null, true, 1300])
    const clean = await verified(between, 'full', options)
    expect([clean.equal, clean.rows]).toEqual([true, 1300])
    expect(clean.columns.every(({ compared }) => compared === 'exactly')).toBe(true)
    await client.query(`
      update things set name = 'other' where id = 5;
      delete from things where id = 7;
      insert into things select 9999, name, price, flag, at, epoch, day, doc, blob, code from things where id = 8;
      update things set price = case id when 1 then 2 else 1 end / 7.0::float8 where id in (1, 2);
      update things set at = at + interval '1 us' where id = 11;
      update things set doc = jsonb_set(doc, '{n}', '13') where id = 13;
      update things set flag = not flag where id = 15;
      update pairs set n = n + 1 where (b, a) = (3, 'k4');
      delete from loose where ctid in (select ctid from loose where a = 1 and b = 'x1' limit 1)`)
    for (const level of levels) {
      const { differences, differing } = await verified(between, level, options)
      expect(inOrder(differences), level).toEqual(tampered)
      expect(differing, level).toBe(tampered.length)
    }
  })

  it('are equal in the types of a table that was there, without what these refuse', async () => {
    await client.query(fits)
    const options = { tables: ['fits'], targetSchema: 'fit' }
    const { error } = await migrate({ ...between, ...options, maxDeadLetters: 4, verify: 'full' })
    expect(error).toBeNull()
    const letters = await openLetters(between)
    expect(letters.map(({ table, keyText, stage, column, value }) => [table, keyText, stage, column, value])).toEqual(
      refusedRows,
    )
    expect(await verified(between, 'checksum', options)).toMatchObject({ equal: true, rows: 100 })
    await client.query(`
      update fit.fits set amount = amount + 0.01 where id = 3;
      update fit.fits set mood = 'sad' where id = 5;
      update fit.fits set at = at + interval '1 us' where id = 7;
      update fit.fits set code = 'other' where id = 9;

      insert into fit.fits (id, mood) values (1003, 'ok')`)
    const refusal = 'no row for the target (was refused by the target, and is kept as a dead letter)'
    for (const level of levels) {
      const { differences } = await verified(between, level, options)
      expect(inOrder(differences), level).toEqual([
        ['fits', '1003', null, level === 'full' ? refusal : 'missing', 'extra'],
        ['fits', '3', 'amount', '3.5', '3.51'],
        ['fits', '5', 'mood', 'ok', 'sad'],
        ['fits', '7', 'at', '2023-11-14 22:13:27.25+00', '2023-11-14 22:13:27.250001+00'],
        ['fits', '9', 'code', 'c9', 'other'],
      ])
    }
  })

  it('are equal where a type shows another text for the same value', async () => {
    const options = { tables: ['shown'], targetSchema: 'fit' }
    const { error, verification } = await migrate({ ...between, ...options, mode: 'append', verify: 'checksum' })
    expect([error, verification.equal, verification.rows]).toEqual([null, true, 100])
    await client.query(
      `update fit.shown set ip = '10.0.0.1' where id = 11; update fit.shown set span = '8 days' where id = 12`,
    )
    for (const level of levels) {
      expect(inOrder((await verified(between, level, options)).differences), level).toEqual([
        ['shown', '11', 'ip', '10.0.0.11/32', '10.0.0.1/32'],
        ['shown', '12', 'span', '12:00:00', '8 days'],
      ])
    }
  })
})
