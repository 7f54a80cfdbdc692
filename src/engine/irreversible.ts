import type { ExistingTable } from '../connectors/contract.ts'
import type { Mode } from '../connectors/planned-table.ts'
import { typeName } from '../core/logical-type.ts'
import { qualified, type TablePlan } from '../core/plan.ts'
import type { TableChange } from '../core/table-change.ts'

/** What no rollback brings back: people should know before. */
export function irreversible(plan: TablePlan, mode: Mode, existing: ExistingTable | undefined): readonly string[] {
  if (existing === undefined) return []
  const name = qualified(existing.target)
  if (mode === 'truncate' && !existing.empty) return [`${name} is emptied, and no rollback brings its rows back`]
  if (mode === 'recreate')
    return [`${name} is replaced when the new one is complete; from then on no rollback brings it back`]
  return plan.onConflict === 'update' ? [`rows of ${name} that are updated cannot be rolled back`] : []
}

/** A change of a table that was there which stays, whatever is rolled back. */
export function lastingChange(change: TableChange): readonly string[] {
  if (change.kind === 'add') return []
  const column = `column ${JSON.stringify(change.column)} of ${qualified(change.target)}`
  return [`${column} becomes ${typeName(change.to)}, and no rollback makes it ${typeName(change.from)} again`]
}
