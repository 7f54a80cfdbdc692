import type { OpenBatch, Rejection } from '../connectors/contract.ts'
import type { Transcoded } from '../format/codec.ts'
import { excerptOf } from './excerpt.ts'

/** Rows tried next to one that was refused: where one is, others often are. Doubled with every piece that is taken. */
const PIECE_AFTER_REFUSAL = 8

/** Why the target refuses rows of a batch, by their places in it. */
export type Refusals = Map<number, Omit<Rejection, 'index'>>

/**
 * Finds the rows of a batch that the target refuses, by trying pieces of it: where the target names the row, the rows
 * before it are tried once more and those behind go on; where it does not, the piece is halved. Each of k bad rows of n
 * costs about log2(n) tries at most. Adds them to `found`; rows that are there already are not tried.
 */
export async function findRefused(
  open: OpenBatch,
  transcoded: Transcoded,
  rows: number,
  found: Refusals,
): Promise<void> {
  const known = [...found.keys()].toSorted((a, b) => a - b)
  let from = 0
  for (const place of [...known, rows]) {
    await search(open, transcoded, from, place, found)
    from = place + 1
  }
}

async function search(
  open: OpenBatch,
  transcoded: Transcoded,
  start: number,
  end: number,
  found: Refusals,
): Promise<void> {
  let piece = end - start
  for (let from = start; from < end;) {
    const to = Math.min(end, from + piece)
    const refused = await refusalIn(open, transcoded, from, to)
    if (refused === null) {
      from = to
      piece *= 2
      continue
    }
    if (refused.place === null && to - from > 1) {
      const middle = from + Math.ceil((to - from) / 2)
      await search(open, transcoded, from, middle, found)
      await search(open, transcoded, middle, to, found)
      from = to
      continue
    }
    const place = refused.place ?? from
    found.set(place, refused.rejection)
    // What came before it was taken back with it.
    await search(open, transcoded, from, place, found)
    from = place + 1
    piece = Math.max(PIECE_AFTER_REFUSAL, 2 * (place + 1 - start))
    start = from
  }
}

async function refusalIn(
  open: OpenBatch,
  transcoded: Transcoded,
  from: number,
  to: number,
): Promise<{ readonly place: number | null; readonly rejection: Rejection } | null> {
  const piece = excerptOf(transcoded, from, to)
  const answer = await open.write(piece.parts, { trial: true })
  if (!('rejected' in answer)) return null
  const { part, index } = answer.rejected
  return { place: index === null ? null : piece.origin(part, index), rejection: answer.rejected }
}
