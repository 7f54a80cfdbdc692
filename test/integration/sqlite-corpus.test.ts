import { writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { StoredLetter } from '../../src/core/dead-letter.ts'
import type { MigrateOptions, MigrationResult } from '../../src/index.ts'
import { databases, type BothDatabases } from '../support/both-databases.ts'
import { openLetters, retried } from '../support/letters.ts'
import { migrate } from '../support/migrate.ts'
import { sqliteFile, type SqliteFile } from '../support/sqlite.ts'

/** What SQLite allows in a column, a key and a table, a table for each. */
const corpus = `
  create table mixed (id integer primary key, n integer, r real, t text);
  insert into mixed values (1, 1, 1.5, 'x'), (2, 'abc', 'ten', 5), (3, 12.5, 3, null);
  create table blobs (id integer primary key, n integer);
  insert into blobs values (1, 7), (2, x'00ff'), (3, 8);
  create table wide (id integer primary key, small int, big int, beyond int, called char(3));
  insert into wide values (1, 70000, 9223372036854775807, 99999999999999999999, 'abcdef'), (2, -5, -9223372036854775808, 3, '007');
  create table doubles (id integer primary key, r real, price decimal(9,2));
  insert into doubles values (1, 9e999, 1230.99), (2, -9e999, 0.1), (3, 5e-324, 5);
  create table null_key (code varchar(9) primary key, v int); insert into null_key values ('a', 1), (null, 2), (null, 3);
  create table several_dates (id integer primary key, at datetime);
  insert into several_dates values (1, '2024-02-29 10:00:00'), (2, 1700000000), (3, 2460000.5), (4, ''), (5, '0000-00-00');
  create table dates (id integer primary key, iso datetime, day date, s timestamp, ms datetime, julian datetime, eight datetime);
  insert into dates values (1, '2024-02-29T10:00:00.123456+02:00', '2024-02-29', 1700000000, 1627303906122, 2460000.5, 20231114);
  create table flags (id integer primary key, yes boolean default true, word bool default 'f', three boolean default 2);
  insert into flags values (1, 1, 'true', 2), (2, 0, 'F', 't'), (3, null, 1, 0);
  create table texts (id integer primary key, t text, v text);
  insert into texts values (1, 'good', 'a'), (2, cast(x'61ff62' as text), 'b'), (3, 'a' || char(0) || 'b', 'c'), (4, 'ünï 🎉\\N', '\\.');
  create table indexed (id integer primary key, name text collate nocase unique, email text, n int);
  insert into indexed values (1, 'A', 'X@y', 1), (2, 'b', 'z', -1);
  create index by_lower on indexed (lower(email)); create index by_part on indexed (n desc) where n > 0;
  create unique index by_email on indexed (email);
  create table keyless (a int, b text); insert into keyless values (1, 'x'), (1, 'x'), (2, null);
  create table pairs (b text, a int, v, primary key (a, b)) without rowid; insert into pairs values ('x', 2, 1.5), ('w', 2, 'v');
  create table computed (id integer primary key, n int, twice int generated always as (n * 2) stored, thrice as (n * 3));
  insert into computed (id, n) values (1, 4);
  create virtual table found using fts5 (body); insert into found values ('words');
  create view seen as select 1; create trigger counted after insert on computed begin select 1; end;
  create table marks (id integer primary key autoincrement, t text); insert into marks values (1, 'a'), (900, 'gone'); delete from marks where id = 900;
  create table empty (id integer primary key autoincrement, at datetime not null default current_timestamp, on_day date default current_date, b blob);
  create table odd_names (id int(5) primary key, "references" text default "null", camelCase text default 'x''y', "q""uote" whatever,
    made text default (strftime('%Y', 'now')), count numeric(8) default false);
  insert into odd_names values (1, 'a', 'b', 'c', 'd', 12);
  create table documents (id integer primary key, j text, k json); insert into documents values (1, '{"a": [1, 2.50]}', '"x"'), (2, '[]', '{a:1}');
  create table named (id integer primary key, a int constraint c check (a > 0), b int constraint c references units,
    constraint c check (a <> 5)); create index named_pkey on named (b);
  create table units (code primary key); insert into units values (9001), ('9001A');
  create table prices (id uuid primary key, unit references units); insert into prices values ('0189B5A07C1F70008000000000000001', 9001);
`

describe('what SQLite allows', () => {
  let file: SqliteFile
  let both: BothDatabases
  let result: MigrationResult
  let letters: readonly StoredLetter[]
  const notices: string[] = []

  beforeAll(async () => {
    file = sqliteFile(corpus)
    both = await databases()
    const onNotice: MigrateOptions['onNotice'] = ({ message }) => void notices.push(message)
    const options = { from: file.url, to: both.to, verify: 'full', workers: 1, maxDeadLetters: 3, onNotice } as const
    result = await migrate(options)
    letters = await openLetters(both)
  })

  afterAll(async () => {
    await both[Symbol.asyncDispose]()
    await file[Symbol.asyncDispose]()
  })

  /** Rows of a table as PostgreSQL writes them, one value behind the other. */
  async function rows(table: string, columns = '*'): Promise<readonly (readonly (string | null)[])[]> {
    return (await both.texts(`select ${columns} from ${table} order by 1`)).map((row) => Object.values(row))
  }

  async function columns(table: string): Promise<Readonly<Record<string, unknown>>> {
    const found = await both.texts(
      `select attname, format_type(atttypid, atttypmod) || case when attnotnull then ' not null' else '' end
         || coalesce(' default ' || pg_get_expr(adbin, adrelid), '') as type
       from pg_attribute left join pg_attrdef on adrelid = attrelid and adnum = attnum
       where attrelid = '${table}'::regclass and attnum > 0 order by attnum`,
    )
    return Object.fromEntries(found.map(({ attname, type }) => [String(attname), type as unknown]))
  }

  it('comes over whole, but for the rows that no column holds', () => {
    expect(result).toMatchObject({ state: 'done', error: null, verification: { equal: true, differences: [] } })
    expect(result.totals).toMatchObject({ read: 42, written: 39, deadLetters: 3 })
  })

  it('L01, L09, P5, P18, P19: rows with what is none of their types are dead letters, by table, key, column and value', async () => {
    expect(letters.map(({ table, keyText, column, value, reason }) => [table, keyText, column, value, reason])).toEqual(
      [
        ['blobs', '2', 'n', 'BLOB 0x00ff', 'it is no bigint'],
        ['texts', '2', 't', 'TEXT 0x61ff62', 'the text is not UTF-8'],
        ['texts', '3', 't', String.raw`"a\u0000b"`, 'the text contains U+0000'],
      ],
    )
    expect(notices).toContain(
      'blobs: n holds 2 integers, 1 blob; 1 of them is no bigint and will be dead letters: the rows 2',
    )
    expect(await rows('texts')).toEqual([
      ['1', 'good', 'a'],
      ['4', 'ünï 🎉\\N', '\\.'],
    ])
  })

  it('L01, L02, L03, L06, P3, P17, P23: columns are as wide as what is in them', async () => {
    expect(await columns('mixed')).toMatchObject({ n: 'text', r: 'text', t: 'text' })
    expect(await rows('mixed')).toEqual([
      ['1', '1', '1.5', 'x'],
      ['2', 'abc', 'ten', '5'],
      ['3', '12.5', '3.0', null],
    ])
    expect(await columns('wide')).toMatchObject({
      small: 'bigint',
      big: 'bigint',
      beyond: 'double precision',
      called: 'text',
    })
    expect(await rows('wide')).toEqual([
      ['1', '70000', '9223372036854775807', '1e+20', 'abcdef'],
      ['2', '-5', '-9223372036854775808', '3', '007'],
    ])
    expect(notices.filter((notice) => notice.startsWith('wide'))).toEqual([
      'wide: beyond holds 1 integer, 1 real: double precision; a whole number of more than 64 bits is kept as a double by SQLite',
    ])
  })

  it('L04, P7, P24: doubles are what they were, and decimals that are doubles are told of', async () => {
    expect(await rows('doubles', 'id, r, price')).toEqual([
      ['1', 'Infinity', '1230.99'],
      ['2', '-Infinity', '0.1'],
      ['3', '5e-324', '5'],
    ])
    expect(notices.join('\n')).toMatch(
      /price is declared decimal\(9,2\), .* 2 of its values as doubles, .*--cast price=numeric/,
    )
  })

  it('L05, L12, P22: keys with NULL are none, and rows without a key come all the same', async () => {
    const keys = await both.sql(
      `select conrelid::regclass::text as table, pg_get_constraintdef(oid) as key from pg_constraint
       where contype = 'p' and conrelid::regclass::text in ('null_key', 'keyless', 'pairs', 'odd_names') order by 1`,
    )
    expect(keys).toEqual([
      { table: 'odd_names', key: 'PRIMARY KEY (id)' },
      { table: 'pairs', key: 'PRIMARY KEY (a, b)' },
    ])
    expect(await rows('null_key', 'v, code')).toEqual([
      ['1', 'a'],
      ['2', null],
      ['3', null],
    ])
    expect(notices.join('\n')).toContain('2 rows of null_key have NULL in the primary key (code)')
    expect(await rows('keyless', 'a, b')).toEqual([
      ['1', 'x'],
      ['1', 'x'],
      ['2', null],
    ])
    expect(await rows('pairs', 'b, a, v')).toEqual([
      ['w', '2', 'v'],
      ['x', '2', '1.5'],
    ])
  })

  it('L07, P4, P25: dates where all values are of one form, and otherwise what is stored', async () => {
    expect(await rows('dates')).toEqual([
      [
        '1',
        '2024-02-29 08:00:00.123456+00',
        '2024-02-29',
        '2023-11-14 22:13:20+00',
        '2021-07-26 12:51:46.122+00',
        '2023-02-25 00:00:00+00',
        '20231114',
      ],
    ])
    expect(await rows('several_dates', 'id, at')).toEqual([
      ['1', '2024-02-29 10:00:00'],
      ['2', '1700000000'],
      ['3', '2460000.5'],
      ['4', ''],
      ['5', '0000-00-00'],
    ])
    expect(notices.find((notice) => notice.startsWith('several_dates'))).toMatch(
      /1 Julian days.*1 empty texts.*1 zero dates/,
    )
  })

  it('L08, P17: booleans where all values are one', async () => {
    expect(await columns('flags')).toMatchObject({
      yes: 'boolean default true',
      word: 'boolean default false',
      three: "text default '2'::text",
    })
    expect(await rows('flags')).toEqual([
      ['1', 't', 't', '2'],
      ['2', 'f', 'f', 't'],
      ['3', null, 't', '0'],
    ])
  })

  it('L11, P23: indexes that mean the same', async () => {
    const found = await both.texts(
      `select pg_get_indexdef(indexrelid) as text from pg_index where indrelid = 'indexed'::regclass`,
    )
    expect(
      found.map(({ text = '' }) => String(text).replace(/^.* ON public\.indexed USING btree /, '')).toSorted(),
    ).toEqual(
      [
        '(email)',
        '(id)',
        '(lower((name COLLATE "C")))',
        '(lower((email COLLATE "C")))',
        '(n DESC) WHERE (n > 0)',
      ].toSorted(),
    )
    await expect(both.sql(`insert into indexed (name) values ('a')`)).rejects.toMatchObject({ code: '23505' })
  })

  it('L13, P22: what is not carried is told', async () => {
    expect(await columns('computed')).toEqual({ id: 'bigint not null', n: 'bigint' })
    const told = notices.join('\n')
    for (const words of [
      'computed: triggers are not carried: counted',
      'column "twice" is computed (n * 2): not carried',
      'found is not copied: it is a virtual table of the module fts5',
      'seen is not copied: views are not copied',
    ]) {
      expect(told).toContain(words)
    }
    expect(told).not.toContain('sqlite_')
  })

  it('L15, P9, S3.19: the next row has a number that none had', async () => {
    const numbers = await both.texts(`insert into marks (t) values ('b') returning id`)
    const first = await both.texts(`insert into empty (b) values (null) returning id, at::date = on_day as today`)
    expect([numbers, first]).toEqual([[{ id: '901' }], [{ id: '1', today: 't' }]])
  })

  it('P22, P23: names, types and defaults of any kind', async () => {
    expect(await columns('odd_names')).toEqual({
      id: 'bigint not null',
      references: "text default 'null'::text",
      camelCase: "text default 'x''y'::text",
      'q"uote': 'text',
      made: "text default to_char((now() AT TIME ZONE 'UTC'::text), 'YYYY'::text)",
      count: 'numeric default 0',
    })
    expect(await columns('empty')).toMatchObject({ at: 'timestamp with time zone not null default now()', b: 'bytea' })
    expect(await columns('documents')).toMatchObject({ j: 'jsonb', k: 'text' })
    expect(await rows('documents', 'id, j')).toEqual([
      ['1', '{"a": [1, 2.50]}'],
      ['2', '[]'],
    ])
  })

  it('constraints and indexes get names that they do not have to share', async () => {
    const found = await both.sql(
      `select string_agg(conname, ' ' order by conname) as names from pg_constraint where conrelid = 'named'::regclass and contype in ('c', 'f', 'p')
       union all select string_agg(relname, ' ' order by relname) from pg_class where relname like 'named^_%' escape '^' and relkind = 'i'`,
    )
    expect(found).toEqual([{ names: 'c c_2 c_3 named_pkey' }, { names: 'named_pkey named_pkey_2' }])
  })

  it('what refers has the type of what it refers to', async () => {
    expect(await columns('prices')).toEqual({ id: 'uuid not null', unit: 'text' })
    const [reference] = await both.sql(
      `select pg_get_constraintdef(oid) as text from pg_constraint where conrelid = 'prices'::regclass and contype = 'f'`,
    )
    expect(reference).toEqual({ text: 'FOREIGN KEY (unit) REFERENCES units(code)' })
  })

  it('dead letters come over once they are mended, whatever was in them', async () => {
    expect(await retried(both, { coerce: 'strip-nul,replace-utf8' })).toMatchObject({ left: 1 })
    expect((await rows('texts', 'id, t')).slice(1, 3)).toEqual([
      ['2', 'a\ufffdb'],
      ['3', 'ab'],
    ])
    const fix = join(dirname(file.path), 'fix.ts')
    await writeFile(
      fix,
      'export default (row: { n: unknown }) => ({ ...row, n: row.n instanceof Uint8Array ? row.n[1] : null })',
    )
    expect(await retried(both, { fix })).toMatchObject({ left: 0 })
    expect((await rows('blobs'))[1]).toEqual(['2', '255'])
  })
})

it('L10, P10, P21: rows that refer to nothing are found before, kept, and end the run with their values', async () => {
  await using both = await databases()
  await using file = sqliteFile(`
    create table parents (id integer primary key); insert into parents values (1);
    create table orphans (id integer primary key, parent int references parents); insert into orphans values (1, 1), (2, 99)`)
  const notices: string[] = []
  const result = await migrate({ from: file.url, to: both.to, onNotice: ({ message }) => void notices.push(message) })
  expect(notices).toContain(
    'orphans: 1 row of orphans refers by parent to rows of parents that are not there: the rows numbered 2',
  )
  expect(result).toMatchObject({ error: { code: 'key-violation', message: expect.stringContaining('"99" in 1 row') } })
  expect(await both.sql('select id::int, parent::int from orphans order by 1')).toEqual([
    { id: 1, parent: 1 },
    { id: 2, parent: 99 },
  ])
})

it('S3.5, S3.13, S3.15: tables that are there get what they have room for, read as a person says', async () => {
  await using both = await databases()
  await both.sql(`
    create table legacy (id integer primary key, "createdAt" timestamptz, said timestamptz, day date, active boolean, price numeric(9,2),
      called varchar(4), body jsonb, code uuid, extra text default 'kept');
    create table words (id integer primary key, t text)`)
  await using file = sqliteFile(`
    create table legacy (id integer primary key, "createdAt" text, said integer, day text, active text, price text, called text, body text, code text);
    insert into legacy values
      (1, '2024-03-31 12:00:00', 1700000000, '2024-02-29', 'yes', '12.50', 'four', '{"a":1}', '0189b5a0-7c1f-7000-8000-000000000001'),
      (2, '2024-01-01 00:00:00', 1700000001, '2023-01-01', 'f', '-0.05', 'five!', '[]', null),
      (3, null, -1, null, 'off', null, null, '"x"', null);
    create table words (id integer primary key, t text);
    insert into words values (1, cast(x'636166e9' as text)), (2, 'café')`)
  const result = await migrate({
    from: file.url,
    to: both.to,
    verify: 'full',
    maxDeadLetters: 1,
    timeZone: 'Europe/Oslo',
    dateFormat: { said: 'epoch-s' },
    sourceEncoding: 'windows-1252',
  })
  expect(result).toMatchObject({ state: 'done', error: null, verification: { equal: true } })
  const letters = await openLetters(both)
  expect(letters.map(({ table, keyText, column }) => [table, keyText, column])).toEqual([['legacy', '2', 'called']])
  expect(await both.texts('select * from legacy order by id')).toEqual([
    {
      id: '1',
      createdAt: '2024-03-31 10:00:00+00',
      said: '2023-11-14 22:13:20+00',
      day: '2024-02-29',
      active: 't',
      price: '12.50',
      called: 'four',
      body: '{"a": 1}',
      code: '0189b5a0-7c1f-7000-8000-000000000001',
      extra: 'kept',
    },
    {
      id: '3',
      createdAt: null,
      said: '1969-12-31 23:59:59+00',
      day: null,
      active: 'f',
      price: null,
      called: null,
      body: '"x"',
      code: null,
      extra: 'kept',
    },
  ])
  expect(await both.texts('select id, t from words order by id')).toEqual([
    { id: '1', t: 'café' },
    { id: '2', t: 'café' },
  ])
})
