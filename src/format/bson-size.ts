import type { DocumentValue, Value } from '../core/value.ts'
import { Day, Decimal, Instant, ObjectId, Special, Uuid } from '../core/value.ts'
import { maxDepth } from './bson-reader.ts'
import { unholdable, valueTypeName } from './row-error.ts'

/** What a value takes beside its payload: a length with a terminator, or with a subtype. */
const framingBytes = 5

const specialBytes: ReadonlyMap<string, number> = new Map([
  ['timestamp', 8],
  ['minKey', 0],
  ['maxKey', 0],
  ['undefined', 0],
])

/**
 * Bytes of a value in BSON (https://bsonspec.org/spec.html): of a text its UTF-8, of a binary its payload, of a special
 * value without a size of its own the extended JSON that carries it. Throws RowError `row-rejected` for nesting deeper
 * than 200 levels, and for what is no {@link Value}.
 */
export function valueBytes(value: Value, depth: number = 0): number {
  switch (typeof value) {
    case 'string':
      return Buffer.byteLength(value)
    case 'number':
      return valueTypeName(value) === 'int' ? 4 : 8
    case 'bigint':
      return 8
    case 'boolean':
      return 1
    case 'object':
      if (value === null) return 0
      if (Array.isArray(value)) return arrayBytes(value, depth + 1)
      return Object.getPrototypeOf(value) === null
        ? documentBytes(value as DocumentValue, depth + 1)
        : objectBytes(value, depth)
    default:
      throw unholdable(`a ${typeof value} is no value of a row`)
  }
}

/** The same of a document that is `depth` levels deep in its row; the row's own fields are at 0. */
export function documentBytes(document: DocumentValue, depth: number = 0): number {
  checkDepth(depth)
  let size = framingBytes
  for (const name of Object.keys(document)) {
    size += 2 + Buffer.byteLength(name) + framedBytes(document[name] as Value, depth)
  }
  return size
}

/** The elements of an array are named by their places. */
function arrayBytes(items: readonly Value[], depth: number): number {
  checkDepth(depth)
  let size = framingBytes
  for (let index = 0; index < items.length; index++) {
    size += 2 + String(index).length + framedBytes(items[index] as Value, depth)
  }
  return size
}

function framedBytes(value: Value, depth: number): number {
  const framed = typeof value === 'string' || value instanceof Uint8Array || value instanceof Uuid
  return valueBytes(value, depth) + (framed ? framingBytes : 0)
}

function objectBytes(value: Exclude<Value, null | boolean | number | bigint | string>, depth: number): number {
  if (value instanceof ObjectId) return 12
  if (value instanceof Instant || value instanceof Day) return 8
  if (value instanceof Decimal || value instanceof Uuid) return 16
  if (value instanceof Uint8Array) return value.length
  if (value instanceof Special) return specialBytes.get(value.type) ?? Buffer.byteLength(value.json)
  // A transform may hand over a Date or a Map, whose own fields are nothing like their value.
  if (Object.getPrototypeOf(value) !== Object.prototype) {
    throw unholdable(`an object of class ${value.constructor.name} is no value of a row`)
  }
  return documentBytes(value as DocumentValue, depth + 1)
}

function checkDepth(depth: number): void {
  if (depth > maxDepth) throw unholdable(`documents are nested deeper than ${maxDepth} levels`)
}
