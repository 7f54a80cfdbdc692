import type { Batch } from '../core/batch.ts'
import type { RowLayout } from '../core/layout.ts'
import { typeName, type LogicalType, type ObservedType } from '../core/logical-type.ts'
import { RowError } from '../core/row-error.ts'
import type { Sample } from '../core/sample.ts'
import type { Pipeline, Transformed } from '../core/transform.ts'
import {
  Day,
  Decimal,
  Instant,
  ObjectId,
  Special,
  Uuid,
  type DocumentValue,
  type Row,
  type Value,
} from '../core/value.ts'
import { arrayTypeOf, joinElement, type ElementsType, type JoinScalars } from './array-type.ts'
import { documentBytes, valueBytes } from './bson-size.ts'
import type { Decoder, Observer } from './codec.ts'
import { hasNul } from './json-text.ts'
import { longestDistinct, SampleTally, type DocumentsTally, type RowAtHand, type ValuesTally } from './observe-tally.ts'
import { fitsTimestamp } from './pgcopy-scalars.ts'
import { valueTypeName } from './row-error.ts'
import { isSpecialDecimal, isSpecialNumber } from './special-number.ts'

/**
 * Looks at rows as they are once decoded and, where there is a pipeline, transformed. It counts what the observer of
 * their bytes counts, but for what rows do not carry: a whole double that an int32 holds counts as `int`, an `undefined`
 * outside of documents as `null`. The decoder has to keep every field. With a layout, types go by their names in the
 * target, a number in a field of doubles is one, and an array in a field of JSON is JSON.
 */
export function createRowObserver(
  decoder: Decoder,
  pipeline: Pipeline | null,
  join: JoinScalars,
  layout?: RowLayout,
): Observer {
  return new RowObserver(decoder, pipeline, join, layout)
}

const int64Bits = 64

class RowObserver implements Observer, RowAtHand {
  readonly #tally = new SampleTally()
  readonly #decoder: Decoder
  readonly #pipeline: Pipeline | null
  readonly #join: JoinScalars
  #batch: Batch | undefined
  #index = 0
  /** What the fields are in the source; null: rows say what their values are. */
  readonly #types: ReadonlyMap<string | null, LogicalType> | null
  /** Whether the field at hand has doubles there, or JSON. */
  #inDoubles = false
  #inJson = false

  constructor(decoder: Decoder, pipeline: Pipeline | null, join: JoinScalars, layout: RowLayout | undefined) {
    this.#types = layout === undefined ? null : new Map(layout.columns.map(({ field, type }) => [field, type]))
    this.#decoder = decoder
    this.#pipeline = pipeline
    this.#join = join
  }

  observe(batch: Batch): void | Promise<void> {
    for (let index = 0; index < batch.rows; index++) {
      const pending = this.#row(batch, index)
      if (pending !== undefined) return this.#rest(batch, index, pending)
    }
    return undefined
  }

  sample(complete: boolean): Sample {
    return this.#tally.result(complete)
  }

  keyText(): string {
    return this.#batch === undefined ? '?' : this.#decoder.keyText(this.#batch, this.#index)
  }

  /** One row after the other, so that what was seen first does not depend on who answers first. */
  async #rest(batch: Batch, index: number, pending: Promise<void>): Promise<void> {
    await pending
    for (let next = index + 1; next < batch.rows; next++) await this.#row(batch, next)
  }

  #row(batch: Batch, index: number): Promise<void> | undefined {
    this.#tally.bytes += (batch.offsets[index + 1] as number) - (batch.offsets[index] as number)
    const row = this.#decode(batch, index)
    if (row === null) return undefined
    try {
      const transformed = this.#pipeline === null ? row : this.#pipeline.apply(row)
      if (transformed instanceof Promise) return this.#takeLater(transformed, batch, index)
      this.#take(transformed, batch, index)
    } catch (error) {
      this.#fail(error)
    }
    return undefined
  }

  async #takeLater(transformed: Promise<Transformed>, batch: Batch, index: number): Promise<void> {
    try {
      this.#take(await transformed, batch, index)
    } catch (error) {
      this.#fail(error)
    }
  }

  #decode(batch: Batch, index: number): Row | null {
    try {
      return this.#decoder.decodeRow(batch, index)
    } catch (error) {
      if (!(error instanceof RowError) || error.shape.code !== 'row-rejected') throw error
      this.#tally.damaged++
      return null
    }
  }

  #fail(error: unknown): void {
    if (!(error instanceof RowError)) throw error
    this.#tally.fail(error.shape.message)
  }

  #take(transformed: Transformed, batch: Batch, index: number): void {
    if (transformed === null) return
    const rows = 'fields' in transformed ? [transformed] : transformed
    // Measured before the first is counted: a row counts whole or not at all.
    for (const { fields } of rows) documentBytes(fields)
    this.#batch = batch
    this.#index = index
    for (const { fields } of rows) this.#document(this.#tally.documents, fields, true)
  }

  #document(into: DocumentsTally, document: DocumentValue, isRow: boolean): void {
    into.rows++
    for (const name of Object.keys(document)) {
      const field = into.field(name)
      if (field === null) continue
      // The names of a row become those of columns, which are cleaned.
      if (!isRow) this.#checkText(field, name)
      else this.#enter(name)
      this.#value(field, document[name] as Value)
    }
  }

  /** A field of the row itself. */
  #enter(name: string): void {
    const type = this.#types?.get(name)
    this.#inDoubles = type === 'float64' || type === 'float64[]'
    this.#inJson = type === 'json'
  }

  /** Counts a value. Answers its type as an element of an array. */
  #value(into: ValuesTally, value: Value): ObservedType {
    switch (typeof value) {
      case 'string':
        return this.#string(into, value)
      case 'number':
        return this.#number(into, value)
      case 'boolean':
        return this.#listed(into, value, 'bool')
      case 'bigint':
        return this.#listed(into, value, BigInt.asIntN(int64Bits, value) === value ? 'int64' : 'decimal')
      default:
        if (value !== null) return this.#object(into, value)
        into.count('null', 'null', 0)
        return 'null'
    }
  }

  #string(into: ValuesTally, value: string): ObservedType {
    into.count(this.#nameOf(value, 'text'), 'text', valueBytes(value))
    this.#checkText(into, value)
    if (into.lists) {
      if (value.length > longestDistinct) into.listNoMore()
      else into.list(value)
    }
    return 'text'
  }

  #checkText(into: ValuesTally, text: string): void {
    if (text.includes('\0')) into.note('nul', this)
    if (!text.isWellFormed()) into.note('broken-text', this)
  }

  #number(into: ValuesTally, value: number): ObservedType {
    if (!this.#inDoubles && valueTypeName(value) === 'int') return this.#listed(into, value, 'int32')
    if (isSpecialNumber(value)) into.note('special-number', this)
    return this.#unlisted(into, value, 'float64')
  }

  #object(into: ValuesTally, value: Exclude<Value, null | string | number | boolean | bigint>): ObservedType {
    if (Array.isArray(value)) return this.#array(into, value)
    if (value instanceof Instant) {
      if (!fitsTimestamp(value)) into.note('date-range', this)
      return this.#unlisted(into, value, 'timestamp')
    }
    if (value instanceof Day) return this.#unlisted(into, value, 'date')
    if (value instanceof Decimal) {
      if (isSpecialDecimal(value.text)) into.note('special-number', this)
      return this.#unlisted(into, value, 'decimal')
    }
    if (value instanceof ObjectId) return this.#unlisted(into, value, 'objectid')
    if (value instanceof Uuid) return this.#unlisted(into, value, 'uuid')
    if (value instanceof Uint8Array) return this.#unlisted(into, value, 'bytes')
    if (value instanceof Special) return this.#special(into, value)
    this.#document(into.documents, value as DocumentValue, false)
    return this.#unlisted(into, value, 'json')
  }

  #array(into: ValuesTally, items: readonly Value[]): ObservedType {
    const { elements } = into
    let joined: ElementsType = null
    for (const item of items) joined = joinElement(joined, this.#value(elements, item), this.#join)
    elements.array(items.length)
    return this.#unlisted(into, items, this.#inJson ? 'json' : arrayTypeOf(joined))
  }

  #special(into: ValuesTally, value: Special): ObservedType {
    if (value.type === 'undefined') {
      into.count('undefined', 'null', 0)
      return 'json'
    }
    if (hasNul(value)) into.note('nul', this)
    return this.#unlisted(into, value, 'json')
  }

  #listed(into: ValuesTally, value: number | bigint | boolean, type: ObservedType): ObservedType {
    into.count(this.#nameOf(value, type), type, valueBytes(value))
    if (into.lists) into.list(String(value))
    return type
  }

  #unlisted(into: ValuesTally, value: Value, type: ObservedType): ObservedType {
    into.listNoMore()
    into.count(this.#nameOf(value, type), type, valueBytes(value))
    return type
  }

  #nameOf(value: Value, type: ObservedType): string {
    if (this.#types === null || type === 'null') return valueTypeName(value)
    return type === 'empty-array' ? 'array' : typeName(type)
  }
}
