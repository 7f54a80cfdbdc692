import { mapAbreast } from '../core/map-abreast.ts'
import { partsOf, qualified, targetColumns } from '../core/plan.ts'
import type { Verification } from '../core/result.ts'
import { TABLES_ABREAST, type CheckInput, type VerifyContext } from './check-input.ts'
import { restates } from './column-equality.ts'
import { columnChecks, notCompared } from './column-checks.ts'
import { added, compareSums, type Outcome } from './compare-sums.ts'
import { mostDifferences } from './differences.ts'
import { verifyFull } from './full.ts'

/**
 * Compares source and target by sums of hashes over every value of every row: both sides are read, in the cluster, in
 * whatever order they come. Rows of buckets whose sums differ are listed, and looked at once more before they are
 * reported. A table that has rows of others among its own cannot be summed up; it is compared row by row. So is one whose
 * sums differ where rows were replayed, since a repair may have changed them.
 */
export async function verifyChecksum(
  context: VerifyContext,
  tables: readonly CheckInput[],
  signal: AbortSignal,
): Promise<Verification> {
  const [summed, mixed, skipping] = (['sums', 'rows', 'not'] as const).map((way) => {
    return tables.filter((table) => wayOf(table) === way)
  })
  const skipped = await mapAbreast(skipping ?? [], TABLES_ABREAST, (table) => skip(context, table, signal))
  const { outcomes, unsettled } = await compareSums(context, summed ?? [], 'checksum', signal)
  const own = together([...skipped, ...outcomes])
  const byRow = [...(mixed ?? []), ...unsettled]
  if (byRow.length === 0) return own
  const others = await verifyFull(context, byRow, signal)
  return {
    level: 'checksum',
    equal: own.equal && others.equal,
    differences: [...own.differences, ...others.differences].slice(0, mostDifferences),
    differing: added(own.differing, others.differing),
    rows: own.rows + others.rows,
    columns: [...own.columns, ...others.columns],
    notes: [...own.notes, ...others.notes],
  }
}

/** Which tables hold nothing but what this copy gives them can be told from the plan. */
function wayOf({ planned: { plan }, passedOn, hasOthers }: CheckInput): 'sums' | 'rows' | 'not' {
  if (plan.onConflict === 'skip') return 'not'
  // The target is asked how it shows what the source has.
  const isRestated = passedOn === null && partsOf(plan).some((part) => targetColumns(part).some(restates))
  return plan.onConflict === 'update' || hasOthers || isRestated ? 'rows' : 'sums'
}

async function skip(context: VerifyContext, input: CheckInput, signal: AbortSignal): Promise<Outcome> {
  const { source, target } = input.planned.plan
  const note = 'rows that were there already were kept, and need not be those of the source'
  const columns = notCompared(await columnChecks(context.target, input, signal), note)
  return {
    differences: [],
    differing: 0,
    rows: 0,
    columns,
    note: `${source}: ${qualified(target)} not compared: ${note}`,
  }
}

function together(outcomes: readonly Outcome[]): Verification {
  return {
    level: 'checksum',
    equal: outcomes.every(({ differing }) => differing === 0),
    differences: outcomes.flatMap(({ differences }) => differences).slice(0, mostDifferences),
    differing: outcomes.map(({ differing }) => differing).reduce(added, 0),
    rows: outcomes.reduce((sum, { rows }) => sum + rows, 0),
    columns: outcomes.flatMap(({ columns }) => columns),
    notes: outcomes.map(({ note }) => note),
  }
}
