import { stat } from 'node:fs/promises'
import type { Bounds } from '../../core/batch.ts'
import type { Selection } from '../planned-table.ts'
import { readPages, type RowsFile } from './pages.ts'
import { positionAt } from './position.ts'

const wholeFile = { after: null, upTo: null } as const

/** The number of documents, at most `limit`. */
export async function countRows(file: RowsFile, limit: number | null, signal: AbortSignal): Promise<number> {
  const most = limit ?? Infinity
  let rows = 0
  if (most === 0) return 0
  for await (const { ends } of readPages(file, wholeFile, signal)) {
    rows += ends.length
    if (rows >= most) return most
  }
  return rows
}

/**
 * Contiguous bounds over the selection: see the contract of a source. A file of its own that is not compressed is split
 * into parts of about equal size by stepping over its documents from the start; what lies between them is not looked
 * for, because a document within a document looks the same.
 */
export async function partitionRows(
  file: RowsFile,
  { limit }: Selection,
  count: number,
  signal: AbortSignal,
): Promise<readonly Bounds[]> {
  if (limit === 0) return []
  const end = limit === null ? null : await endOf(file, limit, signal)
  const inner = count <= 1 || file.gzip || file.namespace !== null ? [] : await splits(file, end, count, signal)
  const ends = [...inner.map(positionAt), end === null ? null : positionAt(end)]
  return ends.map((upTo, index) => ({ after: index === 0 ? null : (ends[index - 1] ?? null), upTo }))
}

/** Where the row of a number, from 1, ends; null: there are not so many. */
async function endOf(file: RowsFile, row: number, signal: AbortSignal): Promise<number | null> {
  let before = 0
  for await (const { base, ends } of readPages(file, wholeFile, signal)) {
    const end = ends[row - before - 1]
    if (end !== undefined) return base + end
    before += ends.length
  }
  return null
}

/** The first ends of documents at or behind 1/count, 2/count … of what is up to `end`. */
async function splits(
  file: RowsFile,
  end: number | null,
  count: number,
  signal: AbortSignal,
): Promise<readonly number[]> {
  const size = end ?? (await stat(file.path)).size
  const found: number[] = []
  let part = 1
  for await (const { base, ends } of readPages(file, { after: null, upTo: end }, signal)) {
    for (const relative of ends) {
      const at = base + relative
      if (at >= size || part >= count) break
      if (at < (size * part) / count) continue
      found.push(at)
      while ((size * part) / count <= at) part++
    }
  }
  return found
}
