import type { DocumentValue, Value } from '../core/value.ts'
import { Decimal, Instant, ObjectId, Special, Uuid } from '../core/value.ts'
import type { BsonReader } from './bson-reader.ts'
import { BsonDamage, maxDepth } from './bson-reader.ts'
import { bsonTypeName, subtype, tag } from './bson-types.ts'
import { canonicalJson } from './canonical-json.ts'
import { decimal128Text } from './decimal128.ts'

const uuidBytes = 16

/** Makes values out of BSON, and remembers where it is, so that damage can be located. */
export class BsonValues {
  readonly #reader: BsonReader
  /** A null is where a name is being read. */
  readonly #path: (string | number | null)[] = []
  #depth = 0

  constructor(reader: BsonReader) {
    this.#reader = reader
  }

  /** Starts a row, or so many levels deep in one; `field` calls follow. */
  start(depth: number = 0): void {
    this.#depth = depth
    this.#path[0] = null
  }

  /** Names the top-level field that is being read; null: its name is. */
  field(name: string | null): void {
    this.#path[0] = name
  }

  /** Where reading is, from the row inwards, with the places in arrays; empty before the first field. */
  path(): readonly (string | number)[] {
    return this.#path.slice(0, this.#depth + 1).filter((step) => step !== null)
  }

  /** The value between two positions that the reader has measured. Throws BsonDamage. */
  value(type: number, at: number, end: number): Value {
    const { view } = this.#reader
    switch (type) {
      case tag.string:
        return this.#reader.string(at, end)
      case tag.int:
        return view.getInt32(at, true)
      case tag.double:
        return view.getFloat64(at, true)
      case tag.bool:
        return this.#reader.bytes[at] === 1
      case tag.null:
        return null
      case tag.object:
        return this.#document(at, end)
      case tag.array:
        return this.#array(at, end)
      case tag.date:
        return new Instant(view.getBigInt64(at, true))
      case tag.objectId:
        return new ObjectId(this.#reader.hex(at, end))
      case tag.long:
        return view.getBigInt64(at, true)
      case tag.decimal:
        return new Decimal(decimal128Text(view.getBigUint64(at, true), view.getBigUint64(at + 8, true)))
      case tag.binData:
        return this.#binary(at, end)
      default:
        return this.#special(type, at, end)
    }
  }

  #document(at: number, end: number): DocumentValue {
    this.#enter()
    const reader = this.#reader
    // Without a prototype, so that `__proto__` is a field like any other.
    const document = Object.create(null) as Record<string, Value>
    const last = end - 1
    let next = at + 4
    while (next < last) {
      const type = reader.bytes[next] as number
      this.#path[this.#depth] = null
      const name = reader.readName(next + 1, last)
      const valueAt = reader.nameEnd
      this.#path[this.#depth] = name
      next = reader.valueEnd(type, valueAt, last)
      if (document[name] !== undefined) reader.takeLast(null, valueAt, next)
      document[name] = this.value(type, valueAt, next)
    }
    this.#depth--
    return document
  }

  /** By position; the names of the elements, which drivers disagree on, do not count. */
  #array(at: number, end: number): Value[] {
    this.#enter()
    const reader = this.#reader
    const items: Value[] = []
    const last = end - 1
    let next = at + 4
    while (next < last) {
      const type = reader.bytes[next] as number
      this.#path[this.#depth] = items.length
      const valueAt = reader.skipName(next + 1, last)
      next = reader.valueEnd(type, valueAt, last)
      items.push(this.value(type, valueAt, next))
    }
    this.#depth--
    return items
  }

  #enter(): void {
    if (this.#depth >= maxDepth) throw new BsonDamage(`documents are nested deeper than ${maxDepth} levels`)
    this.#path[++this.#depth] = null
  }

  #binary(at: number, end: number): Value {
    const kind = this.#reader.subtype(at)
    const bytes = this.#reader.binary(at, end)
    if (kind === subtype.generic || kind === subtype.oldGeneric) return new Uint8Array(bytes)
    if (kind === subtype.uuid && bytes.length === uuidBytes) {
      const hex = this.#reader.hex(end - uuidBytes, end)
      const parts = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)]
      return new Uuid(parts.join('-'))
    }
    return this.#special(tag.binData, at, end)
  }

  #special(type: number, at: number, end: number): Special {
    return new Special(bsonTypeName(type), canonicalJson(this.#reader, type, at, end, this.#depth))
  }
}
