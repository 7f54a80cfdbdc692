import { elementType, type ScalarType } from '../../core/logical-type.ts'
import type { ColumnPlan, NestedJson } from '../../core/plan.ts'
import { RowError } from '../../core/row-error.ts'
import { BsonDamage, type BsonReader } from '../bson-reader.ts'
import { tag } from '../bson-types.ts'
import { BsonValues } from '../bson-values.ts'
import type { ByteWriter } from '../byte-writer.ts'
import { appenderOf } from '../pgcopy-columns.ts'
import { typeOids, type AppendValue } from '../pgcopy-scalars.ts'
import type { Column, Field } from './field-table.ts'
import { JsonWriter } from './json-writer.ts'
import { NamePaths } from './name-paths.ts'
import { endOfIndex, endOfValue } from './measure.ts'
import { appendDirect, scalarCodes } from './scalars.ts'
import { SoundValues } from './sound-values.ts'

// Constants of the module itself cost nothing; those of another are loaded and checked each time.
const { array: arrayTag, null: nullTag, object: objectTag, string: stringTag } = tag

/** Bytes of a BSON string beside its text. */
const textFraming = 5

/** Writes values of columns of one table's plan; what it needs for that all parts of the plan share. */
export class ColumnWriter {
  readonly reader: BsonReader
  readonly sound: SoundValues
  readonly names: NamePaths = new NamePaths()
  readonly #nestedJson: NestedJson
  readonly #values: BsonValues
  readonly #json: Readonly<Record<NestedJson, JsonWriter>>

  constructor(reader: BsonReader, nestedJson: NestedJson) {
    this.reader = reader
    this.#nestedJson = nestedJson
    this.#values = new BsonValues(reader)
    this.#json = {
      plain: new JsonWriter(reader, 'plain', this.names),
      extended: new JsonWriter(reader, 'extended', this.names),
    }
    this.sound = new SoundValues(reader, this.#values, this.#json.plain, this.names.value())
  }

  json(nestedJson: NestedJson = this.#nestedJson): JsonWriter {
    return this.#json[nestedJson]
  }

  /** `field`: where its values lie; null for that of elements that are no documents. */
  compile(plan: ColumnPlan, field: Field | null, index: number): Column {
    const { type, maxCharacters, holds, within = [] } = plan
    const element = elementType(type)
    const scalar = element ?? (type === 'json' ? null : (type as ScalarType))
    return {
      index,
      field,
      holds,
      depth: within.length,
      code: scalar === null ? -1 : scalarCodes[scalar],
      isUsual: scalar === type && maxCharacters === undefined && holds === undefined,
      isArray: element !== null,
      oid: element === null ? 0 : typeOids[element],
      json: type === 'json' ? this.json(plan.nestedJson) : null,
      names: this.names.value(),
      mostBytes: maxCharacters ?? -1,
      general: appenderOf(plan, this.#nestedJson),
    }
  }

  /**
   * Appends a value that is not null to a column. False: only the general way says more. `depth`: how many documents
   * and arrays of its row the value lies in.
   */
  append(out: ByteWriter, column: Column, type: number, at: number, end: number, depth: number): boolean {
    if (!column.isUsual) return this.#appendUnusual(out, column, type, at, end, depth)
    return (
      appendDirect(column.code, out, this.reader, type, at, end) ||
      this.#appendMade(out, column.general, type, at, end, depth)
    )
  }

  #appendUnusual(out: ByteWriter, column: Column, type: number, at: number, end: number, depth: number): boolean {
    const { holds } = column
    if (holds === 'length') return this.#appendLength(out, column, type, at, end)
    if (holds === 'others' && type === objectTag) return appendNull(out)
    const start = out.at
    if (this.#appendForm(out, column, type, at, end, depth)) return true
    out.at = start
    return this.#appendMade(out, column.general, type, at, end, depth)
  }

  #appendForm(out: ByteWriter, column: Column, type: number, at: number, end: number, depth: number): boolean {
    if (column.json !== null) return column.json.append(out, column.names, type, at, end, depth)
    if (column.isArray) return appendArray(out, this.reader, column, type, at, end)
    // No text has more characters than bytes; of one that has more bytes, they are counted elsewhere.
    const mayBeTooLong = type === stringTag && column.mostBytes >= 0 && end - at - textFraming > column.mostBytes
    return !mayBeTooLong && appendDirect(column.code, out, this.reader, type, at, end)
  }

  /** The length of an array, and of everything else NULL. */
  #appendLength(out: ByteWriter, column: Column, type: number, at: number, end: number): boolean {
    if (type !== arrayTag) return appendNull(out)
    const count = countElements(this.reader, at, end)
    return count >= 0 && column.general(out, count)
  }

  /** By way of a value, for what is not written from its bytes. */
  #appendMade(out: ByteWriter, append: AppendValue, type: number, at: number, end: number, depth: number): boolean {
    try {
      this.#values.start(depth)
      return append(out, this.#values.value(type, at, end))
    } catch (error) {
      if (error instanceof BsonDamage || error instanceof RowError) return false
      throw error
    }
  }
}

/** One dimension, lower bound 1 (PostgreSQL's array_recv). An empty array has no dimension at all. */
function appendArray(
  out: ByteWriter,
  reader: BsonReader,
  { code, oid }: Column,
  type: number,
  at: number,
  end: number,
): boolean {
  if (type !== arrayTag) return false
  const start = out.at
  out.reserve(24)
  const { view } = reader
  const last = end - 1
  out.at += last > at + 4 ? 24 : 16
  let count = 0
  let hasNull = 0
  for (let next = at + 4; next < last; count++) {
    const itemType = view.getUint8(next)
    const itemAt = endOfIndex(reader, next + 1, last)
    if (itemAt < 0) return false
    next = endOfValue(reader, itemType, itemAt, last)
    if (next < 0) return false
    if (itemType === nullTag) {
      hasNull = 1
      out.reserve(4)
      out.putInt32(-1)
    } else if (!appendDirect(code, out, reader, itemType, itemAt, next)) return false
  }
  putArrayHead(out, start, count, hasNull, oid)
  return true
}

function putArrayHead(out: ByteWriter, start: number, count: number, hasNull: number, oid: number): void {
  const { at } = out
  out.at = start
  out.putInt32(at - start - 4)
  out.putInt32(count === 0 ? 0 : 1)
  out.putInt32(hasNull)
  out.putInt32(oid)
  if (count > 0) {
    out.putInt32(count)
    out.putInt32(1)
  }
  out.at = at
}

/** The number of elements of an array that is measured; -1 where they are not. */
function countElements(reader: BsonReader, at: number, end: number): number {
  const last = end - 1
  let count = 0
  for (let next = at + 4; next < last; count++) {
    const itemAt = endOfIndex(reader, next + 1, last)
    if (itemAt < 0) return -1
    next = endOfValue(reader, reader.bytes[next] as number, itemAt, last)
    if (next < 0) return -1
  }
  return count
}

export function appendNull(out: ByteWriter): boolean {
  out.reserve(4)
  out.putInt32(-1)
  return true
}
