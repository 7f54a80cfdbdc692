import { setImmediate } from 'node:timers/promises'
import type { Batch } from '../../core/batch.ts'
import { BatchCutter } from '../batch-cutter.ts'
import type { SampledRows, SampleLimits } from '../contract.ts'
import type { Selection } from '../planned-table.ts'
import { countRows, partitionTable, positionBehind } from './partition.ts'
import { TableRows } from './rows.ts'
import type { Snapshot } from './snapshot.ts'
import type { SqliteTable } from './table.ts'

/** From so many places of a table rows are taken, where they cannot all be. */
const places = 32

const maxBatchBytes = 8 * 1024 * 1024

/** Rows to choose types by: see the contract of a source. The beginning, the end and places between them. */
export async function sampleTable(
  snapshot: Snapshot,
  table: SqliteTable,
  selection: Selection,
  { rows: most, bytes, seconds }: SampleLimits,
  signal: AbortSignal,
): Promise<SampledRows> {
  if (selection.limit === 0) return { batches: [], complete: true }
  const until = performance.now() + seconds * 1000
  const count = countRows(snapshot, table, selection)
  const parts = count <= most ? 1 : Math.min(places, Math.ceil(most / 2))
  const bounds = await partitionTable(snapshot, table, selection, parts, signal)
  const share = Math.max(Math.floor(most / parts), 1)
  const cutter = new SampleCutter(table.name, bytes)
  for (const [part, bound] of bounds.entries()) {
    // Of the last part the last rows are taken.
    const skipped = part === bounds.length - 1 ? countRows(snapshot, table, selection, bound) - share : 0
    const after = skipped > 0 ? positionBehind(snapshot, table, selection, bound.after, skipped) : bound.after
    const rows = new TableRows(snapshot, table, selection, after)
    for (const { bytes, start, end } of rows.upTo(bound.upTo, share)) {
      if (!cutter.add(bytes.subarray(start, end))) break
    }
    await setImmediate()
    signal.throwIfAborted()
    if (performance.now() >= until) break
  }
  return { batches: cutter.batches(), complete: cutter.rows === count }
}

/** Rows as batches without bounds, until there are enough bytes of them. */
class SampleCutter {
  rows = 0
  readonly #cutter: BatchCutter
  readonly #full: Batch[] = []
  #left: number

  constructor(table: string, bytes: number) {
    const partition = { id: 0, table, after: null, upTo: null }
    const pool = { take: (size: number) => new Uint8Array(size), give: () => undefined }
    const limits = { rows: Infinity, bytes: maxBatchBytes }
    this.#cutter = new BatchCutter(partition, () => null, { firstSeq: 0, limits, pool, format: 'sqlite' })
    this.#left = bytes
  }

  /** False: it is more than is wanted, unless it is the first. */
  add(record: Buffer): boolean {
    const { length } = record
    if (length > this.#left && this.rows > 0) return false
    if (this.#cutter.isFull(length)) this.#full.push(this.#cutter.cut(false))
    this.#cutter.add(record, 0, length)
    this.#left -= length
    this.rows++
    return true
  }

  batches(): readonly Batch[] {
    return this.rows === 0 ? [] : [...this.#full, this.#cutter.cut(true)]
  }
}
