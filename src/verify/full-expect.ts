import type { Format } from '../core/batch.ts'
import type { CoercionUse } from '../core/coercion.ts'
import { isChild, partsOf, type ChildPlan, type ColumnPlan, type RowsPlan, type TablePlan } from '../core/plan.ts'
import { RowError } from '../core/row-error.ts'
import type { DocumentValue, Row, Value } from '../core/value.ts'
import { coerceValue } from '../format/coerce.ts'
import { noForm } from './full-forms.ts'
import type { Cells, Identity } from './full-identity.ts'
import { expectedRecordText } from './full-record-text.ts'
import { expectedText } from './full-text.ts'

/** What one row, as a transform leaves it, has to be in the target. */
export interface ExpectedRow {
  /** By part of the plan: the rows there, and what they are looked up by, which is known also where there are none. */
  readonly parts: readonly { readonly key: Cells; readonly rows: readonly Cells[] }[]
  readonly uses: readonly CoercionUse[]
}

/** A field of the documents of a part, and what the plan has for it. */
interface Place {
  readonly inner: Map<string, Place>
  /** Documents in it have places of their own. */
  isFlattened: boolean
  /** A column or child table takes any value. */
  isTaken: boolean
}

/** A part of the plan, with what is worked out once. */
interface Part {
  readonly index: number
  readonly plan: TablePlan | ChildPlan
  /** From the source row inwards. */
  readonly prefix: readonly string[]
  readonly places: Place
  readonly children: readonly Part[]
}

/** The row at hand. */
interface Open {
  readonly row: Row
  readonly parts: Cells[][]
  readonly uses: CoercionUse[]
}

/**
 * What rows of a table become by its plan, worked out from the plan alone, in a target that takes `accepts`. Answers a
 * function that throws RowError for a row which has a field or a value that the plan has no place for, or that the target
 * cannot hold.
 */
export function expectations(
  plan: TablePlan,
  identities: readonly Identity[],
  accepts: Format,
): (row: Row) => ExpectedRow {
  const all = partsOf(plan)
  const top = partOf(plan, all, [])
  const maker = new Maker(plan, accepts === 'sqlite' ? expectedRecordText : expectedText)
  return (row) => {
    const open: Open = { row, parts: all.map(() => []), uses: [] }
    maker.add(top, row.fields, [], open)
    const parts = all.map((part, index) => {
      const rows = open.parts[index] ?? []
      const own = (identities[index]?.lookedUpBy ?? []).map((place) => rows[0]?.[place] ?? null)
      return { key: isChild(part) ? maker.rowKey(part, open) : own, rows }
    })
    return { parts, uses: open.uses }
  }
}

class Maker {
  readonly #table: TablePlan
  readonly #textOf: typeof expectedText

  constructor(table: TablePlan, textOf: typeof expectedText) {
    this.#table = table
    this.#textOf = textOf
  }

  /** The row of a document or element, and those of what lies in it. */
  add(part: Part, element: Value, ordinals: readonly number[], open: Open): void {
    const { plan, prefix } = part
    const document = documentIn(element)
    const unplanned: [path: readonly string[], value: Value][] = []
    if (document !== null) collectUnplanned(document, part.places, [], plan.ignore === 'others', unplanned)
    const [stray] = unplanned
    if (stray !== undefined && plan.overflow === undefined) {
      throw noForm(`has ${[...prefix, ...stray[0]].join('.')}, which the plan has no place for`)
    }
    const cells = isChild(plan) ? [...this.rowKey(plan, open), ...ordinals.map(String)] : []
    for (const column of plan.columns) {
      const held = heldBy(column, element)
      cells.push(this.#cell(held, column, [...prefix, ...pathOf(column)], open))
    }
    if (isChild(plan) && plan.value !== null) cells.push(this.#elementCell(element, plan.value, prefix, open))
    else if (document === null) throw noForm(`has in ${prefix.join('.')} what is no document`)
    if (plan.overflow !== undefined) {
      const column: ColumnPlan = { field: '', name: plan.overflow, type: 'json', cast: false }
      cells.push(this.#cell(unplanned.length === 0 ? null : nested(unplanned), column, prefix, open))
    }
    open.parts[part.index]?.push(cells)
    for (const child of part.children) this.#addAll(child, ordinals, element, open)
  }

  /** A place counts from 1; what is no array has the place 0. */
  #addAll(child: Part, ordinals: readonly number[], element: Value, open: Open): void {
    const value = isChild(child.plan) ? valueAt(element, child.plan.path) : null
    if (value === null) return
    if (!Array.isArray(value)) {
      this.add(child, value, [...ordinals, 0], open)
      return
    }
    const items: readonly Value[] = value
    items.forEach((item, index) => this.add(child, item, [...ordinals, index + 1], open))
  }

  rowKey({ rowKey }: ChildPlan, open: Open): (string | null)[] {
    return rowKey.map((column) => {
      const path = pathOf(column)
      return this.#cell(valueAt(open.row.fields, path), column, path, open)
    })
  }

  /** A document has columns of its own. Where the column is JSON, an element that is null is told from one without fields. */
  #elementCell(element: Value, column: ColumnPlan, prefix: readonly string[], open: Open): string | null {
    if (documentIn(element) !== null) return null
    const text = this.#cell(element, column, prefix, open)
    return text === null && column.type === 'json' ? 'null' : text
  }

  #cell(value: Value, column: ColumnPlan, path: readonly string[], open: Open): string | null {
    if (value === null) return null
    const { nestedJson, coerce = [] } = this.#table
    const coerced = coerce.length === 0 ? null : coerceValue(value, path, column.type, coerce)
    if (coerced !== null) open.uses.push(...coerced.uses)
    const held = coerced === null ? value : coerced.value
    try {
      return held === null ? null : this.#textOf(held, column, column.nestedJson ?? nestedJson)
    } catch (error) {
      throw error instanceof RowError ? noForm(`column ${column.name}: the value ${error.message}`) : error
    }
  }
}

function partOf(plan: TablePlan | ChildPlan, all: readonly (TablePlan | ChildPlan)[], above: readonly string[]): Part {
  const prefix = isChild(plan) ? [...above, ...plan.path] : above
  const children = (plan.children ?? []).map((child) => partOf(child, all, prefix))
  return { index: all.indexOf(plan), plan, prefix, places: placesOf(plan), children }
}

function placesOf(plan: RowsPlan): Place {
  const root = newPlace()
  root.isFlattened = true
  for (const { path, ignore } of plan.flattened ?? []) {
    placeAt(root, path).isFlattened = true
    for (const name of ignore) placeAt(root, [...path, name]).isTaken = true
  }
  if (plan.ignore !== 'others') for (const name of plan.ignore) placeAt(root, [name]).isTaken = true
  for (const column of plan.columns) {
    const place = placeAt(root, pathOf(column))
    if (column.holds === 'others') place.isFlattened = true
    if (column.holds !== 'length') place.isTaken = true
  }
  for (const { path } of plan.children ?? []) placeAt(root, path).isTaken = true
  return root
}

function newPlace(): Place {
  return { inner: new Map(), isFlattened: false, isTaken: false }
}

/** What lies on the way to it is flattened. */
function placeAt(root: Place, path: readonly string[]): Place {
  let place = root
  for (const name of path) {
    place.isFlattened = true
    const next = place.inner.get(name) ?? newPlace()
    place.inner.set(name, next)
    place = next
  }
  return place
}

function collectUnplanned(
  document: DocumentValue,
  places: Place,
  path: readonly string[],
  ignoresOthers: boolean,
  unplanned: [path: readonly string[], value: Value][],
): void {
  for (const [name, value] of Object.entries(document)) {
    const place = places.inner.get(name)
    const inner = place?.isFlattened === true ? documentIn(value) : null
    if (place === undefined) {
      if (!ignoresOthers) unplanned.push([[...path, name], value])
    } else if (inner !== null) collectUnplanned(inner, place, [...path, name], false, unplanned)
    else if (!place.isTaken && value !== null) unplanned.push([[...path, name], value])
  }
}

/** One document with each value at its path. */
function nested(fields: readonly (readonly [path: readonly string[], value: Value])[]): DocumentValue {
  const root = emptyDocument()
  for (const [path, value] of fields) {
    let document = root
    for (const name of path.slice(0, -1)) {
      const inner = (document[name] ?? emptyDocument()) as Record<string, Value>
      document[name] = inner
      document = inner
    }
    document[path.at(-1) ?? ''] = value
  }
  return root
}

function emptyDocument(): Record<string, Value> {
  return Object.create(null) as Record<string, Value>
}

function pathOf({ field, within = [] }: ColumnPlan): readonly string[] {
  return [field, ...within]
}

/** A path leads through documents only. */
function valueAt(from: Value, path: readonly string[]): Value {
  let value = from
  for (const name of path) {
    const document = documentIn(value)
    value = document !== null && Object.hasOwn(document, name) ? (document[name] ?? null) : null
  }
  return value
}

function heldBy(column: ColumnPlan, element: Value): Value {
  const value = valueAt(element, pathOf(column))
  if (column.holds === 'length') return Array.isArray(value) ? value.length : null
  return column.holds === 'others' && documentIn(value) !== null ? null : value
}

/** Values of other kinds are objects of their own classes. A transform may answer plain objects. */
function documentIn(value: Value | undefined): DocumentValue | null {
  if (typeof value !== 'object' || value === null) return null
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype ? (value as DocumentValue) : null
}
