import { BatchCutter } from '../batch-cutter.ts'
import type { SampledRows, SampleLimits } from '../contract.ts'
import type { Selection } from '../planned-table.ts'
import { readPages, type RowsFile } from './pages.ts'
import { RowChoice } from './row-choice.ts'

/** What is read of a compressed file or an archive, decompressed, beyond the rows wanted: about a second's work. */
const cheapBytes = 256 * 1024 * 1024

const maxBatchBytes = 8 * 1024 * 1024

/**
 * Rows to choose types by: see the contract of a source. A plain file is gone through to its end as far as time allows, so
 * that one that is cut short is found out before anything is written. Throws `DumpDamage`.
 */
export async function sampleRows(
  file: RowsFile,
  { table, limit }: Selection,
  limits: SampleLimits,
  signal: AbortSignal,
): Promise<SampledRows> {
  const choice = new RowChoice(limits.rows, limits.bytes)
  const ended = limit === 0 || (await offerRows(file, choice, limit ?? Infinity, limits, signal))
  return { batches: batchesOf(table, choice.rows()), complete: ended && choice.complete }
}

/** Answers whether the selection ended, and not the patience. */
async function offerRows(
  file: RowsFile,
  choice: RowChoice,
  limit: number,
  { rows: wanted, seconds }: SampleLimits,
  signal: AbortSignal,
): Promise<boolean> {
  const stream = file.gzip || file.namespace !== null
  const until = performance.now() + seconds * 1000
  for await (const page of readPages(file, { after: null, upTo: null }, signal)) {
    const rest = limit - choice.offered
    choice.offer(page.ends.length > rest ? { ...page, ends: page.ends.slice(0, rest) } : page)
    if (choice.offered >= limit) return true
    if (stream && choice.offered >= wanted && page.base >= cheapBytes) return false
    if (performance.now() >= until) return false
  }
  return true
}

function batchesOf(table: string, rows: readonly Uint8Array[]): SampledRows['batches'] {
  if (rows.length === 0) return []
  const partition = { id: 0, table, after: null, upTo: null }
  const pool = { take: (size: number) => new Uint8Array(size), give: () => undefined }
  const options = { firstSeq: 0, limits: { rows: Infinity, bytes: maxBatchBytes }, pool }
  const cutter = new BatchCutter(partition, () => null, options)
  const full = rows.flatMap((row) => {
    const cut = cutter.isFull(row.length) ? [cutter.cut(false)] : []
    cutter.add(Buffer.from(row.buffer, row.byteOffset, row.length), 0, row.length)
    return cut
  })
  return [...full, cutter.cut(true)]
}
