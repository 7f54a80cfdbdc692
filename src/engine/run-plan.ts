import type { Config } from '../config.ts'
import type { PlannedTable } from '../connectors/planned-table.ts'
import { DroverError } from '../core/errors.ts'
import { inSchema, partsOf, qualified, type TargetName } from '../core/plan.ts'
import type { PlanReport, TableReport } from './plan-report.ts'

/** One table of a run that is carried out. */
export type RunTable = Pick<TableReport, 'planned' | 'estimatedRows'>

/** What a run carries out, whether it was planned now or is taken up again. */
export interface RunPlan extends Pick<PlanReport, 'source' | 'target' | 'workers' | 'feed' | 'isolation'> {
  readonly tables: readonly RunTable[]
}

/** The name that a table has for good. */
export function finalTarget({ plan, publishTo }: Pick<PlannedTable, 'plan' | 'publishTo'>): TargetName {
  return publishTo === undefined ? plan.target : { ...plan.target, schema: publishTo }
}

/** The names that all tables of a plan have for good. */
export function finalTargets({ plan, publishTo }: Pick<PlannedTable, 'plan' | 'publishTo'>): readonly TargetName[] {
  return partsOf(plan).map(({ target }) => (publishTo === undefined ? target : { ...target, schema: publishTo }))
}

/** A table that is recreated stays as it is until the new one is complete. Throws `conflicting-options`. */
export function isBeside({ atomic }: Pick<Config, 'atomic'>, { mode, plan, exists }: PlannedTable): boolean {
  if (mode === 'recreate') return true
  if (!atomic) return false
  if (mode === 'truncate' || plan.onConflict !== undefined || (mode === 'create' && exists)) {
    const why =
      mode === 'create'
        ? 'the table is there already'
        : `the mode is ${plan.onConflict === undefined ? mode : 'a merge'}`
    throw new DroverError('conflicting-options', `--atomic cannot be kept for ${plan.source}: ${why}`, {
      hint: 'use --mode recreate, or append without --on-conflict',
    })
  }
  return true
}

/**
 * Rows that join those of a table that stays do so at the end: until then nothing that is loaded beside can refer to
 * them. Leaves such references out, with a warning for each. Throws `conflicting-options`.
 */
export function withoutEarlyReferences<T extends Pick<TableReport, 'planned' | 'warnings'>>(
  config: Pick<Config, 'atomic'>,
  tables: readonly T[],
): readonly T[] {
  const beside = tables.map(({ planned }) => planned).filter((planned) => isBeside(config, planned))
  const joined = new Set(
    beside
      .filter(({ exists }) => exists)
      .flatMap(finalTargets)
      .map(qualified),
  )
  return tables.map((table) => {
    const { references = [], exists } = table.planned
    // A table that stays gets no reference in any case.
    const early = exists ? [] : references.filter((key) => joined.has(qualified(key.references)))
    if (early.length === 0) return table
    const kept = references.filter((key) => !early.includes(key))
    const warnings = early.map(({ target, columns, references: to }) => {
      const what = `the reference from ${columns.join(', ')} of ${qualified(target)} to ${qualified(to)} is not built`
      return `${what}: with --atomic the new rows are in that table at the very end only; add it afterwards`
    })
    return { ...table, planned: { ...table.planned, references: kept }, warnings: [...table.warnings, ...warnings] }
  })
}

/** Tables that are loaded into a schema of the migration's own, to be published from there. Others stay as they are. */
export function loadBeside(
  tables: readonly TableReport[],
  schema: string,
  beside: (planned: PlannedTable) => boolean,
): readonly TableReport[] {
  const moved = new Set(
    tables.filter(({ planned }) => beside(planned)).flatMap(({ planned }) => finalTargets(planned).map(qualified)),
  )
  const inLoad = <T extends TargetName>(target: T): T => (moved.has(qualified(target)) ? { ...target, schema } : target)
  return tables.map((table) => {
    const { planned } = table
    const { plan, indexes = [], references = [] } = planned
    const own = references.map((key) => ({ ...key, target: inLoad(key.target), references: inLoad(key.references) }))
    if (!beside(planned)) return { ...table, planned: { ...planned, references: own } }
    return {
      ...table,
      planned: {
        ...planned,
        plan: inSchema(plan, schema),
        publishTo: plan.target.schema,
        indexes: indexes.map((index) => ({ ...index, target: inLoad(index.target) })),
        references: own,
        // Rows that were there before are not in the table that is loaded.
        baseline: 0,
      },
    }
  })
}
