import type { Cluster } from '../cluster/cluster.ts'
import type { BufferPool, ReadOptions, Source } from '../connectors/contract.ts'
import type { Ledger, Lease, MigrationId } from '../connectors/ledger-contract.ts'
import type { PlannedTable } from '../connectors/planned-table.ts'
import type { Batch, BatchId, BatchLimits, Partition } from '../core/batch.ts'
import { addCounts, noCounts } from '../core/counts.ts'
import { DroverError } from '../core/errors.ts'
import type { Rate } from '../core/rate.ts'
import type { RetryPolicy } from '../core/retry.ts'
import type { Aggregator } from './aggregate.ts'
import type { BatchSize } from './batch-size.ts'
import type { FeedWatch } from './feed-watch.ts'
import { gapsOf } from './gaps.ts'
import type { Totals, Work } from './work.ts'

/** What feeding needs to know of the run. */
export interface FeedContext {
  readonly source: Source
  readonly cluster: Cluster<Work, Totals>
  readonly tables: ReadonlyMap<string, PlannedTable>
  readonly partitions: readonly Partition[]
  readonly pool: BufferPool
  readonly retry: RetryPolicy
  /** A read of a table failed, and goes on. */
  readonly onRetry: (table: string, error: unknown) => void
  readonly aggregator: Aggregator
  /** Work that was in flight when its worker died; filled by the cluster, emptied here. */
  readonly lost: Work[]
}

/** What the ledger is asked for: what a lost worker had committed, and what is left of a partition. */
interface LedgerContext extends FeedContext {
  readonly ledger: Ledger
  readonly lease: Lease
  readonly migration: MigrationId
}

export type PartitionedContext = LedgerContext

/** What paged feeding needs besides. */
export interface PagedContext extends LedgerContext {
  /** Bounds of the batches, which may change from one to the next. */
  readonly size: BatchSize
  /** Resolves when a batch may go on, with the rate in force. */
  readonly pace: (rows: number, bytes: number, signal: AbortSignal) => Promise<Rate | null>
  readonly watch: FeedWatch
  /** Asked after a batch: whether to leave the rest, of so many partitions besides the one that is read, to the workers. */
  readonly givesUp: (partitions: number) => boolean
}

/**
 * The coordinator reads: its cursors cut the source into packed batches, never building a row, and hand them to
 * whichever worker has credit. Returns when every batch is acknowledged, with the partitions that were left.
 */
export async function feedPaged(context: PagedContext, signal: AbortSignal): Promise<readonly Partition[]> {
  const waiting = [...byTable(context.partitions).values()].flat()
  const left: Partition[] = []
  for (let partition = waiting.shift(); partition !== undefined; partition = waiting.shift()) {
    if (await feedPartition(context, partition, waiting.length, signal)) continue
    left.push(partition, ...waiting.splice(0))
  }
  context.watch.turnTo(null)
  await untilAcknowledged(context, () => sendLostAgain(context, signal), signal)
  const [begun, ...others] = left
  return begun === undefined ? [] : [...(await restOf(context, begun)), ...others]
}

/** False: it was left in the middle. */
async function feedPartition(
  context: PagedContext,
  partition: Partition,
  others: number,
  signal: AbortSignal,
): Promise<boolean> {
  const { table } = partition
  const { source, cluster, size, watch } = context
  const options = readOptions(context, table, 0, size)
  watch.turnTo('reading')
  for await (const batch of source.read(plannedOf(context, table).selection, partition, options, signal)) {
    watch.turnTo('pacing')
    size.limitTo(await context.pace(batch.rows, batch.bytes.length, signal))
    watch.turnTo('dispatching')
    await dispatchBatch(context, batch, signal)
    await sendLostAgain(context, signal)
    watch.workers(cluster.busy, cluster.size)
    if (!batch.id.last && context.givesUp(others)) return false
    watch.turnTo('reading')
  }
  return true
}

/** The workers read: the coordinator hands out partitions. Returns when every partition is acknowledged. */
export async function feedPartitioned(context: PartitionedContext, signal: AbortSignal): Promise<void> {
  const waiting = [...context.partitions]
  const dispatchWaiting = async (): Promise<void> => {
    await replanLost(context, waiting)
    for (let partition = waiting.shift(); partition !== undefined; partition = waiting.shift()) {
      await context.cluster.dispatch({ kind: 'partition', partition }, [], signal)
      await replanLost(context, waiting)
    }
  }
  await dispatchWaiting()
  await untilAcknowledged(context, dispatchWaiting, signal)
}

/** The empty batch may be sent only when *every* batch is acknowledged: until then one may come back. */
async function untilAcknowledged(context: FeedContext, again: () => Promise<void>, signal: AbortSignal): Promise<void> {
  for (;;) {
    await context.cluster.idle(signal)
    if (context.lost.length === 0) return
    await again()
  }
}

async function dispatchBatch(context: FeedContext, batch: Batch, signal: AbortSignal): Promise<void> {
  const buffers = [batch.bytes.buffer, batch.offsets.buffer].filter((buffer) => buffer instanceof ArrayBuffer)
  await context.cluster.dispatch({ kind: 'batch', batch }, buffers, signal)
}

/** The bytes went with the worker, so its ranges are read again, under the same seq: claiming settles what it did. */
async function sendLostAgain(context: FeedContext, signal: AbortSignal): Promise<void> {
  for (let work = context.lost.shift(); work !== undefined; work = context.lost.shift()) {
    if (work.kind !== 'batch') throw new DroverError('unexpected', 'a partition came back to the paged feed')
    await dispatchBatch(context, await readAgain(context, work.batch.id, signal), signal)
  }
}

async function readAgain(context: FeedContext, id: BatchId, signal: AbortSignal): Promise<Batch> {
  const range: Partition = { id: id.partition, table: id.table, after: id.after, upTo: id.upTo }
  const options = readOptions(context, id.table, id.seq, { rows: Infinity, bytes: Infinity })
  const { selection } = plannedOf(context, id.table)
  for await (const batch of context.source.read(selection, range, options, signal)) {
    return { ...batch, id }
  }
  throw new DroverError('unexpected', `reading ${id.table} again gave no batch`)
}

function readOptions(context: FeedContext, table: string, firstSeq: number, limits: BatchLimits): ReadOptions {
  const { pool, retry, onRetry } = context
  return { firstSeq, limits, pool, retry, onRetry: (error) => onRetry(table, error) }
}

/** A lost worker's partitions are closed, and what the ledger lacks of them becomes new partitions. */
async function replanLost(context: PartitionedContext, waiting: Partition[]): Promise<void> {
  const { ledger, migration, aggregator } = context
  for (let work = context.lost.shift(); work !== undefined; work = context.lost.shift()) {
    if (work.kind !== 'partition') throw new DroverError('unexpected', 'a batch came back to the partitioned feed')
    const { id, table } = work.partition
    waiting.push(...(await restOf(context, work.partition)))
    const entries = await ledger.entries(migration, id)
    const counts = entries.map((entry) => entry.counts).reduce(addCounts, noCounts)
    const bytes = entries.reduce((sum, entry) => sum + entry.bytes, 0)
    aggregator.settle(table, id, counts, bytes)
  }
}

/** Closes a partition; what the ledger lacks of it becomes new ones. */
async function restOf(context: LedgerContext, partition: Partition): Promise<readonly Partition[]> {
  const { ledger, lease, migration } = context
  const { ordered } = plannedOf(context, partition.table)
  return ledger.replan(migration, partition, lease, ordered ? gapsOf : restartOf(partition.table))
}

/**
 * Without key order there is no telling what is left: nothing is of a partition that is complete, all of one of which
 * nothing is committed.
 */
export function restartOf(table: string): typeof gapsOf {
  return (partition, entries) => {
    if (entries.length === 0) return [partition]
    const closing = entries.find(({ last }) => last)
    if (closing !== undefined && entries.length === closing.seq + 1) return []
    throw new DroverError('source-failed', `${table} has no key order, and the worker that was copying it was lost`, {
      hint: 'copy it anew with --mode recreate',
    })
  }
}

function byTable(partitions: readonly Partition[]): Map<string, Partition[]> {
  return Map.groupBy(partitions, ({ table }) => table)
}

function plannedOf(context: FeedContext, table: string): PlannedTable {
  const planned = context.tables.get(table)
  if (planned === undefined) throw new DroverError('unexpected', `table ${table} is not in the plan`)
  return planned
}
