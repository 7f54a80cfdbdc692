import { Binary, Decimal128, Double, Long, MongoClient, type Document } from 'mongodb'
import pg from 'pg'
import { describe, expect, it } from 'vitest'
import type { Difference } from '../../../src/core/result.ts'
import type { MigrateOptions } from '../../../src/index.ts'
import { freshMongo, freshPostgres } from '../../support/databases.ts'
import { openLetters } from '../../support/letters.ts'
import { migrate } from '../../support/migrate.ts'
import { sqliteFile, type SqliteFile } from '../../support/sqlite.ts'
import { verified } from '../../support/verification.ts'

const levels = ['checksum', 'full'] as const

type Found = readonly [table: string, key: string, column: string | null, source: string, target: string]

function inOrder(differences: readonly Difference[]): readonly Found[] {
  const found = differences.map(({ table, key, column, source, target: there }): Found => {
    return [table, key ?? '', column, source, there]
  })
  return found.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
}

interface Case {
  readonly from: string
  readonly options: Omit<MigrateOptions, 'from' | 'to'>
  /** Rows of the target. */
  readonly rows: number
  readonly tampering: string
  readonly found: readonly Found[]
}

/** A copy is equal at both levels, and then differs in what was tampered with, and in nothing else. */
async function expectTold(target: SqliteFile, { from, options, rows, tampering, found }: Case): Promise<void> {
  const between = { from, to: target.url }
  const { error, verification } = await migrate({ ...between, ...options, maxDeadLetters: 2, verify: 'checksum' })
  expect([error, verification.equal, verification.rows, verification.differences]).toEqual([null, true, rows, []])
  const clean = await verified(between, 'full', options)
  expect([clean.equal, clean.differences]).toEqual([true, []])
  target.db.exec(tampering)
  for (const level of levels) {
    const { differences, differing } = await verified(between, level, options)
    expect(inOrder(differences), level).toEqual(found)
    expect(differing, level).toBe(found.length)
  }
}

/** A column of each type, a table without a key, and one whose key is in no order of its rows. */
const inPostgres = `
  create table kinds (id integer primary key, flag boolean, big bigint, ratio double precision, price numeric(10,2),
    name text, raw bytea, uid uuid, at timestamptz, day date, doc jsonb, nums integer[], grid text[], span interval);
  insert into kinds select n, n % 2 = 0, n * 4611686018427, n / 7.0, n * 1.1, 'näme ' || n, decode(lpad(to_hex(n), 4, '0'), 'hex'),
    md5(n::text)::uuid, timestamptz '2026-01-01' + n * interval '1.000001 s', date '2026-01-01' - n * 3000,
    jsonb_build_object('n', n * 1.10, 'list', array[n]), array[n, null, 3], array['a', n::text, null], n * interval '1 h'
    from generate_series(0, 399) n;
  insert into kinds (id, ratio, at, day) values (1000, 'NaN', 'infinity', '-infinity'), (1001, '-0', '0044-03-15 BC', '0044-03-15 BC');
  create table heap (a integer, note text);
  insert into heap select n % 7, 'x' || n % 9 from generate_series(0, 199) n;
  create table pairs (name text, n integer, note text, primary key (name, n));
  insert into pairs select 'k' || n % 5, n, 'n' || n from generate_series(0, 99) n`

describe('a file as a target', () => {
  it('is compared with tables of PostgreSQL', async () => {
    await using source = await freshPostgres()
    await using target = sqliteFile()
    const client = new pg.Client({ connectionString: source.url })
    await client.connect()
    await client.query(inPostgres)
    await client.end()
    const tampering = `
      update kinds set flag = not flag where id = 1;
      update kinds set big = big + 1 where id = 2;
      update kinds set ratio = 0.5 where id = 3;
      update kinds set price = '4.4' where id = 4;
      update kinds set name = cast(name as blob) where id = 5;
      update kinds set raw = x'00' where id = 6;
      update kinds set at = replace(at, 'Z', '1Z') where id = 7;
      update kinds set day = null where id = 8;
      update kinds set doc = '{"n":9.91,"list":[9]}' where id = 9;
      update kinds set nums = '[10,3]' where id = 10;
      delete from kinds where id = 11;
      insert into kinds (id) values (5000);
      delete from heap where rowid in (select rowid from heap where a = 1 and note = 'x1' limit 1);
      update pairs set note = 'other' where name = 'k3' and n = 13`
    await expectTold(target, {
      from: source.url,
      options: {},
      rows: 700,
      tampering,
      found: [
        ['heap', '1, x1', null, 'found', 'missing'],
        ['kinds', '1', 'flag', 'false', 'true'],
        ['kinds', '10', 'nums', '[10,null,3]', '[10,3]'],
        ['kinds', '11', null, 'found', 'missing'],
        ['kinds', '2', 'big', '9223372036854', '9223372036855'],
        ['kinds', '3', 'ratio', '0.42857142857142855', '0.5'],
        ['kinds', '4', 'price', '4.40', '4.4'],
        ['kinds', '5', 'name', 'näme 5', String.raw`BLOB \x6ec3a46d652035`],
        ['kinds', '5000', null, 'missing', 'extra'],
        ['kinds', '6', 'raw', String.raw`\x0006`, String.raw`\x00`],
        ['kinds', '7', 'at', '2026-01-01 00:00:07.000007+00', '2026-01-01 00:00:07.0000071+00'],
        ['kinds', '8', 'day', '1960-04-17', 'NULL'],
        ['kinds', '9', 'doc', '{"n":9.90,"list":[9]}', '{"n":9.91,"list":[9]}'],
        ['pairs', 'k3, 13', 'note', 'n13', 'other'],
      ],
    })
    expect(await openLetters({ to: target.url })).toMatchObject([
      { keyText: '1000', column: 'ratio', stage: 'encode' },
      { keyText: '1001', stage: 'store' },
    ])
  })

  it('is compared with documents, their child tables and arrays', async () => {
    await using source = await freshMongo()
    await using target = sqliteFile()
    const documents = Array.from({ length: 600 }, (_, n): Document => ({
      _id: `k${n}` as never,
      price: Decimal128.fromString(`${n}.10`),
      big: Long.fromNumber(2 ** 53).add(n),
      weight: new Double([0.5, -47_947_236_776_083_456, Infinity, 1e300, n][n % 5] ?? 0),
      at: new Date(1_700_000_000_000 + n),
      tags: n % 3 === 0 ? [] : [`a${n}`, '', 'NULL'],
      counts: [new Double(n / 7), new Double(NaN)],
      blob: new Binary(Buffer.from([n & 255, 0])),
      text: n === 5 ? 'with \0 in it' : `t${n}`,
      meta: { z: n, a: { price: Decimal128.fromString('1.10'), list: [1, Decimal128.fromString('1E+3')] }, n: null },
      items: Array.from({ length: n % 3 }, (__, place) => ({ sku: `${n}-${place}`, flag: n % 2 === 0 })),
    }))
    await using client = new MongoClient(source.url)
    await client.db().collection('things').insertMany(documents)
    const tampering = `
      update things set price = '41.1' where _id = 'k41';
      update things set tags = '["a43","","NULL"]' where _id = 'k44';
      update things set meta = replace(meta, '1.10', '1.1') where _id = 'k47';
      update things set text = 'with' where _id = 'k5';
      delete from things_items where things_id = 'k11' and ordinal = 2;
      update things_items set flag = 1 where things_id = 'k13' and ordinal = 1;
      insert into things (_id) values ('new')`
    await expectTold(target, {
      from: source.url,
      options: { nest: { items: 'table' } },
      rows: 1200,
      tampering,
      found: [
        ['public.things_items', 'k11, 2', null, 'found', 'missing'],
        ['public.things_items', 'k13, 1', 'flag', 'false', 'true'],
        ['things', 'k41', 'price', '41.10', '41.1'],
        ['things', 'k44', 'tags', '["a44","","NULL"]', '["a43","","NULL"]'],
        [
          'things',
          'k47',
          'meta',
          '{"z":47,"a":{"price":1.10,"list":[1,1E+3]},"n":null}',
          '{"z":47,"a":{"price":1.1,"list":[1,1E+3]},"n":null}',
        ],
        ['things', 'k5', 'text', 'with \0 in it', 'with'],
        ['things', 'new', null, 'missing', 'extra'],
      ],
    })
  })

  it('is compared with tables of a file, as they are stored and as they are read', async () => {
    await using source = sqliteFile(`
      create table things (id integer primary key, name text, price real, flag boolean, at datetime, any, day date);
      with recursive n (i) as (select 0 union all select i + 1 from n where i < 299)
        insert into things select i, 'näme ' || i, i / 7.0, case i % 3 when 0 then 'yes' else i % 2 end, 1700000000 + i,
          case i % 4 when 0 then i when 1 then cast(i as text) when 2 then i + 0.5 else x'ff' end, date(i * 86400, 'unixepoch') from n;
      create table pairs (a text collate nocase, b, n real, primary key (b, a)) without rowid;
      insert into pairs select 'k' || (id % 10), case id % 2 when 0 then id else cast(id as text) end, id from things where id < 100;
      create table loose (a, b text);
      insert into loose select id % 7, iif(id % 9 = 0, cast(x'ff' || id as text), 'x' || id % 9) from things where id < 150;
      create table sums (id integer primary key, amount decimal(10, 2));
      insert into sums select id, id / 4.0 from things`)
    await using target = sqliteFile()
    const tampering = `
      update things set any = cast(any as text) where id = 4;
      update things set any = cast(any as integer) where id = 5;
      update things set price = price + 1 where id = 7;
      update things set at = '2023-11-14' where id = 8;
      delete from things where id = 9;
      insert into things (id) values (5000);
      update pairs set n = null where b = 4;
      update pairs set b = 5 where b = '5';
      update loose set b = cast(x'fe' as text) where rowid = 1`
    const from = source.url
    await expectTold(target, {
      from,
      options: { tables: ['things', 'pairs', 'loose'] },
      rows: 550,
      tampering,
      found: [
        ['loose', "0, TEXT x'fe'", null, 'missing', 'extra'],
        ['loose', "0, TEXT x'ff30'", null, 'found', 'missing'],
        ['pairs', '4, k4', 'n', '4.0', 'NULL'],
        ['pairs', '5, k5', null, 'missing', 'extra'],
        ['pairs', 'TEXT 5, k5', null, 'found', 'missing'],
        ['things', '4', 'any', '4', 'TEXT 4'],
        ['things', '5', 'any', 'TEXT 5', '5'],
        ['things', '5000', null, 'missing', 'extra'],
        ['things', '7', 'price', '1.0', '2.0'],
        ['things', '8', 'at', '1700000008', '2023-11-14'],
        ['things', '9', null, 'found', 'missing'],
      ],
    })
    await expectTold(target, {
      from,
      options: { tables: ['sums'], cast: { amount: 'numeric' } },
      rows: 300,
      tampering: `
        update sums set amount = '0.50' where id = 2;
        update sums set amount = cast('0.75' as blob) where id = 3`,
      found: [
        ['sums', '2', 'amount', '0.5', '0.50'],
        ['sums', '3', 'amount', '0.75', String.raw`BLOB \x302e3735`],
      ],
    })
  })
})
