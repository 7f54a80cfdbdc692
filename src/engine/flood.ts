import { DroverError } from '../core/errors.ts'
import type { Counts } from '../core/counts.ts'

/** Rows looked back at. */
const WINDOW = 10_000

interface Seen {
  readonly read: number
  readonly deadLetters: number
}

/** Notices that most of the last rows of a table became dead letters: then something else is wrong than some rows. */
export class FloodWatch {
  readonly #tables = new Map<string, Seen[]>()

  /** A batch has been committed. Answers the error that should stop the run; null: go on. */
  add(table: string, { read, deadLetters }: Counts): DroverError | null {
    const seen = [...(this.#tables.get(table) ?? []), { read, deadLetters }]
    while (seen.length > 1 && sum(seen.slice(1)).read >= WINDOW) seen.shift()
    this.#tables.set(table, seen)
    const last = sum(seen)
    if (last.read < WINDOW || last.deadLetters * 2 <= last.read) return null
    return new DroverError(
      'dead-letter-flood',
      `${last.deadLetters} of the last ${last.read} rows of ${table} became dead letters`,
      { hint: 'drover status shows why; correct the plan or the rows, then drover resume, or drover retry' },
    )
  }
}

function sum(seen: readonly Seen[]): Seen {
  return seen.reduce(
    (total, { read, deadLetters }) => ({ read: total.read + read, deadLetters: total.deadLetters + deadLetters }),
    { read: 0, deadLetters: 0 },
  )
}
