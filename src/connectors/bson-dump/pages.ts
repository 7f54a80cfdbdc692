import { archiveDocuments, type Namespace } from './archive.ts'
import type { DumpFile } from './bytes.ts'
import { readDocuments, type Page } from './documents.ts'
import { openWindow } from './window.ts'

/** The rows of a table: a file of their own, or their part of an archive. */
export interface RowsFile extends DumpFile {
  /** What they are called in the archive; null: the file is no archive. */
  readonly namespace: Namespace | null
}

/** The bytes `(after, upTo]` of a file, where documents end; null is an open end. */
export interface ByteRange {
  readonly after: number | null
  readonly upTo: number | null
}

/**
 * The documents that end in a range of a file. Throws `DumpDamage`, also where a bound of the range is not the end
 * of a document, and what the operating system throws.
 */
export async function* readPages(
  file: RowsFile,
  { after, upTo }: ByteRange,
  signal: AbortSignal,
): AsyncGenerator<Page, void, undefined> {
  await using window = await openWindow(file, after ?? 0, signal)
  const { namespace } = file
  const whole = after === null && upTo === null
  const inside = after !== null
  const pages =
    namespace === null ? readDocuments(window, false) : archiveDocuments(window, namespace, { inside, whole })
  for await (const page of pages) {
    const rest = upTo === null ? Infinity : upTo - page.base
    const [first = 0] = page.ends
    if (first > rest) break
    yield (page.ends.at(-1) ?? 0) <= rest ? page : { ...page, ends: page.ends.filter((end) => end <= rest) }
    signal.throwIfAborted()
    if ((page.ends.at(-1) ?? 0) >= rest) {
      if (page.ends.includes(rest)) return
      break
    }
  }
  if (upTo !== null) throw window.changed(upTo)
}
