import { BsonReader } from '../../format/bson-reader.ts'

/** One element of a document; its value is `bytes[start … end)`. */
export interface Element {
  readonly name: string
  readonly type: number
  readonly start: number
  readonly end: number
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
