import type { FindCursor } from 'mongodb'
import type { Partition } from '../../core/batch.ts'
import { reach } from '../../core/failpoint.ts'
import { defaultRetry, Tries } from '../../core/retry.ts'
import type { ReadOptions } from '../contract.ts'
import type { Selection } from '../planned-table.ts'
import { untilAborted } from './abort.ts'
import { classifyFault } from './errors.ts'
import { keyExpression, positionOf } from './position.ts'
import { byKey, filterOf, pageRows, projectionOf, type MongoTable } from './query.ts'

/** Rows as the server sent them, in order. */
export type Page = readonly Uint8Array[]

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
        const last = page.at(-1)
        if (last === undefined) continue
        yield page
        if (ordered) after = positionOf(last, selection.table)
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
  let held: Page = []
  for await (const page of pages) {
    const end = page.findLastIndex((row) => keyExpression(positionOf(row, table)) !== null) + 1
    const rows = [...held, ...page]
    if (end === 0 && rows.reduce((sum, { length }) => sum + length, 0) <= maxHeldBytes) {
      held = rows
      continue
    }
    const ready = end === 0 ? rows.length : held.length + end
    held = rows.slice(ready)
    yield rows.slice(0, ready)
  }
  if (held.length > 0) yield held
}

function openCursor(
  table: MongoTable,
  selection: Selection,
  partition: Partition,
  signal: AbortSignal,
): FindCursor<Uint8Array> {
  const { info, collection } = table
  const projection = projectionOf(selection.fields)
  return collection.find(filterOf(selection, partition), {
    raw: true,
    signal,
    batchSize: pageRows(table),
    ...(projection === null ? {} : { projection }),
    ...(info.ordered ? { sort: byKey, hint: byKey } : {}),
    // A table with an order has had its limit resolved to the last partition's bound. To the server, 0 is no limit.
    ...(!info.ordered && selection.limit !== null ? { limit: selection.limit } : {}),
  })
}

/** One page ahead and no more: invariant 5. */
async function* pagesAhead(cursor: FindCursor<Uint8Array>, signal: AbortSignal): AsyncGenerator<Page, void, undefined> {
  let next = nextPage(cursor)
  try {
    for (;;) {
      const page = await untilAborted(next, signal)
      if (page === null) return
      next = nextPage(cursor)
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

async function nextPage(cursor: FindCursor<Uint8Array>): Promise<Page | null> {
  return (await cursor.hasNext()) ? cursor.readBufferedDocuments() : null
}
