import { partsOf, qualified } from '../core/plan.ts'
import type { ColumnCheck, Difference, Verification } from '../core/result.ts'
import type { CheckInput, VerifyContext } from './check-input.ts'
import { columnChecks, notCompared } from './column-checks.ts'
import { added, compareSums, type Outcome } from './compare-sums.ts'
import { mostDifferences } from './differences.ts'
import { rangesOf } from './full-comparison.ts'
import { findExtras, type Extras } from './full-extras.ts'
import { identityOf } from './full-identity.ts'
import { compareAll, layOut, type ComparedTable, type FullLayout } from './full-parts.ts'
import type { DifferingRow } from './full-pairs.ts'
import type { Suspect } from './full-work.ts'
import { isCountedOnce } from './letter-marks.ts'
import { VerifyCluster } from './verify-cluster.ts'

/** What seemed to differ and is looked at again; what is beyond counts as it was found. */
const MOST_LOOKED_AT_AGAIN = 5000

/**
 * Compares source and target value by value. Both sides are read without anything that has copied them: rows of the source
 * by parsers of their own, those of the target as it shows them, paired by their key. What differs is looked at once more
 * before it is reported. Rows without a key are added up by all they hold.
 */
export async function verifyFull(
  context: VerifyContext,
  tables: readonly CheckInput[],
  signal: AbortSignal,
): Promise<Verification> {
  const summed = tables.filter((table) => isSummedUp(context, table))
  const paired = tables.filter((table) => !summed.includes(table))
  const outcomes = [
    ...(await checkPaired(context, paired, signal)),
    ...(await compareSums(context, summed, 'full', signal)).outcomes,
  ]
  return {
    level: 'full',
    equal: outcomes.every(({ differing }) => differing === 0),
    differences: outcomes.flatMap(({ differences }) => differences).slice(0, mostDifferences),
    differing: outcomes.map(({ differing }) => differing).reduce(added, 0),
    rows: outcomes.reduce((sum, { rows }) => sum + rows, 0),
    columns: outcomes.flatMap(({ columns }) => columns),
    notes: outcomes.map(({ note }) => note),
  }
}

/** Whether rows have no key to be paired by, and the target has no others. */
function isSummedUp({ source, target }: VerifyContext, { planned: { plan }, hasOthers }: CheckInput): boolean {
  if (plan.children !== undefined || plan.onConflict !== undefined || hasOthers) return false
  return identityOf(plan, source.keyField, target.accepts).lookedUpBy.length === 0
}

async function checkPaired(
  context: VerifyContext,
  tables: readonly CheckInput[],
  signal: AbortSignal,
): Promise<readonly Outcome[]> {
  if (tables.length === 0) return []
  await using cluster = await VerifyCluster.open(context, tables, signal)
  const outcomes: Outcome[] = []
  for (const table of tables) {
    await warnOfScans(context, table, signal)
    outcomes.push(await checkTable(context, cluster, table, signal))
  }
  return outcomes
}

async function checkTable(
  context: VerifyContext,
  cluster: VerifyCluster,
  input: CheckInput,
  signal: AbortSignal,
): Promise<Outcome> {
  const layout = await layOut(context, input, signal)
  let compared = await compareAll(context, cluster, layout, signal)
  let found = await judge(context, cluster, layout, compared, signal)
  if (found.differing > 0 && compared.takenUp > 0) {
    // What was kept of an earlier run may be of rows that have changed since.
    compared = await compareAll(context, cluster, { ...layout, kept: new Map() }, signal)
    found = await judge(context, cluster, layout, compared, signal)
  }
  if (layout.check !== null) await context.ledger.forgetChecked(layout.check)
  return {
    differences: found.differences,
    differing: found.differing,
    rows: compared.rows,
    columns: await columnsOf(context, layout, compared, signal),
    note: noteOf(layout, compared, found),
  }
}

interface Found {
  readonly differences: readonly Difference[]
  readonly differing: number
  /** Rows that only the target has were looked for. */
  readonly extras: Extras
  readonly notLookedAtAgain: number
}

async function judge(
  context: VerifyContext,
  cluster: VerifyCluster,
  layout: FullLayout,
  compared: ComparedTable,
  signal: AbortSignal,
): Promise<Found> {
  const extras = await findExtras(context, cluster, layout, compared, signal)
  const suspects = [...compared.suspects, ...extras.suspects]
  const again = suspects.slice(0, MOST_LOOKED_AT_AGAIN)
  const differing = again.length === 0 ? [] : await lookAgain(cluster, layout, again, signal)
  const notLookedAtAgain = suspects.length - again.length + compared.moreSuspects
  return {
    differences: [...differing.flat(), ...extras.unnamed].slice(0, mostDifferences),
    // Where keys come again, first sight says nothing of them.
    differing: differing.length + (layout.keysRecur ? 0 : notLookedAtAgain) + extras.unnamedRows,
    extras,
    notLookedAtAgain,
  }
}

/** A row that is equal by now was changed while it was looked at, and is no difference. */
async function lookAgain(
  cluster: VerifyCluster,
  { input, rules, keysRecur, partitions }: FullLayout,
  suspects: readonly Suspect[],
  signal: AbortSignal,
): Promise<readonly DifferingRow[]> {
  const { planned } = input
  const differing: DifferingRow[] = []
  // Without an order there is no reading of a part of it; and what has the same key may lie anywhere.
  const isInParts = planned.ordered && !keysRecur && !isCountedOnce(input)
  const ranges = isInParts ? rangesOf(suspects) : partitions
  await cluster.run(
    [{ kind: 'compare-again', table: planned.plan.source, ranges, suspects, rules }],
    (_work, result) => {
      if (result.kind === 'compared-again') differing.push(...result.differing)
    },
    signal,
  )
  return differing
}

async function columnsOf(
  { target, source }: VerifyContext,
  { input, rules }: FullLayout,
  { uses }: ComparedTable,
  signal: AbortSignal,
): Promise<readonly ColumnCheck[]> {
  const coercions = input.coercions.length > 0 ? input.coercions : uses
  const checks = await columnChecks(target, { planned: input.planned, coercions }, signal)
  return partsOf(input.planned.plan).flatMap((part, number) => {
    const ofPart = checks.filter((check) => check.target === qualified(part.target))
    if (rules.parts[number] !== true) return notCompared(ofPart, 'its rows cannot be paired with those of the source')
    if (!rules.presenceOnly) return ofPart
    const { columns, knownBy } = identityOf(part, source.keyField, target.accepts)
    const known = new Set(knownBy.map((place) => columns[place]))
    const others = ofPart.filter(({ column }) => !known.has(column))
    const kept = notCompared(others, 'rows that were there already were kept, and need not be those of the source')
    return [...ofPart.filter(({ column }) => known.has(column)), ...kept]
  })
}

function noteOf({ input, sampled, keysRecur }: FullLayout, compared: ComparedTable, found: Found): string {
  const { plan } = input.planned
  const [, ...children] = partsOf(plan)
  const below = ['', ' and its child table'][children.length] ?? ` and its ${children.length} child tables`
  const { missed } = found.extras
  const facts = [
    `${compared.rows} rows compared value by value`,
    ...(sampled === null ? [] : [`a sample of ${sampled.chosen} of ${sampled.of} parts, spread over the keys`]),
    ...(compared.repaired === 0 ? [] : [`${repairedRows(compared.repaired)} by drover retry: not compared`]),
    ...(missed === null ? [] : [`rows that only the target has were not looked for: ${missed}`]),
    ...(found.notLookedAtAgain === 0 ? [] : [onceOnly(found.notLookedAtAgain, keysRecur)]),
  ]
  return `${plan.source}: ${qualified(plan.target)}${below}: ${facts.join('; ')}`
}

function repairedRows(count: number): string {
  return count === 1 ? '1 row was repaired' : `${count} rows were repaired`
}

function onceOnly(count: number, keysRecur: boolean): string {
  return keysRecur
    ? `${count} keys that come again in the source were not compared`
    : `${count} of the rows that differ were looked at once only`
}

async function warnOfScans(
  { source, target, notice }: VerifyContext,
  input: CheckInput,
  signal: AbortSignal,
): Promise<void> {
  await using reader = await target.openReader(signal)
  for (const part of partsOf(input.planned.plan)) {
    const { columns, lookedUpBy } = identityOf(part, source.keyField, target.accepts)
    const key = lookedUpBy.map((place) => columns[place] ?? '')
    if (key.length === 0 || (await reader.isIndexed(part.target, key, signal))) continue
    const { publishTo = part.target.schema } = input.planned
    const message =
      `${qualified({ ...part.target, schema: publishTo })} has no index on ${key.join(', ')}: ` +
      'to compare it, all of it is read again for each batch of rows'
    notice({ level: 'warning', message })
  }
}
