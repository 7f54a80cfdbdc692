import type { PlannedTable } from '../connectors/planned-table.ts'
import type { RowLayout } from '../core/layout.ts'

/**
 * The same table as it is checked: rows that were passed on as they are, or sent as text, are read on both sides as
 * values of the plan's types, which only then have one form.
 */
export function asDecoded<T extends Pick<PlannedTable, 'plan' | 'selection'>>(planned: T): T {
  const { sentAs: _, ...plan } = planned.plan
  const { layout } = plan
  if (layout === undefined) return { ...planned, plan }
  const decoded: RowLayout = layout.raw ? { ...layout, format: 'pgcopy', raw: false } : layout
  return { ...planned, plan: { ...plan, layout: decoded }, selection: { ...planned.selection, layout: decoded } }
}
