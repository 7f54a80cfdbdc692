import type { PlannedTable, Source, Target } from '../connectors/contract.ts'
import type { Counts } from '../core/counts.ts'
import { partsOf, qualified } from '../core/plan.ts'
import type { Difference, Verification } from '../core/result.ts'

export interface CountInput {
  readonly planned: PlannedTable
  /** What the ledger says was committed. */
  readonly committed: Counts
  /** Rows in the source when the run was planned; null: unknown. */
  readonly rowsBefore: number | null
}

/**
 * Compares three numbers for each table: rows in the source, rows in the ledger, rows in the target (less those that
 * were there before). Where the source moved while it was copied, that is said, and ledger and target are compared.
 */
export async function verifyCounts(
  source: Source,
  target: Target,
  tables: readonly CountInput[],
  signal: AbortSignal,
): Promise<Verification> {
  const checks = await Promise.all(tables.map((table) => verifyTable(source, target, table, signal)))
  const differences = checks.flatMap(({ difference }) => difference ?? [])
  return { level: 'count', equal: differences.length === 0, differences, notes: checks.map(({ note }) => note) }
}

async function verifyTable(
  source: Source,
  target: Target,
  { planned, committed, rowsBefore }: CountInput,
  signal: AbortSignal,
): Promise<{ difference: Difference | null; note: string }> {
  const { plan } = planned
  const table = plan.source
  const parts = partsOf(plan)
  const [inSource, ...inTargets] = await Promise.all([
    source.count(planned.selection, signal),
    ...parts.map((part) => target.count(part.target, signal)),
  ])
  const added = inTargets.reduce((sum, rows) => sum + rows, 0) - planned.baseline
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
  if (rowsBefore !== null && rowsBefore === inSource) return differ(`${inSource} rows in the source`)
  return {
    difference: null,
    note: `${table}: the source changed during the copy (${rowsBefore ?? '?'} rows before, ${inSource} after); ${committed.read} read, ${inTarget}`,
  }
}
