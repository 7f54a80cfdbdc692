import { ByteWriter } from '../../format/byte-writer.ts'
import { appendRecord, type SqliteValue } from '../../format/sqlite-record.ts'

/** Makes records of rows, one after the other in the same memory. */
export class RowPacker {
  readonly #writer = new ByteWriter()
  readonly #types: number[] = []
  readonly #width: number

  /** `width`: how many values of a row are packed. */
  constructor(width: number) {
    this.#width = width
  }

  /** The record packed last begins here. */
  get bytes(): Buffer {
    return this.#writer.bytes
  }

  /** Answers the length of the record. */
  pack(row: readonly SqliteValue[]): number {
    this.#writer.at = 0
    appendRecord(this.#writer, row.length === this.#width ? row : row.slice(0, this.#width), this.#types)
    return this.#writer.at
  }
}
