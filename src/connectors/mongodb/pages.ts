import type { FindCursor } from 'mongodb'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Partition } from '../../core/batch.ts'
import type { Selection } from '../contract.ts'
import { untilAborted } from './abort.ts'
import { classifyFault } from './errors.ts'
import { positionOf } from './position.ts'
import { byKey, filterOf, pageRows, projectionOf, type MongoTable } from './query.ts'

/** Rows as the server sent them, in order. */
export type Page = readonly Uint8Array[]

/** Cursors lost one after the other without a row between them: together about 13 s, an election and a restart. */
const maxLosses = 8
const firstPauseMs = 100
const maxPauseMs = 5000

/**
 * The rows of a partition, a page at a time, the next page under way meanwhile. A lost cursor is opened again behind
 * the last row, if the table has an order. Throws what the driver throws.
 */
export async function* readPages(
  table: MongoTable,
  selection: Selection,
  partition: Partition,
  signal: AbortSignal,
): AsyncGenerator<Page, void, undefined> {
  let after = partition.after
  for (let losses = 0; ; losses++) {
    const cursor = openCursor(table, selection, { ...partition, after }, signal)
    try {
      for await (const page of pagesAhead(cursor, signal)) {
        const last = page.at(-1)
        yield page
        if (last === undefined || !table.info.ordered) continue
        after = positionOf(last, selection.table)
        losses = 0
      }
      return
    } catch (error) {
      signal.throwIfAborted()
      if (!table.info.ordered || losses >= maxLosses || classifyFault(error) !== 'transient') throw error
      await sleep(Math.min(firstPauseMs * 2 ** losses, maxPauseMs), undefined, { signal })
    }
  }
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
