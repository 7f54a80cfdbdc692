import { setImmediate } from 'node:timers/promises'
import type { Batch, Partition } from '../../core/batch.ts'
import { reach } from '../../core/failpoint.ts'
import { defaultRetry, Tries } from '../../core/retry.ts'
import { BatchCutter } from '../batch-cutter.ts'
import type { ReadOptions } from '../contract.ts'
import type { Selection } from '../planned-table.ts'
import { classifyFault } from './errors.ts'
import { TableRows } from './rows.ts'
import type { Snapshot } from './snapshot.ts'
import type { SqliteTable } from './table.ts'

/**
 * The rows of a partition, packed into batches: see the contract of a source. What fails for a moment is taken up again
 * behind the last row. Throws what SQLite throws.
 */
export async function* readBatches(
  snapshot: Snapshot,
  table: SqliteTable,
  selection: Selection,
  partition: Partition,
  options: ReadOptions,
  signal: AbortSignal,
): AsyncGenerator<Batch, void, undefined> {
  const rows = new TableRows(snapshot, table, selection, partition.after)
  const cutter = new BatchCutter(partition, () => rows.end, { ...options, format: 'sqlite' })
  const { retry = defaultRetry, onRetry } = options
  const hooks = { classify: classifyFault, onRetry: (error: unknown, ms: number) => onRetry?.(error, ms) }
  let tries: Tries | null = null
  try {
    for (let done = selection.limit === 0; !done;) {
      try {
        await reach('src.cursor_open')
        for (const { bytes, start, end } of rows.upTo(partition.upTo)) {
          if (cutter.isFull(end - start)) {
            yield cutter.cut(false)
            await reach('src.mid_read')
            // SQLite keeps the thread, so others have to be given their turn.
            await setImmediate()
            signal.throwIfAborted()
          }
          cutter.add(bytes, start, end)
          tries = null
        }
        done = true
      } catch (error) {
        tries ??= new Tries(retry, hooks)
        await tries.failed(error, signal)
      }
    }
    yield cutter.cut(true)
  } finally {
    cutter.discard()
  }
}
