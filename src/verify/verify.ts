import type { Config } from '../config.ts'
import type { PlannedTable, Source, Target } from '../connectors/contract.ts'
import { noCounts, type Counts } from '../core/counts.ts'
import { DroverError } from '../core/errors.ts'
import type { Verification } from '../core/result.ts'
import { verifyCounts } from './count.ts'

export interface VerifyContext {
  readonly config: Config
  readonly source: Source
  readonly target: Target
  readonly tables: readonly { readonly planned: PlannedTable; readonly estimatedRows: number | null }[]
  /** Sums of the ledger by source table. */
  readonly committed: ReadonlyMap<string, Counts>
}

/** Compares source, ledger and target, at the level asked for. */
export async function verifyRun(context: VerifyContext, signal: AbortSignal): Promise<Verification> {
  const { config, source, target, tables, committed } = context
  if (config.verify === 'none') return { level: 'none', equal: true, differences: [], notes: ['not verified'] }
  const inputs = tables.map(({ planned, estimatedRows }) => ({
    planned,
    committed: committed.get(planned.plan.source) ?? noCounts,
    rowsBefore: estimatedRows,
  }))
  return verifyCounts(source, target, inputs, signal)
}

/** Throws `count-mismatch` where verification found a difference, `expectation-missed` where `--expect` was not met. */
export function demand(verification: Verification, expected: number | null, written: number): void {
  if (!verification.equal) {
    const named = verification.differences.map(({ table, source, target }) => `${table}: ${source}, ${target}`)
    throw new DroverError('count-mismatch', `counts differ: ${named.join('; ')}`, {
      hint: 'the rows are kept; look at the tables named before using them',
    })
  }
  if (expected !== null && written !== expected) {
    throw new DroverError('expectation-missed', `${written} rows were written, and --expect says ${expected}`)
  }
}
