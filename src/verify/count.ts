import type { Source, Target } from '../connectors/contract.ts'
import { mapAbreast } from '../core/map-abreast.ts'
import { partsOf, qualified } from '../core/plan.ts'
import type { Difference, Verification } from '../core/result.ts'
import { TABLES_ABREAST } from './check-input.ts'
import type { RunCheck } from './check-inputs.ts'

/**
 * Compares three numbers for each table: rows in the source, rows in the ledger, rows in the target (less those that
 * were there before). Where the source moved while it was copied, that is said, and ledger and target are compared.
 */
export async function verifyCounts(
  source: Source,
  target: Target,
  tables: readonly RunCheck[],
  signal: AbortSignal,
): Promise<Verification> {
  const checks = await mapAbreast(tables, TABLES_ABREAST, (table) => verifyTable(source, target, table, signal))
  const differences = checks.flatMap(({ difference }) => difference ?? [])
  return {
    level: 'count',
    equal: differences.length === 0,
    differences,
    differing: null,
    rows: 0,
    columns: [],
    notes: checks.map(({ note }) => note),
  }
}

async function verifyTable(
  source: Source,
  target: Target,
  { planned, committed, rowsBefore, afterwards }: RunCheck,
  signal: AbortSignal,
): Promise<{ difference: Difference | null; note: string }> {
  const { plan } = planned
  const table = plan.source
  const parts = partsOf(plan)
  const [inSource, ...inTargets] = await Promise.all([
    source.count(planned.selection, signal),
    ...parts.map((part) => target.count(part.target, signal)),
  ])
  const inTargetNow = inTargets.reduce((sum, rows) => sum + rows, 0)
  if (committed === null) return compareOnly(table, qualified(plan.target), inSource, inTargets[0] ?? 0)
  const added = inTargetNow - planned.baseline
  const children = ['', ' and its child table'][parts.length - 1] ?? ` and its ${parts.length - 1} child tables`
  const name = qualified(plan.target) + children
  const expected = committed.read - committed.filtered - committed.skipped - committed.deadLetters + committed.derived
  const differ = (sourceSays: string): { difference: Difference; note: string } => ({
    difference: { table, key: null, column: null, source: sourceSays, target: `${added} rows` },
    note: `${table}: ${sourceSays}, ${committed.read} read, ${added} in ${name}`,
  })
  // An update takes the place of a row, so the target need not have grown by what was written.
  const updates = plan.onConflict === 'update'
  if (!updates && added !== expected) return differ(`${expected} rows expected from the ledger`)
  const inTarget = updates ? `${expected} merged into ${name}` : `${added} in ${name}`
  if (inSource === committed.read) {
    return { difference: null, note: `${table}: ${inSource} in the source, ${inTarget}` }
  }
  if (afterwards || rowsBefore === inSource) return differ(`${inSource} rows in the source`)
  return {
    difference: null,
    note: `${table}: the source changed during the copy (${rowsBefore ?? '?'} rows before, ${inSource} after); ${committed.read} read, ${inTarget}`,
  }
}

/** Of a table that drover did not copy: nothing is known but what is there. */
function compareOnly(
  table: string,
  target: string,
  inSource: number,
  inTarget: number,
): { difference: Difference | null; note: string } {
  const note = `${table}: ${inSource} in the source, ${inTarget} in ${target}`
  if (inSource === inTarget) return { difference: null, note }
  return {
    difference: { table, key: null, column: null, source: `${inSource} rows`, target: `${inTarget} rows` },
    note,
  }
}
