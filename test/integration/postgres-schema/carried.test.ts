import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openPostgresTarget } from '../../../src/connectors/postgres/connect.ts'
import { parseAddress } from '../../../src/connectors/postgres/address.ts'
import { connect } from '../../../src/connectors/postgres/open-session.ts'
import { readNative } from '../../../src/connectors/postgres/source/native.ts'
import type { Target } from '../../../src/connectors/contract.ts'
import type { Ledger, Lease, MigrationId, MigrationRecord } from '../../../src/connectors/ledger-contract.ts'
import { plan, type MigrateOptions, type PlanReport } from '../../../src/index.ts'
import { freshPostgres } from '../../support/databases.ts'
import { atOnce, never } from '../../support/migration.ts'
import { everything, listed } from './everything.ts'
import { schemaText } from './schema-text.ts'

const id = 'whole' as MigrationId

interface Under extends AsyncDisposable {
  readonly from: string
  readonly to: string
  readonly planned: PlanReport
  readonly target: Target
  readonly ledger: Ledger
  readonly lease: Lease
  sql(url: string, text: string): Promise<readonly Record<string, unknown>[]>
  begin(): Promise<void>
  /** All that a run does once the rows are there. */
  finish(): Promise<void>
}

/** A migration of a whole database, without its rows. */
async function migration(setUp: string, options: Omit<MigrateOptions, 'from' | 'to'> = {}): Promise<Under> {
  await using stack = new AsyncDisposableStack()
  const { url: from } = stack.use(await freshPostgres())
  const { url: to } = stack.use(await freshPostgres())
  const sql: Under['sql'] = async (url, text) => {
    const client = new pg.Client({ connectionString: url })
    await client.connect()
    try {
      return (await client.query<Record<string, unknown>>(text)).rows
    } finally {
      await client.end()
    }
  }
  await sql(from, setUp)
  const planned = await plan({ from, to, ...options })
  const target = stack.use(await openPostgresTarget(to, { ledgerSchema: 'drover' }))
  const ledger = stack.use(await target.openLedger(never))
  const tables = planned.tables.map((table) => table.planned)
  const names = tables.map((table) => table.plan.target)
  const lease = stack.use(await ledger.lease(id, names, atOnce, never))
  const objects = planned.objects.carried
  const record: MigrationRecord = { id, source: from, target: to, tables, objects, options: {} }
  const moved = stack.move()
  return {
    from,
    to,
    planned,
    target,
    ledger,
    lease,
    sql,
    begin: async () => void (await ledger.begin(record, lease, never)),
    finish: async () => {
      for (const table of tables) await target.finish(table.plan, { buildKey: true }, never)
      for (const { indexes = [] } of tables) for (const index of indexes) await target.buildIndex(index, never)
      for (const { references = [] } of tables) {
        for (const reference of references) await target.addForeignKey(reference, never)
      }
      await ledger.publish(id, lease, never)
      await ledger.carry(id, lease, never)
    },
    [Symbol.asyncDispose]: () => moved.disposeAsync(),
  }
}

describe('a database', () => {
  it('is made again as it is, and is gone after a rollback', async () => {
    await using under = await migration(everything, { functions: true })
    expect(under.planned.objects.listed).toMatchObject([{ kind: 'owner' }])
    const before = await schemaText(under.to)
    await under.begin()
    await under.finish()
    expect(await schemaText(under.to)).toEqual(await schemaText(under.from))
    expect(await under.ledger.carry(id, under.lease, never)).toEqual([])
    const numbers = `select array[nextval('shop.down'), nextval('"o''d%d"."Seq""\\q"'), nextval('shop.plain_small_seq')] as next`
    expect(await under.sql(under.to, numbers)).toEqual(await under.sql(under.from, numbers))

    await under.ledger.rollback(id, under.lease, { force: false }, never)
    expect(await schemaText(under.to)).toEqual(before)
  })
})

describe('an object that the target has', () => {
  const one = `create type mood as enum ('sad'); create table t (id integer primary key, m mood);
    create view v as select id from t; create view w as select id from v; create view x as select 1 as one`

  it('stays where it is the same, and stops nobody but itself where it is another', async () => {
    await using under = await migration(one)
    await under.sql(under.to, `create type mood as enum ('sad'); create view v as select 2 as two`)
    await under.begin()
    await expect(under.finish()).rejects.toMatchObject({
      code: 'target-incompatible',
      message: expect.stringMatching(/view public\.v exists in the target and is another one.*view public\.w/s),
    })
    expect(await under.sql(under.to, 'select * from x')).toEqual([{ one: 1 }])
    await under.sql(under.to, 'drop view v')
    expect(await under.ledger.carry(id, under.lease, never)).toMatchObject([{ name: 'public.v' }, { name: 'public.w' }])
    await under.sql(
      under.to,
      `create table own (m mood); create or replace view w as select id, 'mine' as whose from v`,
    )
    const done = await under.ledger.rollback(id, under.lease, { force: false }, never).then(
      () => null,
      (error: unknown) => error,
    )
    expect(done).toMatchObject({ code: 'target-in-use' })
    await under.sql(under.to, 'drop view w')
    expect(await under.ledger.rollback(id, under.lease, { force: false }, never)).toContain('view public.v is dropped')
    expect(await under.sql(under.to, 'select * from own')).toEqual([])
  })

  it('refuses the plan where a table needs it otherwise', async () => {
    await using under = await migration(one)
    await under.sql(under.to, `create type mood as enum ('glad')`)
    await expect(plan({ from: under.from, to: under.to, tables: ['t'] })).rejects.toMatchObject({
      code: 'target-incompatible',
      message: expect.stringContaining('type public.mood'),
      hint: expect.stringContaining("'sad'"),
    })
    const objects = under.planned.objects.carried.map((object) => ({
      ...object,
      kind: 'extension' as const,
      name: 'n%o',
    }))
    expect((await under.target.checkObjects(objects.slice(1, 2), never))[0]).toMatchObject({
      level: 'error',
      error: { code: 'missing-dependency', message: expect.stringContaining('n%o') },
    })
  })
})

describe('of a database', () => {
  let under: Under

  beforeAll(async () => {
    under = await migration(everything + listed)
  }, 60_000)

  afterAll(() => under[Symbol.asyncDispose]())

  it('everything that is not carried is told', () => {
    const told = under.planned.objects.listed.map(({ kind, name }) => `${kind} ${name}`)
    expect(told.filter((line) => !line.startsWith('owner'))).toEqual([
      'view shop.of_sums',
      'aggregate shop.sums(integer)',
      'foreign-data wrapper nowhere',
      'function public.of_row(public.keyed)',
      'procedure shop.does(integer)',
      'function shop.shout()',
      'trigger shouts on "o\'d%d"."T%able"',
      'trigger parted on public.log',
      'trigger quiet on public.log',
      'rule nothing on public.keyed',
      'policy everybody on public.keyed',
      'row security public.keyed',
      'unlogged table public.passing',
      'foreign table public.far_away',
      'foreign server far',
      'publication news',
      'large objects 1',
      'grants public',
    ])
    const names = under.planned.objects.carried.map(({ name }) => name)
    expect(names).toContain('shop.is_small(integer)')
    expect(names).not.toContain('shop.shout()')
  })

  it('a table tells which of its types have one binary form, and how far its sequences have come', async () => {
    await under.sql(
      under.from,
      `select setval('shop.plain_id_seq', 70), setval('shop.others', 70, false), nextval('shop.down')`,
    )
    await using session = await connect(parseAddress(under.from, {}), {}, { lock: null, silenceMs: null }, never)
    const native = await readNative(session, 'shop', 'plain')
    const types = [...native.columns.values()].map(({ type }) => type)
    expect(types.filter((type) => !native.binary.has(type))).toEqual(['shop.pair', 'shop.hstore'])
    expect(native.sequences).toEqual([
      { column: 'id', reached: '70' },
      { column: 'other', reached: '69' },
      { column: 'drawn', reached: '-4' },
    ])
    const smalls = await under
      .sql(
        under.from,
        'create table shop.of_smalls (a shop.smalls, b shop.small[], c shop.small, m shop.mood[], e oid, f regclass)',
      )
      .then(() => readNative(session, 'shop', 'of_smalls'))
    expect(smalls.binary).toEqual(new Set(['shop.small']))
    await under.sql(under.from, 'drop table shop.of_smalls')
    await expect(readNative(session, 'shop', 'nothing')).rejects.toMatchObject({ code: 'missing-table' })
  })

  it('a table brings what it needs, and no more', async () => {
    const { objects } = await plan({ from: under.from, to: under.to, tables: ['shop.plain'] })
    expect(
      objects.carried.filter(({ kind }) => kind !== 'setting').map(({ phase, name }) => `${phase} ${name}`),
    ).toEqual([
      'before shop',
      'before btree_gist',
      'before hstore',
      'before shop.nocase',
      'before shop.mood',
      'before shop.down',
      'before shop.plain_small_seq',
      'before shop.distance(double precision,double precision)',
      'before shop.is_small(integer)',
      'before shop.next_code()',
      'before shop.floats',
      'before shop.small',
      'before shop.pair',
    ])
    expect(objects.listed).toEqual([])
    const parted = await plan({ from: under.from, to: under.to, tables: ['log'] })
    expect(parted.objects.listed).toMatchObject([{ kind: 'constraint', name: 'to_left on public.log_2020' }])
  })

  it.each([
    [
      'an operator class',
      `create operator class shop.own for type integer using btree as operator 1 <, operator 2 <=,
      operator 3 =, operator 4 >=, operator 5 >, function 1 btint4cmp(integer, integer);
      create table shop.t1 (id integer); create index on shop.t1 (id shop.own)`,
      'shop.t1',
      /operator family shop\.own/,
    ],
    [
      'a table that is not copied',
      `create table shop.u (id integer); create table shop.t2 (u shop.u)`,
      'shop.t2',
      /needs table shop\.u.*not copied/,
    ],
    [
      'a function of its own rows',
      `create table shop.t3 (id integer); create function shop.f(shop.t3) returns boolean
      language sql immutable as 'select $1.id > 0'; alter table shop.t3 add check (shop.f(t3))`,
      'shop.t3',
      /function shop\.f\(shop\.t3\).*needs the table shop\.t3 itself/,
    ],
  ])('a table is refused that needs %s', async (_, setUp, table, message) => {
    await under.sql(under.from, setUp)
    await expect(plan({ from: under.from, to: under.to, tables: [table] })).rejects.toMatchObject({
      code: 'missing-dependency',
      message: expect.stringMatching(message),
    })
  })
})

describe('a table that is not copied as it is', () => {
  const clients = `
    create table clients (
      n serial primary key, email text collate "C" not null constraint "own name" check (email <> ''), qty integer not null default 5,
      price numeric(10, 2) default 1.50 not null, span int4range, tags text[], made date default current_date,
      total numeric generated always as (qty * price) stored, tax numeric generated always as (price / 10) stored,
      twice integer generated always as (qty * 2) stored, check (price > 0) no inherit, unique (made, email),
      unique (qty, made) deferrable, exclude using gist (span with &&)
    );
    alter table clients add constraint late check (qty < 1000 and email <> 'x') not valid;
    create index of_letters on clients (lower(email)); create index of_rest on clients (price) where price > 1;
    create index of_rows on clients (price) where clients is not null; create index of_words on clients using gin (tags);
    create index of_both on clients (email desc, qty); create index of_span on clients (span) include (email);
    create statistics of_pair on qty, price from clients; create statistics of_other on price, made from clients;
    comment on column clients.email is 'where to write'; comment on index of_both is 'both';
    create view addresses as select email from clients;
    insert into clients (email, span, tags) values ('a', '[1,2)', '{a}')`

  it('gets what names only columns that stay, and what it does not get is told', async () => {
    await using under = await migration(clients, {
      rename: { email: 'mail' },
      cast: { qty: 'text' },
      excludeColumns: ['tax'],
    })
    await under.begin()
    await under.finish()
    const [table] = under.planned.tables
    expect(under.planned.objects.listed.map(({ kind, name }) => `${kind} ${name}`)).toEqual([
      'view public.addresses',
      'setting index public.of_both',
      'owner postgres',
    ])
    const told = table?.warnings.join('\n') ?? ''
    const lost = [
      'computed column total',
      'computed column tax',
      'computed column twice',
      'constraint own name',
      'statistics of_pair',
      'index clients_qty_made_key',
      'index late',
      'index of_letters',
      'index of_rows',
      'index of_span',
    ]
    for (const name of lost) expect(told).toContain(name)
    expect(told).toContain('add constraint "late" CHECK')
    const made = (await under.sql(
      under.to,
      `select array(select conname || ' ' || pg_get_constraintdef(oid) from pg_constraint
          where conrelid = 'clients'::regclass and contype <> 'n' order by 1) as constraints,
        array(select indexrelid::regclass::text from pg_index where indrelid = 'clients'::regclass order by 1) as indexes,
        array(select concat_ws(' ', attname, pg_get_expr(adbin, adrelid), case when attnotnull then 'not null' end,
            col_description(attrelid, attnum))
          from pg_attribute left join pg_attrdef on adrelid = attrelid and adnum = attnum
          where attrelid = 'clients'::regclass and attnum > 0 order by attnum) as columns,
        array(select stxname::text from pg_statistic_ext order by 1) as statistics`,
    )) as readonly Record<string, readonly string[]>[]
    expect(made[0]).toEqual({
      constraints: [
        'clients_made_email_key UNIQUE (made, mail)',
        'clients_pkey PRIMARY KEY (n)',
        'clients_price_check CHECK ((price > (0)::numeric)) NO INHERIT',
        'clients_span_excl EXCLUDE USING gist (span WITH &&)',
      ],
      indexes: ['clients_made_email_key', 'clients_pkey', 'clients_span_excl', 'of_both', 'of_rest', 'of_words'],
      columns: [
        "n nextval('clients_n_seq'::regclass) not null",
        'mail not null where to write',
        "qty '5'::text not null",
        'price 1.50 not null',
        'span',
        'tags',
        'made CURRENT_DATE',
      ],
      statistics: ['of_other'],
    })
  })
})
