import type { Connections } from '../connectors/contract.ts'
import { DroverError } from '../core/errors.ts'
import type { TablePlan } from '../core/plan.ts'
import type { Feed, Isolation } from '../core/result.ts'

/** Beyond this many busy workers one cursor is the bottleneck: it reads about as fast as four cores encode. */
const WORKERS_ONE_CURSOR_FEEDS = 4

/** Batches to a partition: long enough that opening a cursor does not show, short enough to balance and to re-plan. */
const BATCHES_PER_PARTITION = 64

/** Partitions to a worker, so that one that is slow does not keep the others waiting at the end. */
const PARTITIONS_PER_WORKER = 4

const MAX_PARTITIONS = 4096

export interface Sizing {
  readonly count: number
  readonly reason: string
}

/**
 * How many workers run. An explicit number that the server cannot serve is refused; `auto` takes the cores and clamps.
 * Throws `too-many-workers`.
 */
export function chooseWorkers(
  asked: number | 'auto',
  cores: number,
  connections: Connections,
  maxWriters: number,
): Sizing {
  const possible = Math.min(connections.free, maxWriters)
  if (asked !== 'auto') {
    if (asked <= possible) return { count: asked, reason: 'as asked' }
    throw new DroverError(
      'too-many-workers',
      `${asked} workers need ${asked} connections, and the target has ${connections.free} free ` +
        `(limit ${connections.limit}, in use ${connections.inUse})`,
      { hint: `use --workers ${Math.max(1, possible)} or fewer, or raise max_connections on the target` },
    )
  }
  if (possible < 1) {
    throw new DroverError(
      'too-many-workers',
      `the target has no free connection (limit ${connections.limit}, in use ${connections.inUse})`,
      { hint: 'close other connections, or raise max_connections on the target' },
    )
  }
  const count = Math.min(cores, possible)
  return { count, reason: count < cores ? `the target has ${possible} free connections` : `${cores} cores` }
}

/** What workers are for rows of these plans: threads have to have something to compute to be worth their start. */
export function chooseIsolation(asked: Isolation | 'auto', plans: readonly Pick<TablePlan, 'layout'>[]): Isolation {
  if (asked !== 'auto') return asked
  return plans.length > 0 && plans.every(({ layout }) => layout?.raw === true) ? 'inline' : 'threads'
}

/** Who reads. `auto` stays with the paged feed as long as one cursor can keep the workers that have a core busy. */
export function chooseFeed(
  asked: Feed | 'auto',
  run: {
    readonly workers: number
    readonly cores: number
    readonly isolation: Isolation
    readonly ordered: boolean
    readonly oneReader: string | null
  },
): { readonly choice: Feed; readonly reason: string } {
  if (asked !== 'auto') return { choice: asked, reason: 'as asked' }
  if (!run.ordered) return { choice: 'paged', reason: 'a table without key order has one cursor' }
  if (run.oneReader !== null) return { choice: 'paged', reason: run.oneReader }
  const busy = run.isolation === 'inline' ? 1 : Math.min(run.workers, run.cores)
  return busy > WORKERS_ONE_CURSOR_FEEDS
    ? { choice: 'partitioned', reason: `one cursor cannot keep ${busy} workers busy` }
    : { choice: 'paged', reason: `one cursor keeps ${busy} ${busy === 1 ? 'worker' : 'workers'} busy` }
}

/** Into how many partitions a table is cut. */
export function choosePartitions(rows: number | null, batchRows: number, feed: Feed, workers: number): number {
  if (rows === null) return 1
  const batches = Math.ceil(rows / batchRows)
  const byLength = Math.ceil(batches / BATCHES_PER_PARTITION)
  const wanted = feed === 'paged' ? byLength : Math.max(byLength, Math.min(batches, workers * PARTITIONS_PER_WORKER))
  return Math.max(1, Math.min(wanted, MAX_PARTITIONS))
}
