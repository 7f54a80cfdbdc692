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
})
