import { countSpent } from '../spent-memory.ts'
import type { Page } from './documents.ts'

/** Share of rows, and of bytes, that is taken from each end: where old and new shapes are. */
const endShare = 0.1

interface Chosen {
  /** Counted from 0 in the order offered. */
  readonly row: number
  readonly document: Uint8Array
}

/** Rows one behind the other. */
interface Tail extends Pick<Page, 'bytes' | 'ends'> {
  readonly firstRow: number
}

/**
 * Chooses among rows whose number is not known before: all of them while they are few, else the first, the last, and
 * between them any with the same chance (reservoir sampling, Vitter's algorithm R). The same rows give the same choice.
 */
export class RowChoice {
  readonly #maxRows: number
  readonly #maxBytes: number
  /** The first rows stay where they are. */
  readonly #share: number
  readonly #held: Chosen[] = []
  #heldBytes = 0
  /** The ends of the pages offered last, with the last rows among them. */
  #tails: readonly Tail[] = []
  #offered = 0
  #complete = true
  #state = 1

  constructor(maxRows: number, maxBytes: number) {
    this.#maxRows = maxRows
    this.#maxBytes = maxBytes
    this.#share = Math.ceil(maxRows * endShare)
  }

  get offered(): number {
    return this.#offered
  }

  /** Every row offered is chosen. */
  get complete(): boolean {
    return this.#complete
  }

  /** Copies what it takes. */
  offer(page: Page): void {
    this.#keepTail(page)
    let at = page.start
    for (const end of page.ends) {
      this.#offerOne(page.bytes, at, end)
      at = end
    }
  }

  /** The rows chosen, in the order offered. */
  rows(): readonly Uint8Array[] {
    if (this.#complete) return this.#held.map(({ document }) => document)
    const last = this.#last()
    const lastRows = new Set(last.map(({ row }) => row))
    const others = this.#held.filter(({ row }) => !lastRows.has(row))
    while (others.length > this.#share && others.length + lastRows.size > this.#maxRows) {
      others.splice(this.#random(this.#share, others.length), 1)
    }
    return [...others, ...last].toSorted((a, b) => a.row - b.row).map(({ document }) => document)
  }

  #offerOne(bytes: Uint8Array, at: number, end: number): void {
    const row = this.#offered++
    const length = end - at
    const fits = this.#held.length < this.#maxRows && this.#heldBytes + length <= this.#maxBytes
    if (row === 0 || (fits && this.#complete)) {
      this.#held.push({ row, document: bytes.slice(at, end) })
      this.#heldBytes += length
      return
    }
    this.#complete = false
    const slot = this.#random(0, row + 1)
    if (slot < this.#share || slot >= this.#held.length) return
    this.#heldBytes += length - (this.#held[slot]?.document.length ?? 0)
    this.#held[slot] = { row, document: bytes.slice(at, end) }
    while (this.#heldBytes > this.#maxBytes && this.#held.length > this.#share) {
      const [dropped] = this.#held.splice(this.#random(this.#share, this.#held.length), 1)
      this.#heldBytes -= dropped?.document.length ?? 0
    }
  }

  /** Only a page's own bytes are there, and any page may be the last. In one piece: rows are made of the last ones alone. */
  #keepTail({ bytes, start, ends }: Page): void {
    const first = Math.max(0, ends.length - this.#share)
    const at = ends[first - 1] ?? start
    const tail = {
      firstRow: this.#offered + first,
      bytes: bytes.slice(at, ends.at(-1)),
      ends: ends.slice(first).map((end) => end - at),
    }
    countSpent(tail.bytes.length)
    let tails = [...this.#tails, tail]
    let rows = tails.reduce((sum, each) => sum + each.ends.length, 0)
    let size = tails.reduce((sum, each) => sum + each.bytes.length, 0)
    for (;;) {
      const [oldest] = tails
      if (oldest === undefined || tails.length === 1) break
      const isNeeded = rows - oldest.ends.length < this.#share && size - oldest.bytes.length < this.#maxLastBytes
      if (isNeeded) break
      rows -= oldest.ends.length
      size -= oldest.bytes.length
      tails = tails.slice(1)
    }
    this.#tails = tails
  }

  get #maxLastBytes(): number {
    return this.#maxBytes * endShare
  }

  /** The last rows, one at least where there are any. */
  #last(): readonly Chosen[] {
    const rows = this.#tails.flatMap(({ firstRow, bytes, ends }) =>
      ends.map((end, index): Chosen => ({
        row: firstRow + index,
        document: bytes.subarray(ends[index - 1] ?? 0, end),
      })),
    )
    let kept = rows.slice(-this.#share)
    let size = kept.reduce((sum, { document }) => sum + document.length, 0)
    for (; size > this.#maxLastBytes && kept.length > 1; kept = kept.slice(1)) size -= kept[0]?.document.length ?? 0
    return kept
  }

  /** A whole number `from … below - 1`. Marsaglia's xorshift with the shifts 13, 17, 5. */
  #random(from: number, below: number): number {
    let state = this.#state
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    this.#state = state
    return from + Math.floor(((state >>> 0) / 2 ** 32) * (below - from))
  }
}
