import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { plan, type MigrationResult } from '../../src/index.ts'
import { freshPostgres, type FreshDatabase } from '../support/databases.ts'
import { openLetters } from '../support/letters.ts'
import { migrate } from '../support/migrate.ts'
import { corpus, otherSettings } from './postgres-corpus.ts'
import { schemaText } from './postgres-schema/schema-text.ts'

type Rows = readonly Readonly<Record<string, unknown>>[]
type Result = pg.QueryResult<Record<string, unknown>>

async function sql({ url }: Pick<FreshDatabase, 'url'>, text: string): Promise<Rows> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    // The driver's types know of one statement only.
    const results: Result | readonly Result[] = await client.query<Record<string, unknown>>(text)
    return (Array.isArray(results) ? (results as readonly Result[]).at(-1) : results)?.rows ?? []
  } finally {
    await client.end()
  }
}

const settings = `
  set datestyle = 'ISO'; set intervalstyle = 'postgres'; set timezone = 'UTC'; set bytea_output = hex;
  set extra_float_digits = 3; set xmloption = content; set lc_monetary = 'C'`

const findRelations = `
  select format('%I.%I', n.nspname, c.relname) as name, case c.relkind when 'r' then 'only' else '' end as only
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p', 'm') and not c.relispartition and n.nspname !~ '^(pg_|information_schema$|drover)' order by 1`

/** By table, a hash of the server's own text of each row. A partition may have its columns in another order than its table. */
async function valuesOf(database: FreshDatabase): Promise<Rows> {
  const relations = await sql(database, findRelations)
  const queries = relations.map(({ name, only }) => {
    return `select '${String(name)}' as name, array(select md5(t::text) from ${String(only)} ${String(name)} t order by 1) as rows`
  })
  return sql(database, `${settings}; set search_path = ''; ${queries.join(' union all ')}`)
}

/** Since PostgreSQL 18 NOT NULL has a name, and of a partition that was attached it is the partition's own. */
function comparable(lines: readonly string[]): readonly string[] {
  return lines.filter((line) => !/^constraint \S+ public\.attached NOT NULL/.test(line))
}

describe('a database of one server', () => {
  let source: FreshDatabase
  let target: FreshDatabase
  let result: MigrationResult

  beforeAll(async () => {
    ;[source, target] = [await freshPostgres(), await freshPostgres()]
    for (const database of [source, target]) await sql(database, otherSettings(database.name))
    await sql(source, `${settings}; ${corpus}`)
    result = await migrate({ from: source.url, to: target.url, functions: true, verify: 'full' })
  })

  afterAll(async () => {
    await source[Symbol.asyncDispose]()
    await target[Symbol.asyncDispose]()
  })

  it('D-PG-01 to 11, 13, 15 to 19: is the same in another, its rows by their texts and its schema', async () => {
    expect(result).toMatchObject({ state: 'done', totals: { deadLetters: 0 }, verification: { equal: true } })
    expect(await valuesOf(target)).toEqual(await valuesOf(source))
    expect(comparable(await schemaText(target.url))).toEqual(comparable(await schemaText(source.url)))
  })

  it('is not copied again where it is, and changes nothing where its rows are skipped', async () => {
    const before = await valuesOf(target)
    const again = { from: source.url, to: target.url }
    await expect(migrate(again)).rejects.toMatchObject({ code: 'target-not-empty' })
    const keyed = await sql(
      source,
      `select case n.nspname when 'public' then c.relname else n.nspname || '.' || c.relname end as name
       from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
       where k.contype = 'p' and not c.relispartition and n.nspname in ('public', 'app') and c.relname not in ('audited', 'keyed_by_computed')`,
    )
    const tables = keyed.map(({ name }) => String(name))
    const appended = await migrate({ ...again, tables, mode: 'append', onConflict: 'skip' })
    const { read } = appended.totals
    expect(read).toBeGreaterThan(900)
    expect(appended).toMatchObject({ state: 'done', totals: { written: 0, skipped: read, deadLetters: 0 } })
    expect(await valuesOf(target)).toEqual(before)
  })

  it('D-PG-03 gives each further row a number of its own', async () => {
    const next = `select array[nextval('alone'), nextval('down'), nextval('circle'), nextval('unused'), nextval('shared')] as next`
    const inPublic = 'set search_path = public;'
    expect(await sql(target, inPublic + next)).toEqual(await sql(source, inPublic + next))
    const inserted = await sql(
      target,
      `${inPublic} with a as (insert into numbered (t) values ('n') returning id, n),
        b as (insert into no_rows (t) values ('n') returning id), c as (insert into drawn_b default values returning t, d)
       select a.id::integer as numbered, a.n, b.id, c.t, c.d from a, b, c`,
    )
    expect(inserted).toEqual([{ numbered: 21, n: 300, id: 1, t: 2, d: -4 }])
    await expect(sql(target, 'insert into public.spent default values')).rejects.toMatchObject({ code: '2200H' })
  })
})

describe('D-PG-12 texts of no known encoding', () => {
  it('come over where they are UTF-8, and are dead letters where not', async () => {
    await using source = await freshPostgres(
      `encoding 'SQL_ASCII' template template0 locale_provider libc lc_collate 'C' lc_ctype 'C'`,
    )
    await using target = await freshPostgres()
    await sql(
      source,
      `set client_encoding = 'SQL_ASCII';
       create table texts (id integer primary key, t text); create type e as enum ('a'); create table others (e e[], t text);
       insert into texts values (1, 'plain'), (2, E'caf\\xe9'), (3, E'gr\\xc3\\xbcn');
       insert into others values ('{a}', 'ok'), ('{a}', E'\\xff')`,
    )
    const result = await migrate({ from: source.url, to: target.url, maxDeadLetters: 2, verify: 'full' })
    expect(result).toMatchObject({ totals: { written: 3, deadLetters: 2 }, verification: { equal: true } })
    expect(await sql(target, 'select t from texts order by id')).toEqual([{ t: 'plain' }, { t: 'grün' }])
    const letters = await openLetters({ to: target.url })
    expect(letters.map(({ table, keyText }) => `${table} ${keyText}`).toSorted()).toEqual([
      'others (no key)',
      'texts 2',
    ])
  })
})

describe('D-PG-14 a user who may not see all', () => {
  it('is refused where a policy hides rows, and copies the rest', async () => {
    await using source = await freshPostgres()
    await using target = await freshPostgres()
    const role = `drover_reader_${randomBytes(4).toString('hex')}`
    await sql(source, `create role ${role} login password 'pw'`)
    try {
      await sql(
        source,
        `create table hidden (id integer primary key, who text); insert into hidden values (1, 'x'), (2, current_user);
         alter table hidden enable row level security; create policy own on hidden using (who = current_user);
         create table plain (id integer primary key, secret text); insert into plain values (1, 's');
         grant select on hidden to ${role}; grant select (id) on plain to ${role}`,
      )
      const from = new URL(source.url)
      ;[from.username, from.password] = [role, 'pw']
      const between = { from: from.href, to: target.url }
      await expect(migrate(between)).rejects.toMatchObject({
        code: 'missing-right',
        message: expect.stringContaining('policy own of hidden'),
      })
      await expect(migrate({ ...between, tables: ['plain'] })).rejects.toMatchObject({
        code: 'missing-right',
        message: expect.stringContaining('"secret"'),
      })
      const rest = await migrate({ ...between, tables: ['plain'], columns: ['id'] })
      expect(rest.totals).toMatchObject({ read: 1, written: 1 })
    } finally {
      await sql(source, `drop owned by ${role}; drop role ${role}`)
    }
  })
})

describe('tables that are there', () => {
  const own = `
    create type mood as enum ('sad', 'ok');
    create table wide (id integer primary key, small integer, name varchar(20), uid text, at timestamp, price numeric, doc json, mood mood);
    insert into wide select i, i, repeat('x', i), '00000000-0000-0000-0000-00000000000' || i,
      timestamp '2026-01-01' + i * interval '1 h', i + 0.5, '{"b": 1, "a":  2}', 'ok' from generate_series(1, 4) i;
    update wide set name = repeat('x', 11) where id = 2; update wide set price = 1.234 where id = 3;
    update wide set uid = 'none', at = 'infinity' where id = 4`
  const other = `
    create table wide (more timestamptz default 'epoch', doc jsonb, id bigint primary key, small bigint, price numeric(10,2),
      name varchar(10), at timestamptz, mood text, uid uuid, extra integer)`

  it('take the rows by name, as their own types, and name what they do not hold', async () => {
    await using source = await freshPostgres()
    await using target = await freshPostgres()
    await sql(source, own)
    await sql(target, other)
    const between = { from: source.url, to: target.url }
    await expect(plan(between)).rejects.toMatchObject({
      code: 'target-incompatible',
      message: expect.stringMatching(/"uid".* is uuid/),
    })
    const cast = { ...between, cast: { uid: 'uuid' }, maxDeadLetters: 3, verify: 'full' } as const
    const result = await migrate({ ...cast, timeZone: 'Asia/Tokyo' })
    expect(result).toMatchObject({ state: 'done', totals: { read: 4, written: 1, deadLetters: 3 } })
    expect(result.verification.equal).toBe(true)
    const letters = await openLetters({ to: target.url })
    expect(letters.map(({ keyText, column }) => `${keyText} ${column}`).toSorted()).toEqual([
      '2 name',
      '3 price',
      '4 uid',
    ])
    const rows = await sql(target, `set timezone = 'UTC'; select t::text from wide t`)
    const uid = '00000000-0000-0000-0000-000000000001'
    expect(rows).toEqual([
      { t: `("1970-01-01 00:00:00+00","{""a"": 2, ""b"": 1}",1,1,1.50,x,"2025-12-31 16:00:00+00",ok,${uid},)` },
    ])
  })

  it('get no column unasked, and are refused with all that does not fit', async () => {
    await using source = await freshPostgres()
    await using target = await freshPostgres()
    await sql(source, 'create table t (id integer primary key, a bigint, b text)')
    await sql(target, 'create table t (id integer primary key, a integer, must integer not null)')
    const between = { from: source.url, to: target.url }
    await expect(plan(between)).rejects.toMatchObject({
      code: 'target-incompatible',
      message: expect.stringMatching(/"a".* is integer.*no column "b".*"must".* NOT NULL/),
    })
    await sql(target, 'alter table t drop column must')
    const { tables } = await plan({ ...between, onDrift: 'evolve' })
    expect(tables[0]?.planned.additions).toMatchObject([{ kind: 'widen' }, { kind: 'add' }])
  })

  it('have keys that equal as their types say, wherever these come from', async () => {
    await using source = await freshPostgres()
    await using target = await freshPostgres()
    const made = `
      create schema ext; create extension citext schema ext; create extension ltree schema ext;
      create table words (w ext.citext primary key, t text); create table trees (l ext.ltree, n integer, t text, primary key (l, n))`
    for (const database of [source, target]) await sql(database, made)
    await sql(
      source,
      `insert into words values ('A', 'new'), ('b', 'b'); insert into trees values ('a.b', 1, 'x'), ('c', 2, 'y')`,
    )
    await sql(target, `insert into words values ('a', 'old'); insert into trees values ('c', 2, 'old')`)
    const between = { from: source.url, to: target.url }
    const skipped = await migrate({ ...between, mode: 'append', onConflict: 'skip' })
    expect(skipped).toMatchObject({ state: 'done', totals: { written: 2, skipped: 2, deadLetters: 0 } })
    const updated = await migrate({ ...between, tables: ['trees'], mode: 'upsert', verify: 'full' })
    expect(updated).toMatchObject({ state: 'done', totals: { written: 2 }, verification: { equal: true } })
    expect(await sql(target, 'select w::text, t from words order by 1')).toEqual([
      { w: 'a', t: 'old' },
      { w: 'b', t: 'b' },
    ])
  })

  it('are filled behind those that they refer to, also where that is checked at COMMIT', async () => {
    await using source = await freshPostgres()
    await using target = await freshPostgres()
    const schema = `
      create table a_fact (id integer primary key, z integer not null, m integer not null);
      create table m_dim (id integer primary key, z integer not null); create table z_dim (id integer primary key);
      alter table m_dim add foreign key (z) references z_dim deferrable initially deferred;
      alter table a_fact add foreign key (z) references z_dim, add foreign key (m) references m_dim deferrable initially deferred;`
    await sql(
      source,
      `${schema} insert into z_dim select generate_series(1, 200); insert into m_dim select i, 201 - i from generate_series(1, 200) i;
       insert into a_fact select i, 1 + i % 200, 1 + i % 199 from generate_series(1, 400) i`,
    )
    await sql(target, schema)
    const options = { from: source.url, to: target.url, workers: 2, batchRows: 50 } as const
    const first = await migrate({ ...options, feed: 'paged' })
    expect(first).toMatchObject({
      state: 'done',
      totals: { written: 800, deadLetters: 0 },
    })
    const second = await migrate({ ...options, mode: 'truncate', feed: 'partitioned' })
    expect(second).toMatchObject({ state: 'done', totals: { written: 800, deadLetters: 0 } })
  })
})
