import type { ColumnPlan } from '../../core/plan.ts'
import type { BsonReader } from '../bson-reader.ts'
import type { AppendValue } from '../pgcopy-scalars.ts'
import type { JsonWriter } from './json-writer.ts'
import type { NameNode } from './name-paths.ts'

/** The fields of documents that lie within others. */
export interface InnerFields {
  /**
   * Notes the values of the document between two positions, whose fields lie in so many documents and arrays of the row
   * and belong to a row, or element, of this number. False where that is not direct.
   */
  walk(at: number, end: number, depth: number, row: number): boolean
}

/** A column of a table. */
export interface Column {
  /** Its place among the columns that have fields. */
  readonly index: number
  /** Where its values lie; null: they are elements that are no documents. */
  readonly field: Field | null
  readonly holds: ColumnPlan['holds']
  /** How many documents of its row or element its values lie in. */
  readonly depth: number
  /** Of its type, or of that of its elements; see `scalarCodes`. */
  readonly code: number
  /** It holds all of the value and has a scalar type, and no more is asked of its values. */
  readonly isUsual: boolean
  readonly isArray: boolean
  /** The type of the elements in the target. */
  readonly oid: number
  /** Null: it has another type. */
  readonly json: JsonWriter | null
  /** Those of documents in its JSON. */
  readonly names: NameNode
  /** Text that is longer may be too long; -1: none is. */
  readonly mostBytes: number
  readonly general: AppendValue
}

/** What becomes of a field of a document. */
export interface FieldUse {
  /** Whether the value has to be sound though nothing writes it. */
  readonly isChecked: boolean
  /** The fields of the documents that it holds, where they have columns of their own; null: they have none. */
  readonly inner: InnerFields | null
  /** A value that is no document has a column or table too, where documents have columns of their own. */
  readonly takesOthers: boolean
}

export interface Field extends FieldUse {
  /** UTF-8 with the terminator that BSON has. */
  readonly name: Uint8Array
  /** Bytes of an element in front of its value: its type and the name. */
  readonly headLength: number
  /** The beginning of an element as words, the lowest byte first, without its type; 0 for what is not of the name. */
  readonly first: number
  readonly second: number
  readonly third: number
  /** The bytes of these words that are of the name. */
  readonly firstMask: number
  readonly secondMask: number
  readonly thirdMask: number
  readonly hash: number
  /** The field that followed it in the document that had it last. */
  next: Field | null
  /** The row, or element, that had it last, and the type and place of the value that it had there. */
  seenIn: number
  type: number
  at: number
  end: number
  /** The only column that its values have; null: there is none, or there are several. */
  column: Column | null
  /** Whether nothing more is made of a value that is written in that column. */
  isDone: boolean
}

/** The fields that a plan knows of a document, found by the bytes of their names. */
export class FieldTable {
  /** What stands in front of the first field. */
  readonly start: Field
  /** Behind the name last looked up; -1: it has no terminator. */
  nameEnd = 0
  /** Whether the name last looked up is ASCII. */
  isAscii = true
  readonly #slots: (Field | null)[]
  readonly #byName: ReadonlyMap<string, Field>

  /** The names must be well-formed and free of U+0000. */
  constructor(uses: ReadonlyMap<string, FieldUse>) {
    const nowhere = { isChecked: false, inner: null, takesOthers: false }
    this.start = fieldOf('', nowhere)
    let size = 8
    while (size < uses.size * 2) size *= 2
    this.#slots = Array.from({ length: size }, () => null)
    this.#byName = new Map([...uses].map(([name, use]) => [name, fieldOf(name, use)]))
    for (const field of this.#byName.values()) {
      let slot = field.hash & (size - 1)
      while (this.#slots[slot] !== null) slot = (slot + 1) & (size - 1)
      this.#slots[slot] = field
    }
  }

  named(name: string): Field | undefined {
    return this.#byName.get(name)
  }

  /** The field whose name is at `at`; null for one that is not known. Sets `nameEnd` and `isAscii`. */
  lookUp(reader: BsonReader, at: number, limit: number): Field | null {
    const { bytes } = reader
    let hash = 0
    let all = 0
    let end = at
    for (; end < limit; end++) {
      const byte = bytes[end] as number
      if (byte === 0) break
      hash = (Math.imul(hash, 31) + byte) | 0
      all |= byte
    }
    this.isAscii = all < 0x80
    this.nameEnd = end < limit ? end + 1 : -1
    if (end >= limit) return null
    const slots = this.#slots
    const mask = slots.length - 1
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const field = slots[slot] as Field | null
      if (field === null) return null
      if (field.hash === hash && isNamed(reader, field, 0, at, end)) return field
    }
  }
}

const wordBytes = 4
/** Of the beginning of an element that is compared by words. */
const comparedBytes = 3 * wordBytes

/**
 * Behind the name of the element at `at`, where it is the field's; -1 where it is not. `head`: its first
 * word. See {@link isRoomBehind}. Words that are numbers of the field cost less than bytes of an
 * array: most of the time of a walk would be spent on those.
 */
export function endIfNamed(reader: BsonReader, field: Field, head: number, at: number, limit: number): number {
  const { view } = reader
  const { headLength } = field
  const end = at + headLength
  if ((head & field.firstMask) !== field.first || end > limit) return -1
  if ((view.getInt32(at + wordBytes, true) & field.secondMask) !== field.second) return -1
  if (headLength <= 2 * wordBytes) return end
  if ((view.getInt32(at + 2 * wordBytes, true) & field.thirdMask) !== field.third) return -1
  return headLength <= comparedBytes || isNamed(reader, field, comparedBytes - 1, at + 1, end - 1) ? end : -1
}

/** Whether as many bytes as {@link endIfNamed} looks at are there behind each element of a document that ends here. */
export function isRoomBehind(reader: BsonReader, end: number): boolean {
  return end + comparedBytes <= reader.bytes.length
}

/** Whether the bytes between two positions are the field's name, from one of its bytes on. */
function isNamed({ bytes }: BsonReader, { name }: Field, from: number, at: number, end: number): boolean {
  if (name.length !== end - at + 1) return false
  for (let i = from; i < name.length; i++) if (bytes[at + i] !== name[i]) return false
  return true
}

function fieldOf(text: string, use: FieldUse): Field {
  const name = Buffer.from(`${text}\0`)
  let hash = 0
  for (const byte of name.subarray(0, -1)) hash = (Math.imul(hash, 31) + byte) | 0
  const head = Buffer.concat([Buffer.of(0), name, Buffer.alloc(comparedBytes)])
  const mask = Buffer.concat([Buffer.of(0), Buffer.alloc(name.length, 0xff), Buffer.alloc(comparedBytes)])
  return {
    ...use,
    name: new Uint8Array(name),
    headLength: 1 + name.length,
    first: head.readInt32LE(0),
    second: head.readInt32LE(wordBytes),
    third: head.readInt32LE(2 * wordBytes),
    firstMask: mask.readInt32LE(0),
    secondMask: mask.readInt32LE(wordBytes),
    thirdMask: mask.readInt32LE(2 * wordBytes),
    hash,
    next: null,
    seenIn: 0,
    type: 0,
    at: 0,
    end: 0,
    column: null,
    isDone: !use.isChecked && use.inner === null,
  }
}
