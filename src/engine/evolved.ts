import type { SourceIndex } from '../core/index-plan.ts'
import type { Sample } from '../core/sample.ts'
import type { Drift } from './drift.ts'
import { lookAtSample } from './look.ts'
import type { PlanContext } from './plan-context.ts'
import { planTableIndexes, type IndexedTable } from './plan-extras.ts'
import type { RunPlan, RunTable } from './run-plan.ts'

/** What planning has seen of a table. */
export interface LookedTable extends RunTable {
  readonly sample: Sample
  readonly sourceIndexes: readonly SourceIndex[]
}

/** How the tables came to be planned. */
export interface Planning {
  /** By a plan that was saved earlier. */
  readonly savedPlan: boolean
  /** What was seen of them then; null: an earlier run has planned them. */
  readonly looked: readonly LookedTable[] | null
}

/**
 * The plan with the tables that drift has left, and what their columns make of indexes now. References stay: names do.
 * Where an earlier run has planned, and drift has changed a table since, the source is looked at again.
 */
export async function asEvolved(
  context: PlanContext,
  plan: RunPlan,
  drift: Drift,
  planning: Planning,
  signal: AbortSignal,
): Promise<RunPlan> {
  const tables = plan.tables.map((table): RunTable => {
    return { ...table, planned: { ...table.planned, plan: drift.planOf(table.planned.plan.source) } }
  })
  const evolved = { ...plan, tables }
  // A saved plan brings its own indexes and references.
  if (planning.savedPlan || !tables.some(hasDrifted)) return evolved
  const seen = planning.looked ?? (await Promise.all(tables.map((table) => lookAgain(context, table, signal))))
  const indexed = seen.map((table): IndexedTable => {
    const { source } = table.planned.plan
    return { ...table, plan: drift.planOf(source), structure: null }
  })
  const planned = planTableIndexes(context.config, context.target, indexed)
  return {
    ...plan,
    tables: tables.map((table) => {
      // Those of a table with a structure name the columns that it has: drift adds others.
      const { plan, indexes: own } = table.planned
      const indexes = plan.layout === undefined ? planned.get(plan.source)?.indexes : own
      return { ...table, planned: { ...table.planned, indexes } }
    }),
  }
}

/** Plans begin with version 1. */
function hasDrifted({ planned }: RunTable): boolean {
  return planned.plan.schemaVersion > 1
}

async function lookAgain(
  { config, source, sampleLimits }: PlanContext,
  table: RunTable,
  signal: AbortSignal,
): Promise<LookedTable> {
  const { plan, selection, exists } = table.planned
  const whole = { ...selection, fields: null }
  const wanted = config.forTable(plan.source).indexes && !exists
  return {
    ...table,
    sample: await lookAtSample(source, whole, plan.transform ?? null, sampleLimits, signal),
    sourceIndexes: wanted ? await source.indexes(plan.source, signal) : [],
  }
}
