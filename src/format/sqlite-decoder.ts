import type { Batch } from '../core/batch.ts'
import type { CoercionUse } from '../core/coercion.ts'
import { DroverError } from '../core/errors.ts'
import type { LayoutColumn, RowLayout } from '../core/layout.ts'
import type { TablePlan } from '../core/plan.ts'
import { RowError } from '../core/row-error.ts'
import type { Row, Value } from '../core/value.ts'
import { ByteWriter } from './byte-writer.ts'
import type { Decoder } from './codec.ts'
import { decodeCoercions, type DecodeCoercions } from './decode-coercions.ts'
import { JsonReader } from './json-reader.ts'
import { displayKey } from './json-text.ts'
import { fieldsOf, keyOf, layoutOf, misread, type LaidOutField } from './layout-fields.ts'
import { storedReader, type ReadStored } from './sqlite-forms.ts'
import { appendRecord, RecordReader, StoredText, type SqliteValue } from './sqlite-record.ts'
import { shownStored } from './stored-text.ts'

/**
 * SQLite records → rows, by the layout of the plan. A value that is none of its column's type and form is
 * `row-rejected`. The position of a row is a record of its key alone.
 */
export function createSqliteDecoder(plan: TablePlan): Decoder {
  return new SqliteDecoder(plan)
}

class SqliteDecoder implements Decoder {
  readonly #plan: TablePlan
  readonly #layout: RowLayout
  readonly #reader = new RecordReader()
  readonly #fields: readonly LaidOutField[]
  /** By the place in the layout; null: the value is not read. */
  readonly #readers: readonly (ReadStored | null)[]
  readonly #values: Value[]
  readonly #json: JsonReader
  readonly #coercions: DecodeCoercions | null
  readonly #position = new ByteWriter(new ArrayBuffer(256))
  #loaded: Uint8Array = new Uint8Array()
  #bytes: Buffer = Buffer.alloc(0)
  /** The column that is read. */
  #at = 0

  constructor(plan: TablePlan) {
    const layout = layoutOf(plan)
    this.#plan = plan
    this.#layout = layout
    this.#fields = fieldsOf(plan)
    this.#coercions = decodeCoercions(plan.coerce ?? [], () => this.#path())
    this.#json = new JsonReader(this.#coercions)
    const wanted = new Set([...this.#fields.map(({ place }) => place), ...layout.key])
    const context = { json: this.#json, lenience: this.#coercions }
    this.#readers = layout.columns.map((column, place) => (wanted.has(place) ? storedReader(column, context) : null))
    this.#values = layout.columns.map(() => null)
  }

  decodeRow(batch: Batch, index: number): Row {
    this.#load(batch, index)
    this.#coercions?.restart()
    const values = this.#values
    for (let place = 0; place < this.#readers.length; place++) {
      const read = this.#readers[place] ?? null
      if (read !== null) values[place] = this.#read(read, place)
    }
    const fields = Object.create(null) as Record<string, Value>
    for (const { place, name } of this.#fields) fields[name] = values[place] ?? null
    return { key: keyOf(this.#layout.key.map((place) => values[place] ?? null)), fields }
  }

  keyText(batch: Batch, index: number): string {
    this.#load(batch, index)
    return this.#keyText()
  }

  keyBytes(batch: Batch, index: number): Uint8Array | null {
    this.#load(batch, index)
    if (this.#layout.key.length === 0) return null
    const out = this.#position
    out.at = 0
    appendRecord(out, this.#key(), [])
    return new Uint8Array(out.bytes.subarray(0, out.at))
  }

  takeCoerced(): readonly CoercionUse[] {
    return this.#coercions === null ? noUses : this.#coercions.take()
  }

  #read(read: ReadStored, place: number): Value {
    const stored = this.#reader.value(place)
    this.#at = place
    try {
      return read(stored)
    } catch (error) {
      if (!(error instanceof RowError)) throw error
      throw misread(error, this.#plan, this.#keyText(), this.#column(place), shownStored(stored))
    }
  }

  #column(place: number): LayoutColumn {
    const column = this.#layout.columns[place]
    if (column === undefined) throw new DroverError('unexpected', `table ${this.#plan.source} has no column ${place}`)
    return column
  }

  #key(): SqliteValue[] {
    return this.#layout.key.map((place) => this.#reader.value(place))
  }

  /** As it is stored, so that there is one for every row. */
  #keyText(): string {
    return displayKey(this.#key().map((value) => (value instanceof StoredText ? textOf(value) : value)))
  }

  /** Where reading is: within JSON, or at a column. */
  #path(): readonly string[] {
    const { field, type } = this.#column(this.#at)
    return [field ?? '', ...(type === 'json' ? this.#json.path : [])]
  }

  #load(batch: Batch, index: number): void {
    const start = batch.offsets[index]
    const end = batch.offsets[index + 1]
    if (start === undefined || end === undefined) {
      throw new DroverError('unexpected', `batch ${batch.id.seq} of ${batch.rows} rows has no row ${index}`)
    }
    if (batch.bytes !== this.#loaded) {
      this.#loaded = batch.bytes
      this.#bytes = Buffer.from(batch.bytes.buffer, batch.bytes.byteOffset, batch.bytes.byteLength)
    }
    this.#reader.open(this.#bytes, start, end)
    if (this.#reader.width !== this.#layout.columns.length) {
      const wanted = this.#layout.columns.length
      throw new DroverError(
        'unexpected',
        `a row of table ${this.#plan.source} has ${this.#reader.width} values, not ${wanted}`,
      )
    }
  }
}

const noUses: readonly CoercionUse[] = []

function textOf({ bytes }: StoredText): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
}
