import type { BatchLimits } from '../core/batch.ts'
import type { Counts } from '../core/counts.ts'
import type { Rate } from '../core/rate.ts'
import type { Stages } from '../core/result.ts'
import { formatCount, formatRate } from '../telemetry/format.ts'

/** How long a transaction should take, in seconds. The bounds are more than twice apart: one step never leads past both. */
const SHORTEST_SECONDS = 0.05
const LONGEST_SECONDS = 0.25

/** Round trips of a transaction but that of its commit: the claim, the begin of the COPY, and its end. */
const ROUND_TRIPS = 3

/** Rows should take this share, at least, of what comes once for a transaction whatever its rows. */
const LEAST_OF_FIXED = 1 / 4

/** Fewer rows cost more in round trips than they spare; more make a transaction hardly cheaper, and dearer to lose. */
const LEAST_ROWS = 500
const MOST_ROWS = 64_000

/** What batches may grow to, of the bytes that one may have: every credit holds one, and past some MB they gain nothing. */
const GROWN_SHARE = 3 / 8

/** Transactions of one size that are looked at before it changes. Their median counts, so that one odd one does not. */
const LOOKED_AT = 5

/** Batches of the present size have so many rows more or less, as a factor. */
const SAME_SIZE = Math.SQRT2

/** What batches begin with, and which of the bounds somebody has asked for. Plain data. */
export interface FirstLimits extends BatchLimits {
  readonly asked: { readonly rows: boolean; readonly bytes: boolean }
}

/** What a committed batch was, in the source, and how many seconds its transaction, and its claim, took. */
export interface Transaction {
  readonly counts: Pick<Counts, 'read'>
  readonly bytes: number
  readonly stages: Pick<Stages, 'write' | 'commit'>
  readonly claimSeconds: number
}

interface Cost {
  readonly seconds: number
  /** What does not come from its rows: the way there and back, and what the disk takes for a commit. */
  readonly fixed: number
}

/** How large batches are, and why. Plain data. */
export interface ChosenRows {
  readonly rows: number
  readonly reason: string
}

/**
 * The bounds of batches, which follow the time that transactions take: too short, and the next batches have twice as many
 * rows; too long, and they have half, unless most of the time comes from the way to the target or from its disk and not
 * from rows: then fewer rows would only make more of such times, and where rows are hardly a part of it, they are doubled.
 * It comes to rest for every cost of rows that at most quadruples where rows double: from less than 50 ms that leads to
 * less than 200, and halving leads from more than 250 to more than 62; from less than a quarter of what is fixed to no
 * more than that, and from more than it to more than a quarter.
 *
 * What somebody has asked for stays as it is. Bytes never change but for a limited rate, of which a batch takes one
 * second's worth at most.
 */
export class BatchSize implements BatchLimits {
  readonly #first: FirstLimits
  #chosen: ChosenRows
  #rate: Rate | null = null
  #rows: number
  #bytes: number
  #costs: Cost[] = []

  constructor(first: FirstLimits) {
    this.#first = first
    this.#chosen = { rows: first.rows, reason: first.asked.rows ? 'as asked' : 'the default' }
    this.#rows = first.rows
    this.#bytes = first.bytes
  }

  get rows(): number {
    return this.#rows
  }

  get bytes(): number {
    return this.#bytes
  }

  get chosen(): ChosenRows {
    const { rows } = this
    if (this.#rate === null || rows === this.#chosen.rows) return this.#chosen
    return { rows, reason: `a second at ${formatRate(this.#rate)}` }
  }

  committed({ counts: { read: rows }, bytes, stages, claimSeconds }: Transaction): void {
    const seconds = stages.write + stages.commit
    if (this.#first.asked.rows || seconds === 0 || !this.#isOfThisSize(rows, bytes)) return
    this.#costs.push({ seconds, fixed: stages.commit + Math.min(claimSeconds * ROUND_TRIPS, stages.write) })
    if (this.#costs.length < LOOKED_AT) return
    const median = medianOf(this.#costs.map((cost) => cost.seconds))
    const fixed = medianOf(this.#costs.map((cost) => cost.fixed))
    this.#costs.shift()
    const ofRows = median - fixed
    const why = `a transaction took ${Math.round(median * 1000)} ms`
    // More rows have no room in a batch that is full of bytes, nor in a second's worth.
    const hasRoom = bytes * 2 <= this.bytes * GROWN_SHARE && this.rows === this.#chosen.rows
    if (median > LONGEST_SECONDS && ofRows > fixed) this.#choose(Math.min(rows, this.rows) / 2, why)
    else if (hasRoom && median < SHORTEST_SECONDS) this.#choose(this.rows * 2, why)
    else if (hasRoom && ofRows < fixed * LEAST_OF_FIXED) {
      this.#choose(this.rows * 2, `${why}, hardly any of them for rows`)
    }
  }

  /**
   * The transaction of a batch failed, and is tried again: a connection that breaks takes less with it where batches are
   * smaller. What was broken by the same fault, or fails once more, is larger than what follows from the first, and
   * changes nothing.
   */
  failed({ rows, bytes }: { readonly rows: number; readonly bytes: number }): void {
    if (this.#first.asked.rows || !this.#isOfThisSize(rows, bytes)) return
    this.#choose(Math.min(rows, this.rows) / 2, 'a transaction failed')
  }

  limitTo(rate: Rate | null): void {
    this.#rate = rate
    this.#apply()
  }

  /** Batches cut before the last change, or at the end of a partition, say nothing of this size. */
  #isOfThisSize(rows: number, bytes: number): boolean {
    return rows <= this.rows * SAME_SIZE && (rows * SAME_SIZE >= this.rows || this.#isFull(bytes))
  }

  #isFull(bytes: number): boolean {
    return bytes * SAME_SIZE > this.bytes
  }

  #choose(rows: number, why: string): void {
    const bounded = Math.round(Math.min(MOST_ROWS, Math.max(LEAST_ROWS, rows)))
    if (bounded === this.#chosen.rows) return
    this.#chosen = { rows: bounded, reason: `from ${formatCount(this.#first.rows)}: ${why}` }
    this.#costs = []
    this.#apply()
  }

  #apply(): void {
    const { asked, bytes } = this.#first
    const most = (unit: Rate['unit'], fixed: boolean): number => {
      return this.#rate?.unit === unit && !fixed ? this.#rate.amount : Infinity
    }
    this.#rows = Math.min(this.#chosen.rows, most('rows', asked.rows))
    this.#bytes = Math.min(bytes, most('bytes', asked.bytes))
  }
}

function medianOf(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0
}
