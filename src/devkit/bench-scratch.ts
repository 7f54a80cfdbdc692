import type pg from 'pg'
import type { TablePlan } from '../core/plan.ts'

/** Schemas for what is measured: made and dropped here, never the user's own. */
export const SCRATCH = 'drover_bench'
export const SCRATCH_LEDGER = 'drover_bench_ledger'

export async function dropScratch(target: pg.Client): Promise<void> {
  await target.query(`drop schema if exists ${SCRATCH}, ${SCRATCH_LEDGER} cascade`)
}

/** Everything that was measured before is gone, and written to disk, so that it costs what comes next nothing. */
export async function emptyScratch(target: pg.Client): Promise<void> {
  await dropScratch(target)
  await target.query(`create schema ${SCRATCH}`)
  await target.query('checkpoint')
}

/** The plan of a table's own rows, for another name in the scratch schema. */
export function inScratch(plan: TablePlan, name: string): TablePlan {
  return { ...plan, target: { schema: SCRATCH, name }, children: undefined }
}
