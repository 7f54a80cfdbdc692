import { mapAbreast } from '../core/map-abreast.ts'
import { qualified } from '../core/plan.ts'
import type { ColumnCheck, Difference, Verification } from '../core/result.ts'
import { TABLES_ABREAST, type CheckInput, type VerifyContext } from './check-input.ts'
import { layOutCheck, type CheckLayout } from './check-layout.ts'
import { columnChecks, notCompared } from './column-checks.ts'
import { mostDifferences } from './differences.ts'
import { verifyFull } from './full.ts'
import { identityOf } from './full-identity.ts'
import { differingBuckets, listDiffering, type Differing } from './list-rows.ts'
import { lookAgain, type RowDifference } from './look-again.ts'
import { everyKey } from './part-rows.ts'
import { sumUp, type TableSums } from './sum-up.ts'
import { VerifyCluster } from './verify-cluster.ts'

/** How often rows are listed anew where more buckets differ than are listed at a time. */
const MOST_LISTINGS = 5

/** What came of one table. */
interface Outcome {
  readonly differences: readonly Difference[]
  /** Null: not known exactly. */
  readonly differing: number | null
  readonly rows: number
  readonly columns: readonly ColumnCheck[]
  readonly note: string
}

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
  const { outcomes, unsettled } = await compareSums(context, summed ?? [], signal)
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
function wayOf({ planned }: CheckInput): 'sums' | 'rows' | 'not' {
  const { plan, baseline } = planned
  if (plan.onConflict === 'skip') return 'not'
  return plan.onConflict === 'update' || baseline > 0 ? 'rows' : 'sums'
}

/** Sums do not tell a repair from other differences. Rows do, where none of either side is without a key to look it up by. */
function mayBeRepaired({ source }: VerifyContext, { planned: { plan }, replayed }: CheckInput): boolean {
  const canBePaired = identityOf(plan, source.keyField).lookedUpBy.length > 0
  return replayed.size > 0 && canBePaired && (plan.transform === undefined || plan.key.length > 0)
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

async function compareSums(
  context: VerifyContext,
  tables: readonly CheckInput[],
  signal: AbortSignal,
): Promise<{ readonly outcomes: readonly Outcome[]; readonly unsettled: readonly CheckInput[] }> {
  if (tables.length === 0) return { outcomes: [], unsettled: [] }
  const layouts = await mapAbreast(tables, TABLES_ABREAST, (table) => layOutCheck(context, table, signal))
  await using cluster = await VerifyCluster.open(context, tables, signal)
  const sums = await sumUp(context, cluster, layouts, signal)
  const outcomes: Outcome[] = []
  const unsettled: CheckInput[] = []
  for (const [index, { layout }] of layouts.entries()) {
    const ofTable = sums[index]
    if (ofTable === undefined) continue
    const differs = bucketsIn(differingBuckets(ofTable)) > 0
    // Other rows would be of another sample.
    if (differs && mayBeRepaired(context, layout.input)) unsettled.push({ ...layout.input, sample: null })
    else outcomes.push(await judge(context, cluster, layout, ofTable, signal))
    if (layout.check !== null) await context.ledger.forgetChecked(layout.check)
  }
  return { outcomes, unsettled }
}

/** Sums that were kept from an earlier run may be of rows that have changed since, so a difference is not theirs to tell. */
async function judge(
  context: VerifyContext,
  cluster: VerifyCluster,
  layout: CheckLayout,
  sums: TableSums,
  signal: AbortSignal,
): Promise<Outcome> {
  const differing = differingBuckets(sums)
  if (bucketsIn(differing) === 0) return outcomeOf(context, layout, sums, [], 0, signal)
  if (sums.takenUp > 0) {
    const [afresh] = await sumUp(context, cluster, [{ layout, saved: new Map() }], signal)
    if (afresh !== undefined) return judge(context, cluster, layout, afresh, signal)
  }
  const { rows, unseen } = await narrow(context, cluster, layout, sums, differing, signal)
  return outcomeOf(context, layout, sums, rows, unseen, signal)
}

/** The rows that differ, or the first of them; `unseen`: buckets that were not looked into, or not wholly. */
async function narrow(
  context: VerifyContext,
  cluster: VerifyCluster,
  layout: CheckLayout,
  sums: TableSums,
  differing: Differing,
  signal: AbortSignal,
): Promise<{ readonly rows: readonly RowDifference[]; readonly unseen: number }> {
  const { plan } = layout.input.planned
  await using reader = await context.target.openReader(signal)
  const rows: RowDifference[] = []
  const table = { plan, keyField: context.source.keyField }
  let left = differing
  let unseen = bucketsIn(differing)
  for (let listings = 0; listings < MOST_LISTINGS && bucketsIn(left) > 0; listings++) {
    const listed = await listDiffering(cluster, layout, sums, left, signal)
    rows.push(...(await lookAgain(context, cluster, reader, table, listed.suspects, signal)))
    unseen += bucketsIn(listed.left) - bucketsIn(left) + listed.cut
    left = listed.left
    if (rows.length >= mostDifferences) break
  }
  return { rows, unseen }
}

function bucketsIn(differing: Differing): number {
  return differing.reduce((sum, buckets) => sum + buckets.length, 0)
}

async function outcomeOf(
  context: VerifyContext,
  { input, below }: CheckLayout,
  sums: TableSums,
  rows: readonly RowDifference[],
  unseen: number,
  signal: AbortSignal,
): Promise<Outcome> {
  const { plan } = input.planned
  const [compared = 0, ...ofChildren] = sums.source.map((ofPart) => ofPart.rows)
  const columns = await columnChecks(context.target, input, signal)
  const children = ['', ' and its child table'][ofChildren.length] ?? ` and its ${ofChildren.length} child tables`
  const read = sums.counts.read - sums.counts.rejected
  const facts = [
    below < everyKey
      ? `${compared} of about ${read} rows, chosen by the hash of their key, compared by checksum`
      : `${compared} rows compared by checksum`,
    ...(sums.counts.rejected > 0 ? [`${sums.counts.rejected} rows of the source are none of the target's`] : []),
    ...(unseen > 0 ? [`rows of ${unseen} more groups of about 500 rows differ, or have changed meanwhile`] : []),
  ]
  const differences = rows.flat().slice(0, mostDifferences)
  return {
    differences: differences.length === 0 && unseen > 0 ? [unnamed(input, unseen)] : differences,
    differing: unseen > 0 ? null : rows.length,
    rows: compared + ofChildren.reduce((sum, count) => sum + count, 0),
    columns,
    note: `${plan.source}: ${qualified(plan.target)}${children}: ${facts.join('; ')}`,
  }
}

/** Rows change faster than they can be looked at. */
function unnamed({ planned: { plan } }: CheckInput, unseen: number): Difference {
  const [source, target] = [`${unseen} groups of rows`, 'other sums of them']
  return { table: plan.source, key: null, column: null, source, target }
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

function added(a: number | null, b: number | null): number | null {
  return a === null || b === null ? null : a + b
}
