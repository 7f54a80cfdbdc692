import { randomUUID } from 'node:crypto'
import { afterEach, describe, expect, it } from 'vitest'
import type { Mode, PlannedTable } from '../../../src/connectors/planned-table.ts'
import { openPostgresTarget } from '../../../src/connectors/postgres/connect.ts'
import { inSchema, type TablePlan } from '../../../src/core/plan.ts'
import {
  batchId,
  beginMigration,
  commitParts,
  encoded,
  never,
  plannedOf,
  planOf,
  tuple,
  type Begun,
} from '../../support/migration.ts'
import { catalogOf } from './catalog.ts'
import { column } from './orders.ts'
import { failure, postgresUnderTest, type PostgresUnderTest } from './postgres-under-test.ts'
import { killAt, killNobody, orders } from './rollbacks.ts'

const load = 'drover_load_m'

afterEach(killNobody)

/** Loaded beside what has its name. */
function loaded(plan: TablePlan, mode: Mode, change: Partial<PlannedTable> = {}): PlannedTable {
  return plannedOf(inSchema(plan, load), mode, { publishTo: 'public', ...change })
}

/** One order and two items of it, written and finished. */
async function loadOne(under: PostgresUnderTest, begun: Begun, planned: PlannedTable, id = 'a'): Promise<void> {
  const { plan, exists } = planned
  await using writer = await begun.openWriter()
  const children = encoded([tuple(id, 1, 'first'), tuple(id, 2, 'second')], 1, [0, 0])
  const parts = [encoded([tuple(id, 1)]), ...(plan.children === undefined ? [] : [children])]
  await commitParts(writer, batchId('orders', 1, 0, true), plan, parts)
  await under.target.finish(plan, { buildKey: !exists }, never)
}

function publish({ ledger, id, lease }: Begun): Promise<void> {
  return ledger.publish(id, lease, never)
}

const rows = (under: PostgresUnderTest, table = 'orders'): Promise<unknown> =>
  under.sql(`select * from ${table} order by 1`)

describe('publish', () => {
  it('puts new tables in the place of those that are there, which stay as they are until then', async () => {
    await using under = await postgresUnderTest()
    await under.sql(`create table orders (old text); insert into orders values ('row'); create table items (x integer)`)
    const before = await catalogOf(under)
    const planned = loaded(orders, 'recreate', {
      indexes: [
        {
          name: 'orders_n_idx',
          source: 'n_1',
          target: { schema: load, name: 'orders' },
          unique: false,
          nullsNotDistinct: false,
          method: 'btree',
          parts: [{ column: 'n', type: 'int32', path: [], as: 'text', descending: false }],
          where: [],
        },
      ],
    })
    await using begun = await beginMigration(under.target, 'm', [planned])
    await loadOne(under, begun, planned)
    for (const index of planned.indexes ?? []) await under.target.buildIndex(index, never)
    expect(await rows(under)).toEqual([{ old: 'row' }])
    const now = await catalogOf(under)
    expect(before.filter((line) => !now.includes(line))).toEqual([])

    await publish(begun)
    expect(await rows(under)).toEqual([{ _id: 'a', n: 1 }])
    expect(await under.sql('select name from items order by place')).toEqual([{ name: 'first' }, { name: 'second' }])
    const after = await catalogOf(under)
    expect(after).not.toContain(`schema ${load}`)
    expect(after).toContain('CREATE UNIQUE INDEX orders_pkey ON public.orders USING btree (_id)')
    expect(after).toContain('CREATE INDEX orders_n_idx ON public.orders USING btree (n)')
    expect(after).toContain('constraint items items_parent_fkey FOREIGN KEY (row_id) REFERENCES orders(_id) t')

    const stored = await begun.ledger.load(begun.id)
    const [table] = stored?.tables ?? []
    expect(table?.plan).toEqual(orders)
    expect(table?.publishTo).toBeUndefined()
    expect(table?.indexes).toMatchObject([{ target: orders.target }])
    expect(await under.sql('select kind, target_schema, target_name from drover.object order by number')).toEqual([
      { kind: 'table', target_schema: 'public', target_name: 'orders' },
      { kind: 'table', target_schema: 'public', target_name: 'items' },
      { kind: 'replaced', target_schema: 'public', target_name: 'orders' },
      { kind: 'replaced', target_schema: 'public', target_name: 'items' },
    ])
    await publish(begun)
    expect(await catalogOf(under)).toEqual(after)
  })

  it('gives the owner and the rights of a table to the one in its place, and no others', async () => {
    await using under = await postgresUnderTest()
    await using roles = await madeRoles(under, ['reader', 'owner', 'other'])
    const [reader, owner, other] = roles.quoted
    await under.sql(`create table orders (_id text, n integer, gone text);
      alter table orders owner to ${owner};
      grant select on orders to ${reader}, public; grant update (n, gone) on orders to ${reader} with grant option;
      alter default privileges grant all on tables to ${other}`)
    const rights = async (): Promise<unknown> =>
      under.sql(`select c.relowner::regrole::text as owner, a.attname, e.*
        from pg_class c
        cross join lateral (
          select null::name as attname, c.relacl as acl
          union all select attname, attacl from pg_attribute where attrelid = c.oid and attname <> 'gone'
        ) a
        cross join lateral aclexplode(a.acl) e
        where c.oid = 'public.orders'::regclass order by 2, 3, 4, 5`)
    const before = await rights()
    const planned = loaded(planOf('orders'), 'recreate')
    await using begun = await beginMigration(under.target, 'm', [planned])
    await loadOne(under, begun, planned)
    await publish(begun)
    expect(await rights()).toEqual(before)
  })

  it('gives all rights to an owner that it may not give the table to', async () => {
    await using under = await postgresUnderTest()
    await using roles = await madeRoles(under, ['mover', 'owner'])
    const [mover, owner] = roles.quoted
    await under.sql(`alter role ${mover} login password 'pw'; grant create on database ${await nameOf(under)} to ${mover};
      create schema shop authorization ${mover}; create table shop.orders (_id text);
      grant select on shop.orders to ${mover}; alter table shop.orders owner to ${owner}`)
    const url = new URL(under.url)
    url.username = encodeURIComponent(String(roles.names[0]))
    url.password = 'pw'
    await using target = await openPostgresTarget(url.href, { ledgerSchema: 'drover' })
    const planned = loaded(planOf('orders'), 'recreate', { publishTo: 'shop' })
    await using begun = await beginMigration(target, 'm', [planned])
    await publish(begun)
    const may = `select has_table_privilege($1, 'shop.orders', 'select, insert, update, delete, truncate') as may`
    expect(await under.sql(may, [roles.names[1]])).toEqual([{ may: true }])
  })

  it('shows nobody rows that policies had hidden', async () => {
    await using under = await postgresUnderTest()
    await using roles = await madeRoles(under, ['reader'])
    const [reader] = roles.quoted
    await under.sql(`create table orders (_id text, n integer); grant select on orders to ${reader};
      alter table orders enable row level security`)
    const planned = loaded(planOf('orders'), 'recreate')
    await using begun = await beginMigration(under.target, 'm', [planned])
    await loadOne(under, begun, planned)
    await publish(begun)
    const may = `select has_table_privilege($1, 'orders', 'select') as may`
    expect(await under.sql(may, [roles.names[0]])).toEqual([{ may: false }])
  })

  it('makes the schema that tables end in', async () => {
    await using under = await postgresUnderTest()
    const planned = loaded(orders, 'create', { publishTo: 'shop' })
    await using begun = await beginMigration(under.target, 'm', [planned])
    await loadOne(under, begun, planned)
    await publish(begun)
    expect(await rows(under, 'shop.orders')).toEqual([{ _id: 'a', n: 1 }])
    expect(await begun.ledger.rollback(begun.id, begun.lease, { force: false }, never)).toContain(
      'schema shop is dropped',
    )
  })

  it('adds rows to tables that stay, wholly or not at all', async () => {
    await using under = await postgresUnderTest()
    await under.sql(
      `create table orders (_id text primary key, n integer, own text); insert into orders values ('b', 2, 'x')`,
    )
    const wider = { ...orders, columns: [...orders.columns, column('extra', 'text')] }
    const extra = { kind: 'add' as const, target: orders.target, column: { name: 'extra', type: 'text' as const } }
    const planned = loaded(wider, 'append', { additions: [extra] })
    await using begun = await beginMigration(under.target, 'm', [planned])
    await using writer = await begun.openWriter()
    const parts = [encoded([tuple('a', 1, 'y')]), encoded([tuple('a', 1, 'first')], 1, [0])]
    await commitParts(writer, batchId('orders', 1, 0, true), planned.plan, parts)
    await under.target.finish(planned.plan, { buildKey: false }, never)
    expect(await rows(under)).toEqual([{ _id: 'b', n: 2, own: 'x' }])

    await under.sql(`insert into orders values ('a', 3, 'late')`)
    const before = await catalogOf(under)
    const refused = await failure(publish(begun))
    expect(refused).toMatchObject({ code: 'key-violation', message: expect.stringContaining('orders_pkey') })
    expect(await catalogOf(under)).toEqual(before)
    expect(await rows(under)).toHaveLength(2)

    await under.sql(`delete from orders where _id = 'a'`)
    await publish(begun)
    expect(await rows(under)).toEqual([
      { _id: 'a', n: 1, own: null, extra: 'y' },
      { _id: 'b', n: 2, own: 'x', extra: null },
    ])
    expect(await catalogOf(under)).toContain(
      'constraint items items_parent_fkey FOREIGN KEY (row_id) REFERENCES orders(_id) t',
    )
    expect(await catalogOf(under)).not.toContain(`schema ${load}`)
    const done = await begun.ledger.rollback(begun.id, begun.lease, { force: false }, never)
    expect(done).toEqual([
      '1 row of public.orders is deleted',
      'column "extra" of public.orders is dropped',
      'table public.items is dropped',
    ])
    expect(await rows(under)).toEqual([{ _id: 'b', n: 2, own: 'x' }])
  })

  it('never counts rows that a trigger leaves out as joined', async () => {
    await using under = await postgresUnderTest()
    await under.sql(`create table orders (_id text, n integer);
      create function nothing() returns trigger language plpgsql as 'begin return null; end';
      create trigger nothing before insert on orders for each row execute function nothing()`)
    const planned = loaded(planOf('orders'), 'append')
    await using begun = await beginMigration(under.target, 'm', [planned])
    await loadOne(under, begun, planned)
    expect(await failure(publish(begun))).toMatchObject({ code: 'conservation-broken' })
    expect(await under.target.count(planned.plan.target, never)).toBe(1)
  })

  it('leaves everything as it is where a view depends on the old table', async () => {
    await using under = await postgresUnderTest()
    await under.sql(`create table orders (_id text); insert into orders values ('old')`)
    const planned = loaded(orders, 'recreate')
    await using begun = await beginMigration(under.target, 'm', [planned])
    await loadOne(under, begun, planned)
    await under.sql('create view totals as select count(*) from orders')
    const before = await catalogOf(under)
    const inUse = { code: 'target-in-use', message: expect.stringContaining('view totals') }
    expect(await failure(publish(begun))).toMatchObject(inUse)
    expect(await catalogOf(under)).toEqual(before)
    await under.sql('drop view totals')
    await publish(begun)
    expect(await rows(under)).toEqual([{ _id: 'a', n: 1 }])
  })

  it.each([
    ['a view', `create view orders as select 1 as one`, 'recreate', 'target-incompatible'],
    ['a table that came since', `create table orders (_id text)`, 'create', 'target-not-empty'],
  ] as const)('refuses %s at once, and where it comes during the load', async (_, make, mode, code) => {
    await using under = await postgresUnderTest()
    const planned = loaded(planOf('orders'), mode)
    await using begun = await beginMigration(under.target, 'm', [planned])
    await loadOne(under, begun, planned)
    await under.sql(make)
    expect(await failure(publish(begun))).toMatchObject({ code })
    await begun.lease[Symbol.asyncDispose]()
    await begun.ledger.setState(begun.id, begun.lease, 'done', null)
    const again = plannedOf(inSchema(planOf('orders'), 'drover_load_n'), mode, { publishTo: 'public' })
    expect(await failure(beginMigration(under.target, 'n', [again]))).toMatchObject({ code })
    expect(await catalogOf(under)).not.toContain('schema drover_load_n')
  })

  it('is done wholly or not at all when it is killed, and can be repeated', async () => {
    await using under = await postgresUnderTest()
    await under.sql(`create table orders (_id text); insert into orders values ('old')`)
    const planned = loaded(orders, 'recreate')
    await using begun = await beginMigration(under.target, 'm', [planned])
    await loadOne(under, begun, planned)
    const before = await catalogOf(under)
    killAt(under, 'publish.before_commit')
    expect(await failure(publish(begun))).toMatchObject({ code: 'target-failed' })
    killNobody()
    expect(await catalogOf(under)).toEqual(before)
    expect(await rows(under)).toEqual([{ _id: 'old' }])
    expect((await begun.ledger.load(begun.id))?.tables[0]?.publishTo).toBe('public')
    await publish(begun)
    expect(await rows(under)).toEqual([{ _id: 'a', n: 1 }])
  })

  it('is for the newest run alone', async () => {
    await using under = await postgresUnderTest()
    const planned = loaded(orders, 'recreate')
    await using begun = await beginMigration(under.target, 'm', [planned])
    await loadOne(under, begun, planned)
    await under.sql('update drover.migration set epoch = epoch + 1')
    expect(await failure(publish(begun))).toMatchObject({ code: 'lease-lost' })
    expect(await under.target.existing([orders.target], never)).toEqual([])
  })

  it('what a migration had loaded goes when another one supersedes it', async () => {
    await using under = await postgresUnderTest()
    await under.sql(`create table orders (_id text); insert into orders values ('old')`)
    const planned = loaded(orders, 'recreate')
    {
      await using begun = await beginMigration(under.target, 'm', [planned])
      await loadOne(under, begun, planned)
    }
    const again = plannedOf(inSchema(orders, 'drover_load_n'), 'recreate', { publishTo: 'public' })
    await using next = await beginMigration(under.target, 'n', [again])
    expect(await catalogOf(under)).not.toContain(`schema ${load}`)
    await loadOne(under, next, again, 'c')
    await publish(next)
    expect(await rows(under)).toEqual([{ _id: 'c', n: 1 }])
  })
})

async function nameOf(under: PostgresUnderTest): Promise<string> {
  const [row] = await under.sql('select quote_ident(current_database()) as name')
  return String(row?.['name'])
}

interface Roles extends AsyncDisposable {
  readonly names: readonly string[]
  readonly quoted: readonly string[]
}

/** Roles belong to the whole server. */
async function madeRoles(under: PostgresUnderTest, names: readonly string[]): Promise<Roles> {
  const own = names.map((name) => `drover "${name}" ${randomUUID()}`)
  const quoted = own.map((name) => `"${name.replaceAll('"', '""')}"`)
  for (const role of quoted) await under.sql(`create role ${role}`)
  return {
    names: own,
    quoted,
    [Symbol.asyncDispose]: async () => {
      for (const role of quoted) await under.sql(`drop owned by ${role}; drop role ${role}`)
    },
  }
}
