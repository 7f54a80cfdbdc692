import { DroverError } from '../core/errors.ts'
import { RecordReader, serialSize } from '../format/sqlite-record.ts'
import { hashInto, hashLanes } from './hash128.ts'
import type { RowHasher } from './row-hasher.ts'

/**
 * Hashes SQLite records by their bytes: drover writes a value in one form only, the shortest, and SQLite gives back what
 * it was given.
 */
export class RecordHasher implements RowHasher {
  readonly key: Uint32Array = new Uint32Array(hashLanes)
  readonly row: Uint32Array = new Uint32Array(hashLanes)
  readonly #width: number
  readonly #keyColumns: readonly number[]
  readonly #reader = new RecordReader()
  readonly #type = new Float64Array(1)
  readonly #typeBytes = new Uint8Array(this.#type.buffer)
  #given: Uint8Array = new Uint8Array()
  #bytes: Buffer = Buffer.alloc(0)

  /** `width`: of a row. `key`: places of the columns that identify it; none: all of them do. */
  constructor(width: number, key: readonly number[]) {
    this.#width = width
    this.#keyColumns = key
  }

  hash(bytes: Uint8Array, start: number, end: number): void {
    if (bytes !== this.#given) {
      this.#given = bytes
      this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    }
    this.#reader.open(this.#bytes, start, end)
    if (this.#reader.width !== this.#width) {
      const found = this.#reader.width
      throw new DroverError('unexpected', `a record has ${found} values, and its table ${this.#width} columns`)
    }
    this.row.fill(0)
    hashInto(this.row, 0, bytes, start, end)
    if (this.#keyColumns.length === 0) {
      this.key.set(this.row)
      return
    }
    this.key.fill(0)
    for (const column of this.#keyColumns) this.#addKey(column)
  }

  /** The type of a value says also how long it is. */
  #addKey(column: number): void {
    const [type, start] = [this.#reader.types[column] as number, this.#reader.starts[column] as number]
    this.#type[0] = type
    hashInto(this.key, 0, this.#typeBytes, 0, this.#typeBytes.length)
    hashInto(this.key, 0, this.#bytes, start, start + serialSize(type))
  }
}
