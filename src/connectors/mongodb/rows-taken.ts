import type { Batch } from '../../core/batch.ts'

/** Rows taken from here and there in a table, in batches of what was read at a time, without bounds. */
export class RowsTaken {
  readonly batches: Batch[] = []
  readonly #table: string
  #rows = 0
  #bytes = 0

  constructor(table: string) {
    this.#table = table
  }

  get rows(): number {
    return this.#rows
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Copies them, because each would hold the whole answer of the server it came with. */
  add(documents: readonly Uint8Array[]): void {
    const offsets = new Uint32Array(documents.length + 1)
    documents.forEach((document, index) => (offsets[index + 1] = (offsets[index] ?? 0) + document.length))
    const bytes = new Uint8Array(offsets[documents.length] ?? 0)
    documents.forEach((document, index) => bytes.set(document, offsets[index]))
    const seq = this.batches.length
    const id = { table: this.#table, partition: 0, seq, after: null, upTo: null, last: false }
    this.batches.push({ id, format: 'bson', rows: documents.length, bytes, offsets })
    this.#rows += documents.length
    this.#bytes += bytes.length
  }
}
