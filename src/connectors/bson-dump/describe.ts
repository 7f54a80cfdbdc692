import { stat } from 'node:fs/promises'
import type { SourceTable } from '../contract.ts'
import { readDocuments } from './documents.ts'
import { DumpDamage } from './errors.ts'
import type { DumpTable } from './layout.ts'
import type { RowsFile } from './pages.ts'
import { openWindow } from './window.ts'

/** What is looked at of a file to guess its rows. */
const probeBytes = 1024 * 1024

interface Sizes {
  readonly estimatedRows: number | null
  readonly averageRowBytes: number | null
}

const unknownSizes: Sizes = { estimatedRows: null, averageRowBytes: null }

/** A table for whoever chooses among them. Any part of it can be read again, if need be from the start of the file. */
export async function describeTable(table: DumpTable, signal: AbortSignal): Promise<SourceTable> {
  const { name, kind, skipped, rows } = table
  const sizes = rows === null || skipped !== null ? unknownSizes : await sizesOf(rows, signal)
  return { name, kind, skipped, ordered: rows !== null, ...sizes }
}

/**
 * From the size of the file and its first documents; exact where those are all. How much of an archive is one
 * collection's only reading all of it would tell.
 */
async function sizesOf(file: RowsFile, signal: AbortSignal): Promise<Sizes> {
  if (file.namespace !== null) return unknownSizes
  try {
    return await probe(file, signal)
  } catch (error) {
    // Others of the dump may be whole; whoever asks for this table is told.
    if (error instanceof DumpDamage) return unknownSizes
    throw error
  }
}

async function probe(file: RowsFile, signal: AbortSignal): Promise<Sizes> {
  const { size } = await stat(file.path)
  await using window = await openWindow(file, 0, signal)
  let [rows, bytes] = [0, 0]
  for await (const { base, ends } of readDocuments(window, false)) {
    rows += ends.length
    bytes = base + (ends.at(-1) ?? 0)
    if (bytes < probeBytes) continue
    const total = file.gzip ? (size * (base + window.end)) / window.consumed : size
    return { estimatedRows: Math.round((total / bytes) * rows), averageRowBytes: bytes / rows }
  }
  return { estimatedRows: rows, averageRowBytes: rows === 0 ? null : bytes / rows }
}
