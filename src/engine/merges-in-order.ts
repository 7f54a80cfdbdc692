import { keyFieldsOf } from '../core/layout.ts'
import type { TablePlan } from '../core/plan.ts'

/** Of rows with the same key the last one counts, so they have to arrive in order. */
export function mergesInOrder(plan: TablePlan, keyField: string): boolean {
  return plan.onConflict === 'update' && !isSourceKey(plan, keyField)
}

/** No two rows of the source have the same key, unless a transform has changed it. */
function isSourceKey({ key, columns, transform, layout }: TablePlan, keyField: string): boolean {
  const own = columns.filter(({ name, within }) => within === undefined && key.includes(name))
  const fields = new Set(own.map(({ field }) => field))
  const known = keyFieldsOf(layout, keyField)
  return transform === undefined && known.length > 0 && known.every((field) => fields.has(field))
}
