import { isUtf8 } from 'node:buffer'
import type { BsonReader } from '../bson-reader.ts'
import { tag } from '../bson-types.ts'
import { endIfNamed, FieldTable, isRoomBehind, type Field, type FieldUse, type InnerFields } from './field-table.ts'
import { endOfValue } from './measure.ts'
import type { SoundValues } from './sound-values.ts'
import type { TupleColumns } from './tuple-columns.ts'
import type { UnplannedElements } from './unplanned-elements.ts'

// Constants of the module itself cost nothing; those of another are loaded and checked each time.
const { null: nullTag, object: objectTag, undefined: undefinedTag } = tag

/**
 * What a field without a place in the plan means: `refuse`, the document is not direct; `skip`, nothing, as long as its
 * name is text; `check`, all of the document has to be sound; otherwise it is kept here.
 */
export type UnknownFields = 'refuse' | 'skip' | 'check' | UnplannedElements

export interface DocumentWalkOptions {
  readonly reader: BsonReader
  readonly sound: SoundValues
  readonly columns: TupleColumns
  readonly uses: ReadonlyMap<string, FieldUse>
  readonly unknown: UnknownFields
  /** These are the fields of a source row, in which undefined is null. */
  readonly isRow: boolean
}

/** Walks over the bytes of documents, notes where the values lie that something is made of, and writes what it can. */
export class DocumentWalk implements InnerFields {
  readonly #reader: BsonReader
  readonly #sound: SoundValues
  readonly #columns: TupleColumns
  readonly #table: FieldTable
  readonly #unknown: UnknownFields
  readonly #isRow: boolean

  constructor({ reader, sound, columns, uses, unknown, isRow }: DocumentWalkOptions) {
    this.#reader = reader
    this.#sound = sound
    this.#columns = columns
    this.#table = new FieldTable(uses)
    this.#unknown = unknown
    this.#isRow = isRow
  }

  /** A field that the plan names. */
  field(name: string): Field | undefined {
    return this.#table.named(name)
  }

  walk(at: number, end: number, depth: number, row: number): boolean {
    const reader = this.#reader
    const { view } = reader
    const last = end - 1
    // Behind the last document of a batch there is nothing to compare words with.
    const isRoomy = isRoomBehind(reader, end)
    let before = this.#table.start
    let isKnown = true
    for (let next = at + 4; next < last;) {
      const start = next
      const head = isRoomy ? view.getInt32(start, true) : view.getUint8(start)
      const type = head & 0xff
      let field = before.next
      let valueAt = field === null || !isRoomy ? -1 : endIfNamed(reader, field, head, start, last)
      if (valueAt < 0) {
        field = this.#lookUp(before, start + 1, last)
        valueAt = this.#table.nameEnd
        if (valueAt < 0) return false
      }
      next = endOfValue(reader, type, valueAt, last)
      if (next < 0) return false
      if (field === null) {
        if (!this.#meetUnknown(start, valueAt, next)) return false
        isKnown = false
        continue
      }
      if (field.seenIn === row || !this.#note(field, type, valueAt, next, depth, row)) return false
      before = field
    }
    return isKnown || this.#unknown !== 'check' || this.#sound.isSound(objectTag, at, end, depth - 1)
  }

  #lookUp(before: Field, at: number, last: number): Field | null {
    const field = this.#table.lookUp(this.#reader, at, last)
    if (field !== null) before.next = field
    return field
  }

  #note(field: Field, type: number, at: number, end: number, depth: number, row: number): boolean {
    const known = type === undefinedTag && this.#isRow ? nullTag : type
    const { column, inner } = field
    const columns = this.#columns
    field.seenIn = row
    if (column !== null && column.index === columns.next) {
      if (!columns.write(column, known, at, end, depth)) return false
      if (field.isDone) return true
    }
    field.type = known
    field.at = at
    field.end = end
    if (field.isChecked && !this.#sound.isSound(known, at, end, depth)) return false
    if (inner === null) return true
    if (known === objectTag) return inner.walk(at, end, depth + 1, row)
    return field.takesOthers || known === nullTag
  }

  #meetUnknown(start: number, valueAt: number, end: number): boolean {
    const unknown = this.#unknown
    if (unknown === 'refuse') return false
    if (unknown === 'check') return true
    if (unknown !== 'skip') {
      unknown.add(start, end)
      return true
    }
    return this.#table.isAscii || isUtf8(this.#reader.bytes.subarray(start + 1, valueAt - 1))
  }
}
