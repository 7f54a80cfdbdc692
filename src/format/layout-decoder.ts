import type { Batch } from '../core/batch.ts'
import type { CoercionUse } from '../core/coercion.ts'
import { DroverError } from '../core/errors.ts'
import type { LayoutColumn, RowLayout } from '../core/layout.ts'
import type { TablePlan } from '../core/plan.ts'
import { RowError } from '../core/row-error.ts'
import type { Row, Value } from '../core/value.ts'
import type { Decoder } from './codec.ts'
import { decodeCoercions, type DecodeCoercions } from './decode-coercions.ts'
import { JsonReader } from './json-reader.ts'
import { displayKey } from './json-text.ts'
import { fieldsOf, keyOf, layoutOf, misread, type LaidOutField } from './layout-fields.ts'
import type { TextLenience } from './stored-text.ts'

/** What reading values needs, apart from their columns. */
export interface ReadingContext {
  readonly json: JsonReader
  /** Null: text that is not UTF-8 is refused. */
  readonly lenience: TextLenience | null
}

/** The values of one row after the other, by their places. */
export interface OpenedRow {
  /** The row `bytes[start … end)`. Answers how many values it has. */
  open(bytes: Buffer, start: number, end: number): number
  /** Throws RowError `row-rejected` for a value that is none of its column's type. */
  read(place: number): Value
  /** A value for people, of bounded length. Never throws. */
  shown(place: number): string
  /** The value of a key for people. Never throws. */
  keyValue(place: number): Value
  /** The position of the row, by the places of its key. */
  keyBytes(key: readonly number[]): Uint8Array
}

/** Rows whose fields a layout names. The source's own form of their values is `OpenedRow`'s to know. */
export class LayoutDecoder implements Decoder {
  readonly #plan: TablePlan
  readonly #layout: RowLayout
  readonly #row: OpenedRow
  readonly #fields: readonly LaidOutField[]
  /** Places of the values that are read. */
  readonly #wanted: readonly number[]
  readonly #values: Value[]
  readonly #json: JsonReader
  readonly #coercions: DecodeCoercions | null
  #loaded: Uint8Array = new Uint8Array()
  #bytes: Buffer = Buffer.alloc(0)
  /** The column that is read. */
  #at = 0

  constructor(plan: TablePlan, open: (layout: RowLayout, context: ReadingContext) => OpenedRow) {
    const layout = layoutOf(plan)
    this.#plan = plan
    this.#layout = layout
    this.#fields = fieldsOf(plan)
    this.#coercions = decodeCoercions(plan.coerce ?? [], () => this.#path())
    this.#json = new JsonReader(this.#coercions)
    this.#wanted = [...new Set([...this.#fields.map(({ place }) => place), ...layout.key])]
    this.#values = layout.columns.map(() => null)
    this.#row = open(layout, { json: this.#json, lenience: this.#coercions })
  }

  decodeRow(batch: Batch, index: number): Row {
    this.#load(batch, index)
    this.#coercions?.restart()
    const values = this.#values
    for (const place of this.#wanted) values[place] = this.#read(place)
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
    return this.#layout.key.length === 0 ? null : this.#row.keyBytes(this.#layout.key)
  }

  takeCoerced(): readonly CoercionUse[] {
    return this.#coercions === null ? noUses : this.#coercions.take()
  }

  #read(place: number): Value {
    this.#at = place
    try {
      return this.#row.read(place)
    } catch (error) {
      if (!(error instanceof RowError)) throw error
      throw misread(error, this.#plan, this.#keyText(), this.#column(place), this.#row.shown(place))
    }
  }

  #column(place: number): LayoutColumn {
    const column = this.#layout.columns[place]
    if (column === undefined) throw new DroverError('unexpected', `table ${this.#plan.source} has no column ${place}`)
    return column
  }

  #keyText(): string {
    return displayKey(this.#layout.key.map((place) => this.#row.keyValue(place)))
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
    const { bytes } = batch
    if (bytes !== this.#loaded) {
      this.#loaded = bytes
      this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    }
    const width = this.#row.open(this.#bytes, start, end)
    const { length } = this.#layout.columns
    if (width !== length) {
      throw new DroverError('unexpected', `a row of table ${this.#plan.source} has ${width} values, not ${length}`)
    }
  }
}

const noUses: readonly CoercionUse[] = []
