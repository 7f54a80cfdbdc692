import { isUtf8 } from 'node:buffer'
import type { RowLayout } from '../core/layout.ts'
import type { TablePlan } from '../core/plan.ts'
import { RowError } from '../core/row-error.ts'
import type { Value } from '../core/value.ts'
import { ByteWriter } from './byte-writer.ts'
import type { Decoder } from './codec.ts'
import { LayoutDecoder, type OpenedRow, type ReadingContext } from './layout-decoder.ts'
import { storedReader, type ReadStored } from './sqlite-forms.ts'
import { appendRecord, RecordReader, StoredText, type SqliteValue } from './sqlite-record.ts'
import { shownStored } from './stored-text.ts'

/**
 * SQLite records → rows, by the layout of the plan. A value that is none of its column's type and form is
 * `row-rejected`; where `repairs`, it comes as it is stored, for the columns to refuse it unless somebody mends it. The
 * position of a row is a record of its key alone.
 */
export function createSqliteDecoder(plan: TablePlan, repairs = false): Decoder {
  return new LayoutDecoder(plan, (layout, context) => new OpenedRecord(layout, context, repairs))
}

const smallest = 256

/** A text that is not UTF-8 comes as its bytes. */
function asStored(value: SqliteValue): Value {
  if (!(value instanceof StoredText)) return value
  const { bytes } = value
  return isUtf8(bytes) ? Buffer.from(bytes).toString('utf8') : new Uint8Array(bytes)
}

class OpenedRecord implements OpenedRow {
  readonly #reader = new RecordReader()
  readonly #readers: readonly ReadStored[]
  readonly #repairs: boolean
  readonly #position = new ByteWriter(new ArrayBuffer(smallest))

  constructor({ columns }: RowLayout, context: ReadingContext, repairs: boolean) {
    this.#repairs = repairs
    this.#readers = columns.map((column) => storedReader(column, context))
  }

  open(bytes: Buffer, start: number, end: number): number {
    this.#reader.open(bytes, start, end)
    return this.#reader.width
  }

  read(place: number): Value {
    const value = this.#reader.value(place)
    try {
      return (this.#readers[place] as ReadStored)(value)
    } catch (error) {
      if (this.#repairs && error instanceof RowError) return asStored(value)
      throw error
    }
  }

  shown(place: number): string {
    return shownStored(this.#reader.value(place))
  }

  /** As it is stored, so that there is one for every row. */
  keyValue(place: number): Value {
    const value = this.#reader.value(place)
    if (!(value instanceof StoredText)) return value
    const { bytes } = value
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
  }

  keyBytes(key: readonly number[]): Uint8Array {
    const out = this.#position
    out.at = 0
    appendRecord(
      out,
      key.map((place) => this.#reader.value(place)),
      [],
    )
    return new Uint8Array(out.bytes.subarray(0, out.at))
  }
}
