import type { Batch } from '../../../core/batch.ts'
import type { BufferPool, SampledRows, SampleLimits } from '../../contract.ts'
import type { Selection } from '../../planned-table.ts'
import { keyOrder } from './bounds.ts'
import { partOfPages } from './pages.ts'
import { conditionsOf, copySql, questionOf, whereOf } from './question.ts'
import { copyRows, type ReadContext } from './read.ts'
import { RowCutter } from './row-cutter.ts'
import type { ReadTable } from './table.ts'

/** A table of up to this many times the rows asked for is read whole: as quick, and nothing is missed. */
const readWholeFactor = 4

/** Share of rows, and of bytes, that is taken from each end of the key order: where old and new shapes are. */
const endShare = 0.1

/** How finely it is told that there is enough. */
const pieceBytes = 256 * 1024

interface Taken {
  readonly batches: Batch[]
  rows: number
  bytes: number
}

/** Where rows are taken from, behind the conditions or in their stead. */
interface From {
  readonly pages?: string
  readonly order?: string
}

/**
 * Rows of the selection to look at: see the contract of a source. `late` is the signal that `context` ends with when the
 * time is up; what was found until then has to do. Throws what the driver throws.
 */
export async function sampleTable(
  context: Pick<ReadContext, 'use'>,
  table: ReadTable,
  selection: Selection,
  limits: SampleLimits,
  late: AbortSignal,
): Promise<SampledRows> {
  if (selection.limit === 0) return { batches: [], complete: true }
  const taken: Taken = { batches: [], rows: 0, bytes: 0 }
  const take = (from: From, rows: number, bytes: number): Promise<boolean> =>
    takeRows(context, table, selection, taken, { from, rows: taken.rows + rows, bytes: taken.bytes + bytes })
  const order = { order: orderOf(table, 'asc') }
  try {
    const most = limits.rows * readWholeFactor
    const wanted = Math.min(most, selection.limit ?? Infinity)
    if ((await take(order, wanted, limits.bytes)) || taken.rows === selection.limit) {
      return { batches: taken.batches, complete: true }
    }
    taken.batches.length = 0
    taken.rows = 0
    taken.bytes = 0
    const ends = table.key.length === 0 ? [] : (['asc', 'desc'] as const)
    for (const direction of ends) {
      const [rows, bytes] = [Math.ceil(limits.rows * endShare), limits.bytes * endShare]
      await take({ order: orderOf(table, direction) }, rows, bytes)
    }
    const left = limits.rows - taken.rows
    if (left > 0) await take({ pages: partOfPages(table, selection, left) }, left, limits.bytes - taken.bytes)
  } catch (error) {
    if (!late.aborted) throw error
  }
  return { batches: taken.batches, complete: false }
}

function orderOf(table: ReadTable, direction: 'asc' | 'desc'): string {
  return table.key.length === 0 ? '' : ` order by ${keyOrder(table, direction)}`
}

/** Takes rows until there are as many in all, one row at least; answers whether there were no more. */
async function takeRows(
  { use }: Pick<ReadContext, 'use'>,
  table: ReadTable,
  selection: Selection,
  taken: Taken,
  { from, rows, bytes }: { readonly from: From; readonly rows: number; readonly bytes: number },
): Promise<boolean> {
  const question = questionOf(table, selection)
  const { pages = '', order = '' } = from
  const where = whereOf(conditionsOf(table, selection))
  const most = rows - taken.rows
  // One more than wanted tells that there are more.
  const query = `select ${question.expressions.join(', ')} from ${table.from}${pages}${where}${order} limit ${most + 1}`
  const whole = { id: 0, table: selection.table, after: null, upTo: null }
  const limits = { rows: Math.max(1, most), bytes: pieceBytes }
  const cutter = new RowCutter(whole, question, () => null, { firstSeq: 0, limits, pool: ownMemory })
  const add = ({ rows: count, bytes: packed, offsets, ...batch }: Batch): void => {
    const kept = Math.min(count, rows - taken.rows)
    if (kept === 0) return
    // Copied: each has memory for much more.
    const ofKept = packed.slice(0, offsets[kept])
    const id = { ...batch.id, upTo: null, seq: taken.batches.length, last: false }
    taken.batches.push({ ...batch, id, rows: kept, bytes: ofKept, offsets: offsets.slice(0, kept + 1) })
    taken.rows += kept
    taken.bytes += ofKept.length
  }
  let read = 0
  for await (const batch of use((session) => copyRows(session, cutter, copySql(query, question)))) {
    add(batch)
    read += batch.rows
    if (taken.bytes >= bytes) return false
  }
  const last = cutter.end()
  add(last)
  return read + last.rows <= most
}

const ownMemory: BufferPool = { take: (size) => new Uint8Array(size), give: () => undefined }
