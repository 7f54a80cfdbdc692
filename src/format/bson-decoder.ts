import type { Batch } from '../core/batch.ts'
import type { CoercionUse } from '../core/coercion.ts'
import { DroverError } from '../core/errors.ts'
import type { TablePlan } from '../core/plan.ts'
import { RowError, type FaultyValue } from '../core/row-error.ts'
import type { Row, Value } from '../core/value.ts'
import { BsonDamage, BsonReader } from './bson-reader.ts'
import { bsonTypeName, tag } from './bson-types.ts'
import { BsonValues } from './bson-values.ts'
import type { Decoder } from './codec.ts'
import { columnAt } from './column-at.ts'
import { decodeCoercions, type DecodeCoercions } from './decode-coercions.ts'
import { unplannedField } from './drift.ts'
import { displayText } from './json-text.ts'
import { storableName, shownName } from './row-error.ts'
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

/** A field that the plan does not know. */
interface UnplannedField {
  readonly name: string
  readonly type: number
  readonly value: Value
}

/** Where a value lies in the bytes. */
interface FoundValue {
  readonly type: number
  readonly at: number
  readonly end: number
}

/** Positions beyond this in a document are not remembered: most of those that long are of data, not of fields. */
const mostExpected = 4096

/** Bytes that are shown of those at fault. */
const shownBytes = 64

/**
 * BSON documents → rows that hold the fields that the plan has a use for: with a transform all, with an overflow column
 * all but those left out. Otherwise a field that the plan does not know is `schema-drift`. A damaged document is
 * `row-rejected`, and so is a name that occurs twice among the fields that are not skipped unseen.
 */
export function createBsonDecoder(plan: TablePlan, keyField: string): Decoder {
  return new BsonDecoder(plan, keyField)
}

class BsonDecoder implements Decoder {
  readonly #plan: TablePlan
  readonly #keyField: string
  /** With the terminator. */
  readonly #keyName: Uint8Array
  readonly #known: ReadonlyMap<string, KnownField>
  /** What happens to fields that the plan does not know. */
  readonly #unknown: 'skip' | 'keep' | 'refuse'
  readonly #reader = new BsonReader(new Uint8Array())
  readonly #values = new BsonValues(this.#reader)
  readonly #coercions: DecodeCoercions | null
  /** The known fields in the order of the rows before: documents of a table mostly agree on it. */
  readonly #expected: (KnownField | undefined)[] = []
  #row = 0
  /** The name last read. Those of known fields are compared, mostly, and not read. */
  #name = ''
  // Where the row at hand begins and ends in the reader's bytes.
  #start = 0
  #end = 0

  constructor(plan: TablePlan, keyField: string) {
    this.#plan = plan
    this.#keyField = keyField
    this.#keyName = Buffer.from(`${keyField}\0`)
    this.#known = knownFields(plan, keyField)
    this.#unknown = unknownOf(plan)
    this.#coercions = decodeCoercions(plan.coerce ?? [], () => this.#values.path())
    this.#reader.lenience = this.#coercions
  }

  decodeRow(batch: Batch, index: number): Row {
    this.#load(batch, index)
    this.#coercions?.restart()
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

  keyBytes(batch: Batch, index: number): Uint8Array | null {
    this.#load(batch, index)
    const key = this.#soundKey()
    if (key === null) return null
    const bytes = new Uint8Array(1 + key.end - key.at)
    bytes[0] = key.type
    bytes.set(this.#reader.bytes.subarray(key.at, key.end), 1)
    return bytes
  }

  takeCoerced(): readonly CoercionUse[] {
    return this.#coercions === null ? noUses : this.#coercions.take()
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
        if (this.#unknown === 'refuse') drift ??= { name, type, value: kept }
        continue
      }
      values.field(field.name)
      next = reader.valueEnd(type, valueAt, last)
      if (field.seenIn === row) reader.takeLast(null, valueAt, next)
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
    if (fields[name] !== undefined) this.#reader.takeLast(null, at, end)
    return (fields[name] = this.#value(type, at, end))
  }

  #value(type: number, at: number, end: number): Value {
    return type === tag.undefined ? null : this.#values.value(type, at, end)
  }

  /** The known field whose element begins at `at`; undefined for another. Leaves `nameEnd` behind its name. */
  #fieldAt(at: number, last: number, position: number): KnownField | undefined {
    const expected = this.#expected[position]
    if (expected !== undefined && this.#isNamed(expected.bytes, at + 1, last)) return expected
    this.#values.field(null)
    const name = this.#reader.readName(at + 1, last)
    this.#values.field(name)
    this.#name = name
    const known = this.#known.get(name)
    if (known !== undefined && position < mostExpected) this.#expected[position] = known
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

  /** Leaves what was coerced in the row as it is: nothing of this goes into a target. */
  #keyText(): string {
    this.#reader.lenience = null
    try {
      const key = this.#findKey()
      this.#values.start()
      return displayText(key === null ? null : this.#value(key.type, key.at, key.end))
    } catch (error) {
      if (error instanceof BsonDamage) return '?'
      throw error
    } finally {
      this.#reader.lenience = this.#coercions
    }
  }

  #soundKey(): FoundValue | null {
    try {
      return this.#findKey()
    } catch (error) {
      if (error instanceof BsonDamage) return null
      throw error
    }
  }

  /** Other names are not looked at, so that one that is no text does not matter; nor is what comes behind. */
  #findKey(): FoundValue | null {
    const last = this.#reader.documentEnd(this.#start, this.#end) - 1
    for (let at = this.#start + 4; at < last;) {
      const type = this.#reader.bytes[at] as number
      const isKey = this.#isNamed(this.#keyName, at + 1, last)
      const valueAt = isKey ? this.#reader.nameEnd : this.#reader.skipName(at + 1, last)
      at = this.#reader.valueEnd(type, valueAt, last)
      if (isKey) return { type, at: valueAt, end: at }
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
    const where = path.length === 0 ? '' : ` at ${shownName(path.join('.'))}`
    const message = `${this.#subject()} is damaged${where}: ${damage.message}`
    const hint = 'repair or remove the document in the source'
    return new RowError({ code: 'row-rejected', message, hint }, this.#faultyValue(damage, path))
  }

  /** Null: no field is known to be at fault. */
  #faultyValue({ message, at, end }: BsonDamage, path: readonly (string | number)[]): FaultyValue | null {
    if (path.length === 0) return null
    const column = columnAt(this.#plan, path) ?? storableName(path.join('.'))
    if (at === null) return { column, value: '', reason: message }
    const last = Math.min(end ?? this.#end, this.#end)
    const shown = this.#reader.hex(at, Math.min(last, at + shownBytes))
    return { column, value: `0x${shown}${last > at + shownBytes ? '…' : ''}`, reason: message }
  }

  #unplanned({ name, type, value }: UnplannedField): RowError {
    return unplannedField(this.#subject(), [name], value, bsonTypeName(type))
  }

  #subject(): string {
    return `document ${this.#keyText()} of table ${this.#plan.source}`
  }
}

const noUses: readonly CoercionUse[] = []

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
