import type { Batch } from '../core/batch.ts'
import { DroverError } from '../core/errors.ts'
import type { TablePlan } from '../core/plan.ts'
import type { Row, Value } from '../core/value.ts'
import { BsonDamage, BsonReader } from './bson-reader.ts'
import { bsonTypeName, tag } from './bson-types.ts'
import { BsonValues } from './bson-values.ts'
import type { Decoder } from './codec.ts'
import { RowError } from './codec.ts'
import { displayText } from './json-text.ts'
import { shownName } from './row-error.ts'

/** A field that the plan knows. */
interface KnownField {
  readonly name: string
  /** UTF-8 with the terminator that BSON has. */
  readonly bytes: Uint8Array
  /** It has a column; otherwise it is left out. */
  readonly planned: boolean
  readonly isKey: boolean
  /** The row that had it last, to notice a field that occurs twice. */
  seenIn: number
}

/**
 * BSON documents → rows that hold the planned fields. A damaged document is `row-rejected`, and so is a name that
 * occurs twice among the fields the plan knows; a field that the plan does not know is `schema-drift`.
 */
export function createBsonDecoder(plan: TablePlan, keyField: string): Decoder {
  return new BsonDecoder(plan, keyField)
}

class BsonDecoder implements Decoder {
  readonly #table: string
  readonly #keyField: string
  readonly #known: ReadonlyMap<string, KnownField>
  readonly #skipUnknown: boolean
  readonly #reader = new BsonReader(new Uint8Array())
  readonly #values = new BsonValues(this.#reader)
  /** The known fields in the order of the rows before: documents of a table mostly agree on it. */
  readonly #expected: (KnownField | undefined)[] = []
  #row = 0

  constructor(plan: TablePlan, keyField: string) {
    this.#table = plan.source
    this.#keyField = keyField
    this.#known = knownFields(plan, keyField)
    this.#skipUnknown = plan.ignore === 'others'
  }

  decodeRow(batch: Batch, index: number): Row {
    const { start, end } = this.#load(batch, index)
    try {
      return this.#decode(start, end)
    } catch (error) {
      if (error instanceof BsonDamage) throw this.#damaged(batch, index, error)
      throw error
    }
  }

  keyText(batch: Batch, index: number): string {
    const { start, end } = this.#load(batch, index)
    try {
      return displayText(this.#findKey(start, end))
    } catch (error) {
      if (error instanceof BsonDamage) return '?'
      throw error
    }
  }

  #decode(start: number, end: number): Row {
    const reader = this.#reader
    const values = this.#values
    values.start()
    const last = this.#bodyEnd(start, end)
    const fields = Object.create(null) as Record<string, Value>
    const row = ++this.#row
    let key: Value = null
    let next = start + 4
    for (let position = 0; next < last; position++) {
      const type = reader.bytes[next] as number
      const field = this.#fieldAt(next, last, position)
      const valueAt = reader.nameEnd
      if (field === undefined) {
        next = reader.valueEnd(type, valueAt, last)
        continue
      }
      values.field(field.name)
      next = reader.valueEnd(type, valueAt, last)
      if (field.seenIn === row) throw new BsonDamage('the field occurs twice')
      field.seenIn = row
      if (!field.planned && !field.isKey) continue
      const value = type === tag.undefined ? null : values.value(type, valueAt, next)
      if (field.isKey) key = value
      if (field.planned) fields[field.name] = value
    }
    return { key, fields }
  }

  /** The known field whose element begins at `at`; undefined for one to be skipped. Leaves `nameEnd` behind its name. */
  #fieldAt(at: number, last: number, position: number): KnownField | undefined {
    const expected = this.#expected[position]
    if (expected !== undefined && this.#isNamed(expected.bytes, at + 1, last)) return expected
    this.#values.field('')
    const name = this.#reader.readName(at + 1, last)
    this.#values.field(name)
    const known = this.#known.get(name)
    if (known !== undefined) this.#expected[position] = known
    else if (!this.#skipUnknown) throw this.#unplanned(name, this.#reader.bytes[at] as number)
    return known
  }

  #isNamed(name: Uint8Array, at: number, last: number): boolean {
    const { bytes } = this.#reader
    const end = at + name.length
    if (end > last) return false
    for (let i = 0; i < name.length; i++) if (bytes[at + i] !== name[i]) return false
    this.#reader.nameEnd = end
    return true
  }

  #findKey(start: number, end: number): Value {
    this.#values.start()
    const last = this.#bodyEnd(start, end)
    let next = start + 4
    while (next < last) {
      const type = this.#reader.bytes[next] as number
      const name = this.#reader.readName(next + 1, last)
      const valueAt = this.#reader.nameEnd
      next = this.#reader.valueEnd(type, valueAt, last)
      if (name === this.#keyField) return this.#values.value(type, valueAt, next)
    }
    return null
  }

  #load(batch: Batch, index: number): { start: number; end: number } {
    const start = batch.offsets[index]
    const end = batch.offsets[index + 1]
    if (start === undefined || end === undefined) {
      throw new DroverError('unexpected', `batch ${batch.id.seq} of ${batch.rows} rows has no row ${index}`)
    }
    this.#reader.load(batch.bytes)
    return { start, end }
  }

  /** The position of the terminator of a document that has to fill `start … end` exactly. */
  #bodyEnd(start: number, end: number): number {
    const documentEnd = this.#reader.documentEnd(start, end)
    if (documentEnd !== end) {
      throw new BsonDamage(`a document of ${documentEnd - start} bytes comes in ${end - start} bytes`)
    }
    return end - 1
  }

  #damaged(batch: Batch, index: number, damage: BsonDamage): RowError {
    const path = this.#values.path()
    const where = path === '' ? '' : ` at ${shownName(path)}`
    const message = `document ${this.keyText(batch, index)} of table ${this.#table} is damaged${where}: ${damage.message}`
    return new RowError({ code: 'row-rejected', message, hint: 'repair or remove the document in the source' })
  }

  #unplanned(name: string, type: number): RowError {
    return new RowError({ code: 'schema-drift', message: '', hint: undefined })
  }
}

function knownFields(plan: TablePlan, keyField: string): ReadonlyMap<string, KnownField> {
  const planned = new Set(plan.columns.map(({ field }) => field))
  const names = new Set([...planned, ...(plan.ignore === 'others' ? [keyField] : plan.ignore)])
  return new Map(
    [...names].map((name) => {
      const bytes = Buffer.from(`${name}\0`)
      return [name, { name, bytes, planned: planned.has(name), isKey: name === keyField, seenIn: 0 }]
    }),
  )
}
