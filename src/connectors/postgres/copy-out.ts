import { to as copyTo } from 'pg-copy-streams'
import type { BatchLimits, PackedRows } from '../../core/batch.ts'
import { DroverError } from '../../core/errors.ts'
import type { TargetColumn, TargetName } from '../../core/plan.ts'
import type { BufferPool, Slice } from '../contract.ts'
import { quoteColumn, quoteTable } from './identifiers.ts'
import { ownRows } from './relations.ts'
import type { Session } from './session.ts'
import { blocksOf } from './slices.ts'
import { readAs } from './types.ts'
import { TuplePacker } from './tuple-packer.ts'

/** What is read: these columns of the rows of a slice. */
export interface Origin {
  readonly target: TargetName
  readonly columns: readonly TargetColumn[]
  readonly slice: Slice
}

/**
 * Rows of a slice as tuples of a binary COPY, packed as the server sends them; the socket is read no further than they
 * are taken. Left before its end, it leaves the session in the middle of the COPY.
 */
export async function* copyOut(
  session: Session,
  origin: Origin,
  options: { readonly limits: BatchLimits; readonly pool: BufferPool },
): AsyncGenerator<PackedRows> {
  const packer = new TuplePacker(options)
  const rows = await ownRows(session, origin.target)
  const stream = session.client.query(copyTo(copyOutSql(origin, rows)))
  // An error behind the last row has no reader any more; the session tells of it.
  stream.on('error', () => undefined)
  for await (const chunk of stream as AsyncIterable<Uint8Array>) {
    packer.add(chunk)
    while (packer.isFull()) yield packer.cut()
  }
  if (!packer.ended) throw new DroverError('target-failed', `the rows of ${quoteTable(origin.target)} break off`)
  if (packer.rows > 0) yield packer.cut()
}

/** Numbers only get into the condition: `blocksOf` makes numbers of whatever the slice says. */
function copyOutSql({ columns, slice }: Pick<Origin, 'columns' | 'slice'>, rows: string): string {
  const [first, end] = blocksOf(slice)
  const conditions = [
    ...(first === null ? [] : [`ctid >= '(${first},0)'::tid`]),
    ...(end === null ? [] : [`ctid < '(${end},0)'::tid`]),
  ]
  const where = conditions.length === 0 ? '' : ` where ${conditions.join(' and ')}`
  const values = columns.map((column) => readAs(quoteColumn(column.name), column))
  return `copy (select ${values.join(', ')} from ${rows}${where}) to stdout (format binary)`
}
