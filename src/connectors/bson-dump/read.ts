import type { Batch, Partition, Position } from '../../core/batch.ts'
import { BatchCutter, type CutterOptions } from '../batch-cutter.ts'
import { readPages, type RowsFile } from './pages.ts'
import { byteOf, positionAt } from './position.ts'

/** The rows of a partition, packed into batches: see the contract of a source. Throws `DumpDamage`. */
export async function* readBatches(
  file: RowsFile,
  partition: Partition,
  options: CutterOptions,
  signal: AbortSignal,
): AsyncGenerator<Batch, void, undefined> {
  let lastEnd = 0
  const endOfLast = (): Position => positionAt(lastEnd)
  const cutter = new BatchCutter(partition, endOfLast, options)
  const range = { after: byteOf(partition.after), upTo: byteOf(partition.upTo) }
  try {
    for await (const { bytes, base, start, ends } of readPages(file, range, signal)) {
      let at = start
      for (const end of ends) {
        if (cutter.isFull(end - at)) {
          yield cutter.cut(false)
          signal.throwIfAborted()
        }
        cutter.add(bytes.subarray(at, end))
        at = end
        lastEnd = base + end
      }
    }
    yield cutter.cut(true)
  } finally {
    cutter.discard()
  }
}
