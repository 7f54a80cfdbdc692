import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openSqliteSource } from '../../../src/connectors/sqlite/connect.ts'
import type { SqliteSource } from '../../../src/connectors/sqlite/source.ts'
import type { TableStructure } from '../../../src/connectors/structure.ts'
import { sqliteFile, type SqliteFile } from '../../support/sqlite.ts'

const never = new AbortController().signal

/** One file with a table for each case. */
let file: SqliteFile
let source: SqliteSource

beforeAll(async () => {
  file = sqliteFile(`
    create table Parents (id integer primary key, code text unique, a int, b int, unique (a, b));
    insert into Parents values (1, 'x', 1, 1), (2, 'y', 1, 2);
    create table children (
      id integer primary key autoincrement,
      parent int references parents(ID) on delete cascade deferrable initially deferred,
      a int, b int, next int,
      constraint "of both" foreign key (a, b) references parents (A, B) on update set null,
      foreign key (next) references children
    );
    insert into children values (7, 1, 1, 2, null), (8, 99, 9, 9, 7), (9, 98, null, 1, 1), (50, null, null, null, null);
    delete from children where id = 50;
    create table lonely (id text, other int references nowhere (id), wrong int references Parents (a));
    insert into lonely values ('a', 1, null);
    create table keyless_null (code varchar(9) primary key, v int);
    insert into keyless_null values ('a', 1), (null, 2), (null, 3);
    create table pair (b text collate nocase, a int not null, v, primary key (a, b)) without rowid;
    create table own_rowid (rowid text, _rowid_ int, oid int);
    create table named_rowid (rowid text, v int); insert into named_rowid values ('x', 1);
    create table rich (
      id integer primary key, email text not null on conflict replace collate nocase default 'none', n int check (n > 0) default 5,
      at datetime default current_timestamp, double int generated always as (n * 2) stored, up text as (upper(email)),
      constraint small check (n < 100)
    );
    create unique index rich_email on rich (email);
    create index rich_expression on rich (lower(email) collate nocase desc, n) where n > 3;
    create trigger noted after insert on rich begin select 1; end;
    create view seen as select * from rich;
    create trigger through instead of insert on seen begin select 1; end;
    create virtual table found using fts5 (body);
  `)
  source = await openSqliteSource(file.url, { shared: null })
})

afterAll(async () => {
  await source[Symbol.asyncDispose]()
  await file[Symbol.asyncDispose]()
})

function structure(table: string): Promise<TableStructure> {
  const options = { dateFormats: {}, timeZone: 'UTC', encoding: null, wanted: {}, wantedNative: {} }
  return source.structure({ table, where: null, limit: null, ...options }, never)
}

describe('a table as its file describes it', () => {
  it('L13: lists what is not copied with its reason', async () => {
    const tables = await source.describe(never)
    const skipped = Object.fromEntries(
      tables.flatMap(({ name, skipped }) => (skipped === null ? [] : [[name, skipped]])),
    )
    expect(skipped).toEqual({
      seen: 'views are not copied, nor their triggers: through',
      found: 'it is a virtual table of the module fts5',
      ...Object.fromEntries(
        ['config', 'content', 'data', 'docsize', 'idx'].map((part) => [
          `found_${part}`,
          'it belongs to a virtual table',
        ]),
      ),
      own_rowid: 'its rows cannot be told apart: columns are called rowid, _rowid_ and oid, and it has no key',
    })
    expect(tables.filter(({ name }) => name.startsWith('sqlite_'))).toEqual([])
    expect(tables.find(({ name }) => name === 'children')).toEqual({
      name: 'children',
      kind: 'table',
      skipped: null,
      estimatedRows: 3,
      averageRowBytes: 5,
      ordered: true,
    })
    await expect(structure('seen')).rejects.toMatchObject({ code: 'nothing-to-copy' })
    await expect(structure('own_rowid')).rejects.toMatchObject({ code: 'nothing-to-copy' })
  })

  it('L10: finds references that lead nowhere, and names their rows', async () => {
    const { references, warnings, columns } = await structure('children')
    expect(references).toEqual([
      {
        name: null,
        fields: ['parent'],
        table: 'Parents',
        referencedFields: ['id'],
        options: 'on delete cascade deferrable initially deferred',
        orphans: 2,
      },
      {
        name: 'of both',
        fields: ['a', 'b'],
        table: 'Parents',
        referencedFields: ['a', 'b'],
        options: 'on update set null',
        orphans: 1,
      },
      { name: null, fields: ['next'], table: 'children', referencedFields: [], options: '', orphans: 1 },
    ])
    expect(warnings).toEqual([
      '2 rows of children refer by parent to rows of Parents that are not there: the rows numbered 8, 9',
      '1 row of children refers by a, b to rows of Parents that are not there: the rows numbered 8',
      '1 row of children refers by next to rows of children that are not there: the rows numbered 9',
    ])
    // L15: the next number is behind those that were given, and not behind those that are there.
    expect(columns[0]?.identity).toEqual({ always: false, reached: '50' })
  })

  it('says where references cannot be checked', async () => {
    const { references, warnings } = await structure('lonely')
    expect(references.map(({ orphans }) => orphans)).toEqual([null, null])
    expect(warnings.join()).toMatch(/the references of lonely cannot be checked: foreign key mismatch/)
  })

  it('L05: has no key where rows have NULL in it', async () => {
    const found = await structure('keyless_null')
    expect(found.key).toEqual([])
    expect(found.layout).toMatchObject({
      key: [0],
      columns: [{ field: null, type: 'int64' }, { field: 'code' }, { field: 'v' }],
    })
    expect(found.warnings).toEqual([
      '2 rows of keyless_null have NULL in the primary key (code), which SQLite allows, so the target has none: the rows numbered 2, 3',
    ])
  })

  it('L12: knows keys of several columns, and rows by their number where there is none', async () => {
    const pair = await structure('pair')
    expect(pair.key).toEqual(['a', 'b'])
    expect(pair.layout).toMatchObject({ key: [1, 0], columns: [{ field: 'b' }, { field: 'a' }, { field: 'v' }] })
    expect(pair.columns.map(({ required }) => required)).toEqual([true, true, false])
    expect(pair.columns[0]?.collation).toBe('nocase')
    const named = await structure('named_rowid')
    expect(named.layout).toMatchObject({ key: [0], columns: [{ field: null }, { field: 'rowid' }, { field: 'v' }] })
  })

  it('L11: carries defaults, checks, computed columns and indexes as they are written', async () => {
    const found = await structure('rich')
    expect(found.warnings).toEqual([
      'triggers are not carried: noted',
      'what it says of conflicts is not carried: REPLACE',
    ])
    expect(found.layout.columns.map(({ field }) => field)).toEqual(['id', 'email', 'n', 'at'])
    expect(found.columns.map(({ field, default: set, generated }) => [field, set?.sql, generated?.sql])).toEqual([
      ['id', undefined, undefined],
      ['email', "'none'", undefined],
      ['n', '5', undefined],
      ['at', 'current_timestamp', undefined],
      ['double', undefined, 'n * 2'],
      ['up', undefined, 'upper(email)'],
    ])
    expect(found.checks.map(({ name, expression }) => [name, expression.sql])).toEqual([
      [null, 'n > 0'],
      ['small', 'n < 100'],
    ])
    expect(found.indexes).toEqual([
      {
        name: 'rich_email',
        unique: true,
        parts: [
          { expression: { dialect: 'sqlite', sql: '"email"' }, field: 'email', descending: false, collation: 'nocase' },
        ],
        where: null,
      },
      {
        name: 'rich_expression',
        unique: false,
        parts: [
          {
            expression: { dialect: 'sqlite', sql: 'lower(email) collate nocase' },
            field: null,
            descending: true,
            collation: 'nocase',
          },
          { expression: { dialect: 'sqlite', sql: '"n"' }, field: 'n', descending: false, collation: null },
        ],
        where: { dialect: 'sqlite', sql: 'n > 3' },
      },
    ])
    const uniques = (await structure('Parents')).indexes.map(({ unique, parts }) => [
      unique,
      parts.map(({ field }) => field),
    ])
    expect(uniques).toEqual([
      [true, ['code']],
      [true, ['a', 'b']],
    ])
  })
})
