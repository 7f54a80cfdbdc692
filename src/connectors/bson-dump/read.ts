import type { Batch, Partition, Position } from '../../core/batch.ts'
import { defaultRetry, Tries } from '../../core/retry.ts'
import { BatchCutter } from '../batch-cutter.ts'
import type { ReadOptions } from '../contract.ts'
import { classifyFault } from './errors.ts'
import type { Page } from './documents.ts'
import { readPages, type ByteRange, type RowsFile } from './pages.ts'
import { byteOf, positionAt } from './position.ts'

/**
 * The rows of a partition, packed into batches: see the contract of a source. A file that cannot be read for a moment is
 * opened again behind the last row; an archive is not, because its checksums count from the start. Throws `DumpDamage`.
 */
export async function* readBatches(
  file: RowsFile,
  partition: Partition,
  options: ReadOptions,
  signal: AbortSignal,
): AsyncGenerator<Batch, void, undefined> {
  const range = { after: byteOf(partition.after), upTo: byteOf(partition.upTo) }
  let lastEnd = range.after
  const endOfLast = (): Position => positionAt(lastEnd ?? 0)
  const cutter = new BatchCutter(partition, endOfLast, options)
  try {
    for await (const { bytes, base, start, ends } of pagesOn(file, range, () => lastEnd, options, signal)) {
      const page = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      let at = start
      for (const end of ends) {
        if (cutter.isFull(end - at)) {
          yield cutter.cut(false)
          signal.throwIfAborted()
        }
        cutter.add(page, at, end)
        at = end
        lastEnd = base + end
      }
    }
    yield cutter.cut(true)
  } finally {
    cutter.discard()
  }
}

/** The pages of a range, taken up again behind what has been reached. */
async function* pagesOn(
  file: RowsFile,
  { after, upTo }: ByteRange,
  reached: () => number | null,
  { retry = defaultRetry, onRetry }: Pick<ReadOptions, 'retry' | 'onRetry'>,
  signal: AbortSignal,
): AsyncGenerator<Page, void, undefined> {
  const hooks = { classify: classifyFault, onRetry: (error: unknown, ms: number) => onRetry?.(error, ms) }
  let tries: Tries | null = null
  for (;;) {
    const from = reached()
    try {
      for await (const page of readPages(file, { after: from, upTo }, signal)) {
        yield page
        tries = null
      }
      return
    } catch (error) {
      if (file.namespace !== null && reached() !== after) throw error
      tries ??= new Tries(retry, hooks)
      await tries.failed(error, signal)
    }
  }
}
