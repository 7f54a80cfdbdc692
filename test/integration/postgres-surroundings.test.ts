import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { plan } from '../../src/index.ts'
import { freshPostgres, type FreshDatabase } from '../support/databases.ts'
import { openLetters } from '../support/letters.ts'
import { migrate } from '../support/migrate.ts'

type Rows = readonly Readonly<Record<string, unknown>>[]

/** Namesakes of functions of the server's own that sessions call first, with the same parameters; to call one is an error. */
const namesakes = `
  create function trap() returns void language plpgsql as $$ begin raise exception 'trapped'; end $$;
  do $do$
  declare found record;
  begin
    for found in
      select p.proname as name, a.parameters, pg_get_function_result(p.oid) as result
      from pg_proc p cross join lateral (select oidvectortypes(p.proargtypes) as parameters) a
      where p.pronamespace = 'pg_catalog'::regnamespace and p.prokind = 'f' and p.provariadic = 0 and not p.proretset
        and p.proname ~ '^(pg_(backend|get|is|export|char|has)|has_|set_c|current_|format|quote_|to_|col_|obj_|txid|row_s|hasht|name|text|array_)'
        and a.parameters || pg_get_function_result(p.oid) !~ 'internal|any|cstring|trigger|handler|void|unknown|_ddl_'
    loop
      execute format('create function public.%I(%s) returns %s language plpgsql as %L', found.name, found.parameters,
        found.result, 'begin perform public.trap(); return null; end');
    end loop;
  end $do$;`

/** Functions that the server has for any type, for one type: they are taken although its own stand first in the path. */
const closer = `
  create function to_json(timestamptz) returns json language plpgsql as 'begin perform public.trap(); return null; end';
  create function one_more(bigint, text) returns bigint language plpgsql as 'begin perform public.trap(); return 1; end';
  create aggregate count(text) (sfunc = one_more, stype = bigint);
  create function alike(text, text) returns boolean language plpgsql as 'begin perform public.trap(); return true; end';
  create operator = (leftarg = text, rightarg = text, function = alike);`

const own = `
  create table numbered (id serial primary key, t text unique, at timestamptz default 'epoch', check (id > 0));
  insert into numbered (t) select 'r' || i from generate_series(1, 20) i;
  create table unnumbered as select i as n from generate_series(1, 20) i;
  create table refers (id integer primary key, n integer references numbered); insert into refers values (1, 1);
  create extension hstore; create table extended (id integer primary key, h hstore);
  create table ruled (id integer primary key, t text); insert into ruled values (1, 'a'), (2, 'b');
  create table flat (id integer primary key, at date not null); insert into flat select i, date '2020-01-01' + i from generate_series(1, 400) i;
  create table parted (id integer, at date, primary key (id, at)) partition by range (at); create table parted_all partition of parted default;
  insert into parted select * from flat;
  create collation folded (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
  create table folded (k text collate folded, n integer, primary key (k, n));
  insert into folded select (case i % 2 when 0 then 'K' else 'k' end) || i / 3, i from generate_series(1, 300) i;
  create table told_apart (k text primary key); insert into told_apart values ('A'), ('a'), ('b');`

const theirs = `
  create table ruled (id integer primary key, t text); create table heard (id integer);
  create rule hears as on insert to ruled do also insert into heard values (new.id);
  create table flat (id integer, at date, primary key (id, at)) partition by range (at);
  create table flat_2020 partition of flat for values from ('2020-01-01') to ('2021-01-01');
  create table parted (at date, id integer primary key);
  create collation folded (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
  create table told_apart (k text collate folded primary key)`

describe('what is around tables of PostgreSQL', () => {
  let source: FreshDatabase
  let target: FreshDatabase
  let visitor: pg.Client
  let between: { readonly from: string; readonly to: string }

  async function sql({ url }: Pick<FreshDatabase, 'url'>, text: string): Promise<Rows> {
    const client = new pg.Client({ connectionString: url })
    await client.connect()
    try {
      return (await client.query<Record<string, unknown>>(text)).rows
    } finally {
      await client.end()
    }
  }

  beforeAll(async () => {
    ;[source, target] = [await freshPostgres(), await freshPostgres()]
    between = { from: source.url, to: target.url }
    await sql(source, own)
    await sql(target, theirs)
    visitor = new pg.Client({ connectionString: source.url })
    await visitor.connect()
  })

  afterAll(async () => {
    await visitor.end()
    await source[Symbol.asyncDispose]()
    await target[Symbol.asyncDispose]()
  })

  it('D-PG-08: an extension that the target has not is told before anything is written', async () => {
    await sql(source, `update pg_extension set extname = 'nowhere' where extname = 'hstore'`)
    const missing = { code: 'missing-dependency', message: 'the target does not have the extension nowhere' }
    await expect(migrate({ ...between, tables: ['extended'] })).rejects.toMatchObject(missing)
    expect(await sql(target, `select to_regclass('extended') as made, to_regnamespace('drover') as ledger`)).toEqual([
      { made: null, ledger: null },
    ])
  })

  it('D-PG-15: a temporary table of somebody else is none of the database', async () => {
    await visitor.query('create temporary table fleeting as select 1 as n')
    await expect(plan({ ...between, tables: ['fleeting'] })).rejects.toMatchObject({ code: 'missing-table' })
    const { tables } = await plan({ ...between, tables: ['numbered', 'f*'] })
    expect(tables.map(({ planned }) => planned.plan.source)).toEqual(['flat', 'folded', 'numbered'])
  })

  it('D-PG-13: rules of the target do not hear of rows that are added, and refuse a merge before anything is written', async () => {
    const ruled = { ...between, tables: ['ruled'] }
    const refused = { code: 'target-incompatible', message: expect.stringContaining('which has rules: "hears"') }
    await expect(migrate({ ...ruled, mode: 'upsert' })).rejects.toMatchObject(refused)
    await sql(
      target,
      'alter table ruled disable rule hears; create rule changes as on update to ruled do also notify x',
    )
    await sql(target, 'alter table ruled disable rule changes')
    const skipping = { ...ruled, mode: 'append', onConflict: 'skip' } as const
    await expect(plan(skipping)).rejects.toMatchObject({
      message: expect.stringMatching(/which has rules: "changes"$/),
    })
    await sql(target, 'drop rule changes on ruled')
    expect((await plan(skipping)).tables[0]?.warnings).toEqual([])
    await sql(target, 'alter table ruled enable rule hears')
    const { tables } = await plan(ruled)
    expect(tables[0]?.warnings).toContain('rules of public.ruled are not applied to rows that are copied: "hears"')
    expect((await migrate(ruled)).totals).toMatchObject({ written: 2 })
    expect(await sql(target, 'select * from heard')).toEqual([])
  })

  it('D-PG-05, D-PG-16: rows go where the target has them, and keys are equal as the collation of their side says', async () => {
    const options = {
      ...between,
      tables: ['flat', 'parted', 'folded', 'told_apart'],
      batchRows: 40,
      workers: 2,
    } as const
    const result = await migrate({ ...options, feed: 'partitioned', maxDeadLetters: 36, verify: 'full' })
    expect(result).toMatchObject({ state: 'done', error: null, verification: { equal: true } })
    expect(result.totals).toMatchObject({ read: 1103, written: 1067, deadLetters: 36 })
    const reasons = (await openLetters(between)).map(
      ({ table, reason }) => `${table} ${reason.split(' ').slice(4, 8).join(' ')}`,
    )
    expect([...new Set(reasons)].toSorted()).toEqual([
      'flat no partition of relation',
      'told_apart duplicate key value violates',
    ])
    await sql(target, 'update folded set k = upper(k); delete from folded where n > 250')
    const again = await migrate({ ...options, tables: ['folded'], mode: 'append', onConflict: 'skip' })
    expect(again).toMatchObject({ totals: { written: 50, skipped: 250 }, error: null })
  })

  it('D-PG-18: functions of the source that pass for those of the server are never called', async () => {
    await sql(source, `${namesakes} ${closer}`)
    await expect(sql(source, `select to_json('epoch'::timestamptz)`)).rejects.toThrow('trapped')
    await sql(source, `alter database ${source.name} set search_path = public, pg_catalog`)
    await expect(sql(source, 'select pg_backend_pid()')).rejects.toThrow('trapped')
    const result = await migrate({ ...between, tables: ['numbered', 'unnumbered', 'refers'], verify: 'full' })
    expect(result).toMatchObject({ state: 'done', totals: { written: 41 }, verification: { equal: true } })
  })

  it('D-PG-12: texts of LATIN1, among them keys that are asked for again, come over as what they say', async () => {
    const encoding = `encoding 'LATIN1' template template0 locale_provider libc lc_collate 'C' lc_ctype 'C'`
    await using latin = await freshPostgres(encoding)
    await sql(
      latin,
      `create table words (k text primary key, t text default 'é', j json);
       insert into words select chr(i) || 'ÿ', chr(i), '{"ä": 1}' from generate_series(200, 255) i`,
    )
    const result = await migrate({ from: latin.url, to: target.url, batchRows: 10, workers: 2, verify: 'full' })
    expect(result).toMatchObject({ totals: { written: 56, deadLetters: 0 }, verification: { equal: true } })
    expect(await sql(target, `select t, j::text from words where k = 'üÿ'`)).toEqual([{ t: 'ü', j: '{"ä": 1}' }])
  })
})
