import type { PlannedTable } from '../../../src/connectors/planned-table.ts'
import type { ChildPlan, TablePlan } from '../../../src/core/plan.ts'
import { sqliteTraits, type Traits } from '../../contract/traits.ts'
import { batchId, beginMigration, childOf, commitParts, never, planOf } from '../../support/migration.ts'
import type { SqliteUnderTest } from './sqlite-under-test.ts'

export const tuple: Traits['tuple'] = sqliteTraits.tuple
export const encoded: Traits['encoded'] = sqliteTraits.encoded
export const items: ChildPlan = childOf('items')
export const orders: TablePlan = planOf('orders', { children: [items] })
export const users: TablePlan = planOf('users')

/** Rows of a plan's own table, each with so many children. */
export function nested(
  rows: readonly (readonly [id: string, n: number, children: number])[],
): Parameters<typeof commitParts>[3] {
  const children = rows.flatMap(([id, , count], owner) =>
    Array.from({ length: count }, (_, place) => ({ owner, row: tuple(id, place + 1, `${id}${place}`) })),
  )
  return [
    encoded(rows.map(([id, n]) => tuple(id, n))),
    encoded(
      children.map(({ row }) => row),
      1,
      children.map(({ owner }) => owner),
    ),
  ]
}

export async function copy(
  under: SqliteUnderTest,
  id: string,
  planned: PlannedTable,
  parts: Parameters<typeof commitParts>[3],
  loaded: () => Promise<void> = async () => undefined,
): Promise<Awaited<ReturnType<typeof commitParts>>> {
  await using begun = await beginMigration(under.target, id, [planned])
  const counts = await (async () => {
    await using writer = await begun.openWriter()
    return await commitParts(writer, batchId(planned.plan.source, 1, 0, true), planned.plan, parts)
  })()
  await under.target.finish(planned.plan, { buildKey: !planned.exists }, never, {
    migration: begun.id,
    epoch: begun.lease.epoch,
  })
  await loaded()
  await begun.ledger.publish(begun.id, begun.lease, never)
  await begun.ledger.setState(begun.id, begun.lease, 'done', null)
  return counts
}

export async function rollBack(under: SqliteUnderTest, id: string, force = false): Promise<readonly string[]> {
  await using ledger = await under.target.openLedger(never)
  const found = (await ledger.migrations()).find((migration) => migration.id === id)
  if (found === undefined) throw new Error(`no migration ${id}`)
  await using lease = await ledger.lease(found.id, [users.target], { waitMs: 0, takeOver: false }, never)
  return await ledger.rollback(found.id, lease, { force }, never)
}
