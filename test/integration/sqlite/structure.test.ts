import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openSqliteSource } from '../../../src/connectors/sqlite/connect.ts'
import type { SqliteSource } from '../../../src/connectors/sqlite/source.ts'
import type { ReadingOptions, TableStructure } from '../../../src/connectors/structure.ts'
import { sqliteFile, type SqliteFile } from '../../support/sqlite.ts'

const never = new AbortController().signal
const plain: ReadingOptions = { dateFormats: {}, timeZone: 'UTC', encoding: null, wanted: {}, wantedNative: {} }

/** One file with a table for each case. */
let file: SqliteFile
let source: SqliteSource

beforeAll(async () => {
  file = sqliteFile(`
    create table widths (id integer primary key, i int, big bigint, r real, mixed integer, huge integer, odd integer, d decimal(10, 2));
    insert into widths values (1, 9223372036854775807, 99999999999999999999, 1, 1, 9007199254740993, 5, 12.5),
      (2, 70000, 2, 1e999, 2.5, 0.5, 'abc', 3), (3, null, null, null, null, null, null, null);
    create table blobs (id integer primary key, numbers int, bytes blob, both, none varchar(3), nul text);
    insert into blobs values (1, 1, x'00ff', x'01', null, 'a' || char(0) || 'b'), (2, 2, x'', 'text', null, cast(x'ff41' as text)),
      (3, x'41', null, null, null, 'ok');
    create table lengths (name varchar(3)); insert into lengths values ('abcdef');
    create table dates (id integer primary key, day date, written datetime, zoned timestamp, s datetime, ms datetime, us timestamp,
      jd datetime, mixed datetime, zero date, empty_day date, spoken text);
    insert into dates values
      (1, '2024-02-29', '2024-01-01 10:00:00', '2024-01-01T10:00:00.123456+02:00', 1700000000, 1700000000123, 1700000000123456, 2460000.5,
       '2024-01-01 10:00:00', '2024-01-01', null, '2024-01-01'),
      (2, '2023-01-01', '2024-01-01 10:00:01', '2024-01-01 10:00', 946684800, 1700000000124, 1700000000123457, 2451545.25,
       1700000000, '0000-00-00', null, '2024-01-02'),
      (3, null, null, null, null, null, null, null, '', '', null, null);
    create table flags (id integer primary key, yes boolean, word boolean, three bool, plain int);
    insert into flags values (1, 1, 'true', 0, 1), (2, 0, 'F', 2, 0), (3, null, 1, 't', 1);
    create table documents (id integer primary key, declared json, found text, twice text, numbers text, broken json, indexed text);
    create index documents_indexed on documents (indexed);
    insert into documents values (1, '{"a": 1}', '{"a": [1, 2]}', '{"a": 1, "a": 2}', '12', '{"a": 1}', '[1]'),
      (2, '3', ' ["x"]', '{}', '13', '{a: 1}', '[2]');
    create table ids (id uuid primary key, other text);
    insert into ids values ('0189b5a0-7c1f-7000-8000-000000000001', 'x'), (x'0189b5a07c1f70008000000000000002', 'y');
    create table texts (id integer primary key, n text, flag text, at text, cents text, bad text);
    create table bare (id INTEGER primary key, "on" boolean, at datetime, price decimal(9,2), "any");
    create table units (code primary key); insert into units values (9001), ('9001A');
    create table prices (unit primary key references units, product text references flags, other text references flags);
    insert into prices values (9001, '1', 'x');
    create table rates (id integer primary key, unit references prices (unit)); insert into rates values (1, 9001);
    create table far (id integer primary key, near int, middle int, last int);
    with recursive n (i) as (select 0 union all select i + 1 from n where i < 400) insert into far
      select i - 9223372036854775807, i, i, i from n union all select 9223372036854775807 - i, i, i, i from n;
    insert into far values (-9223372036854000000, 'a', 1, 1), (600000, 1, 'b', 1), (9223372036854775000, 1, 1, 'c');
    insert into texts values (1, '42', 'yes', '2024-01-01 10:00:00', '12.50', '1'), (2, '-7', 'No', '2024-01-02T00:00:00Z', '-0.5', 'x');
  `)
  source = await openSqliteSource(file.url, { shared: null })
})

afterAll(async () => {
  await source[Symbol.asyncDispose]()
  await file[Symbol.asyncDispose]()
})

function structure(
  table: string,
  options: Partial<ReadingOptions> = {},
  where: string | null = null,
): Promise<TableStructure> {
  return source.structure({ table, where, limit: null, ...plain, ...options }, never)
}

/** `type` or `type form` by field. */
function types({ layout }: TableStructure): Record<string, string> {
  return Object.fromEntries(
    layout.columns.map(({ field, type, form }) => [field ?? '(row)', form === undefined ? type : `${type} ${form}`]),
  )
}

describe('types by what is stored', () => {
  it('L01, L02, L03, L04: widens, and never narrows', async () => {
    const found = await structure('widths')
    expect(types(found)).toEqual({
      id: 'int64',
      i: 'int64',
      big: 'float64',
      r: 'float64',
      mixed: 'float64',
      huge: 'decimal',
      odd: 'text any',
      d: 'float64',
    })
    const fields = new Map(found.sample.fields.map((field) => [field.field, field]))
    expect(fields.get('odd')?.types).toEqual([
      { name: 'integer', type: 'text', count: 1 },
      { name: 'text', type: 'text', count: 1 },
      { name: 'null', type: 'null', count: 1 },
    ])
    expect(fields.get('r')?.trouble).toEqual([{ kind: 'special-number', count: 1, key: '2' }])
    expect(found.reading.notes).toContain('odd holds 1 integer, 1 text: text, numbers as they are written')
    expect(found.reading.warnings.join()).toMatch(
      /d is declared decimal\(10, 2\), and SQLite keeps 1 of its values as doubles/,
    )
  })

  it('L01, L09: bytes among numbers are dead letters, told before; damaged texts and NULs are counted', async () => {
    const found = await structure('blobs')
    expect(types(found)).toMatchObject({ numbers: 'int64', bytes: 'bytes', both: 'bytes any', none: 'text' })
    expect(found.reading.warnings).toEqual([
      'numbers holds 2 integers, 1 blob; 1 of them is no bigint and will be dead letters: the rows 3',
      'both holds 1 text, 1 blob: bytea, texts by their bytes; bytes are in the rows 1',
    ])
    expect(found.sample.fields.find(({ field }) => field === 'nul')?.trouble).toEqual([
      { kind: 'nul', count: 1, key: '1' },
      { kind: 'broken-text', count: 1, key: '2' },
    ])
    expect(types(await structure('blobs', { encoding: 'windows-1252' }))).toMatchObject({ nul: 'text @windows-1252' })
  })

  it('L06: a length that is declared is no limit', async () => {
    expect(types(await structure('lengths'))).toEqual({ '(row)': 'int64', name: 'text' })
  })

  it('L07: dates of one form, with what they come to; others stay what they are', async () => {
    const found = await structure('dates')
    expect(types(found)).toMatchObject({
      day: 'date iso',
      written: 'timestamp iso',
      zoned: 'timestamp iso',
      s: 'timestamp epoch-s',
      ms: 'timestamp epoch-ms',
      us: 'timestamp epoch-us',
      jd: 'timestamp julian',
      mixed: 'text any',
      zero: 'text',
      empty_day: 'date iso',
      spoken: 'text',
    })
    expect(found.reading.notes).toContain(
      's holds times as seconds since 1970: 2000-01-01T00:00:00.000Z … 2023-11-14T22:13:20.000Z',
    )
    expect(found.reading.notes).toContain(
      'written holds times as ISO 8601 text: 2024-01-01 10:00:00 … 2024-01-01 10:00:01; those without a zone count as UTC, unless --time-zone names another',
    )
    expect(found.reading.notes).toContain('there is no value in empty_day: types as they are declared')
    expect(found.reading.notes.find((note) => note.startsWith('mixed'))).toBe(
      'mixed is declared datetime, and its values are not dates of one form, so it is read as text, numbers as they are written: 1 dates with time, such as "2024-01-01 10:00:00"; 1 empty texts, such as ""; 1 seconds since 1970, such as 1700000000',
    )
    expect(found.reading.notes.find((note) => note.startsWith('zero'))).toMatch(/1 zero dates, such as "0000-00-00"/)
    const told = await structure('dates', {
      timeZone: 'Europe/Oslo',
      dateFormats: { spoken: 'iso', s: 'epoch-s', mixed: 'epoch-s', us: 'text' },
    })
    expect(types(told)).toMatchObject({
      written: 'timestamp iso@Europe/Oslo',
      spoken: 'date iso',
      s: 'timestamp epoch-s',
      mixed: 'timestamp epoch-s',
      us: 'text any',
    })
    expect(told.reading.warnings).toEqual([
      'mixed holds 1 integer, 2 texts; 2 of them are no timestamptz written as epoch-s and will be dead letters: the rows 1, 3',
    ])
  })

  it('L08: a boolean where all values are one', async () => {
    const found = await structure('flags')
    expect(types(found)).toMatchObject({ yes: 'bool', word: 'bool words', three: 'text any', plain: 'int64' })
    expect(found.reading.notes.find((note) => note.startsWith('three'))).toMatch(
      /three is declared bool, and 2 of its values are not 0 or 1, .*: 2 \(1 times\), "t" \(1 times\)/,
    )
  })

  it('takes text for JSON where all of it is and nothing is lost', async () => {
    expect(types(await structure('documents'))).toMatchObject({
      declared: 'text any',
      found: 'json',
      twice: 'text',
      numbers: 'text',
      broken: 'text',
      indexed: 'text',
    })
    expect(types(await structure('documents', {}, 'id = 1'))).toMatchObject({ declared: 'json', broken: 'json' })
  })

  it('reads what an existing table wants, where all of it can be', async () => {
    expect(types(await structure('ids'))).toMatchObject({ id: 'uuid' })
    const wanted = { n: 'int32', flag: 'bool', at: 'timestamp', cents: 'decimal', bad: 'int64' } as const
    expect(types(await structure('texts', { wanted }))).toMatchObject({
      n: 'int32 digits',
      flag: 'bool words',
      at: 'timestamp iso',
      cents: 'decimal digits',
      bad: 'text',
    })
    expect(types(await structure('widths', { wanted: { i: 'text', mixed: 'bool', odd: 'json' } }))).toMatchObject({
      i: 'text any',
      mixed: 'float64',
      odd: 'text any',
    })
  })

  it('gives columns without values what they are declared as', async () => {
    const { sample, reading } = await structure('bare')
    expect(sample.fields.map(({ field, types: [type] }) => [field, type])).toEqual([
      ['id', { name: 'INTEGER', type: 'int64', count: 0 }],
      ['on', { name: 'boolean', type: 'bool', count: 0 }],
      ['at', { name: 'datetime', type: 'timestamp', count: 0 }],
      ['price', { name: 'decimal(9,2)', type: 'decimal', count: 0 }],
      ['any', { name: '', type: 'text', count: 0 }],
    ])
    expect(reading.notes).toEqual(['there are no values: types as they are declared'])
  })

  it('reads what refers as what it refers to', async () => {
    expect(types(await structure('units'))).toMatchObject({ code: 'text any' })
    for (const table of ['prices', 'rates']) {
      expect(types(await structure(table)), table).toMatchObject({ unit: 'text any' })
    }
    // Only where all of its values can be.
    expect(types(await structure('prices'))).toMatchObject({ product: 'int64 digits', other: 'text' })
  })

  it('looks at all rows, however far apart their numbers are', async () => {
    expect(types(await structure('far'))).toMatchObject({ near: 'text any', middle: 'text any', last: 'text any' })
  })

  it('looks at the rows selected only', async () => {
    expect(types(await structure('widths', {}, 'id <> 2'))).toMatchObject({ odd: 'int64', mixed: 'int64' })
    const first = await source.structure({ table: 'widths', where: null, limit: 1, ...plain }, never)
    expect(types(first)).toMatchObject({ odd: 'int64' })
    expect(first.sample.rows).toBe(1)
  })
})
