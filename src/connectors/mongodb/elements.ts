import { BsonReader } from '../../format/bson-reader.ts'

/** The value of one element of a document: `bytes[start … end)`. */
export interface ElementValue {
  readonly type: number
  readonly start: number
  readonly end: number
}

export interface Element extends ElementValue {
  readonly name: string
}

/** `_id` and its terminator. */
const idName = [0x5f, 0x69, 0x64, 0]

/**
 * The value of `_id`; null: there is none. Other names are not looked at, so that one that is no text does not matter.
 * Throws `BsonDamage`.
 */
export function findId(document: Uint8Array): ElementValue | null {
  const reader = new BsonReader(document)
  const limit = reader.documentEnd(0, document.length) - 1
  for (let at = 4; at < limit;) {
    const type = document[at] ?? 0
    const nameAt = at + 1
    const start = reader.skipName(nameAt, limit)
    at = reader.valueEnd(type, start, limit)
    const found = start - nameAt === idName.length && idName.every((byte, index) => document[nameAt + index] === byte)
    if (found) return { type, start, end: at }
  }
  return null
}

/** The elements of one document or array, in order. Throws `BsonDamage`. */
export function* elementsOf(document: Uint8Array): Generator<Element, void, undefined> {
  const reader = new BsonReader(document)
  const limit = reader.documentEnd(0, document.length) - 1
  for (let at = 4; at < limit;) {
    const type = document[at] ?? 0
    const name = reader.readName(at + 1, limit)
    const start = reader.nameEnd
    at = reader.valueEnd(type, start, limit)
    yield { name, type, start, end: at }
  }
}
