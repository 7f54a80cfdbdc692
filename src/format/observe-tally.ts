import type { ObservedType } from '../core/logical-type.ts'
import type {
  DocumentsSample,
  ElementsSample,
  FieldSample,
  Sample,
  Trouble,
  TroubleCount,
  TypeCount,
  ValuesSample,
} from '../core/sample.ts'

/** Distinct fields kept at the top of a table, and of the documents at one place below it. */
export const maxRowFields = 10_000
export const maxNestedFields = 1000

/** Fields kept below the top in all: documents named by data, within such documents, would fill any memory. */
const maxFieldsBelow = 30_000

/** Distinct values kept of one place. */
export const maxDistinct = 20
/** Longest of them, in UTF-16 code units. */
export const longestDistinct = 40

/** The row at hand, for those who need to say which it is. */
export interface RowAtHand {
  /** Its key as text for people. */
  keyText(): string
}

interface FieldBudget {
  left: number
}

/** Adds up what rows hold. Everything it answers is plain data, apart from what it goes on counting. */
export class SampleTally {
  readonly documents: DocumentsTally = new DocumentsTally(maxRowFields, { left: maxFieldsBelow })
  bytes = 0
  damaged = 0
  readonly #failed = { count: 0, message: '' }

  /** A row that a transform could not take. */
  fail(message: string): void {
    if (this.#failed.count++ === 0) this.#failed.message = message
  }

  result(complete: boolean): Sample {
    const { rows, fields, more } = this.documents.result()
    const { bytes, damaged } = this
    const failed = this.#failed.count === 0 ? null : { ...this.#failed }
    return { rows: rows + damaged + this.#failed.count, fields, more, bytes, complete, damaged, failed }
  }
}

/** Documents at one place: the rows themselves, those in a field, those among the elements of an array. */
export class DocumentsTally {
  rows = 0
  readonly #fields = new Map<string, ValuesTally>()
  readonly #most: number
  readonly #budget: FieldBudget
  #more = false

  constructor(most: number, budget: FieldBudget) {
    this.#most = most
    this.#budget = budget
  }

  /** Null: there are too many fields already. */
  field(name: string): ValuesTally | null {
    return this.#fields.get(name) ?? this.#add(name)
  }

  result(): DocumentsSample {
    const fields = [...this.#fields].map(([field, values]): FieldSample => ({ field, ...values.result() }))
    return { rows: this.rows, fields, more: this.#more }
  }

  #add(name: string): ValuesTally | null {
    // Fields below must not take the place of columns, so only they have to share.
    const shares = this.#most === maxNestedFields
    if (this.#fields.size >= this.#most || (shares && this.#budget.left <= 0)) {
      this.#more = true
      return null
    }
    if (shares) this.#budget.left--
    const added = new ValuesTally(this.#budget)
    this.#fields.set(name, added)
    return added
  }
}

/** Values at one place. */
export class ValuesTally {
  /** Number of the document that had the field last, to notice a field that occurs twice. */
  seenIn = 0
  readonly #budget: FieldBudget
  readonly #types: { name: string; type: ObservedType; count: number }[] = []
  #trouble: { kind: Trouble; count: number; key: string }[] | undefined
  #documents: DocumentsTally | undefined
  #elements: ElementsTally | undefined
  #distinct: Map<string, number> | null | undefined
  #maxBytes = 0

  constructor(budget: FieldBudget) {
    this.#budget = budget
  }

  /** A value, by the source's name of its type, what that maps to, and its size. */
  count(name: string, type: ObservedType, bytes: number): void {
    if (bytes > this.#maxBytes) this.#maxBytes = bytes
    for (const seen of this.#types) {
      if (seen.type === type && seen.name === name) {
        seen.count++
        return
      }
    }
    this.#types.push({ name, type, count: 1 })
  }

  /** Distinct values are still listed; otherwise nobody has to make the text of one. */
  get lists(): boolean {
    return this.#distinct !== null
  }

  list(text: string): void {
    if (this.#distinct === null) return
    this.#distinct ??= new Map<string, number>()
    const count = this.#distinct.get(text)
    if (text.length > longestDistinct || (count === undefined && this.#distinct.size >= maxDistinct)) {
      this.#distinct = null
    } else {
      this.#distinct.set(text, (count ?? 0) + 1)
    }
  }

  /** There is a value that has no place in a list of distinct ones. */
  listNoMore(): void {
    this.#distinct = null
  }

  note(kind: Trouble, row: RowAtHand): void {
    this.#trouble ??= []
    const noted = this.#trouble.find((trouble) => trouble.kind === kind)
    if (noted === undefined) this.#trouble.push({ kind, count: 1, key: row.keyText() })
    else noted.count++
  }

  get documents(): DocumentsTally {
    return (this.#documents ??= new DocumentsTally(maxNestedFields, this.#budget))
  }

  get elements(): ElementsTally {
    return (this.#elements ??= new ElementsTally(this.#budget))
  }

  result(): ValuesSample {
    return {
      types: this.#types.map((seen): TypeCount => ({ ...seen })),
      documents: this.#documents?.result() ?? null,
      elements: this.#elements?.result() ?? null,
      distinct: this.#distinct === null ? null : new Map(this.#distinct),
      maxBytes: this.#maxBytes,
      trouble: (this.#trouble ?? []).map((noted): TroubleCount => ({ ...noted })),
    }
  }
}

/** The elements of all arrays at one place. */
export class ElementsTally extends ValuesTally {
  #arrays = 0
  #items = 0
  #maxItems = 0

  /** An array, once its elements are counted. */
  array(items: number): void {
    this.#arrays++
    this.#items += items
    if (items > this.#maxItems) this.#maxItems = items
  }

  override result(): ElementsSample {
    return { ...super.result(), arrays: this.#arrays, items: this.#items, maxItems: this.#maxItems }
  }
}
