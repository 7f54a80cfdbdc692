import type { Source, Target } from '../connectors/contract.ts'
import { mapAbreast } from '../core/map-abreast.ts'
import { partsOf, qualified, type TablePlan } from '../core/plan.ts'
import type { Difference, Verification } from '../core/result.ts'
import { TABLES_ABREAST } from './check-input.ts'
import type { RunCheck } from './check-inputs.ts'

export interface CountVerification extends Verification {
  /** Names of tables of the source to whose target others have added rows. */
  readonly shared: ReadonlySet<string>
}

/**
 * Compares three numbers for each table: rows in the source, rows in the ledger, rows in the target (less those that
 * were there before). Where the source moved while it was copied, that is said, and ledger and target are compared. Rows
 * that others add to a table that is appended to are no difference either.
 */
export async function verifyCounts(
  source: Source,
  target: Target,
  tables: readonly RunCheck[],
  signal: AbortSignal,
): Promise<CountVerification> {
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
    shared: new Set(
      checks.flatMap(({ others }, index) => (others > 0 ? (tables[index]?.planned.plan.source ?? []) : [])),
    ),
  }
}

interface Counted {
  readonly difference: Difference | null
  readonly note: string
  /** Rows of others that the target has more than before. */
  readonly others: number
}

async function verifyTable(
  source: Source,
  target: Target,
  { planned, committed, rowsBefore, isFixed }: RunCheck,
  signal: AbortSignal,
): Promise<Counted> {
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
  const differ = (sourceSays: string): Counted => ({
    difference: { table, key: null, column: null, source: sourceSays, target: `${added} rows` },
    note: `${table}: ${sourceSays}, ${committed.read} read, ${added} in ${name}`,
    others: 0,
  })
  // An update takes the place of a row, so the target need not have grown by what was written.
  const updates = plan.onConflict === 'update'
  const others =
    !updates && planned.mode === 'append' && planned.publishTo === undefined ? Math.max(0, added - expected) : 0
  if (!updates && added !== expected + others) return differ(`${expected} rows expected from the ledger`)
  const rest = others === 0 ? '' : `, and ${others} that others have added since`
  const inTarget = `${inWords(plan.onConflict, expected, name, committed.skipped)}${rest}`
  if (inSource === committed.read) {
    return { difference: null, note: `${table}: ${inSource} in the source, ${inTarget}`, others }
  }
  if (isFixed || rowsBefore === inSource) return differ(`${inSource} rows in the source`)
  const before = rowsBefore === null ? '' : `${rowsBefore} rows before, `
  return {
    difference: null,
    note: `${table}: the source changed during the copy (${before}${inSource} after); ${committed.read} read, ${inTarget}`,
    others,
  }
}

/** What the target has of the rows that were read. */
function inWords(onConflict: TablePlan['onConflict'], rows: number, name: string, skipped: number): string {
  if (onConflict === 'update') return `${rows} merged into ${name}`
  if (skipped === 0) return `${rows} in ${name}`
  return `${rows} added to ${name}, ${skipped} ${skipped === 1 ? 'was' : 'were'} there already`
}

/** Of a table that drover did not copy: nothing is known but what is there. */
function compareOnly(table: string, target: string, inSource: number, inTarget: number): Counted {
  const note = `${table}: ${inSource} in the source, ${inTarget} in ${target}`
  if (inSource === inTarget) return { difference: null, note, others: 0 }
  const difference = { table, key: null, column: null, source: `${inSource} rows`, target: `${inTarget} rows` }
  return { difference, note, others: 0 }
}
