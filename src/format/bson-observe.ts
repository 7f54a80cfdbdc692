import { isUtf8 } from 'node:buffer'
import type { Batch } from '../core/batch.ts'
import type { ObservedType, ScalarType } from '../core/logical-type.ts'
import type { Sample } from '../core/sample.ts'
import { Instant } from '../core/value.ts'
import { arrayTypeOf, joinElement, type ElementsType, type JoinScalars } from './array-type.ts'
import { BsonElements } from './bson-elements.ts'
import { BsonDamage, BsonReader } from './bson-reader.ts'
import { bsonTypeName, scalarOf, subtype, tag } from './bson-types.ts'
import { BsonValues } from './bson-values.ts'
import type { Observer } from './codec.ts'
import { decimal128Text } from './decimal128.ts'
import { displayText } from './json-text.ts'
import { isSpecialDecimal, isSpecialNumber } from './special-number.ts'
import { longestDistinct, SampleTally, type DocumentsTally, type RowAtHand, type ValuesTally } from './observe-tally.ts'
import { fitsTimestamp } from './pgcopy-scalars.ts'

/** Looks at raw documents. Makes no values but what the sample shows, so that every row of a table can be looked at. */
export function createBsonObserver(keyField: string, join: JoinScalars, mendsNames = false): Observer {
  return new BsonObserver(keyField, join, mendsNames)
}

const uuidBytes = 16

/** Up to this many bytes, looking at each costs less than calling what is quicker at it. */
const shortText = 64

class BsonObserver implements Observer, RowAtHand {
  readonly #tally = new SampleTally()
  readonly #keyField: string
  readonly #join: JoinScalars
  readonly #reader = new BsonReader(new Uint8Array())
  readonly #values = new BsonValues(this.#reader)
  readonly #elements = new BsonElements(this.#reader)
  /** The element to be looked at next. */
  #next = 0
  /** Documents begun so far, nested ones included. */
  #documents = 0

  constructor(keyField: string, join: JoinScalars, mendsNames: boolean) {
    this.#keyField = keyField
    this.#join = join
    if (mendsNames) this.#reader.lenience = { mendsText: () => true, takesLast: () => false }
  }

  observe({ bytes, offsets, rows }: Batch): void {
    this.#reader.load(bytes)
    for (let row = 0; row < rows; row++) this.#row(offsets[row] as number, offsets[row + 1] as number)
  }

  sample(complete: boolean): Sample {
    return this.#tally.result(complete)
  }

  keyText(): string {
    const { names, types, starts, ends } = this.#elements
    const end = this.#elements.count
    let index = 0
    while (index < end && names[index] !== this.#keyField) index = this.#behind(index)
    if (index === end) return displayText(null)
    this.#values.start()
    try {
      const type = types[index] as number
      return displayText(
        type === tag.undefined ? null : this.#values.value(type, starts[index] as number, ends[index] as number),
      )
    } catch (error) {
      if (error instanceof BsonDamage) return '?'
      throw error
    }
  }

  #row(start: number, end: number): void {
    this.#tally.bytes += end - start
    try {
      this.#elements.load(start, end)
    } catch (error) {
      if (!(error instanceof BsonDamage)) throw error
      // It will be rejected when it is copied. Planning must not fail by it.
      this.#tally.damaged++
      return
    }
    this.#next = 0
    this.#document(this.#tally.documents, end)
  }

  /** The document whose first element, if it has one, is the next and which ends at `end`. */
  #document(into: DocumentsTally, end: number): void {
    const { names, starts, count } = this.#elements
    const document = ++this.#documents
    into.rows++
    while (this.#next < count && (starts[this.#next] as number) < end) {
      const index = this.#next++
      const field = into.field(names[index] as string)
      if (field === null) {
        this.#next = this.#behind(index)
      } else if (field.seenIn === document) {
        field.note('duplicate-field', this)
        this.#next = this.#behind(index)
      } else {
        field.seenIn = document
        this.#value(field, index)
      }
    }
  }

  /** Counts the value of an element. Answers its type as an element of an array. */
  #value(into: ValuesTally, index: number): ObservedType {
    const type = this.#elements.types[index] as number
    const at = this.#elements.starts[index] as number
    const end = this.#elements.ends[index] as number
    switch (type) {
      case tag.string:
        return this.#string(into, at, end)
      case tag.object:
        this.#document(into.documents, end)
        return count(into, 'object', 'json', end - at)
      case tag.array:
        return this.#array(into, at, end)
      case tag.null:
        into.count('null', 'null', 0)
        return 'null'
      case tag.undefined:
        into.count('undefined', 'null', 0)
        return 'json'
      case tag.binData:
        return this.#binary(into, at, end)
      default:
        return this.#scalar(into, type, at, end) ?? this.#special(into, type, index)
    }
  }

  #scalar(into: ValuesTally, type: number, at: number, end: number): ScalarType | null {
    const scalar = scalarOf(type)
    if (scalar === null) return null
    into.count(bsonTypeName(type), scalar, end - at)
    const { view, bytes } = this.#reader
    if (type === tag.int || type === tag.bool || type === tag.long) {
      if (into.lists) into.list(this.#listed(type, at))
      return scalar
    }
    into.listNoMore()
    if (type === tag.double && isSpecialNumber(view.getFloat64(at, true))) into.note('special-number', this)
    if (type === tag.date && !fitsTimestamp(new Instant(view.getBigInt64(at, true)))) into.note('date-range', this)
    // Only what has a sign, or an exponent of all ones, can be special.
    if (type === tag.decimal && ((bytes[end - 1] as number) & 0xf8) >= 0x78) {
      const text = decimal128Text(view.getBigUint64(at, true), view.getBigUint64(at + 8, true))
      if (isSpecialDecimal(text)) into.note('special-number', this)
    }
    return scalar
  }

  #listed(type: number, at: number): string {
    if (type === tag.bool) return String(this.#reader.bytes[at] === 1)
    const { view } = this.#reader
    return String(type === tag.int ? view.getInt32(at, true) : view.getBigInt64(at, true))
  }

  #string(into: ValuesTally, at: number, end: number): ObservedType {
    const size = end - at - 5
    into.count('string', 'text', size)
    this.#checkText(into, at, end)
    if (into.lists) {
      // No UTF-16 code unit takes more than three bytes.
      if (size > longestDistinct * 3) into.listNoMore()
      else into.list(this.#reader.bytes.toString('utf8', at + 4, end - 1))
    }
    return 'text'
  }

  /** The characters of a string, code or symbol. */
  #checkText(into: ValuesTally, at: number, end: number): void {
    const { bytes } = this.#reader
    const last = end - 1
    if (last - at <= shortText) {
      let next = at + 4
      while (next < last && isPlain(bytes[next] as number)) next++
      if (next === last) return
    }
    // A sound one has no zero before its terminator, so the search does not go far.
    if (bytes.indexOf(0, at + 4) < last) into.note('nul', this)
    if (!isUtf8(bytes.subarray(at + 4, last))) into.note('broken-text', this)
  }

  #array(into: ValuesTally, at: number, end: number): ObservedType {
    const { starts, count: all } = this.#elements
    const { elements } = into
    let joined: ElementsType = null
    let items = 0
    for (; this.#next < all && (starts[this.#next] as number) < end; items++) {
      const index = this.#next++
      joined = joinElement(joined, this.#value(elements, index), this.#join)
    }
    elements.array(items)
    return count(into, 'array', arrayTypeOf(joined), end - at)
  }

  #binary(into: ValuesTally, at: number, end: number): ObservedType {
    const kind = this.#reader.subtype(at)
    const size = end - at - (kind === subtype.oldGeneric ? 9 : 5)
    if (kind === subtype.uuid && size === uuidBytes) return count(into, 'uuid', 'uuid', size)
    const plain = kind === subtype.generic || kind === subtype.oldGeneric
    return count(into, 'binData', plain ? 'bytes' : 'json', size)
  }

  /** What is carried as extended JSON: only the text in it matters. */
  #special(into: ValuesTally, type: number, index: number): ObservedType {
    const { starts, ends, types } = this.#elements
    const at = starts[index] as number
    const end = ends[index] as number
    if (type === tag.javascript || type === tag.symbol) this.#checkText(into, at, end)
    if (type === tag.regex && !isUtf8(this.#reader.bytes.subarray(at, end))) into.note('broken-text', this)
    if (type === tag.dbPointer) this.#checkText(into, at, end - 12)
    if (type === tag.javascriptWithScope) {
      this.#checkText(into, at + 4, at + 8 + this.#reader.view.getInt32(at + 4, true))
      const behind = this.#behind(index)
      for (; this.#next < behind; this.#next++) {
        const inside = types[this.#next]
        if (inside !== tag.string && inside !== tag.javascript && inside !== tag.symbol) continue
        this.#checkText(into, starts[this.#next] as number, ends[this.#next] as number)
      }
    }
    return count(into, bsonTypeName(type), 'json', end - at)
  }

  /** The element behind this one and all that is nested in it. */
  #behind(index: number): number {
    const { starts, ends, count: all } = this.#elements
    const end = ends[index] as number
    let behind = index + 1
    while (behind < all && (starts[behind] as number) < end) behind++
    return behind
  }
}

/** A byte that is neither NUL nor part of a longer character. */
function isPlain(byte: number): boolean {
  return byte > 0 && byte < 0x80
}

/** Counts a value that is not listed among distinct ones. */
function count(into: ValuesTally, name: string, type: ObservedType, bytes: number): ObservedType {
  into.listNoMore()
  into.count(name, type, bytes)
  return type
}
