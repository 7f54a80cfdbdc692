import { DroverError } from '../core/errors.ts'
import { partsOf, qualified } from '../core/plan.ts'
import type { Verification } from '../core/result.ts'
import { describeDifference } from '../telemetry/verification-text.ts'
import { asDecoded } from './as-decoded.ts'
import type { VerifyContext } from './check-input.ts'
import type { RunCheck } from './check-inputs.ts'
import { verifyCounts } from './count.ts'

/** Differences named in the sentence of an error; the result has more. */
const NAMED = 5

/** Compares source, ledger and target, at the level asked for. Counts are compared at every level. */
export async function verifyRun(
  context: VerifyContext,
  copied: readonly RunCheck[],
  signal: AbortSignal,
): Promise<Verification> {
  const { config, source, target } = context
  const tables = copied.map(asDecoded)
  if (config.verify === 'none') return nothingCompared
  const { shared, ...counts } = await verifyCounts(source, target, tables, signal)
  const known = tables.map((table) => ({
    ...table,
    hasOthers: table.hasOthers || shared.has(table.planned.plan.source),
  }))
  const all = config.verify === 'count' ? counts : joined(counts, await compareContent(context, known, signal))
  return underFinalNames(all, tables)
}

/** Loaded when asked for: a copy that is not asked for them pays nothing for them. */
async function compareContent(
  context: VerifyContext,
  tables: readonly RunCheck[],
  signal: AbortSignal,
): Promise<Verification> {
  if (context.config.verify === 'full') return (await import('./full.ts')).verifyFull(context, tables, signal)
  return (await import('./checksum.ts')).verifyChecksum(context, tables, signal)
}

export const nothingCompared: Verification = {
  level: 'none',
  equal: true,
  differences: [],
  differing: 0,
  rows: 0,
  columns: [],
  notes: ['not verified'],
}

/** Tables that wait to be published are named as they will be: where they are until then tells nobody anything. */
function underFinalNames(verification: Verification, tables: readonly RunCheck[]): Verification {
  const names = tables
    .flatMap(({ planned: { plan, publishTo } }) =>
      publishTo === undefined
        ? []
        : partsOf(plan).map(({ target }) => ({ target, final: { ...target, schema: publishTo } })),
    )
    .map(({ target, final }) => [qualified(target), qualified(final)] as const)
    // One name may be the beginning of another.
    .toSorted(([a], [b]) => b.length - a.length)
  const renamed = (text: string): string => names.reduce((said, [from, to]) => said.replaceAll(from, to), text)
  if (names.length === 0) return verification
  return {
    ...verification,
    differences: verification.differences.map((one) => ({ ...one, table: renamed(one.table) })),
    columns: verification.columns.map((column) => ({ ...column, target: renamed(column.target) })),
    notes: verification.notes.map(renamed),
  }
}

/** Rows that differ say more than counts that do. */
function joined(counts: Verification, content: Verification): Verification {
  const differences = content.differences.length > 0 ? content.differences : counts.differences
  return { ...content, equal: counts.equal && content.equal, differences, notes: [...counts.notes, ...content.notes] }
}

/**
 * Throws `count-mismatch` or `rows-differ` where verification found a difference, `expectation-missed` where `--expect`
 * was not met.
 */
export function demand(verification: Verification, expected: number | null, written: number): void {
  if (!verification.equal) throw mismatch(verification)
  if (expected !== null && written !== expected) {
    throw new DroverError('expectation-missed', `${written} rows were written, and --expect says ${expected}`)
  }
}

function mismatch({ level, differences, differing }: Verification): DroverError {
  const hint = 'the rows are kept; look at the tables named before using them'
  const named = differences.slice(0, NAMED).map(describeDifference).join('; ')
  if (level === 'count') return new DroverError('count-mismatch', `counts differ: ${named}`, { hint })
  const number = differing ?? `at least ${differences.length}`
  return new DroverError('rows-differ', `${number} ${differing === 1 ? 'row differs' : 'rows differ'}: ${named}`, {
    hint,
  })
}
