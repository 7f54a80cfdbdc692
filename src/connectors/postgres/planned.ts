import type { TargetName } from '../../core/plan.ts'
import type { PlannedTable } from '../planned-table.ts'

/** What the ledger's column `planned` keeps of a table: all that its other columns do not say. */
export type StoredPlanned = Pick<
  PlannedTable,
  'ordered' | 'publishTo' | 'additions' | 'drops' | 'indexes' | 'references'
>

export function storedPlanned(planned: PlannedTable): StoredPlanned {
  const { ordered, publishTo, additions, drops, indexes, references } = planned
  return { ordered, publishTo, additions, drops, indexes, references }
}

/** The name for good of a table of the plan, which it has at once unless it is loaded beside another. */
export function finalName({ publishTo }: Pick<PlannedTable, 'publishTo'>, target: TargetName): TargetName {
  return publishTo === undefined ? target : { ...target, schema: publishTo }
}
