/**
 * Source rows and their fate, one each: `read = written + filtered + skipped + deadLetters` (invariant 2). `derived`
 * counts target rows beyond the first that one source row gave.
 */
export interface Counts {
  readonly read: number
  readonly written: number
  readonly filtered: number
  readonly skipped: number
  readonly deadLetters: number
  readonly derived: number
}

export const noCounts: Counts = { read: 0, written: 0, filtered: 0, skipped: 0, deadLetters: 0, derived: 0 }

export function addCounts(a: Counts, b: Counts): Counts {
  return {
    read: a.read + b.read,
    written: a.written + b.written,
    filtered: a.filtered + b.filtered,
    skipped: a.skipped + b.skipped,
    deadLetters: a.deadLetters + b.deadLetters,
    derived: a.derived + b.derived,
  }
}

/** Invariant 2: every row read has exactly one fate. */
export function isConserved(counts: Counts): boolean {
  return counts.read === counts.written + counts.filtered + counts.skipped + counts.deadLetters
}

/** The conservation law with its numbers, for people. */
export function accountOf({ read, written, filtered, skipped, deadLetters }: Counts): string {
  return `${read} read = ${written} written + ${filtered} filtered + ${skipped} skipped + ${deadLetters} dead letters`
}
