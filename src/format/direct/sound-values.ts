import { BsonDamage, type BsonReader } from '../bson-reader.ts'
import { tag } from '../bson-types.ts'
import type { BsonValues } from '../bson-values.ts'
import { ByteWriter } from '../byte-writer.ts'
import type { JsonWriter } from './json-writer.ts'
import type { NameNode } from './name-paths.ts'
import { isPlainText } from './text.ts'

// What one huge value needed once is not kept.
const largestKeptBytes = 4 * 1024 * 1024

/** Whether values are sound that nothing is made of: the rows of a decoder hold them, so they are refused otherwise. */
export class SoundValues {
  readonly #reader: BsonReader
  readonly #values: BsonValues
  readonly #json: JsonWriter
  readonly #names: NameNode
  /** What is written here nobody reads. */
  #scratch: ByteWriter | null = null

  constructor(reader: BsonReader, values: BsonValues, json: JsonWriter, names: NameNode) {
    this.#reader = reader
    this.#values = values
    this.#json = json
    this.#names = names
  }

  /** Of a value that is measured. `depth`: how many documents and arrays of its row it lies in. */
  isSound(type: number, at: number, end: number, depth: number): boolean {
    switch (type) {
      case tag.int:
      case tag.long:
      case tag.double:
      case tag.decimal:
      case tag.bool:
      case tag.date:
      case tag.objectId:
      case tag.null:
        return true
      case tag.string:
        return isPlainText(this.#reader, at + 4, end - 1) || this.#canBeMade(type, at, end, depth)
      default:
        return this.#canBeWritten(type, at, end, depth) || this.#canBeMade(type, at, end, depth)
    }
  }

  /** What can be written is sound, and writing makes nothing. */
  #canBeWritten(type: number, at: number, end: number, depth: number): boolean {
    const scratch = (this.#scratch ??= new ByteWriter())
    scratch.at = 0
    const written = this.#json.append(scratch, this.#names, type, at, end, depth)
    if (scratch.bytes.length > largestKeptBytes) this.#scratch = null
    return written
  }

  #canBeMade(type: number, at: number, end: number, depth: number): boolean {
    try {
      this.#values.start(depth)
      this.#values.value(type, at, end)
      return true
    } catch (error) {
      if (error instanceof BsonDamage) return false
      throw error
    }
  }
}
