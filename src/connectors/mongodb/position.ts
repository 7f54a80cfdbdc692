import { BSONError, deserialize, type Document, Long, serialize } from 'bson'
import type { Position } from '../../core/batch.ts'
import { DroverError } from '../../core/errors.ts'
import { BsonDamage } from '../../format/bson-reader.ts'
import { tag } from '../../format/bson-types.ts'
import { elementsOf, findId } from './elements.ts'

/** The range of JavaScript's Date, in milliseconds; BSON has every int64. */
const maxDateMs = 8_640_000_000_000_000n

const keepTypes = { promoteValues: false, promoteLongs: false, promoteBuffers: false, bsonRegExp: true } as const

/** The key of a raw document: the element type byte of its `_id`, and the bytes of the value. Null: it has none. */
export function keyOf(document: Uint8Array): Position | null {
  const id = findId(document)
  if (id === null) return null
  const position = new Uint8Array(1 + id.end - id.start)
  position[0] = id.type
  position.set(document.subarray(id.start, id.end), 1)
  return position as Position
}

/** As {@link keyOf}, for documents of a table that has an index on `_id`, and so always one. */
export function positionOf(document: Uint8Array, table: string): Position {
  const key = keyOf(document)
  if (key === null) throw new DroverError('source-failed', `a row of ${table} came without its _id`)
  return key
}

/**
 * A key as an aggregation expression that is exactly its value. Null for the few that a driver cannot send: with text
 * that is not UTF-8, a field twice, a date past JavaScript's range inside a document, or a type long deprecated.
 */
export function keyExpression(position: Position): Document | null {
  const [type = 0] = position
  const bytes = position.subarray(1)
  if (type === tag.date) {
    // Through int64, because a Date cannot hold every one; the server folds this into a constant.
    return { $toDate: { $literal: Long.fromBytesLE([...bytes]) } }
  }
  try {
    const value = sendable(type, bytes)
    return value === undefined ? null : { $literal: value }
  } catch (error) {
    // Text that is not UTF-8, the only damage that a server stores.
    if (error instanceof BSONError || error instanceof BsonDamage) return null
    throw error
  }
}

/** The value as the driver sends it back byte for byte, but for the bits of a NaN, which are all one key. */
function sendable(type: number, bytes: Uint8Array): unknown {
  if (type === tag.object) return sendableDocument(bytes)
  if (type === tag.array) return sendableArray(bytes)
  if (type === tag.date && !inDateRange(bytes)) return undefined
  const wrapped = wrap(type, bytes)
  const value: unknown = deserialize(wrapped, keepTypes)['']
  if (type === tag.double) return value
  return Buffer.compare(serialize({ '': value }), wrapped) === 0 ? value : undefined
}

/** As a Map: a plain object would put fields named by integers first, and that is another key. */
function sendableDocument(bytes: Uint8Array): Map<string, unknown> | undefined {
  const fields = new Map<string, unknown>()
  for (const { name, type, start, end } of elementsOf(bytes)) {
    const value = sendable(type, bytes.subarray(start, end))
    if (value === undefined || fields.has(name)) return undefined
    fields.set(name, value)
  }
  return fields
}

function sendableArray(bytes: Uint8Array): unknown[] | undefined {
  const items: unknown[] = []
  for (const { type, start, end } of elementsOf(bytes)) {
    const value = sendable(type, bytes.subarray(start, end))
    if (value === undefined) return undefined
    items.push(value)
  }
  return items
}

function inDateRange(bytes: Uint8Array): boolean {
  const ms = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigInt64(0, true)
  return ms >= -maxDateMs && ms <= maxDateMs
}

/** A document of one field with an empty name. */
function wrap(type: number, bytes: Uint8Array): Uint8Array {
  const document = new Uint8Array(4 + 2 + bytes.length + 1)
  new DataView(document.buffer).setInt32(0, document.length, true)
  document[4] = type
  document.set(bytes, 6)
  return document
}
