import type { DocumentValue, Value } from '../core/value.ts'
import { documentOf, newDocument } from './document-of.ts'
import { subjectOf, typeAt, unplannedField, unplannedValue, type RowPlace } from './drift.ts'
import type { DocumentShape, Place, RowShape } from './row-shape.ts'

export interface RowDocumentsOptions {
  readonly shape: RowShape
  /** Of the elements that the documents are, from the source row inwards; empty for the row itself. */
  readonly prefix: readonly string[]
  /** Fields without a place are kept as {@link RowDocuments.unplanned}; otherwise they are refused. */
  readonly keepsUnplanned: boolean
  /** Whether fields of the row itself that have no place are looked for; within it they always are. */
  readonly checksRow: boolean
}

/**
 * The documents of one row (or element) after the other, and what in them has no place in the plan. One object serves
 * all rows, because each of them would cost an allocation otherwise.
 */
export class RowDocuments {
  readonly #options: RowDocumentsOptions
  readonly #found: (DocumentValue | null)[] = [null]
  #unplanned: Record<string, Value> | null = null

  constructor(options: RowDocumentsOptions) {
    this.#options = options
  }

  /** What has no place in the plan, nested as it was; null: there is nothing. */
  get unplanned(): DocumentValue | null {
    return this.#unplanned
  }

  /** Throws RowError `schema-drift` for what has no place and is not kept. */
  load(row: DocumentValue | null, at: RowPlace): void {
    const { documents } = this.#options.shape
    this.#found[0] = row
    this.#unplanned = null
    const [first] = documents
    if (first !== undefined && row !== null && this.#options.checksRow) this.#check(first, row, at)
    for (let number = 1; number < documents.length; number++) {
      const shape = documents[number] as DocumentShape
      const value = this.valueAt(shape.place)
      const document = documentOf(value)
      this.#found[number] = document
      if (document !== null) this.#check(shape, document, at)
      else if (value !== null && value !== undefined && !shape.takesOthers) this.#misfit(shape, value, at)
    }
  }

  valueAt(place: Place): Value | undefined {
    const document = this.#found[place.document]
    return document === null || document === undefined ? undefined : document[place.field]
  }

  #check(shape: DocumentShape, document: DocumentValue, at: RowPlace): void {
    const { known } = shape
    if (known === null) return
    for (const name in document) {
      if (known.has(name)) continue
      const value = document[name] as Value
      if (this.#options.keepsUnplanned) this.#keep(shape.path, name, value)
      else throw this.#unknownField(shape, name, value, at)
    }
  }

  #unknownField(shape: DocumentShape, name: string, value: Value, at: RowPlace): Error {
    const { prefix } = this.#options
    const path = [...prefix, ...shape.path, name]
    return unplannedField(subjectOf(at, prefix), path, value, typeAt(at, path, value))
  }

  #misfit(shape: DocumentShape, value: Value, at: RowPlace): void {
    const { prefix, keepsUnplanned } = this.#options
    if (!keepsUnplanned) throw unplannedValue(at, prefix, [...prefix, ...shape.path], value)
    this.#keep(shape.path.slice(0, -1), shape.place.field, value)
  }

  #keep(path: readonly string[], name: string, value: Value): void {
    let document = (this.#unplanned ??= newDocument())
    for (const step of path) document = (document[step] ??= newDocument()) as Record<string, Value>
    document[name] = value
  }
}
