import { mapAbreast } from '../core/map-abreast.ts'
import { qualified } from '../core/plan.ts'
import type { ColumnCheck, Difference } from '../core/result.ts'
import { TABLES_ABREAST, type CheckInput, type VerifyContext } from './check-input.ts'
import { layOutCheck, type CheckLayout } from './check-layout.ts'
import { columnChecks } from './column-checks.ts'
import { mostDifferences } from './differences.ts'
import { identityOf } from './full-identity.ts'
import { differingBuckets, listDiffering, type Differing } from './list-rows.ts'
import { lookAgain, type RowDifference } from './look-again.ts'
import { everyKey } from './part-rows.ts'
import { sumUp, type TableSums } from './sum-up.ts'
import { VerifyCluster } from './verify-cluster.ts'
import type { Road } from './verify-work.ts'

/** How often rows are listed anew where more buckets differ than are listed at a time. */
const MOST_LISTINGS = 5

/** What came of one table. */
export interface Outcome {
  readonly differences: readonly Difference[]
  /** Null: not known exactly. */
  readonly differing: number | null
  readonly rows: number
  readonly columns: readonly ColumnCheck[]
  readonly note: string
}

/**
 * Compares tables by sums over their rows. Rows of buckets whose sums differ are listed, and looked at once more before
 * they are reported.
 */
export async function compareSums(
  context: VerifyContext,
  tables: readonly CheckInput[],
  road: Road,
  signal: AbortSignal,
): Promise<{ readonly outcomes: readonly Outcome[]; readonly unsettled: readonly CheckInput[] }> {
  if (tables.length === 0) return { outcomes: [], unsettled: [] }
  const layouts = await mapAbreast(tables, TABLES_ABREAST, (table) => layOutCheck(context, table, road, signal))
  await using cluster = await VerifyCluster.open(context, tables, signal)
  const sums = await sumUp(context, cluster, layouts, signal)
  const outcomes: Outcome[] = []
  const unsettled: CheckInput[] = []
  for (const [index, { layout }] of layouts.entries()) {
    const ofTable = sums[index]
    if (ofTable === undefined) continue
    const differs = bucketsIn(differingBuckets(ofTable)) > 0
    // Other rows would be of another sample.
    if (differs && road === 'checksum' && mayBeRepaired(context, layout.input))
      unsettled.push({ ...layout.input, sample: null })
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
  await using reader = await context.target.openReader(signal)
  const rows: RowDifference[] = []
  let left = differing
  let unseen = bucketsIn(differing)
  for (let listings = 0; listings < MOST_LISTINGS && bucketsIn(left) > 0; listings++) {
    const listed = await listDiffering(cluster, layout, sums, left, signal)
    rows.push(...(await lookAgain({ context, cluster, reader, layout, signal }, listed.suspects)))
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
  { input, below, road }: CheckLayout,
  sums: TableSums,
  rows: readonly RowDifference[],
  unseen: number,
  signal: AbortSignal,
): Promise<Outcome> {
  const { plan } = input.planned
  const [rowsCompared = 0, ...ofChildren] = sums.source.map((ofPart) => ofPart.rows)
  const columns = await columnChecks(context.target, input, signal)
  const children = ['', ' and its child table'][ofChildren.length] ?? ` and its ${ofChildren.length} child tables`
  const read = sums.counts.read - sums.counts.rejected
  const compared = road === 'checksum' ? 'compared by checksum' : 'compared value by value'
  const facts = [
    below < everyKey
      ? `${rowsCompared} of about ${read} rows, chosen by the hash of their key, ${compared}`
      : `${rowsCompared} rows ${compared}`,
    ...(sums.counts.rejected > 0 ? [`${sums.counts.rejected} rows of the source are none of the target's`] : []),
    ...(unseen > 0 ? [`rows of ${unseen} more groups of about 500 rows differ, or have changed meanwhile`] : []),
  ]
  const differences = rows.flat().slice(0, mostDifferences)
  return {
    differences: differences.length === 0 && unseen > 0 ? [unnamed(input, unseen)] : differences,
    differing: unseen > 0 ? null : rows.length,
    rows: rowsCompared + ofChildren.reduce((sum, count) => sum + count, 0),
    columns,
    note: `${plan.source}: ${qualified(plan.target)}${children}: ${facts.join('; ')}`,
  }
}

/** Rows change faster than they can be looked at. */
function unnamed({ planned: { plan } }: CheckInput, unseen: number): Difference {
  const [source, target] = [`${unseen} groups of rows`, 'other sums of them']
  return { table: plan.source, key: null, column: null, source, target }
}

/** Sums do not tell a repair from other differences. Rows do, where none of either side is without a key to look it up by. */
function mayBeRepaired({ source, target }: VerifyContext, { planned: { plan }, replayed }: CheckInput): boolean {
  const canBePaired = identityOf(plan, source.keyField, target.accepts).lookedUpBy.length > 0
  return replayed.size > 0 && canBePaired && (plan.transform === undefined || plan.key.length > 0)
}

export function added(a: number | null, b: number | null): number | null {
  return a === null || b === null ? null : a + b
}
