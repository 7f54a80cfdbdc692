import type { Batch, Partition, Position } from '../../core/batch.ts'
import { DroverError } from '../../core/errors.ts'
import { BatchCutter } from '../batch-cutter.ts'
import type { ReadOptions } from '../contract.ts'
import type { Selection } from '../planned-table.ts'
import { readPages } from './pages.ts'
import { keyExpression, positionOf } from './position.ts'
import type { MongoTable } from './query.ts'

/** How far a batch may go beyond its limits until a row comes whose key can be its bound. */
const maxOverrun = 4

/** The rows of a partition, packed into batches: see the contract of a source. Throws what the driver throws. */
export async function* readBatches(
  table: MongoTable,
  selection: Selection,
  partition: Partition,
  options: ReadOptions,
  signal: AbortSignal,
): AsyncGenerator<Batch, void, undefined> {
  if (!table.info.ordered) refuseMiddle(selection, options)
  const keyOfLast = (document: Uint8Array): Position => positionOf(document, selection.table)
  const cutter = new BatchCutter(partition, table.info.ordered ? keyOfLast : () => null, options)
  /** What ends with the row before can be read again; a bound that the driver cannot send would bar that for good. */
  const mayEnd = (): boolean => {
    const last = table.info.ordered ? cutter.last() : null
    return last === null || keyExpression(keyOfLast(last)) !== null
  }
  try {
    if (selection.limit !== 0) {
      for await (const page of readPages(table, selection, partition, options, signal)) {
        const { bytes, starts, ends, rows } = page
        for (let row = 0; row < rows; row++) {
          const start = starts[row] as number
          const end = ends[row] as number
          if (cutter.isFull(end - start) && (mayEnd() || cutter.isFull(end - start, maxOverrun))) {
            yield cutter.cut(false)
            signal.throwIfAborted()
          }
          cutter.add(bytes, start, end)
        }
      }
    }
    yield cutter.cut(true)
  } finally {
    cutter.discard()
  }
}

/**
 * Without an order all bounds are open, and a batch read again would be the whole table. Only reading one range again
 * asks for a batch without bounds on its size.
 */
function refuseMiddle({ table }: Selection, { firstSeq, limits }: ReadOptions): void {
  if (firstSeq === 0 && (Number.isFinite(limits.rows) || Number.isFinite(limits.bytes))) return
  throw new DroverError('source-failed', `${table} has no key order, so a part of it cannot be read again`, {
    hint: 'copy it anew with --mode recreate',
  })
}
