import { DroverError } from '../../core/errors.ts'
import { isChild, type ChildPlan, type ColumnPlan, type RowsPlan, type TablePlan } from '../../core/plan.ts'
import { plannedFields, shapeOf, type Place, type RowShape } from '../row-shape.ts'
import type { ColumnWriter } from './column-writer.ts'
import { DocumentWalk, type UnknownFields } from './document-walk.ts'
import type { Field, FieldUse } from './field-table.ts'
import { TupleColumns } from './tuple-columns.ts'
import { UnplannedElements } from './unplanned-elements.ts'

/** How the documents of one part of a plan are walked over. */
export interface PartWalk {
  readonly walk: DocumentWalk
  /** What has no place in the plan; null: there is no column for it. */
  readonly unplanned: UnplannedElements | null
  /** The plan's columns. */
  readonly columns: TupleColumns
  /** Of each of the plan's child tables. */
  readonly children: readonly Field[]
  /** Of a column of the row's key, as child tables repeat it. */
  readonly keyField: (column: ColumnPlan) => Field
}

export function walkOf(plan: TablePlan | ChildPlan, keyField: string, writer: ColumnWriter): PartWalk {
  const shape = shapeOf(plan)
  const unplanned = plan.overflow === undefined ? null : new UnplannedElements()
  const uses = new FieldUses(plan, keyField, shape)
  const { reader, sound } = writer
  const columns = new TupleColumns(writer)
  const walks = new Map<number, DocumentWalk>()
  const walkAt = (document: number): DocumentWalk => {
    const unknown = document === 0 ? unknownOf(plan, unplanned) : 'refuse'
    const isRow = document === 0 && !isChild(plan)
    const walk = new DocumentWalk({ reader, sound, columns, uses: uses.of(document, walkAt), unknown, isRow })
    walks.set(document, walk)
    return walk
  }
  const walk = walkAt(0)
  const fieldAt = (place: Place | null): Field => {
    const field = place === null ? undefined : walks.get(place.document)?.field(place.field)
    if (field === undefined) throw new DroverError('unexpected', `a column of table ${plan.target.name} has no place`)
    return field
  }
  columns.place(
    plan.columns.map((column, index) => writer.compile(column, fieldAt(shape.columns[index] ?? null), index)),
  )
  const children = shape.children
  const keyPlaces = isChild(plan) ? [] : rowKeyColumns(plan).map((column) => placeOf(shape, column))
  for (const place of [...children, ...keyPlaces]) fieldAt(place).isDone = false
  return {
    walk,
    unplanned,
    columns,
    children: children.map(fieldAt),
    keyField: (column) => fieldAt(placeOf(shape, column)),
  }
}

/** The columns of the row's key in all child tables. */
export function rowKeyColumns(plan: RowsPlan): readonly ColumnPlan[] {
  return (plan.children ?? []).flatMap((child) => [...child.rowKey, ...rowKeyColumns(child)])
}

/** Where a column of the row's key lies; null where no document of the shape has it. */
export function placeOf({ documents }: RowShape, { field, within = [] }: ColumnPlan): Place | null {
  const path = [field, ...within]
  const inside = path.slice(0, -1)
  const document = documents.findIndex(({ path }) => JSON.stringify(path) === JSON.stringify(inside))
  return document < 0 ? null : { document, field: path.at(-1) ?? '' }
}

function unknownOf(plan: TablePlan | ChildPlan, unplanned: UnplannedElements | null): UnknownFields {
  // The decoder makes values of all that is in an element, and of a row's fields only where they are planned.
  if (plan.ignore === 'others') return isChild(plan) ? 'check' : 'skip'
  return unplanned ?? 'refuse'
}

/** What becomes of the fields of each document of a shape. */
class FieldUses {
  readonly #plan: TablePlan | ChildPlan
  readonly #keyField: string
  readonly #shape: RowShape
  /** The fields of a row that the decoder makes values of; empty for an element. */
  readonly #planned: ReadonlySet<string>
  /** The places whose values are written, whatever they are. */
  readonly #written: ReadonlySet<string>
  /** By its place, the number of each document but the first. */
  readonly #documents: ReadonlyMap<string, number>

  constructor(plan: TablePlan | ChildPlan, keyField: string, shape: RowShape) {
    const columns = shape.columns.filter((_place, index) => plan.columns[index]?.holds !== 'length')
    this.#plan = plan
    this.#keyField = keyField
    this.#shape = shape
    this.#planned = isChild(plan) ? new Set() : plannedFields(plan)
    this.#written = new Set([...columns, ...shape.children].map((place) => JSON.stringify(place)))
    const numbers = shape.documents.map(({ place }, number) => [JSON.stringify(place), number] as const)
    this.#documents = new Map(numbers.slice(1))
  }

  of(document: number, walkAt: (document: number) => DocumentWalk): ReadonlyMap<string, FieldUse> {
    const uses = new Map<string, FieldUse>()
    for (const field of this.#names(document)) {
      const place = { document, field }
      const inner = this.#documents.get(JSON.stringify(place))
      uses.set(field, {
        isChecked: inner === undefined && this.#isChecked(place),
        inner: inner === undefined ? null : walkAt(inner),
        takesOthers: inner !== undefined && this.#shape.documents[inner]?.takesOthers === true,
      })
    }
    return uses
  }

  #names(document: number): ReadonlySet<string> {
    const { known } = this.#shape.documents[document] ?? { known: null }
    if (document > 0 || isChild(this.#plan)) return known ?? this.#placed()
    const ignored = this.#plan.ignore === 'others' ? [this.#keyField] : this.#plan.ignore
    return new Set([...this.#planned, ...ignored])
  }

  /** The fields of document 0 that something is made of. */
  #placed(): ReadonlySet<string> {
    const { documents, columns, children } = this.#shape
    const places = [...columns, ...children, ...documents.slice(1).map(({ place }) => place)]
    return new Set(places.filter(({ document }) => document === 0).map(({ field }) => field))
  }

  /** What nobody writes the decoder makes a value of nevertheless, but for fields of the row that are left out. */
  #isChecked({ document, field }: Place): boolean {
    if (this.#written.has(JSON.stringify({ document, field }))) return false
    if (document > 0 || isChild(this.#plan)) return true
    return field === this.#keyField || this.#planned.has(field)
  }
}

/** The fields that plans name must have names that documents can have. */
export function hasUsualNames(plan: TablePlan | ChildPlan): boolean {
  const { documents, columns, children } = shapeOf(plan)
  const names = [...columns, ...children, ...rowKeyColumns(plan)].map(({ field }) => field)
  for (const { known } of documents) names.push(...(known ?? []))
  return names.every((name) => name.isWellFormed() && !name.includes('\0'))
}
