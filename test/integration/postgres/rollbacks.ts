import type { PostgresUnderTest } from './postgres-under-test.ts'
import { armFailpoints, type Failpoint } from '../../../src/core/failpoint.ts'
import type { ChildPlan, TablePlan } from '../../../src/core/plan.ts'
import { batchId, childOf, commitParts, encoded, never, planOf, tuple, type Begun } from '../../support/migration.ts'

export const items: ChildPlan = childOf('items')
export const orders: TablePlan = planOf('orders', { children: [items] })
export const flat: TablePlan = planOf('orders')

/** A batch of orders, and an item of each where the plan has them. */
export async function write(begun: Begun, plan: TablePlan, ids: readonly string[], seq = 0): Promise<void> {
  await using writer = await begun.openWriter()
  const children = encoded(
    ids.map((id) => tuple(id, 1, `of ${id}`)),
    1,
    ids.map((_, i) => i),
  )
  const parts = [encoded(ids.map((id) => tuple(id, 1))), ...(plan.children === undefined ? [] : [children])]
  await commitParts(writer, batchId('orders', 1, seq), plan, parts)
}

export function rollBack({ ledger, id, lease }: Begun, force = false): Promise<readonly string[]> {
  return ledger.rollback(id, lease, { force }, never)
}

export async function stateOf({ ledger, id }: Begun): Promise<unknown> {
  return (await ledger.load(id))?.state
}

/** Ends the connection that reaches a failpoint, as the death of its process would. */
export function killAt(under: PostgresUnderTest, at: Failpoint): void {
  armFailpoints(async (name) => {
    if (name === at) await under.kill(`state = 'idle in transaction'`)
  })
}

export function killNobody(): void {
  armFailpoints(() => Promise.resolve())
}

/** Orders and items of others, with a row each. */
export async function theirOrders(under: PostgresUnderTest): Promise<void> {
  await under.sql(`
    create table orders (_id text primary key, n integer check (n < 1000), own text);
    create table items (row_id text references orders, place integer, name text, primary key (row_id, place));
    insert into orders values ('theirs', 7, 'x');
    insert into items values ('theirs', 1, 'y')`)
}

export async function idsOf(under: PostgresUnderTest): Promise<unknown[]> {
  return (await under.sql('select _id from orders order by 1')).map((row) => row['_id'])
}
