import { BsonDamage, maxDepth, type BsonReader } from './bson-reader.ts'
import { tag } from './bson-types.ts'

/** What is kept of one document for the next: larger lists are given back. */
const keptElements = 65_536

/**
 * The elements of a document and of all that is nested in it, measured and listed in the order of their bytes, so that
 * whoever walks over them meets no damage halfway. Those nested in element i come right behind it, and begin before
 * `ends[i]`.
 */
export class BsonElements {
  readonly #reader: BsonReader
  /** Empty for the elements of an array. */
  names: string[] = []
  types: number[] = []
  /** Where its value begins. */
  starts: number[] = []
  ends: number[] = []
  count = 0

  constructor(reader: BsonReader) {
    this.#reader = reader
  }

  /** Lists the document that fills `start … end` of the reader's bytes. Throws BsonDamage. */
  load(start: number, end: number): void {
    if (this.count > keptElements) this.#forget()
    this.count = 0
    const claimed = this.#reader.documentEnd(start, end)
    if (claimed !== end) throw new BsonDamage(`it claims ${claimed - start} bytes where ${end - start} came`)
    this.#list(start, end, false, 0)
  }

  #list(start: number, end: number, isArray: boolean, depth: number): void {
    if (depth > maxDepth) throw new BsonDamage(`documents are nested deeper than ${maxDepth} levels`)
    const reader = this.#reader
    const last = end - 1
    for (let next = start + 4; next < last;) {
      const type = reader.bytes[next] as number
      const name = isArray ? '' : reader.readName(next + 1, last)
      const at = isArray ? reader.skipName(next + 1, last) : reader.nameEnd
      next = reader.valueEnd(type, at, last)
      const index = this.count++
      this.names[index] = name
      this.types[index] = type
      this.starts[index] = at
      this.ends[index] = next
      if (type === tag.object || type === tag.array) this.#list(at, next, type === tag.array, depth + 1)
      else if (type === tag.javascriptWithScope) this.#list(this.#scopeStart(at), next, false, depth + 1)
    }
  }

  /** Behind the lengths of the whole and of the code. */
  #scopeStart(at: number): number {
    return at + 8 + this.#reader.view.getInt32(at + 4, true)
  }

  #forget(): void {
    this.names = []
    this.types = []
    this.starts = []
    this.ends = []
  }
}
