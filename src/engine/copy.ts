import { CREDITS_PER_WORKER, DRAIN_TIMEOUT_MS, READY_TIMEOUT_MS, RESPAWNS_PER_WORKER } from '../../params.ts'
import { startCluster, type Cluster } from '../cluster/cluster.ts'
import type { Config } from '../config.ts'
import type { BufferPool, Source } from '../connectors/contract.ts'
import type { Ledger, Lease, MigrationId } from '../connectors/ledger-contract.ts'
import type { Partition } from '../core/batch.ts'
import { createBufferPool } from '../connectors/buffer-pool.ts'
import { collectSpent } from '../connectors/spent-memory.ts'
import { BatchSize, type FirstLimits } from './batch-size.ts'
import type { Drift } from './drift.ts'
import { adviceOf, cpuTimes, FeedWatch } from './feed-watch.ts'
import { feedPaged, feedPartitioned, type PagedContext } from './feed.ts'
import { FloodWatch } from './flood.ts'
import { inForce } from './rate-file.ts'
import type { RateLimiter } from './rate-limit.ts'
import { inLevels } from './reference-order.ts'
import { isGiven } from './run-options.ts'
import type { RunPlan } from './run-plan.ts'
import type { RunReport } from './run-report.ts'
import { secondsSince } from './stages.ts'
import { workerIn } from './worker.ts'
import type { Answer, Committed, CopyStart, Note, Question, Totals, Work } from './work.ts'

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
  /** How fast the source may be read. */
  readonly limiter: RateLimiter
}

/**
 * Moves every row: starts the cluster, feeds it until everything is acknowledged, and ends it with the empty batch. An
 * abort or a failed batch stops the feeding, lets batches in flight commit within the drain time-out, and is thrown.
 */
export async function copyTables(context: CopyContext, signal: AbortSignal): Promise<void> {
  const { config, report, plan, limiter } = context
  const { aggregator } = report
  const stopping = new AbortController()
  const run = AbortSignal.any([signal, stopping.signal])
  const size = new BatchSize(firstLimits(config))
  size.limitTo(limiter.rate)
  const watch = new FeedWatch(() => performance.now(), cpuTimes)
  // What the workers may hold, one batch being filled and one read ahead.
  const pool = createBufferPool(plan.workers.count * CREDITS_PER_WORKER + 2)
  const copying: Copying = { size, watch, stopping, lost: [], pool }
  const startedAt = performance.now()
  await using cluster = await startWorkers(context, copying, run)
  report.seconds.start = secondsSince(startedAt)
  aggregator.watch(() => ({ workers: cluster.size, workersBusy: cluster.busy }))
  aggregator.pace = () => limiter.rate
  if (limiter.rate !== null) report.notice({ level: 'info', message: `reading is ${inForce(limiter.rate)}` })
  const copyingSince = performance.now()
  try {
    await feed(context, cluster, copying, run)
    report.workersEnded(await cluster.finish(), size.chosen)
    for (const message of advice(context, watch)) report.notice({ level: 'info', message })
  } catch (error) {
    // Whoever waits for the rate, here or in a worker, waits no more.
    stopping.abort(error)
    if (!context.lease.lost.aborted) report.workersEnded(await drain(cluster), size.chosen)
    throw run.reason
  } finally {
    watch.turnTo(null)
    aggregator.reading(watch.seconds('reading'))
    report.seconds.copy = secondsSince(copyingSince)
  }
}

/** What is measured and held while rows are moved. */
interface Copying {
  readonly size: BatchSize
  readonly watch: FeedWatch
  /** Aborted with what stops the run. */
  readonly stopping: AbortController
  readonly lost: Work[]
  /** Memory for what the coordinator reads. */
  pool: BufferPool
}

function firstLimits(config: Config): FirstLimits {
  const asked = { rows: isGiven(config.origin('batch-rows')), bytes: isGiven(config.origin('batch-bytes')) }
  return { rows: config.batchRows, bytes: config.batchBytes, asked }
}

async function startWorkers(context: CopyContext, copying: Copying, run: AbortSignal): Promise<Cluster<Work, Totals>> {
  const { report } = context
  const { size, watch, stopping, lost } = copying
  const flood = new FloodWatch()
  const acknowledge = (committed: Committed): void => {
    report.aggregator.add(committed)
    size.committed(committed)
    const flooded = flood.add(committed.table, committed.counts)
    if (flooded !== null) stopping.abort(flooded)
  }
  // Choosing types has made objects of thousands of rows; the workers' memory is not to come on top of theirs.
  collectSpent()
  const cluster = await startCluster(
    {
      ...clusterShape(context, await context.source.share(run)),
      onNote: (note: Note) => {
        if (note.kind === 'committed') return acknowledge(note.committed)
        if (note.kind === 'failed') size.failed(note)
        report.retried(note.table, note.message)
      },
      onAsk: (question: Question): Promise<Answer> => answerTo(context, question, run),
      onDone: (_work, result) => {
        watch.workers(cluster.busy, cluster.size)
        if (result !== null && 'counts' in result) acknowledge(result)
      },
      onFailed: (_work, error) => stopping.abort(error),
      onLost: (work) => lost.push(work),
      onReturned: (buffer) => copying.pool.give(buffer),
      onNotice: (message) => report.notice({ level: 'warning', message }),
    },
    run,
  )
  return cluster
}

function clusterShape({ config, plan, source, migration, lease, limiter }: CopyContext, shared: string | null) {
  const start: CopyStart = {
    job: 'copy',
    sourceUrl: config.from,
    sourceOptions: { environment: config.clientEnvironment, shared },
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
    limits: firstLimits(config),
    pace: limiter.mayHold ? { rate: limiter.rate } : null,
    retry: config.retry,
  }
  return {
    size: plan.workers.count,
    isolation: plan.isolation,
    start,
    credits: CREDITS_PER_WORKER,
    // A partition is long work that overlaps reading and writing by itself.
    weightOf: ({ kind }: Work) => (kind === 'partition' ? CREDITS_PER_WORKER : 1),
    readyTimeoutMs: READY_TIMEOUT_MS,
    respawns: RESPAWNS_PER_WORKER * plan.workers.count,
    inline: workerIn({ ownProcess: false }),
  }
}

async function answerTo({ drift, limiter }: CopyContext, question: Question, signal: AbortSignal): Promise<Answer> {
  if (question.kind === 'drift') return { kind: 'drift', plan: await drift.answer(question.question, signal) }
  return { kind: 'pace', rate: await limiter.take(question.rows, question.bytes, signal) }
}

/** Where nobody has asked for a feed, the workers read what is left as soon as one cursor is seen to be too slow. */
async function feed(
  context: CopyContext,
  cluster: Cluster<Work, Totals>,
  copying: Copying,
  signal: AbortSignal,
): Promise<void> {
  const { config, source, ledger, lease, migration, plan, partitions, report, limiter } = context
  const { size, watch, lost, pool } = copying
  const feeding: PagedContext = {
    source,
    cluster,
    tables: new Map(plan.tables.map(({ planned }) => [planned.plan.source, planned])),
    partitions,
    pool,
    lost,
    retry: config.retry,
    onRetry: (table: string, error: unknown) =>
      report.retried(table, error instanceof Error ? error.message : String(error)),
    aggregator: report.aggregator,
    ledger,
    lease,
    migration,
    size,
    pace: (rows, bytes, pacing) => limiter.take(rows, bytes, pacing),
    watch,
    givesUp: (others) => others > 0 && config.feed === 'auto' && mayBePartitioned(plan) && watch.isStarving,
  }
  let paged = plan.feed.choice === 'paged'
  for (const some of inLevels(partitions, feeding.tables)) {
    const left = paged ? await feedPaged({ ...feeding, partitions: some }, signal) : some
    if (left.length === 0) continue
    if (paged) {
      report.feedTurned(watch.starved ?? 0)
      // The workers have memory of their own.
      copying.pool = createBufferPool(0)
      paged = false
    }
    await feedPartitioned({ ...feeding, partitions: left }, signal)
  }
}

function mayBePartitioned({ tables, workers }: RunPlan): boolean {
  return workers.count > 1 && tables.every(({ planned }) => planned.ordered)
}

function advice({ plan, config, limiter }: CopyContext, watch: FeedWatch): readonly string[] {
  const paged = config.feed === 'paged' && mayBePartitioned(plan)
  const waited = limiter.waited === 0 ? [] : [`batches that waited for the rate: ${limiter.waited}`]
  return [...waited, ...adviceOf(watch, { mayBePartitioned: paged, workers: plan.workers.count })]
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
