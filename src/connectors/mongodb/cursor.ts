import {
  Long,
  type Abortable,
  type ClientSession,
  type Document,
  type FindCursor,
  type RunCommandOptions,
} from 'mongodb'
import type { Bounds } from '../../core/batch.ts'
import { DroverError } from '../../core/errors.ts'
import type { Selection } from '../planned-table.ts'
import { countSpent } from '../spent-memory.ts'
import { elementsOf } from './elements.ts'
import { pageOf, pageOfArray, type Page } from './page.ts'
import { byKey, filterOf, pageRows, projectionOf, type MongoTable } from './query.ts'

/** Asks the server for the rows of a range, one page after the other; none of its calls overlap. */
export interface PageCursor {
  /** The next rows, perhaps none of them; null: there are no more. Throws what the driver throws. */
  next(): Promise<Page | null>
  /** Lets the server forget it. */
  close(): Promise<void>
}

/**
 * Opens when it is first asked. Where every command goes to one server anyway, its answers are taken as the bytes they
 * are; elsewhere the driver's own cursor finds back to the server that holds it.
 */
export function openCursor(table: MongoTable, selection: Selection, bounds: Bounds, signal: AbortSignal): PageCursor {
  return table.oneServer
    ? new CommandCursor(table, findCommand(table, selection, bounds), signal)
    : new DriverCursor(table, selection, bounds, signal)
}

/** What is asked for, in the words of the command `find`, which are those of the driver's options, too. */
function questionOf({ info }: MongoTable, selection: Selection): Document {
  const projection = projectionOf(selection.fields)
  return {
    ...(projection === null ? {} : { projection }),
    ...(info.ordered ? { sort: byKey, hint: byKey } : {}),
    // A table with an order has had its limit resolved to the last partition's bound. To the server, 0 is no limit.
    ...(!info.ordered && selection.limit !== null ? { limit: selection.limit } : {}),
  }
}

function findCommand(table: MongoTable, selection: Selection, bounds: Bounds): Document {
  const { collection } = table
  const { readConcern } = collection
  return {
    find: collection.collectionName,
    filter: filterOf(selection, bounds),
    ...questionOf(table, selection),
    batchSize: pageRows(table),
    ...(readConcern === undefined ? {} : { readConcern: readConcern.toJSON() }),
  }
}

class DriverCursor implements PageCursor {
  readonly #cursor: FindCursor<Uint8Array>

  constructor(table: MongoTable, selection: Selection, bounds: Bounds, signal: AbortSignal) {
    const options = { raw: true, signal, batchSize: pageRows(table), ...questionOf(table, selection) }
    this.#cursor = table.collection.find(filterOf(selection, bounds), options)
  }

  async next(): Promise<Page | null> {
    return (await this.#cursor.hasNext()) ? pageOf(this.#cursor.readBufferedDocuments()) : null
  }

  async close(): Promise<void> {
    await this.#cursor.close()
  }
}

/**
 * The commands of a cursor (https://www.mongodb.com/docs/manual/reference/command/find/, getMore, killCursors), so that
 * no object is made of a row.
 */
class CommandCursor implements PageCursor {
  readonly #table: MongoTable
  readonly #find: Document
  readonly #signal: AbortSignal
  #session: ClientSession | null = null
  /** Null: not opened. */
  #open: { readonly id: Long; readonly collection: string } | null = null

  constructor(table: MongoTable, find: Document, signal: AbortSignal) {
    this.#table = table
    this.#find = find
    this.#signal = signal
  }

  async next(): Promise<Page | null> {
    const open = this.#open
    if (open?.id.isZero() === true) return null
    const batchSize = pageRows(this.#table)
    try {
      const answer = await this.#ask(
        open === null ? this.#find : { getMore: open.id, collection: open.collection, batchSize },
      )
      const reply = readReply(answer, batchSize)
      this.#open = reply
      countSpent(reply.page.bytes.length)
      return reply.page
    } catch (error) {
      // It is lost, or there was none.
      if (!this.#signal.aborted) this.#open = null
      throw error
    }
  }

  async close(): Promise<void> {
    const [open, session] = [this.#open, this.#session]
    this.#open = null
    this.#session = null
    try {
      if (open === null || open.id.isZero() || session === null) return
      await this.#run({ killCursors: open.collection, cursors: [open.id] }, { session })
    } catch {
      // What cannot be closed now is forgotten by the server in time; whoever is done reading need not know.
    } finally {
      await session?.endSession()
    }
  }

  /** The cursor belongs to its session, so all of it is asked in one. */
  #ask(command: Document): Promise<Document> {
    const session = (this.#session ??= this.#table.client.startSession({ causalConsistency: false }))
    return this.#run(command, { session, raw: true, signal: this.#signal })
  }

  #run(command: Document, options: RunCommandOptions & Abortable): Promise<Document> {
    const { db, collection } = this.#table
    const { readPreference } = collection
    return db.command(command, { ...options, ...(readPreference && { readPreference }) })
  }
}

interface Reply {
  readonly id: Long
  /** The collection that the server wants to be named when it is asked for more. */
  readonly collection: string
  readonly page: Page
}

/** Of an answer whose documents are bytes. */
function readReply(answer: Document, expectedRows: number): Reply {
  const cursor: unknown = answer['cursor']
  if (!(cursor instanceof Uint8Array)) throw noCursor()
  const bytes = Buffer.from(cursor.buffer, cursor.byteOffset, cursor.byteLength)
  let id: Long | null = null
  let namespace: string | null = null
  let page: Page | null = null
  for (const { name, start, end } of elementsOf(bytes)) {
    if (name === 'id') id = Long.fromBigInt(bytes.readBigInt64LE(start))
    else if (name === 'ns') namespace = bytes.toString('utf8', start + 4, end - 1)
    else if (name === 'firstBatch' || name === 'nextBatch') page = pageOfArray(bytes, start, end, expectedRows)
  }
  if (id === null || namespace === null || page === null) throw noCursor()
  return { id, collection: namespace.slice(namespace.indexOf('.') + 1), page }
}

function noCursor(): DroverError {
  return new DroverError('source-failed', 'the server answered without a cursor')
}
