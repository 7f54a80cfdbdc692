import { to as copyTo } from 'pg-copy-streams'
import type { Batch, Bounds, Partition } from '../../../core/batch.ts'
import { reach } from '../../../core/failpoint.ts'
import { defaultRetry, Tries } from '../../../core/retry.ts'
import type { ReadOptions } from '../../contract.ts'
import type { Selection } from '../../planned-table.ts'
import { countSpent } from '../../spent-memory.ts'
import type { Session } from '../session.ts'
import { keyConditions, keyOrder } from './bounds.ts'
import { classifySource } from './errors.ts'
import { endByKey, endByPlace } from './key-of-row.ts'
import { anyOrder, piecesOf, storedOrder, tableOf } from './places.ts'
import { conditionsOf, copySql, questionOf, whereOf, type Question } from './question.ts'
import { RowCutter } from './row-cutter.ts'
import type { ReadTable } from './table.ts'

/** What reading needs of the source. */
export interface ReadContext {
  /** A session that reads the state of the source and holds the table, for `work` alone; kept where it ends well. */
  use<T>(work: (session: Session) => AsyncGenerator<T, void, undefined>): AsyncGenerator<T, void, undefined>
  /** The mark of that state. */
  mark(): Promise<string>
}

/**
 * The rows of a partition, packed into batches: see the contract of a source. A session that is lost is replaced behind
 * the last batch; batches that come begin the budget of tries anew. Throws what the driver throws.
 */
export async function* readBatches(
  context: ReadContext,
  table: ReadTable,
  selection: Selection,
  partition: Partition,
  options: ReadOptions,
  signal: AbortSignal,
): AsyncGenerator<Batch, void, undefined> {
  const hooks = {
    classify: classifySource,
    onRetry: (error: unknown, ms: number): void => options.onRetry?.(error, ms),
  }
  let { after } = partition
  let { firstSeq } = options
  let tries: Tries | null = null
  for (;;) {
    try {
      for await (const batch of readOnce(
        context,
        table,
        selection,
        { ...partition, after },
        { ...options, firstSeq },
      )) {
        // Behind the yield the batch may be somebody else's.
        const { upTo, seq, last } = batch.id
        yield batch
        if (last) return
        after = upTo
        firstSeq = seq + 1
        tries = null
        signal.throwIfAborted()
      }
      return
    } catch (error) {
      signal.throwIfAborted()
      tries ??= new Tries(options.retry ?? defaultRetry, hooks)
      await tries.failed(error, signal)
    }
  }
}

async function* readOnce(
  context: ReadContext,
  table: ReadTable,
  selection: Selection,
  partition: Partition,
  options: ReadOptions,
): AsyncGenerator<Batch, void, undefined> {
  const question = questionOf(table, selection)
  const keyed = table.key.length > 0
  const mark = keyed ? '' : await context.mark()
  let file = ''
  const endOf = keyed ? endByKey(question, table.name) : endByPlace(question, () => file, mark)
  const cutter = new RowCutter(partition, question, endOf, options)
  try {
    if (selection.limit !== 0) {
      yield* context.use(async function* (session) {
        if (keyed)
          return yield* copyRows(session, cutter, await keyedSql(session, table, selection, question, partition))
        await session.run(storedOrder)
        for (const piece of piecesOf(table, partition, mark)) {
          file = piece.file.oid
          yield* copyRows(session, cutter, storedSql(tableOf(table, piece.file), selection, piece.conditions))
        }
        await session.run(anyOrder)
      })
    }
    yield cutter.end()
  } finally {
    cutter.discard()
  }
}

/** In the order of the key, which its index has: nothing is cast there. */
async function keyedSql(
  session: Session,
  table: ReadTable,
  selection: Selection,
  question: Question,
  bounds: Bounds,
): Promise<string> {
  const conditions = [...conditionsOf(table, selection), ...(await keyConditions(session, table, bounds))]
  const values = question.expressions.join(', ')
  return copySql(`select ${values} from ${table.from}${whereOf(conditions)} order by ${keyOrder(table)}`, question)
}

/** In the order of the file, which reading it has by itself. */
function storedSql(file: ReadTable, selection: Selection, bounds: readonly string[]): string {
  const question = questionOf(file, selection)
  const conditions = [...conditionsOf(file, selection), ...bounds]
  return copySql(`select ${question.expressions.join(', ')} from ${file.from}${whereOf(conditions)}`, question)
}

/** The batches that a COPY fills; the socket is read no further than they are taken. */
export async function* copyRows(
  session: Session,
  cutter: RowCutter,
  sql: string,
): AsyncGenerator<Batch, void, undefined> {
  cutter.begin()
  await reach('src.cursor_open')
  const stream = session.client.query(copyTo(sql))
  // An error behind the last row has no reader any more; the session tells of it.
  stream.on('error', () => undefined)
  for await (const chunk of stream as AsyncIterable<Uint8Array>) {
    await reach('src.mid_read')
    cutter.add(chunk)
    countSpent(chunk.length)
    for (let batch = cutter.next(); batch !== null; batch = cutter.next()) yield batch
  }
  cutter.complete()
}
