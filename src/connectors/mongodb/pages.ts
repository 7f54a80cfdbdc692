import type { Partition } from '../../core/batch.ts'
import { reach } from '../../core/failpoint.ts'
import { defaultRetry, Tries } from '../../core/retry.ts'
import type { ReadOptions } from '../contract.ts'
import type { Selection } from '../planned-table.ts'
import { untilAborted } from './abort.ts'
import { openCursor, type PageCursor } from './cursor.ts'
import { classifyFault } from './errors.ts'
import { joinPages, type Page } from './page.ts'
import { keyExpression, positionOf } from './position.ts'
import type { MongoTable } from './query.ts'

/** Rows held back until one comes that can be asked for again; more than that go on without. */
const maxHeldBytes = 16 * 1024 * 1024

/**
 * The rows of a partition, a page at a time, the next page under way meanwhile. A lost cursor is opened again behind
 * the last row, if the table has an order or no row has come; rows that come begin the budget of tries anew. A page
 * ends with a row whose key the driver can send, so the rows of the few other keys wait for the next one. Throws what
 * the driver throws.
 */
export async function* readPages(
  table: MongoTable,
  selection: Selection,
  partition: Partition,
  { retry = defaultRetry, onRetry }: Pick<ReadOptions, 'retry' | 'onRetry'>,
  signal: AbortSignal,
): AsyncGenerator<Page, void, undefined> {
  const hooks = { classify: classifyFault, onRetry: (error: unknown, ms: number) => onRetry?.(error, ms) }
  const { ordered } = table.info
  let after = partition.after
  let begun = false
  let tries: Tries | null = null
  for (;;) {
    const pages = pagesAhead(openCursor(table, selection, { ...partition, after }, signal), signal)
    try {
      let opened = false
      for await (const page of ordered ? endingResumable(pages, selection.table) : pages) {
        await reach(opened ? 'src.mid_read' : 'src.cursor_open')
        opened = true
        if (page.rows === 0) continue
        // Behind the yield the bytes may be somebody else's.
        const end = ordered ? positionOf(page.row(page.rows - 1), selection.table) : after
        yield page
        after = end
        begun = true
        tries = null
      }
      return
    } catch (error) {
      if (begun && !ordered) throw error
      tries ??= new Tries(retry, hooks)
      await tries.failed(error, signal)
    }
  }
}

/** The same rows in pages that end where the server can be asked to go on. */
async function* endingResumable(pages: AsyncIterable<Page>, table: string): AsyncGenerator<Page, void, undefined> {
  let held: Page | null = null
  for await (const page of pages) {
    const rows: Page = held === null ? page : joinPages([held, page])
    const end = resumableRows(rows, table)
    const ready = end === 0 && rows.rowBytes > maxHeldBytes ? rows.rows : end
    // Copied: what is left of a page would keep all of it.
    held = ready === rows.rows ? null : joinPages([rows.part(ready, rows.rows)])
    if (ready > 0) yield rows.part(0, ready)
  }
  if (held !== null) yield held
}

/** How many rows there are up to the last whose key can be sent. */
function resumableRows(page: Page, table: string): number {
  let end = page.rows
  while (end > 0 && keyExpression(positionOf(page.row(end - 1), table)) === null) end--
  return end
}

/** One page ahead and no more: invariant 5. */
async function* pagesAhead(cursor: PageCursor, signal: AbortSignal): AsyncGenerator<Page, void, undefined> {
  let next = cursor.next()
  try {
    for (;;) {
      const page = await untilAborted(next, signal)
      if (page === null) return
      next = cursor.next()
      // Met by the await above; but the consumer may stay away, and then nobody would.
      next.catch(() => undefined)
      yield page
    }
  } finally {
    const closed = Promise.allSettled([next]).then(() => cursor.close())
    // After an abort the driver has begun to close it, and a dead network must not hold us up.
    if (signal.aborted) closed.catch(() => undefined)
    else await closed
  }
}
