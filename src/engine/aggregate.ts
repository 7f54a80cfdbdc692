import { addCounts, noCounts, type Counts } from '../core/counts.ts'
import type { Rate } from '../core/rate.ts'
import type { Stages } from '../core/result.ts'
import type { Phase, Progress, TableProgress } from '../telemetry/progress.ts'
import { addStages, noStages } from './stages.ts'
import type { Committed } from './work.ts'

/** Rates are taken over this window, so that a stall shows within seconds. */
const RATE_WINDOW_MS = 5000

interface PartitionSum {
  readonly counts: Counts
  readonly bytes: number
}

interface TableState {
  readonly source: string
  readonly target: string
  readonly total: number | null
  readonly partitions: Map<number, PartitionSum>
  finished: boolean
  firstAt: number | null
  lastAt: number
}

/**
 * Adds up acknowledged batches, and only those, so that progress never counts what is not committed. Sums are kept per
 * partition: when a worker is lost, what the ledger says of its partition replaces what was heard.
 */
export class Aggregator {
  readonly #tables = new Map<string, TableState>()
  readonly #startedAt: number = performance.now()
  #stages: Stages = noStages
  #window: { readonly at: number; readonly rows: number; readonly bytes: number }[] = []
  phase: Phase = 'copy'
  retries = 0
  /** Answers the rate in force. */
  pace: () => Rate | null = () => null
  #cluster: () => { readonly workers: number; readonly workersBusy: number } = () => ({ workers: 0, workersBusy: 0 })

  addTable(source: string, target: string, total: number | null): void {
    this.#tables.set(source, {
      source,
      target,
      total,
      partitions: new Map(),
      finished: false,
      firstAt: null,
      lastAt: performance.now(),
    })
  }

  /** Where the number of workers, and of those that have work, is to be had. */
  watch(cluster: () => { readonly workers: number; readonly workersBusy: number }): void {
    this.#cluster = cluster
  }

  add(committed: Committed): void {
    const table = this.#table(committed.table)
    const before = table.partitions.get(committed.partition) ?? { counts: noCounts, bytes: 0 }
    table.partitions.set(committed.partition, {
      counts: addCounts(before.counts, committed.counts),
      bytes: before.bytes + committed.bytes,
    })
    table.lastAt = performance.now()
    table.firstAt ??= table.lastAt
    this.#stages = addStages(this.#stages, committed.stages)
  }

  /** So many seconds went by while the coordinator itself waited for the source. */
  reading(seconds: number): void {
    this.#stages = { ...this.#stages, read: this.#stages.read + seconds }
  }

  /** Replaces what was heard of a partition by what the ledger holds of it. */
  settle(table: string, partition: number, counts: Counts, bytes: number): void {
    this.#table(table).partitions.set(partition, { counts, bytes })
  }

  finishTable(table: string): void {
    this.#table(table).finished = true
  }

  get stages(): Stages {
    return this.#stages
  }

  /** Seconds from the first to the last commit of a table. */
  seconds(table: string): number {
    const { firstAt, lastAt } = this.#table(table)
    return firstAt === null ? 0 : (lastAt - firstAt) / 1000
  }

  snapshot(): Progress {
    const tables = [...this.#tables.values()].map((state) => this.#tableProgress(state))
    const totals = tables.map(({ counts }) => counts).reduce(addCounts, noCounts)
    const bytes = tables.reduce((sum, table) => sum + table.bytes, 0)
    const total = tables.reduce<number | null>(
      (sum, table) => (sum === null || table.total === null ? null : sum + table.total),
      0,
    )
    const { rowsPerSecond, bytesPerSecond } = this.#rates(totals.read, bytes)
    return {
      phase: this.phase,
      tables,
      totals,
      bytes,
      total,
      percent: percentOf(totals.read, total),
      rowsPerSecond,
      bytesPerSecond,
      eta: total === null || rowsPerSecond === 0 ? null : Math.max(0, total - totals.read) / rowsPerSecond,
      seconds: (performance.now() - this.#startedAt) / 1000,
      ...this.#cluster(),
      retries: this.retries,
      maxRate: this.phase === 'copy' ? this.pace() : null,
    }
  }

  #table(source: string): TableState {
    const table = this.#tables.get(source)
    if (table === undefined) throw new Error(`no such table in this run: ${source}`)
    return table
  }

  #tableProgress(state: TableState): TableProgress {
    const partitions = [...state.partitions.values()]
    const counts = partitions.map((partition) => partition.counts).reduce(addCounts, noCounts)
    const bytes = partitions.reduce((sum, partition) => sum + partition.bytes, 0)
    const going = state.firstAt === null ? 'waiting' : 'copying'
    const { source, target, total } = state
    return { source, target, counts, bytes, total, state: state.finished ? 'copied' : going }
  }

  #rates(rows: number, bytes: number): { rowsPerSecond: number; bytesPerSecond: number } {
    const now = performance.now()
    this.#window = [...this.#window.filter(({ at }) => now - at <= RATE_WINDOW_MS), { at: now, rows, bytes }]
    const oldest = this.#window[0]
    if (oldest === undefined || now === oldest.at) return { rowsPerSecond: 0, bytesPerSecond: 0 }
    const seconds = (now - oldest.at) / 1000
    return { rowsPerSecond: (rows - oldest.rows) / seconds, bytesPerSecond: (bytes - oldest.bytes) / seconds }
  }
}

/** 0 … 100. The total is an estimate, so more rows than expected still show as 100. */
function percentOf(rows: number, total: number | null): number | null {
  if (total === null) return null
  return total === 0 ? 100 : Math.min(100, (rows / total) * 100)
}
