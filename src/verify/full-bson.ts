import { Binary, BSONError, ByteUtils, Decimal128, NumberUtils, onDemand, UUID } from 'bson'
import { RowError } from '../core/row-error.ts'
import { Decimal, Instant, ObjectId, Special, Uuid, type Value } from '../core/value.ts'

/** Element types of BSON (https://bsonspec.org/spec.html), as far as they are told apart here. */
const bson = {
  double: 1,
  string: 2,
  object: 3,
  array: 4,
  binary: 5,
  undefined: 6,
  objectId: 7,
  bool: 8,
  date: 9,
  null: 10,
  regex: 11,
  dbPointer: 12,
  code: 13,
  symbol: 14,
  codeWithScope: 15,
  int32: 16,
  timestamp: 17,
  int64: 18,
  decimal: 19,
  maxKey: 127,
  minKey: 255,
} as const

/** What the column for a value may hold at most; deeper documents are nobody's. */
const deepest = 200

/** One element of a document: its name, and where its value lies. */
export interface Element {
  readonly type: number
  readonly name: string
  readonly at: number
  readonly length: number
}

/** What may be done to a document that is broken, by its dotted path. */
export interface Leniency {
  /** Bytes that are no UTF-8 become U+FFFD. */
  replacesBrokenText(path: string): boolean
  /** Of a name that occurs twice the last one counts. */
  lastWins(path: string): boolean
}

const strict: Leniency = { replacesBrokenText: () => false, lastWins: () => false }

/**
 * Documents by the driver's own parser of elements, apart from the reader that copies. (Its `deserialize` would not do: it
 * bends dates that JavaScript's `Date` does not hold, makes a DBRef of any document with `$ref` and `$id`, and does not
 * tell a field that occurs twice.) Throws RowError `row-rejected` for a document that is damaged.
 */
export class DriverBson {
  readonly #bytes: Uint8Array
  readonly #leniency: Leniency

  constructor(bytes: Uint8Array, leniency: Leniency = strict) {
    this.#bytes = bytes
    this.#leniency = leniency
  }

  /** The elements of the document, or array, that begins at `at`. */
  elements(at: number, path: string, isArray = false): readonly Element[] {
    return guarded(() =>
      Array.from(onDemand.parseToElements(this.#bytes, at), ([type, nameAt, nameLength, valueAt, length]) => {
        const name = isArray ? '' : this.#text(nameAt, nameAt + nameLength, path)
        return { type, name, at: valueAt, length }
      }),
    )
  }

  /** The size that the document at `at` claims. */
  size(at: number): number {
    return NumberUtils.getInt32LE(this.#bytes, at)
  }

  value({ type, at, length }: Element, path: string, depth = 0): Value {
    switch (type) {
      case bson.double:
        return NumberUtils.getFloat64LE(this.#bytes, at)
      case bson.int32:
        return NumberUtils.getInt32LE(this.#bytes, at)
      case bson.int64:
        return NumberUtils.getBigInt64LE(this.#bytes, at)
      case bson.string:
        return this.#string(at, path)
      case bson.object:
        return this.#document(at, length, path, depth)
      case bson.array:
        return this.#inside(at, length, depth, path, true).map((item) => this.value(item, path, depth + 1))
      case bson.binary:
        return this.#binary(at, length)
      case bson.objectId:
        return new ObjectId(ByteUtils.toHex(this.#bytes.subarray(at, at + length)))
      case bson.bool:
        return this.#bool(at)
      case bson.date:
        return new Instant(NumberUtils.getBigInt64LE(this.#bytes, at))
      case bson.null:
        return null
      case bson.decimal:
        return new Decimal(this.#decimal(at))
      default:
        return this.#special(type, at, length, path, depth)
    }
  }

  #document(at: number, length: number, path: string, depth: number): Value {
    const document = Object.create(null) as Record<string, Value>
    for (const element of this.#inside(at, length, depth, path, false)) {
      const inner = `${path}.${element.name}`
      const value = this.value(element, inner, depth + 1)
      if (element.name in document && !this.#leniency.lastWins(inner)) throw broken(inner, 'occurs twice')
      document[element.name] = value
    }
    return document
  }

  #inside(at: number, length: number, depth: number, path: string, isArray: boolean): readonly Element[] {
    if (depth >= deepest) throw broken(path, `is nested deeper than ${deepest} levels`)
    if (this.size(at) !== length) throw broken(path, 'claims more bytes than it has')
    return this.elements(at, path, isArray)
  }

  #bool(at: number): boolean {
    const byte = this.#bytes[at]
    if (byte !== 0 && byte !== 1) throw broken('', `holds a bool of ${byte}`)
    return byte === 1
  }

  #string(at: number, path: string): string {
    const length = this.size(at)
    const end = at + 4 + length
    if (length < 1 || this.#bytes[end - 1] !== 0) throw broken(path, 'has no terminator')
    return this.#text(at + 4, end - 1, path)
  }

  #text(start: number, end: number, path: string): string {
    return guarded(() => ByteUtils.toUTF8(this.#bytes, start, end, !this.#leniency.replacesBrokenText(path)))
  }

  #decimal(at: number): string {
    return new Decimal128(this.#bytes.subarray(at, at + 16)).toString()
  }

  #binary(at: number, length: number): Value {
    const subtype = this.#bytes[at + 4] ?? 0
    const end = at + length
    // Binaries of the old subtype have a second length within.
    if (subtype === 2 && (length < 9 || this.size(at + 5) !== this.size(at) - 4)) {
      throw broken('', 'has lengths of a binary that do not add up')
    }
    // A copy: the batch's memory is used again.
    const payload = new Uint8Array(this.#bytes.subarray(subtype === 2 ? at + 9 : at + 5, end))
    if (subtype === 0 || subtype === 2) return payload
    if (subtype === Binary.SUBTYPE_UUID && payload.length === 16) return new Uuid(new UUID(payload).toHexString(true))
    return new Special('binData', binaryJson(payload, subtype))
  }

  #special(type: number, at: number, length: number, path: string, depth: number): Special {
    switch (type) {
      case bson.undefined:
        return new Special('undefined', '{"$undefined":true}')
      case bson.minKey:
        return new Special('minKey', '{"$minKey":1}')
      case bson.maxKey:
        return new Special('maxKey', '{"$maxKey":1}')
      case bson.timestamp: {
        const time = NumberUtils.getUint32LE(this.#bytes, at + 4)
        return new Special('timestamp', `{"$timestamp":{"t":${time},"i":${NumberUtils.getUint32LE(this.#bytes, at)}}}`)
      }
      case bson.regex:
        return new Special('regex', this.#regex(at, length, path))
      case bson.code:
        return new Special('javascript', `{"$code":${JSON.stringify(this.#string(at, path))}}`)
      case bson.symbol:
        return new Special('symbol', `{"$symbol":${JSON.stringify(this.#string(at, path))}}`)
      case bson.dbPointer: {
        const id = ByteUtils.toHex(this.#bytes.subarray(at + length - 12, at + length))
        const name = JSON.stringify(this.#string(at, path))
        return new Special('dbPointer', `{"$dbPointer":{"$ref":${name},"$id":{"$oid":"${id}"}}}`)
      }
      case bson.codeWithScope: {
        const scope = at + 8 + this.size(at + 4)
        const inner = { type: bson.object, name: '', at: scope, length: at + length - scope }
        const code = JSON.stringify(this.#string(at + 4, path))
        return new Special('javascriptWithScope', `{"$code":${code},"$scope":${this.#canonical(inner, path, depth)}}`)
      }
      default:
        throw broken(path, `is of type ${type}, which BSON does not know`)
    }
  }

  #regex(at: number, length: number, path: string): string {
    const split = this.#bytes.indexOf(0, at)
    const pattern = JSON.stringify(this.#text(at, split, path))
    const options = [...this.#text(split + 1, at + length - 1, path)].toSorted().join('')
    return `{"$regularExpression":{"pattern":${pattern},"options":${JSON.stringify(options)}}}`
  }

  /** Canonical extended JSON v2, which names every type: rows do not tell a double from an int32, and scopes do. */
  #canonical(element: Element, path: string, depth: number): string {
    const { type, at, length } = element
    if (type === bson.object) {
      const seen = new Set<string>()
      const fields = this.#inside(at, length, depth, path, false).map((inner) => {
        if (seen.has(inner.name)) throw broken(`${path}.${inner.name}`, 'occurs twice')
        seen.add(inner.name)
        return `${JSON.stringify(inner.name)}:${this.#canonical(inner, path, depth + 1)}`
      })
      return `{${fields.join(',')}}`
    }
    if (type === bson.array) {
      const items = this.#inside(at, length, depth, path, true)
      return `[${items.map((item) => this.#canonical(item, path, depth + 1)).join(',')}]`
    }
    const value = this.value(element, path, depth)
    // As a value the old subtype is the general one; extended JSON keeps them apart.
    if (value instanceof Uint8Array) return binaryJson(value, this.#bytes[at + 4] ?? 0)
    return canonicalScalar(type, value)
  }
}

function canonicalScalar(type: number, value: Value): string {
  if (value instanceof Special) return value.json
  if (value instanceof Instant) return `{"$date":{"$numberLong":"${value.millis}"}}`
  if (value instanceof ObjectId) return `{"$oid":"${value.hex}"}`
  if (value instanceof Decimal) return `{"$numberDecimal":"${value.text}"}`
  if (value instanceof Uuid) return binaryJson(new UUID(value.text).buffer, 4)
  if (typeof value === 'bigint') return `{"$numberLong":"${value}"}`
  if (typeof value === 'number' && type === bson.int32) return `{"$numberInt":"${value}"}`
  if (typeof value === 'number') return `{"$numberDouble":"${doubleText(value)}"}`
  return JSON.stringify(value)
}

/** Extended JSON of a binary value, the same in both of its forms. */
export function binaryJson(bytes: Uint8Array, subtype: number): string {
  const payload = Buffer.from(bytes).toString('base64')
  return `{"$binary":{"base64":"${payload}","subType":"${subtype.toString(16).padStart(2, '0')}"}}`
}

/** A double as extended JSON writes it, so that a whole one is told from an integer, and -0 from 0. */
export function doubleText(value: number): string {
  if (Object.is(value, -0)) return '-0.0'
  // Every digit of a whole number, where its shortest text would have zeros.
  return Number.isInteger(value) ? value.toFixed(1) : String(value)
}

/** What the driver refuses is damage; whatever else fails is a bug. */
function guarded<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof BSONError || error instanceof RangeError) throw broken('', `is damaged: ${error.message}`)
    throw error
  }
}

function broken(path: string, reason: string): RowError {
  return new RowError({ code: 'row-rejected', message: `${path === '' ? 'the document' : path} ${reason}` })
}
