import type { OpenBatch, Writer } from '../../../src/connectors/contract.ts'
import type { BatchId } from '../../../src/core/batch.ts'
import type { ChildPlan, ColumnPlan, TablePlan } from '../../../src/core/plan.ts'
import {
  batchId,
  beginMigration,
  encoded,
  never,
  plannedOf,
  planOf,
  tuple,
  type Begun,
} from '../../support/migration.ts'
import type { PostgresUnderTest } from './postgres-under-test.ts'

export const first: BatchId = batchId('orders', 1, 0)
export const second: BatchId = batchId('orders', 1, 1)

export function column(name: string, type: ColumnPlan['type'], field: string = name): ColumnPlan {
  return { field, name, type, cast: false }
}

const marks: ChildPlan = {
  target: { schema: 'public', name: 'marks' },
  path: ['marks'],
  rowKey: [column('orders_id', 'text', '_id')],
  ordinals: ['items_ordinal', 'ordinal'],
  columns: [],
  value: column('value', 'text', ''),
  key: ['orders_id', 'items_ordinal', 'ordinal'],
  ignore: [],
}

export const items: ChildPlan = {
  target: { schema: 'public', name: 'items' },
  path: ['items'],
  rowKey: [column('orders_id', 'text', '_id')],
  ordinals: ['ordinal'],
  columns: [column('sku', 'text')],
  value: null,
  key: ['orders_id', 'ordinal'],
  ignore: [],
  children: [marks],
}

export const flat: TablePlan = planOf('orders', { onConflict: 'update' })
export const nested: TablePlan = { ...flat, children: [items] }

/** The tables as an earlier run has left them, with keys and references. */
export async function madeOrders(under: PostgresUnderTest): Promise<void> {
  await under.sql('create table orders (_id text primary key, n integer check (n < 1000))')
  await under.sql(`create table items (orders_id text references orders, ordinal integer, sku text,
    primary key (orders_id, ordinal))`)
  await under.sql(`create table marks (orders_id text, items_ordinal integer, ordinal integer, value text,
    primary key (orders_id, items_ordinal, ordinal), foreign key (orders_id, items_ordinal) references items)`)
}

export async function begun(under: PostgresUnderTest, plan: TablePlan): Promise<Begun> {
  await madeOrders(under)
  return beginMigration(under.target, 'm', [plannedOf(plan, 'append')])
}

export async function claim(writer: Writer, id: BatchId, plan: TablePlan): Promise<OpenBatch> {
  const opened = await writer.begin(id, plan, never)
  if ('committed' in opened) throw new Error('committed already')
  return opened
}

/** An order and the marks of each of its items. */
export type Order = readonly [id: string, n: number, items: readonly (readonly string[])[]]

/** As the encoder gives them. */
export function ordersOf(orders: readonly Order[]): Parameters<OpenBatch['write']>[0] {
  const below = orders.flatMap(([id, , list], owner) =>
    list.map((values, place) => ({
      owner,
      item: tuple(id, place + 1, `${id}${place}`),
      marks: values.map((value, i) => tuple(id, place + 1, i + 1, value)),
    })),
  )
  return [
    encoded(orders.map(([id, n]) => tuple(id, n))),
    encoded(
      below.map(({ item }) => item),
      1,
      below.map(({ owner }) => owner),
    ),
    encoded(
      below.flatMap((item) => item.marks),
      2,
      below.flatMap((item) => item.marks.map(() => item.owner)),
    ),
  ]
}

/** What is in the tables, read back as orders. */
export async function storedOrders(under: PostgresUnderTest): Promise<Order[]> {
  const rows = await under.sql(`
    select o._id, o.n, coalesce((select json_agg(coalesce((
      select json_agg(m.value order by m.ordinal) from marks m
      where m.orders_id = i.orders_id and m.items_ordinal = i.ordinal), '[]') order by i.ordinal)
      from items i where i.orders_id = o._id), '[]') as items
    from orders o order by o._id`)
  return rows.map((row) => [String(row['_id']), Number(row['n']), row['items'] as string[][]])
}

export function childCount(orders: readonly Order[]): number {
  return orders.reduce((sum, [, , list]) => sum + list.length + list.flat().length, 0)
}
