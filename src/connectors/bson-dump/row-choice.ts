import type { Page } from './documents.ts'

/** Share of rows, and of bytes, that is taken from each end: where old and new shapes are. */
const endShare = 0.1

interface Chosen {
  /** Counted from 0 in the order offered. */
  readonly row: number
  readonly document: Uint8Array
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
  #last: readonly Chosen[] = []
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
    this.#keepLast(page)
    let at = page.start
    for (const end of page.ends) {
      this.#offerOne(page.bytes.subarray(at, end))
      at = end
    }
  }

  /** The rows chosen, in the order offered. */
  rows(): readonly Uint8Array[] {
    if (this.#complete) return this.#held.map(({ document }) => document)
    const lastRows = new Set(this.#last.map(({ row }) => row))
    const others = this.#held.filter(({ row }) => !lastRows.has(row))
    while (others.length > this.#share && others.length + lastRows.size > this.#maxRows) {
      others.splice(this.#random(this.#share, others.length), 1)
    }
    return [...others, ...this.#last].toSorted((a, b) => a.row - b.row).map(({ document }) => document)
  }

  #offerOne(document: Uint8Array): void {
    const row = this.#offered++
    const fits = this.#held.length < this.#maxRows && this.#heldBytes + document.length <= this.#maxBytes
    if (row === 0 || (fits && this.#complete)) {
      this.#held.push({ row, document: document.slice() })
      this.#heldBytes += document.length
      return
    }
    this.#complete = false
    const slot = this.#random(0, row + 1)
    if (slot < this.#share || slot >= this.#held.length) return
    this.#heldBytes += document.length - (this.#held[slot]?.document.length ?? 0)
    this.#held[slot] = { row, document: document.slice() }
    while (this.#heldBytes > this.#maxBytes && this.#held.length > this.#share) {
      const [dropped] = this.#held.splice(this.#random(this.#share, this.#held.length), 1)
      this.#heldBytes -= dropped?.document.length ?? 0
    }
  }

  /** Only a page's own bytes are there, and any page may be the last. */
  #keepLast({ bytes, start, ends }: Page): void {
    const from = Math.max(0, ends.length - this.#share)
    const added = ends.slice(from).map((end, index): Chosen => {
      const at = ends[from + index - 1] ?? start
      return { row: this.#offered + from + index, document: bytes.slice(at, end) }
    })
    let kept = [...this.#last, ...added].slice(-this.#share)
    let size = kept.reduce((sum, { document }) => sum + document.length, 0)
    for (; size > this.#maxBytes * endShare && kept.length > 1; kept = kept.slice(1)) {
      size -= kept[0]?.document.length ?? 0
    }
    this.#last = kept
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
