import PQueue from 'p-queue'
import type { Config } from '../config.ts'
import type { Target } from '../connectors/contract.ts'
import type { PlanReport } from './plan-report.ts'
import type { RunReport } from './run-report.ts'
import { secondsSince } from './stages.ts'

/** Tables finished at once: each key is itself built by parallel workers of the server. */
const TABLES_AT_ONCE = 2

export interface FinishContext {
  readonly config: Config
  readonly target: Target
  readonly plan: PlanReport
  readonly report: RunReport
}

/** Builds keys and refreshes statistics, after the load. Throws `key-violation` with the data kept. */
export async function finishTables(
  { config, target, plan, report }: FinishContext,
  signal: AbortSignal,
): Promise<void> {
  const startedAt = performance.now()
  const queue = new PQueue({ concurrency: TABLES_AT_ONCE })
  try {
    await queue.addAll(
      plan.tables.map(({ planned }) => async () => {
        // A table that was there keeps the key that it has, or has not.
        const buildKey = config.forTable(planned.plan.source).primaryKey && !planned.exists
        await target.finish(planned.plan, { buildKey }, signal)
        report.aggregator.finishTable(planned.plan.source)
      }),
    )
  } finally {
    report.seconds.index = secondsSince(startedAt)
  }
}
