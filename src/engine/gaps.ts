import { samePosition, type Bounds } from '../core/batch.ts'

/** What gap arithmetic needs of a ledger entry. */
interface Committed extends Bounds {
  readonly seq: number
  readonly last: boolean
}

/**
 * What is left of a partition: its bounds minus its committed batches, as bounds in key order. Entries may be missing
 * anywhere (batches commit out of order), but those there are carry contiguous bounds: `after` of one is `upTo` of the
 * one numbered before it. Positions are compared for equality only; order comes from `seq`.
 *
 * A partition is finished when its closing entry is there and nothing is missing before it.
 */
export function gapsOf(partition: Bounds, entries: readonly Committed[]): Bounds[] {
  const inOrder = entries.toSorted((a, b) => a.seq - b.seq)
  const gaps: Bounds[] = []
  let reached = partition.after
  let nextSeq = 0
  for (const entry of inOrder) {
    if (entry.seq !== nextSeq && !samePosition(reached, entry.after)) {
      gaps.push({ after: reached, upTo: entry.after })
    }
    reached = entry.upTo
    nextSeq = entry.seq + 1
  }
  if (!inOrder.some((entry) => entry.last)) gaps.push({ after: reached, upTo: partition.upTo })
  return gaps
}
