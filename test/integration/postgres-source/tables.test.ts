import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { renderInspection } from '../../../src/cli/inspect-text.ts'
import type { Selection } from '../../../src/connectors/planned-table.ts'
import type { TableStructure } from '../../../src/connectors/structure.ts'
import type { Bounds } from '../../../src/core/batch.ts'
import { inspectSource } from '../../../src/inspect.ts'
import { readRange, rowsOf } from '../../contract/source.ts'
import { postgresSource, type PostgresSourceUnderTest } from './source-under-test.ts'

const never = new AbortController().signal
const open: Bounds = { after: null, upTo: null }
const unlimited = { rows: Infinity, bytes: Infinity }

/** Roles are those of the server, which other tests use as well. */
const reader = `reader_${randomBytes(8).toString('hex')}`

const setUp = `
  create schema other;
  create schema "drover log";
  create table "drover log".version (number integer);
  create table "drover log".migration ();
  create table "drover log"."table" ();
  create table "drover log".partition ();
  create table "drover log".entry ();
  create table "drover log".own ();

  create table parted (id integer, at date not null, note text, primary key (id, at)) partition by range (at);
  create table parted_1 partition of parted for values from ('2026-01-01') to ('2026-02-01');
  create table other.parted_2 (note text, id integer not null, at date not null);
  alter table parted attach partition other.parted_2 for values from ('2026-02-01') to ('2026-03-01');
  insert into parted select n, date '2026-01-01' + n % 59, 'n' || n from generate_series(1, 500) as n;

  create table loose (id integer, at date) partition by hash (id);
  create table loose_0 partition of loose for values with (modulus 2, remainder 0) partition by range (at);
  create table loose_00 partition of loose_0 for values from ('2026-01-01') to ('2026-02-01');
  create table loose_01 partition of loose_0 default;
  create table loose_1 partition of loose for values with (modulus 2, remainder 1);
  insert into loose select n, date '2026-01-01' + n % 59 from generate_series(1, 500) as n;

  create table parent (id integer primary key);
  create table child (more text) inherits (parent);
  insert into parent values (1), (2);
  insert into child values (3, 'c');

  create extension btree_gist schema other;
  create extension postgres_fdw;
  create server far foreign data wrapper postgres_fdw;
  create foreign table far_away (id integer) server far;
  create view seen as select 1 as one;
  create materialized view made as select 1 as one;
  create unlogged table fleeting (id integer);
  create temporary table mine (id integer);
  create table "a.b" ();
  create table empty (id integer primary key);

  create table kinds (
    id bigserial primary key,
    num integer generated always as identity (start 5),
    code varchar(8) not null default 'x' collate "C" unique,
    price numeric(10, 2) check (price >= 0),
    total numeric generated always as (price * 2) stored,
    "when" timestamptz default now(),
    day date,
    tags text[],
    parent bigint references kinds (id) on delete set null deferrable initially deferred,
    shape point,
    span interval,
    tag char(4),
    net inet,
    doc json,
    docb jsonb,
    small smallint[],
    at timestamp,
    weird "char"
  );
  create index kinds_upper on kinds (upper(code) desc, price) include (tag, "when") where price > 1;
  create unique index kinds_when on kinds (id, "when") nulls not distinct;
  create index kinds_tags on kinds using gin (tags);
  insert into kinds (code, price, "when", day, tags, shape, span, tag, net, doc, docb, small, at, weird)
  values ('é\\x', 1.50, 'infinity', '0044-03-15 BC', '{a,null}', '(1,2)', '1 mon -1 d', 'ab', '10.0.0.1',
    '{"b": 1,  "a": 1.0, "a": 2}', '{"b":1}', '[0:1]={1,2}', '2026-01-01 12:00', 'w');
  alter table parent add constraint to_kinds foreign key (id) references kinds (id) not valid;

  create role ${reader} login password 'pw';
  create table secured (id serial primary key);
  insert into secured values (1);
  alter table secured enable row level security;
  create policy "only ""odd""" on secured using (id % 2 = 1);
  create table hidden (id integer primary key, secret text, open text);
  create table forbidden (id integer primary key);
  grant select on secured to ${reader};
  grant select (id, open) on hidden to ${reader};
  insert into hidden values (1, 's', 'o');
  select lo_create(0);`

describe('the tables of a database', () => {
  let under: PostgresSourceUnderTest
  beforeAll(async () => {
    under = await postgresSource(setUp)
  })
  afterAll(async () => {
    await under.sql(`drop owned by ${reader}; drop role ${reader}`)
    await under[Symbol.asyncDispose]()
  })

  const structureOf = async (table: string): Promise<TableStructure> =>
    under.source.structure(
      {
        table,
        where: null,
        limit: null,
        dateFormats: {},
        timeZone: 'UTC',
        encoding: null,
        wanted: {},
        wantedNative: {},
      },
      never,
    )

  const read = async (selection: Partial<Selection> & { readonly table: string }): Promise<readonly string[]> => {
    const whole: Selection = { where: null, fields: null, limit: null, ...selection }
    const rows: string[] = []
    for (const bounds of await under.source.partition(whole, 3, never)) {
      rows.push(...rowsOf(await readRange({ source: under.source, table: whole.table }, bounds, unlimited, whole)))
    }
    return rows
  }

  it('are described with why some are not copied', async () => {
    await under.sql('analyze parted')
    const tables = await under.source.describe(never)
    const skipped = tables.map(({ name, kind, skipped: why }) => [name, kind, why])
    expect(skipped).toEqual([
      ['child', 'table', null],
      ['drover log.entry', 'system', "a table of drover's own ledger"],
      ['drover log.migration', 'system', "a table of drover's own ledger"],
      ['drover log.own', 'table', null],
      ['drover log.partition', 'system', "a table of drover's own ledger"],
      ['drover log.table', 'system', "a table of drover's own ledger"],
      ['drover log.version', 'system', "a table of drover's own ledger"],
      ['empty', 'table', null],
      ['far_away', 'table', 'a foreign table: its rows are on another server'],
      ['fleeting', 'table', null],
      ['forbidden', 'table', null],
      ['hidden', 'table', null],
      ['kinds', 'table', null],
      ['loose', 'table', null],
      ['loose_0', 'partition', 'a partition of public.loose: its rows go with it'],
      ['loose_00', 'partition', 'a partition of public.loose_0: its rows go with it'],
      ['loose_01', 'partition', 'a partition of public.loose_0: its rows go with it'],
      ['loose_1', 'partition', 'a partition of public.loose: its rows go with it'],
      ['made', 'view', 'a materialised view: its rows are made from other tables'],
      ['other.parted_2', 'partition', 'a partition of public.parted: its rows go with it'],
      ['parent', 'table', null],
      ['parted', 'table', null],
      ['parted_1', 'partition', 'a partition of public.parted: its rows go with it'],
      ['public.a.b', 'table', null],
      ['secured', 'table', null],
      ['seen', 'view', 'a view: its rows are those of other tables'],
    ])
    const named = (name: string) => tables.find((table) => table.name === name)
    expect(named('parted')).toMatchObject({ estimatedRows: 500, qualified: { schema: 'public', name: 'parted' } })
    expect(named('empty')).toMatchObject({ estimatedRows: 0, averageRowBytes: null })
    // Never counted: what the server's own planner thinks.
    expect(named('loose')?.estimatedRows).toBeGreaterThan(0)
    expect(named('public.a.b')?.qualified).toEqual({ schema: 'public', name: 'a.b' })
  })

  it('are read with the partitions that are theirs, and without the tables that inherit from them', async () => {
    expect(new Set(await read({ table: 'parted' })).size).toBe(500)
    expect(await read({ table: 'parent' })).toHaveLength(2)
    expect(await read({ table: 'child' })).toHaveLength(1)
    const loose = await read({ table: 'loose' })
    expect(new Set(loose).size).toBe(500)
    expect(await read({ table: 'loose', limit: 333 })).toEqual(loose.slice(0, 333))
    expect(await read({ table: 'empty' })).toEqual([])
    expect(await read({ table: 'public.a.b' })).toEqual([])
  })

  it('have a structure, whose layout is what is read', async () => {
    const { layout, sample, columns, key, checks, indexes, references, warnings } = await structureOf('kinds')
    expect(layout.columns.map(({ field, type }) => `${field}: ${type}`)).toEqual([
      'id: int64',
      'num: int32',
      'code: text',
      'price: decimal',
      'when: timestamp',
      'day: date',
      'tags: text[]',
      'parent: int64',
      'shape: text',
      'span: text',
      'tag: text',
      'net: text',
      'doc: text',
      'docb: json',
      'small: int32[]',
      'at: text',
      'weird: text',
    ])
    expect(layout).toMatchObject({ format: 'pgcopy', raw: false, key: [0] })
    expect(key).toEqual(['id'])
    expect(sample.fields.map(({ field }) => field)).toEqual(layout.columns.map(({ field }) => field))
    expect(sample.fields[2]?.types).toEqual([{ name: 'character varying(8)', type: 'text', count: 1 }])
    const column = (field: string) => columns.find((one) => one.field === field)
    expect(column('id')).toMatchObject({ required: true, default: null, identity: { always: false, reached: '1' } })
    expect(column('num')).toMatchObject({ declared: 'integer', identity: { always: true, reached: '5' } })
    expect(column('code')?.default?.sql).toBe("'x'::character varying")
    expect(column('total')).toMatchObject({ default: null, generated: { sql: '(price * (2)::numeric)' } })
    expect(checks).toEqual([
      { name: 'kinds_price_check', expression: { dialect: 'postgres', sql: '(price >= (0)::numeric)' } },
    ])
    expect(indexes.map(({ name, unique, method, where }) => [name, unique, method, where?.sql])).toEqual([
      ['kinds_code_key', true, undefined, undefined],
      ['kinds_tags', false, 'gin', undefined],
      ['kinds_upper', false, undefined, '(price > (1)::numeric)'],
      ['kinds_when', true, undefined, undefined],
    ])
    expect(indexes.map(({ own }) => own)).toEqual([[], [], ['include (tag, "when")'], ['nulls not distinct']])
    expect(indexes[2]?.parts.map(({ expression, field, descending }) => [expression.sql, field, descending])).toEqual([
      ['upper(code::text)', null, true],
      ['price', 'price', false],
    ])
    expect(references).toEqual([
      {
        name: 'kinds_parent_fkey',
        fields: ['parent'],
        table: 'kinds',
        referencedFields: ['id'],
        options: 'ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED',
        orphans: null,
      },
    ])
    expect(warnings).toEqual([])
    const parent = await structureOf('parent')
    expect(parent.references).toMatchObject([{ name: 'to_kinds', table: 'kinds', options: '' }])
    expect(parent.warnings).toEqual(['the reference to_kinds is not validated in the source, and will be'])
    expect((await structureOf('loose')).layout.key).toEqual([])
    expect((await structureOf('parted')).notes).toEqual(['2 partitions, read through the table they are of'])
  })

  it('give values in the forms of their types, or as text that does not depend on who asks', async () => {
    const [{ name } = {}] = await under.sql('select current_database() as name')
    await under.sql(`alter database ${String(name)} set datestyle = 'German'`)
    await under.sql(`alter database ${String(name)} set intervalstyle = 'iso_8601'`)
    const source = await under.open()
    const [batch] = await readRange({ source, table: 'kinds' }, open, unlimited)
    const fields = fieldsOf(rowsOf(batch === undefined ? [] : [batch])[0] ?? '')
    const text = (place: number): string | undefined => fields[place]?.toString()
    expect(text(2)).toBe('é\\x')
    expect(fields[4]?.readBigInt64BE()).toBe(0x7fff_ffff_ffff_ffffn)
    expect(text(8)).toBe('(1,2)')
    expect(text(9)).toBe('1 mon -1 days')
    expect(text(12)).toBe('{"b": 1,  "a": 1.0, "a": 2}')
    expect(fields[13]?.toString('latin1')).toBe('\x01{"b": 1}')
    expect(text(15)).toBe('2026-01-01 12:00:00')
    expect(text(16)).toBe('w')
  })

  it('are filtered by SQL that stays an expression', async () => {
    expect(await read({ table: 'parted', where: "note = 'n7' or id = 8 -- either" })).toHaveLength(2)
    expect(await under.source.count({ ...selectionOf('parted'), where: 'id <= 100', limit: 10 }, never)).toBe(10)
    for (const where of ['true) or (true', 'id = ', 'nothing = 1', 'id', 'true; drop table empty', '"id']) {
      await expect(under.source.count({ ...selectionOf('parted'), where }, never)).rejects.toMatchObject({
        code: 'invalid-filter',
      })
    }
    await under.sql(
      'create or replace function other.write() returns boolean language sql as $$ insert into public.empty values (1) returning true $$',
    )
    await expect(under.source.count({ ...selectionOf('parted'), where: 'other.write()' }, never)).rejects.toMatchObject(
      {
        code: 'source-failed',
      },
    )
  })

  it('are read from a value on', async () => {
    const { source } = under
    const upTo = await source.highest(selectionOf('parted'), 'at', never)
    expect(upTo).toBe("'2026-02-28'::date")
    const from = source.parseMark('2026-02-20', upTo ?? '', 0)
    const since = { field: 'at', from, upTo }
    const [counted] = await under.sql(`select count(*)::int as rows from parted where at >= '2026-02-20'`)
    expect(await read({ table: 'parted', since })).toHaveLength(Number(counted?.['rows']))
    expect(source.parseMark('-1d', "'2026-01-01 00:00:00+00'::timestamp with time zone", Date.UTC(2026, 0, 2))).toBe(
      "'2026-01-01T00:00:00.000Z'::timestamp with time zone",
    )
    expect(source.parseMark("o'neil\\", "'x'::text", 0)).toBe(" E'o''neil\\\\'::text")
    expect(source.parseMark('b', " E'o''neil\\\\'::text", 0)).toBe("'b'::text")
    expect(() => source.parseMark("1'; drop", "'7'::bigint", 0)).toThrow('--since says')
    expect(await source.highest(selectionOf('kinds'), 'parent', never)).toBeNull()
    expect(await read({ table: 'kinds', since: { field: 'parent', from: null, upTo: "'5'::bigint" } })).toHaveLength(1)
    await expect(source.highest(selectionOf('kinds'), 'shape', never)).rejects.toMatchObject({ code: 'invalid-value' })
    await expect(source.highest(selectionOf('kinds'), 'none', never)).rejects.toMatchObject({ code: 'unknown-column' })
  })

  it('give a sample of rows spread over them', async () => {
    const spread = await under.source.sample(selectionOf('parted'), { rows: 20, bytes: 1e6, seconds: 60 }, never)
    expect(spread.complete).toBe(false)
    const rows = rowsOf(spread.batches)
    expect(rows).toHaveLength(20)
    const all = await read({ table: 'parted' })
    expect(rows).toContain(all[0])
    expect(rows).toContain(all.at(-1))
    const whole = await under.source.sample(
      { ...selectionOf('loose'), limit: 30 },
      { rows: 30, bytes: 1e6, seconds: 60 },
      never,
    )
    expect(whole.complete).toBe(true)
    expect(rowsOf(whole.batches)).toHaveLength(30)
  })

  it('are refused where a policy would hide rows, or a right is missing, before anything is copied', async () => {
    const { source } = under
    const other = await under.open({ user: reader, password: 'pw' })
    const findings = await other.check(never)
    expect(findings.map(({ level, error }) => `${level}: ${error.message}`)).toEqual([
      expect.stringMatching(/^warning: .* has 1 large objects, which are not copied$/),
      expect.stringMatching(/^info: unlogged tables of .*: public\.fleeting$/),
      'warning: row-level security may hide rows from this user: public.secured',
      'info: this user may not read the sequences of tables that it may read: public.secured_id_seq',
    ])
    expect((await source.check(never)).filter(({ level }) => level === 'error')).toEqual([])
    const described = await other.describe(never)
    expect(described.find(({ name }) => name === 'secured')).toMatchObject({ skipped: null, estimatedRows: null })
    await expect(other.count(selectionOf('secured'), never)).rejects.toMatchObject({
      code: 'missing-right',
      message: 'the policy only "odd" of secured may hide rows from the user',
    })
    await expect(other.count(selectionOf('forbidden'), never)).rejects.toMatchObject({ code: 'missing-right' })
    expect(await source.count(selectionOf('secured'), never)).toBe(1)
    const { layout } = await structureOf('hidden')
    await expect(other.partition({ ...selectionOf('hidden'), layout }, 2, never)).rejects.toMatchObject({
      code: 'missing-right',
      message: 'the user may not read column "secret" of hidden',
    })
    const narrowed = { ...layout, columns: layout.columns.filter(({ field }) => field !== 'secret') }
    const rows = await readRange({ source: other, table: 'hidden' }, open, unlimited, {
      ...selectionOf('hidden'),
      layout: narrowed,
    })
    expect(rowsOf(rows)).toEqual(['00020000000400000001000000016f'])
  })

  it('are looked at as far as the user may, and the others are named', async () => {
    const url = new URL(under.url)
    Object.assign(url, { username: reader, password: 'pw' })
    const report = await inspectSource(url.href, { tables: ['hidden', 'forbidden', 'secured'], signal: never })
    expect(report.tables.map(({ name, sample, unread }) => [name, sample === null, unread?.code])).toEqual([
      ['hidden', false, undefined],
      ['forbidden', true, 'missing-right'],
      ['secured', true, 'missing-right'],
    ])
    const page = renderInspection(report).replaceAll(/\s+/g, ' ')
    expect(page).toContain('forbidden (table): not looked at, the user may not read forbidden; grant usage')
    await expect(inspectSource(url.href, { tables: ['forbidden'], signal: never })).rejects.toMatchObject({
      code: 'missing-right',
    })
  })
})

function selectionOf(table: string): Selection {
  return { table, where: null, fields: null, limit: null }
}

/** Of a tuple as hexadecimal digits; null: NULL. */
function fieldsOf(row: string): readonly (Buffer | null)[] {
  const bytes = Buffer.from(row, 'hex')
  const fields: (Buffer | null)[] = []
  for (let at = 2; at < bytes.length;) {
    const length = bytes.readInt32BE(at)
    fields.push(length < 0 ? null : bytes.subarray(at + 4, at + 4 + length))
    at += 4 + Math.max(0, length)
  }
  return fields
}
