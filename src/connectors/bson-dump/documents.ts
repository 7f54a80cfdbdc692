import { minDocumentBytes, terminator, type Window } from './window.ts'

/** Documents one behind the other. Valid until the next page is asked for. */
export interface Page {
  readonly bytes: Uint8Array
  /** The place in the file of `bytes[0]`. */
  readonly base: number
  /** Where the first of them begins in `bytes`. */
  readonly start: number
  /** Where each of them ends in `bytes`; one at least. */
  readonly ends: readonly number[]
}

/**
 * The documents from the window's start to the end of the file, or up to a terminator, before which it then stops. Looks at
 * their frames only. Throws {@link DumpDamage}.
 */
export async function* readDocuments(window: Window, terminated: boolean): AsyncGenerator<Page, void, undefined> {
  for (;;) {
    const { bytes, base, start } = window
    const ends = wholeDocuments(window)
    if (ends.length > 0) {
      yield { bytes, base, start, ends }
      window.start = ends.at(-1) ?? start
      continue
    }
    if (window.available < 4) {
      if (await window.need(4)) continue
      if (window.available === 0 && !terminated) return
      throw window.cutShort()
    }
    const length = window.lengthAt(start, terminated)
    if (length === terminator) return
    if (window.available >= length) {
      throw window.damaged(base + start, `a document of ${length} bytes there does not end in a zero byte`)
    }
    await window.document(length)
  }
}

/** The ends of the documents that are in the window with all their bytes; stops at the first that is none. */
function wholeDocuments({ bytes, view, start, end }: Window): readonly number[] {
  const ends: number[] = []
  for (let at = start; end - at >= 4;) {
    const length = view.getInt32(at, true)
    if (length < minDocumentBytes || length > end - at || bytes[at + length - 1] !== 0) break
    at += length
    ends.push(at)
  }
  return ends
}
