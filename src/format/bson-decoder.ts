import type { Batch } from '../core/batch.ts'
import { DroverError } from '../core/errors.ts'
import type { TablePlan } from '../core/plan.ts'
import { RowError } from '../core/row-error.ts'
import type { Row, Value } from '../core/value.ts'
import { BsonDamage, BsonReader } from './bson-reader.ts'
import { bsonTypeName, tag } from './bson-types.ts'
import { BsonValues } from './bson-values.ts'
import type { Decoder } from './codec.ts'
import { unplannedField } from './drift.ts'
import { displayText } from './json-text.ts'
import { shownName } from './row-error.ts'
import { plannedFields } from './row-shape.ts'

/** A field that the plan knows. */
interface KnownField {
  readonly name: string
  /** UTF-8 with the terminator that BSON has. */
  readonly bytes: Uint8Array
  /** It becomes part of the row; otherwise it is left out. */
  readonly planned: boolean
  readonly isKey: boolean
  /** The row that had it last, to notice a field that occurs twice. */
  seenIn: number
}

/** A field that the plan does not know, and the type of its value. */
interface UnplannedField {
  readonly name: string
  readonly type: number
}

/**
 * BSON documents → rows that hold the fields that the plan has a use for: with a transform all, with an overflow column
 * all but those left out. Otherwise a field that the plan does not know is `schema-drift`. A damaged document is
 * `row-rejected`, and so is a name that occurs twice among the fields that are not skipped unseen.
 */
export function createBsonDecoder(plan: TablePlan, keyField: string): Decoder {
  return new BsonDecoder(plan, keyField)
}

class BsonDecoder implements Decoder {
  readonly #table: string
  readonly #keyField: string
  readonly #known: ReadonlyMap<string, KnownField>
  /** What happens to fields that the plan does not know. */
  readonly #unknown: 'skip' | 'keep' | 'refuse'
  readonly #reader = new BsonReader(new Uint8Array())
  readonly #values = new BsonValues(this.#reader)
  /** The known fields in the order of the rows before: documents of a table mostly agree on it. */
  readonly #expected: (KnownField | undefined)[] = []
  #row = 0
  /** The name last read. Those of known fields are compared, mostly, and not read. */
  #name = ''
  // Where the row at hand begins and ends in the reader's bytes.
  #start = 0
  #end = 0

  constructor(plan: TablePlan, keyField: string) {
    this.#table = plan.source
    this.#keyField = keyField
    this.#known = knownFields(plan, keyField)
    this.#unknown = unknownOf(plan)
  }

  decodeRow(batch: Batch, index: number): Row {
    this.#load(batch, index)
    try {
      return this.#decode()
    } catch (error) {
      if (error instanceof BsonDamage) throw this.#damaged(error)
      throw error
    }
  }

  keyText(batch: Batch, index: number): string {
    this.#load(batch, index)
    return this.#keyText()
  }

  #decode(): Row {
    const reader = this.#reader
    const values = this.#values
    values.start()
    const last = this.#bodyEnd()
    const fields = Object.create(null) as Record<string, Value>
    const row = ++this.#row
    let key: Value = null
    let drift: UnplannedField | null = null
    let next = this.#start + 4
    for (let position = 0; next < last; position++) {
      const type = reader.bytes[next] as number
      const field = this.#fieldAt(next, last, position)
      const valueAt = reader.nameEnd
      if (field === undefined) {
        next = reader.valueEnd(type, valueAt, last)
        if (this.#unknown === 'skip') continue
        const name = this.#name
        const kept = this.#keep(fields, type, valueAt, next)
        if (name === this.#keyField) key = kept
        if (this.#unknown === 'refuse') drift ??= { name, type }
        continue
      }
      values.field(field.name)
      next = reader.valueEnd(type, valueAt, last)
      if (field.seenIn === row) throw new BsonDamage('the field occurs twice')
      field.seenIn = row
      if (!field.planned && !field.isKey) continue
      const value = this.#value(type, valueAt, next)
      if (field.isKey) key = value
      if (field.planned) fields[field.name] = value
    }
    // Not before: a damaged document is no reason to change the table.
    if (drift !== null) throw this.#unplanned(drift)
    return { key, fields }
  }

  #keep(fields: Record<string, Value>, type: number, at: number, end: number): Value {
    const name = this.#name
    if (fields[name] !== undefined) throw new BsonDamage('the field occurs twice')
    return (fields[name] = this.#value(type, at, end))
  }

  #value(type: number, at: number, end: number): Value {
    return type === tag.undefined ? null : this.#values.value(type, at, end)
  }

  /** The known field whose element begins at `at`; undefined for another. Leaves `nameEnd` behind its name. */
  #fieldAt(at: number, last: number, position: number): KnownField | undefined {
    const expected = this.#expected[position]
    if (expected !== undefined && this.#isNamed(expected.bytes, at + 1, last)) return expected
    this.#values.field('')
    const name = this.#reader.readName(at + 1, last)
    this.#values.field(name)
    this.#name = name
    const known = this.#known.get(name)
    if (known !== undefined) this.#expected[position] = known
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

  #keyText(): string {
    try {
      return displayText(this.#findKey())
    } catch (error) {
      if (error instanceof BsonDamage) return '?'
      throw error
    }
  }

  #findKey(): Value {
    this.#values.start()
    const last = this.#bodyEnd()
    let next = this.#start + 4
    while (next < last) {
      const type = this.#reader.bytes[next] as number
      const name = this.#reader.readName(next + 1, last)
      const valueAt = this.#reader.nameEnd
      next = this.#reader.valueEnd(type, valueAt, last)
      if (name === this.#keyField) return this.#value(type, valueAt, next)
    }
    return null
  }

  #load(batch: Batch, index: number): void {
    const start = batch.offsets[index]
    const end = batch.offsets[index + 1]
    if (start === undefined || end === undefined) {
      throw new DroverError('unexpected', `batch ${batch.id.seq} of ${batch.rows} rows has no row ${index}`)
    }
    this.#reader.load(batch.bytes)
    this.#start = start
    this.#end = end
  }

  /** The position of the terminator of the row's document, which has to fill the row exactly. */
  #bodyEnd(): number {
    const end = this.#reader.documentEnd(this.#start, this.#end)
    if (end !== this.#end) {
      throw new BsonDamage(`it claims ${end - this.#start} bytes where ${this.#end - this.#start} came`)
    }
    return end - 1
  }

  #damaged(damage: BsonDamage): RowError {
    const path = this.#values.path()
    const where = path === '' ? '' : ` at ${shownName(path)}`
    const message = `document ${this.#keyText()} of table ${this.#table} is damaged${where}: ${damage.message}`
    return new RowError({ code: 'row-rejected', message, hint: 'repair or remove the document in the source' })
  }

  #unplanned({ name, type }: UnplannedField): RowError {
    const subject = `document ${this.#keyText()} of table ${this.#table}`
    return unplannedField(subject, shownName(name), bsonTypeName(type))
  }
}

function unknownOf({ transform, ignore, overflow }: TablePlan): 'skip' | 'keep' | 'refuse' {
  // What a transform makes of a field, the plan does not say.
  if (transform !== undefined) return 'keep'
  if (ignore === 'others') return 'skip'
  return overflow === undefined ? 'refuse' : 'keep'
}

function knownFields(plan: TablePlan, keyField: string): ReadonlyMap<string, KnownField> {
  const planned = plannedFields(plan)
  const ignored = plan.ignore === 'others' ? [] : plan.ignore
  const keepsAll = plan.transform !== undefined
  return new Map(
    [...planned, ...ignored, ...(plan.ignore === 'others' ? [keyField] : [])].map((name) => {
      const bytes = Buffer.from(`${name}\0`)
      return [name, { name, bytes, planned: keepsAll || planned.has(name), isKey: name === keyField, seenIn: 0 }]
    }),
  )
}
