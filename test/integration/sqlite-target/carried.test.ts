import type { DatabaseSync } from 'node:sqlite'
import { describe, expect, it } from 'vitest'
import { openLetters, retried } from '../../support/letters.ts'
import { migrate } from '../../support/migrate.ts'
import { sqliteFile } from '../../support/sqlite.ts'
import { verified } from '../../support/verification.ts'

/** What SQLite lets a table be, and values of every storage class where it lets them be. */
const made = `
  create table artists (id integer primary key autoincrement, name text not null unique collate nocase,
    note default 'no''ne', at datetime default current_timestamp, word default hello, "primary key" default 'primary key',
    n int check (n > 0), total as (N * 2) stored, constraint named check (n < 100));
  create table Albums (artist integer references artists (id) on delete cascade, "no" int, title varchar(20) collate nocase,
    price decimal(10,2), flag boolean, data, primary key (artist, "no" desc)) without rowid;
  create table loose (a, b text, c any default (1 + 2), unique (a, c));
  create table strict_one (id integer primary key, v any, t text) strict;
  create table downwards (id integer primary key desc, v text);
  create table empty (id integer primary key, a date, b);
  create index by_title on albums (title collate binary desc, price) where flag = 1;
  create unique index by_expr on albums (lower(TITLE), artist, "no");
  create index plain on albums (title);
  insert into artists (name, note, n, at) values ('a', 1, 1, 1700000000), ('B', x'00ff', 2, '2024-01-01 00:00:00'), ('c', null, 3, 2.5);
  delete from artists where name = 'c';
  with recursive n (i) as (select 1 union all select i + 1 from n where i < 400)
    insert into albums select 1, i, 't' || i, i / 4.0, i % 2, case i % 3 when 0 then 'x' when 1 then i else x'01' end from n;
  insert into loose values (1, 'x', 1), ('1', 'x', '1'), (1.5, x'00', null), (null, null, null), (null, null, null),
    ('5', cast(x'ff41' as text), -0.0), (9223372036854775807, '', 'Inf'), (9e999, char(0), 'TEXT 1');
  insert into strict_one values (1, '5', 'x'), (2, 5, 'y');
  insert into downwards values (3, 'c'), (1, 'a')`

const tables = ['Albums', 'artists', 'downwards', 'empty', 'loose', 'strict_one']

const rows = 414

/** All that SQLite says of a table; it names the indexes of constraints by a number. */
function shapeOf(db: DatabaseSync, table: string): unknown {
  const ask = (sql: string): readonly object[] => db.prepare(sql).all(table)
  const indexes = ask(
    `select iif(l.origin = 'c', l.name, '') as name, l."unique", l.origin, l.partial, (select json_group_array(json_array(name,
       "desc", coll, key)) from pragma_index_xinfo(l.name)) as parts from pragma_index_list(?) l order by parts, name`,
  )
  return {
    // A word that is a text may be in quotes or not.
    columns: ask(
      `select cid, name, type, "notnull", replace(dflt_value, '''', '') as value, pk, hidden from pragma_table_xinfo(?)`,
    ),
    kind: ask('select wr, strict from pragma_table_list where name = ?'),
    indexes,
    references: ask('select * from pragma_foreign_key_list(?)'),
  }
}

describe('a file into a file', () => {
  it('carries tables as they are defined, and values as they are stored', async () => {
    await using source = sqliteFile(made)
    await using target = sqliteFile()
    const between = { from: source.url, to: target.url }
    const { error, totals, verification } = await migrate({ ...between, tables, verify: 'checksum' })
    expect([error, totals.written, verification.equal]).toEqual([null, rows, true])
    expect(await verified(between, 'full', { tables })).toMatchObject({ equal: true, rows })
    for (const table of tables) {
      expect(shapeOf(target.db, table), table).toEqual(shapeOf(source.db, table))
    }
    target.db.exec("insert into artists (name, n) values ('new', 5)")
    expect(target.db.prepare('select max(id) as id from artists').get()).toEqual({ id: 4 })
    expect(() => target.db.exec("insert into artists (name, n) values ('NEW', 5)")).toThrow('UNIQUE')
  })

  it('keeps of some columns what names no others, and reads values anew where they are to be others', async () => {
    await using source = sqliteFile(made)
    await using target = sqliteFile()
    const between = { from: source.url, to: target.url, indexes: true }
    await migrate({ ...between, tables: ['artists'], excludeColumns: ['n', 'at'], rename: { note: 'remark' } })
    expect(target.db.prepare("select sql from sqlite_schema where name = 'artists'").get()?.['sql']).toContain(`
  "id" INTEGER,
  "name" TEXT not null collate "nocase",
  "remark" default 'no''ne',
  "word" default 'hello',
  "primary key" default 'primary key',
  primary key ("id" autoincrement),
  unique ("name")
)`)
    expect(target.db.prepare('select typeof(remark) as type from artists order by id').all()).toEqual([
      { type: 'integer' },
      { type: 'blob' },
    ])
    await migrate({ ...between, tables: ['Albums'], cast: { price: 'numeric' }, excludeColumns: ['data'] })
    const found = target.db.prepare('select price, typeof(price) as type from albums where no = 2')
    expect(found.get()).toEqual({ price: '0.5', type: 'text' })
  })

  it('keeps rows that the other file refuses, and takes them as they are', async () => {
    await using source = sqliteFile("create table t (a, b integer); insert into t values (1, 5), (x'01', 6), (1, 5)")
    await using target = sqliteFile('create table t (a check (a <> 1), b integer)')
    const between = { from: source.url, to: target.url, tables: ['t'] }
    await migrate({ ...between, mode: 'append', maxDeadLetters: 2 })
    expect(await openLetters(between)).toMatchObject([{ stage: 'store' }, { stage: 'store' }])
    expect(await verified(between, 'checksum')).toMatchObject({ equal: true })
    await expect(retried(between, { cast: 'a=text' })).rejects.toMatchObject({ code: 'conflicting-options' })
    target.db.exec("drop table t; create table t (a, b integer); insert into t values (x'01', 6)")
    await retried(between)
    expect(await verified(between, 'full')).toMatchObject({ equal: true, rows: 3 })
  })
})
