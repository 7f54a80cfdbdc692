import type { OpenBatch } from '../connectors/contract.ts'
import type { Batch } from '../core/batch.ts'
import { noCounts, type Counts } from '../core/counts.ts'
import type { Transcoded } from '../format/codec.ts'
import type { Excerpt } from './excerpt.ts'

type Answer = Awaited<ReturnType<OpenBatch['write']>>
export type Refused = Extract<Answer, { readonly rejected: unknown }>
export type Written = Exclude<Answer, Refused>

/** What has become of a batch: invariant 2. A source row that gave several rows is skipped where all of them are. */
export function countsOf(
  batch: Batch,
  transcoded: Transcoded,
  excerpt: Excerpt,
  answer: Written,
  deadLetters: number,
): Counts {
  const { filtered } = transcoded
  const sent = batch.rows - filtered - deadLetters
  const written = answer.left.length === 0 ? sent : originsWritten(excerpt, new Set(answer.left))
  const derived = answer.written + answer.derived - written
  return { ...noCounts, read: batch.rows, written, filtered, skipped: sent - written, deadLetters, derived }
}

/** Of a batch of dead letters: its rows were read before, and as many are none any more as are not left over. */
export function replayed(counts: Counts): Counts {
  const { written, filtered, skipped, derived } = counts
  return { ...noCounts, written, filtered, skipped, derived, deadLetters: -(written + filtered + skipped) }
}

/** Source rows that have a row in the table now. */
function originsWritten(excerpt: Excerpt, left: ReadonlySet<number>): number {
  const origins = new Set<number>()
  const rows = excerpt.parts[0]?.rows ?? 0
  for (let row = 0; row < rows; row++) if (!left.has(row)) origins.add(excerpt.origin(0, row))
  return origins.size
}
