import { DroverError } from '../../core/errors.ts'
import type { TargetName } from '../../core/plan.ts'
import type { Slice } from '../contract.ts'
import { quoteTable } from './identifiers.ts'
import type { Session } from './session.ts'

/** The first that reads a range of blocks without reading the table from its beginning. */
const firstWithRangeScans = 140_000

const whole: Slice = { from: null, upTo: null }

/**
 * Ranges of blocks of a table's file, `[from, upTo)`, of about the same size; the last has no end, so rows that come
 * meanwhile are in it. One for a table that is made of partitions, which have a file each.
 */
export async function slicesOf(session: Session, target: TargetName, count: number): Promise<readonly Slice[]> {
  const { rows } = await session.query<{ blocks: string; version: number }>(
    `select (pg_relation_size($1::regclass) / current_setting('block_size')::bigint)::text as blocks,
       current_setting('server_version_num')::integer as version`,
    [quoteTable(target)],
  )
  const [row] = rows
  if (row === undefined || row.version < firstWithRangeScans) return [whole]
  const blocks = Number(row.blocks)
  const slices = Math.max(1, Math.min(count, blocks))
  const starts = Array.from({ length: slices }, (_, slice) => {
    return slice === 0 ? null : String(Math.floor((slice * blocks) / slices))
  })
  return starts.map((from, slice) => ({ from, upTo: starts[slice + 1] ?? null }))
}

/** First block of a slice, and the first behind it; null: open. */
export function blocksOf({ from, upTo }: Slice): readonly [number | null, number | null] {
  return [blockOf(from), blockOf(upTo)]
}

function blockOf(bound: string | null): number | null {
  if (bound === null) return null
  const block = Number(bound)
  if (/^\d+$/.test(bound) && Number.isSafeInteger(block)) return block
  throw new DroverError('unexpected', `${JSON.stringify(bound)} is no bound of a slice`)
}
