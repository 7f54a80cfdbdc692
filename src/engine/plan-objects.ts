import type { Finding } from '../connectors/contract.ts'
import { noObjects, type DatabaseObjects } from '../core/carried-object.ts'
import { fromErrorShape } from '../core/errors.ts'
import { qualified, type TargetName } from '../core/plan.ts'
import { finalTarget } from './run-plan.ts'
import type { PlanContext } from './plan-context.ts'
import type { ShapedTable } from './shape-table.ts'

/** What is made beside the tables of a plan, and what has to be said of it. */
export interface PlannedObjects {
  readonly objects: DatabaseObjects
  readonly findings: readonly Finding[]
  /** All that the source's database has was looked at: what is not carried of it is listed. */
  readonly whole: boolean
}

/**
 * What the tables that are made need, and all else that the source's database has where all of it is copied under the
 * names it has. Only a target of the source's own language can have it. Throws what refuses the run.
 */
export async function planObjects(
  { config, source, target }: PlanContext,
  shaped: readonly ShapedTable[],
  signal: AbortSignal,
): Promise<PlannedObjects> {
  const made = shaped.flatMap(({ table, planned, sameColumns }) => {
    const from = table.qualified
    if (planned.exists || from === undefined) return []
    const { indexes, primaryKey } = config.forTable(table.name)
    return [{ from, to: finalTarget(planned), sameColumns, sameIndexes: sameColumns && indexes && primaryKey }]
  })
  if (source.dialect === null || source.dialect !== target.dialect || made.length === 0) {
    return { objects: noObjects, findings: [], whole: false }
  }
  const keepsNames = made.length === shaped.length && made.every(({ from, to }) => isSame(from, to))
  const whole = config.tables.length === 0 && keepsNames
  const schemas = whole ? 'all' : []
  const objects = await source.objects({ tables: made, schemas, functions: config.functions }, signal)
  const findings = await target.checkObjects(objects.carried, signal)
  const refused = findings.find(({ level }) => level === 'error')
  if (refused !== undefined) throw fromErrorShape(refused.error)
  return { objects, findings, whole }
}

function isSame(a: TargetName, b: TargetName): boolean {
  return qualified(a) === qualified(b)
}
