import { factTables } from './fact-tables.ts'
import type { ShapeName } from './shapes.ts'
import { sqlColumns, sqlTable, sqlValueOf, tableOfDocuments, type FilledTable, type SqlShape } from './sql-table.ts'
import { wideColumns } from './wide.ts'

/** The shapes of test data in databases of SQL: the same rows as in MongoDB, as far as the types go. */
export const sqlShapes: { readonly [name in ShapeName]: SqlShape } = {
  users: alone(
    sqlTable(
      'users',
      sqlColumns({
        id: 'text',
        username: 'text',
        name: 'text',
        email: 'text',
        age: 'integer',
        balance: 'double',
        active: 'boolean',
        created_at: 'time',
        address: 'json',
        tags: 'texts',
      }),
    ),
  ),
  orders: { main: ordersTable(), children: [orderItems()], dimensions: [] },
  fact: factTables,
  narrow: alone(sqlTable('narrow', sqlColumns({ id: 'bigint', value: 'double' }))),
  wide: alone(sqlTable('wide', [...sqlColumns({ id: 'bigint' }), ...wideColumns])),
  deep: alone(sqlTable('deep', sqlColumns({ id: 'bigint', tree: 'json' }))),
  huge: alone(
    sqlTable(
      'huge',
      sqlColumns({ id: 'text', title: 'text', written_at: 'time', body: 'text', image: 'bytes', readings: 'json' }),
    ),
  ),
}

function alone(table: Parameters<typeof tableOfDocuments>[0]): SqlShape {
  return { main: tableOfDocuments(table), children: [], dimensions: [] }
}

function ordersTable(): FilledTable {
  const columns = sqlColumns({
    id: 'text',
    number: 'text',
    customer_id: 'text',
    quantity: 'integer',
    sequence: 'bigint',
    weight: 'double',
    total: 'numeric',
    rating: 'double',
    paid: 'boolean',
    status: 'text',
    ordered_at: 'time',
    shipped_at: 'time?',
    cancelled_at: 'time?',
    description: 'text',
    notes: 'text',
    shipping: 'json',
    labels: 'texts',
    signature: 'bytes',
    trace_id: 'uuid',
    pattern: 'json',
    clock: 'json',
    coupon: 'text?',
  })
  return tableOfDocuments(sqlTable('orders', columns))
}

/** An item is a text, a number, or a document with two fields. */
function orderItems(): FilledTable {
  const columns = sqlColumns({
    order_id: 'text',
    ordinal: 'integer',
    note: 'text?',
    amount: 'integer?',
    sku: 'text?',
    gift: 'boolean?',
  })
  const references = [{ column: 'order_id', table: 'orders', key: 'id' }]
  return {
    table: sqlTable('order_items', columns, { key: ['order_id', 'ordinal'], references }),
    rowsOf({ _id: order, items }) {
      const id = sqlValueOf(order, 'text')
      return (items as readonly OrderItem[]).map((item, ordinal) => {
        if (typeof item === 'string') return [id, ordinal, item, null, null, null]
        if (typeof item === 'number') return [id, ordinal, null, item, null, null]
        return [id, ordinal, null, null, item.sku, item.gift]
      })
    },
  }
}

type OrderItem = string | number | { readonly sku: string; readonly gift: boolean }
