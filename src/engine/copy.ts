import { CREDITS_PER_WORKER, DRAIN_TIMEOUT_MS, READY_TIMEOUT_MS, RESPAWNS_PER_WORKER } from '../../params.ts'
import { startCluster, type Cluster } from '../cluster/cluster.ts'
import type { Config } from '../config.ts'
import type { Source } from '../connectors/contract.ts'
import type { Ledger, Lease, MigrationId } from '../connectors/ledger-contract.ts'
import type { Partition } from '../core/batch.ts'
import { createBufferPool } from '../connectors/buffer-pool.ts'
import type { Drift } from './drift.ts'
import { feedPaged, feedPartitioned } from './feed.ts'
import { FloodWatch } from './flood.ts'
import type { RunPlan } from './run-plan.ts'
import type { RunReport } from './run-report.ts'
import { secondsSince } from './stages.ts'
import { workerIn } from './worker.ts'
import type { Committed, CopyStart, DriftAnswer, DriftQuestion, Note, Totals, Work } from './work.ts'

export interface CopyContext {
  readonly config: Config
  readonly source: Source
  readonly ledger: Ledger
  readonly lease: Lease
  readonly migration: MigrationId
  readonly plan: RunPlan
  readonly partitions: readonly Partition[]
  readonly report: RunReport
  /** Answers workers that meet rows without a place in the plan. */
  readonly drift: Drift
}

/**
 * Moves every row: starts the cluster, feeds it until everything is acknowledged, and ends it with the empty batch. An
 * abort or a failed batch stops the feeding, lets batches in flight commit within the drain time-out, and is thrown.
 */
export async function copyTables(context: CopyContext, signal: AbortSignal): Promise<void> {
  const { report, plan } = context
  const stopping = new AbortController()
  const run = AbortSignal.any([signal, stopping.signal])
  const lost: Work[] = []
  // What the workers may hold, one batch being filled and one read ahead.
  const pool = createBufferPool(plan.workers.count * CREDITS_PER_WORKER + 2)
  const { aggregator } = report
  const flood = new FloodWatch()
  const acknowledge = (committed: Committed): void => {
    aggregator.add(committed)
    const flooded = flood.add(committed.table, committed.counts)
    if (flooded !== null) stopping.abort(flooded)
  }
  const startedAt = performance.now()
  await using cluster = await startCluster(
    {
      ...clusterShape(context),
      onNote: (note: Note) => {
        if (note.kind === 'committed') acknowledge(note.committed)
        else report.retried(note.table, note.message)
      },
      onAsk: (question: DriftQuestion): Promise<DriftAnswer> => context.drift.answer(question, run),
      onDone: (_work, result) => {
        if (result !== null && 'counts' in result) acknowledge(result)
      },
      onFailed: (_work, error) => stopping.abort(error),
      onLost: (work) => lost.push(work),
      onReturned: (buffer) => pool.give(buffer),
      onNotice: (message) => report.notice({ level: 'warning', message }),
    },
    run,
  )
  report.seconds.start = secondsSince(startedAt)
  aggregator.watch(() => ({ workers: cluster.size, workersBusy: cluster.busy }))
  const copyingSince = performance.now()
  try {
    await feed(context, cluster, { lost, pool }, run)
    report.workersEnded(await cluster.finish())
  } catch (error) {
    if (!context.lease.lost.aborted) report.workersEnded(await drain(cluster))
    throw run.aborted ? run.reason : error
  } finally {
    report.seconds.copy = secondsSince(copyingSince)
  }
}

function clusterShape({ config, plan, source, migration, lease }: CopyContext) {
  const start: CopyStart = {
    job: 'copy',
    sourceUrl: config.from,
    targetUrl: config.to,
    ledgerSchema: config.ledgerSchema,
    environment: config.clientEnvironment,
    migration,
    epoch: lease.epoch,
    feed: plan.feed.choice,
    sourceFormat: source.format,
    keyField: source.keyField,
    tables: plan.tables.map(({ planned: { plan: table, selection } }) => {
      const { onDrift, onError } = config.forTable(table.source)
      return { plan: table, selection, onDrift, onError }
    }),
    limits: { rows: config.batchRows, bytes: config.batchBytes },
    retry: config.retry,
  }
  return {
    size: plan.workers.count,
    isolation: plan.isolation,
    start,
    // A partition is long work that overlaps reading and writing by itself.
    credits: plan.feed.choice === 'paged' ? CREDITS_PER_WORKER : 1,
    readyTimeoutMs: READY_TIMEOUT_MS,
    respawns: RESPAWNS_PER_WORKER * plan.workers.count,
    inline: workerIn({ ownProcess: false }),
  }
}

async function feed(
  context: CopyContext,
  cluster: Cluster<Work, Totals>,
  shared: Pick<Parameters<typeof feedPaged>[0], 'lost' | 'pool'>,
  signal: AbortSignal,
): Promise<void> {
  const { config, source, ledger, lease, migration, plan, partitions, report } = context
  const feeding = {
    ...shared,
    source,
    cluster,
    tables: new Map(plan.tables.map(({ planned }) => [planned.plan.source, planned])),
    partitions,
    limits: { rows: config.batchRows, bytes: config.batchBytes },
    retry: config.retry,
    onRetry: (table: string, error: unknown) =>
      report.retried(table, error instanceof Error ? error.message : String(error)),
    aggregator: report.aggregator,
  }
  if (plan.feed.choice === 'paged') await feedPaged(feeding, signal)
  else await feedPartitioned({ ...feeding, ledger, lease, migration }, signal)
}

/** Lets what is in flight commit, within the time-out; what is not done by then is rolled back when the workers die. */
async function drain(cluster: Cluster<Work, Totals>): Promise<readonly Totals[]> {
  cluster.drain()
  const deadline = AbortSignal.timeout(DRAIN_TIMEOUT_MS)
  try {
    await cluster.idle(deadline)
    return await cluster.finish()
  } catch {
    // Not an error of its own: the run is stopping already, and its reason is thrown by the caller.
    return []
  }
}
