import { tag } from '../bson-types.ts'
import { ByteWriter } from '../byte-writer.ts'
import { appendNull, type ColumnWriter } from './column-writer.ts'
import type { Column, Field } from './field-table.ts'

// Constants of the module itself cost nothing; those of another are loaded and checked each time.
const { null: nullTag } = tag

/**
 * The columns of one part of a plan that have fields, for one tuple after the other. A value is written as soon as it is
 * met where its column is the next one, which it mostly is; the others when the document is over.
 */
export class TupleColumns {
  readonly #writer: ColumnWriter
  #columns: readonly Column[] = []
  #out: ByteWriter = new ByteWriter(new ArrayBuffer(0))
  /** The index of the next column. */
  next = 0

  constructor(writer: ColumnWriter) {
    this.#writer = writer
  }

  /** Which columns they are; each is known to its field where that has no other. */
  place(columns: readonly Column[]): void {
    this.#columns = columns
    const shared = new Set<Field>()
    for (const column of columns) {
      const { field } = column
      if (field === null) continue
      if (field.column !== null) shared.add(field)
      field.column = column
    }
    for (const field of shared) field.column = null
  }

  /** Another tuple begins. */
  start(out: ByteWriter): void {
    if (out !== this.#out) this.#out = out
    this.next = 0
  }

  /** Writes the value of the next column. `depth`: how many documents and arrays of the row it lies in. */
  write(column: Column, type: number, at: number, end: number, depth: number): boolean {
    this.next++
    return type === nullTag ? appendNull(this.#out) : this.#writer.append(this.#out, column, type, at, end, depth)
  }

  /** Writes the columns that are left, with what their fields have noted for a row, or element, of this number. */
  finish(row: number, depth: number): boolean {
    const columns = this.#columns
    while (this.next < columns.length) {
      const column = columns[this.next] as Column
      const { type, at, end, seenIn } = column.field as Field
      if (!this.write(column, seenIn === row ? type : nullTag, at, end, depth + column.depth)) return false
    }
    return true
  }
}
