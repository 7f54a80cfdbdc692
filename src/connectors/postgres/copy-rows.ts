import pg from 'pg'
import { from as copyFrom, type CopyStreamQuery } from 'pg-copy-streams'
import type { EncodedRows } from '../../core/batch.ts'
import { DroverError } from '../../core/errors.ts'
import { reach } from '../../core/failpoint.ts'
import { copyHeader } from './copy-header.ts'
import { classifyFault, isUnreadable, refusedColumn, RefusedRow, rejectedIndex, rejectionOf } from './errors.ts'
import { quoteColumn } from './identifiers.ts'
import type { Session } from './session.ts'

/** A tuple of -1 fields. */
const copyTrailer: Buffer = Buffer.from('ffff', 'hex')
/** Largest piece of a COPY handed to the socket at once; the server keeps each piece in memory as a whole. */
const pieceBytes = 256 * 1024

/** Where a COPY goes. */
export interface Destination {
  /** As the server names it in errors: without its schema, unquoted. */
  readonly name: string
  readonly quoted: string
  /** Unquoted. Every column is named: rows carry nothing but values, and how many. */
  readonly columns: readonly string[]
}

/** Rows `from … to - 1` of those encoded. */
interface Run {
  readonly from: number
  readonly to: number
}

/**
 * Sends the rows of one part, but for those whose owner is `left`, and answers how many the server took, which are all
 * that were sent (invariant 2). Throws {@link RefusedRow}.
 */
export async function copyRows(
  session: Session,
  into: Destination,
  rows: EncodedRows,
  left: ReadonlySet<number>,
): Promise<number> {
  const runs = runsOf(rows, left)
  const sent = runs.reduce((sum, { from, to }) => sum + to - from, 0)
  if (sent === 0) return 0
  try {
    const taken = await copy(session, into, rows, runs)
    if (taken === sent) return taken
    throw new DroverError('conservation-broken', `COPY took ${taken} rows of ${sent}`, {
      hint: 'look for triggers and rules that leave rows out',
    })
  } catch (error) {
    if (!(error instanceof pg.DatabaseError)) throw error
    const unreadable = !isFramed(rows) && isUnreadable(error, into.name)
    if (!unreadable && classifyFault(error) !== 'data') throw error
    const place = rejectedIndex(error, into.name, sent)
    const index = place === null ? null : indexAt(runs, place)
    const column = refusedColumn(error, into.name)
    throw new RefusedRow(rows.part, index, rejectionOf(error, into.name), error, column)
  }
}

async function copy(session: Session, into: Destination, rows: EncodedRows, runs: readonly Run[]): Promise<number> {
  // A table may have no columns, and parentheses always have some.
  const columns = into.columns.length === 0 ? '' : ` (${into.columns.map(quoteColumn).join(', ')})`
  const framed = isFramed(rows)
  const text = `copy ${into.quoted}${columns} from stdin (format ${framed ? 'binary' : 'text'})`
  const stream = session.client.query(copyFrom(text))
  const { promise: finished, resolve, reject } = Promise.withResolvers<void>()
  const refused = new AbortController()
  stream.on('error', (error) => {
    refused.abort()
    reject(error)
  })
  stream.on('finish', resolve)
  await Promise.race([send(stream, rows, { runs, framed }, refused.signal), finished])
  await finished
  return stream.rowCount
}

/** Whether a header and a trailer belong to the rows: text has neither, and ends with the COPY. */
function isFramed({ format }: EncodedRows): boolean {
  if (format === 'pgcopy' || format === 'pgtext') return format === 'pgcopy'
  throw new DroverError('unexpected', `rows came as ${format}, which PostgreSQL does not take`)
}

/**
 * With back-pressure: no further piece before the socket has taken the one before. Nothing more is handed over once the
 * server has refused, so that nothing is left to be sent in the middle of what comes next.
 */
async function send(
  stream: CopyStreamQuery,
  { bytes, offsets }: EncodedRows,
  { runs, framed }: { readonly runs: readonly Run[]; readonly framed: boolean },
  refused: AbortSignal,
): Promise<void> {
  const put = (piece: Uint8Array): Promise<void> =>
    new Promise((resolve, reject) => stream.write(piece, (error) => (error ? reject(error) : resolve())))
  if (framed) await put(copyHeader)
  for (const { from, to } of runs) {
    const end = offsets[to] ?? 0
    for (let at = offsets[from] ?? 0; at < end; at += pieceBytes) {
      if (refused.aborted) return
      await put(bytes.subarray(at, Math.min(at + pieceBytes, end)))
      await reach('copy.mid_stream')
    }
  }
  if (!refused.aborted) stream.end(framed ? copyTrailer : undefined)
}

/** The rows to send, as few runs as there can be. */
function runsOf({ rows, part, owners }: EncodedRows, left: ReadonlySet<number>): readonly Run[] {
  if (left.size === 0) return [{ from: 0, to: rows }]
  if (owners === null) throw new DroverError('unexpected', `the rows of part ${part} do not say whose they are`)
  const runs: Run[] = []
  let from = 0
  for (let row = 0; row <= rows; row++) {
    const owner = owners[row]
    if (row < rows && owner !== undefined && !left.has(owner)) continue
    if (row > from) runs.push({ from, to: row })
    from = row + 1
  }
  return runs
}

/** The row that was the `place`th to be sent, counted from 0. */
function indexAt(runs: readonly Run[], place: number): number | null {
  let before = 0
  for (const { from, to } of runs) {
    if (place < before + to - from) return from + place - before
    before += to - from
  }
  return null
}
