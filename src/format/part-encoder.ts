import { isChild, targetColumns, type ChildPlan, type ColumnPlan, type TablePlan } from '../core/plan.ts'
import { RowError } from '../core/row-error.ts'
import type { DocumentValue, Row, Value } from '../core/value.ts'
import type { ByteWriter } from './byte-writer.ts'
import { located, subjectOf, unfitValue, unplannedValue, type RowPlace } from './drift.ts'
import type { ColumnCoercions } from './column-coerce.ts'
import type { AppendValue } from './pgcopy-scalars.ts'
import { documentOf } from './document-of.ts'
import { RowDocuments } from './row-documents.ts'
import type { RowForm } from './row-form.ts'
import { shapeOf, type Place } from './row-shape.ts'
import type { TupleWriter } from './tuple-writer.ts'

interface Column {
  readonly plan: ColumnPlan
  readonly append: AppendValue
  /** From the source row inwards, for messages. */
  readonly path: readonly string[]
}

interface PlacedColumn extends Column {
  readonly place: Place
  readonly holds: ColumnPlan['holds']
}

interface Child {
  readonly place: Place
  readonly encoder: PartEncoder
}

/** The source row at hand, and where what it becomes is written. */
export interface OpenRow extends RowPlace {
  row: Row
  /** Its place in the batch. */
  origin: number
  readonly ordinals: number[]
  /** By part. */
  readonly tuples: readonly TupleWriter[]
}

/** Documents → tuples of one table of a plan, and of its child tables. */
export class PartEncoder {
  readonly #form: RowForm
  readonly #part: number
  readonly #prefix: readonly string[]
  readonly #width: number
  readonly #rowKey: readonly Column[]
  readonly #ordinal: AppendValue
  readonly #columns: readonly PlacedColumn[]
  readonly #value: Column | null
  readonly #overflow: Column | null
  readonly #documents: RowDocuments
  readonly #children: readonly Child[]

  /**
   * `parts`: those of the table's plan; `coercions`: null where none is allowed; `above`: the path of the documents that
   * the elements lie in.
   */
  constructor(
    parts: readonly (TablePlan | ChildPlan)[],
    part: number,
    form: RowForm,
    coercions: ColumnCoercions | null,
    above: readonly string[] = [],
  ) {
    const [table, plan] = [parts[0] as TablePlan, parts[part] as TablePlan | ChildPlan]
    const child = isChild(plan) ? plan : null
    const prefix = [...above, ...(child?.path ?? [])]
    const columnOf = (column: ColumnPlan, path: readonly string[]): Column => {
      const append = form.appenderOf(column, table.nestedJson)
      const nulls = column === child?.value && column.type === 'json'
      return { plan: column, path, append: coercions?.appender(column, path, append, nulls) ?? append }
    }
    const shape = shapeOf(plan)
    this.#form = form
    this.#part = part
    this.#prefix = prefix
    this.#width = targetColumns(plan).length
    this.#ordinal = form.appenderOf(ordinalColumn, table.nestedJson)
    this.#rowKey = (child?.rowKey ?? []).map((column) => columnOf(column, pathOf(column)))
    this.#columns = plan.columns.map((column, index) => ({
      ...columnOf(column, [...prefix, ...pathOf(column)]),
      place: shape.columns[index] as Place,
      holds: column.holds,
    }))
    this.#value = child === null || child.value === null ? null : columnOf(child.value, prefix)
    this.#overflow = plan.overflow === undefined ? null : columnOf(overflowColumn(plan.overflow), prefix)
    this.#documents = new RowDocuments({
      shape,
      prefix,
      keepsUnplanned: plan.overflow !== undefined,
      // The decoder has refused what the plan does not know, unless somebody was to have it.
      checksRow: child !== null || table.transform !== undefined || plan.overflow !== undefined,
    })
    this.#children = (plan.children ?? []).map((inner, index) => ({
      place: shape.children[index] as Place,
      encoder: new PartEncoder(parts, parts.indexOf(inner), form, coercions, prefix),
    }))
  }

  /** Appends the tuple of a row or an element, and what its children give. Throws RowError, with tuples half done. */
  encode(element: Value, row: OpenRow): void {
    const tuples = row.tuples[this.#part] as TupleWriter
    const { out } = tuples
    const document = documentOf(element)
    this.#documents.load(document, row)
    this.#form.begin(out, this.#width)
    if (this.#rowKey.length > 0) this.#appendKey(out, row)
    for (const column of this.#columns) {
      const value = this.#documents.valueAt(column.place)
      this.#append(out, column, column.holds === undefined ? value : heldOf(value, column.holds), row)
    }
    if (this.#value !== null) this.#appendElement(out, this.#value, element, document, row)
    else if (document === null) throw unplannedValue(row, this.#prefix, this.#prefix, element)
    if (this.#overflow !== null) this.#appendOverflow(out, this.#overflow, row)
    this.#form.end(out, this.#width)
    tuples.endTuple(this.#part === 0 ? row.origin : (row.tuples[0] as TupleWriter).rows - 1)
    for (const child of this.#children) child.encoder.#encodeAll(this.#documents.valueAt(child.place), row)
  }

  #encodeAll(value: Value | undefined, row: OpenRow): void {
    if (value === null || value === undefined) return
    if (!Array.isArray(value)) {
      this.#encodeAt(0, value, row)
      return
    }
    let ordinal = 0
    for (const element of value as readonly Value[]) this.#encodeAt(++ordinal, element, row)
  }

  #encodeAt(ordinal: number, element: Value, row: OpenRow): void {
    row.ordinals.push(ordinal)
    this.encode(element, row)
    row.ordinals.pop()
  }

  #appendKey(out: ByteWriter, row: OpenRow): void {
    for (const column of this.#rowKey) {
      let value: Value | undefined = row.row.fields
      for (const step of column.path) value = documentOf(value)?.[step]
      this.#append(out, column, value, row)
    }
    for (const ordinal of row.ordinals) this.#ordinal(out, ordinal)
  }

  #appendElement(out: ByteWriter, column: Column, element: Value, document: DocumentValue | null, row: OpenRow): void {
    if (document !== null) this.#append(out, column, null, row)
    // So a null among the elements is not taken for a document without fields.
    else if (element === null && column.plan.type === 'json') column.append(out, null)
    else this.#append(out, column, element, row)
  }

  #appendOverflow(out: ByteWriter, column: Column, row: OpenRow): void {
    const { unplanned } = this.#documents
    try {
      this.#append(out, column, unplanned, row)
    } catch (error) {
      // Once more, field by field: so the one that jsonb does not hold is named.
      for (const [name, value] of Object.entries(unplanned ?? {})) {
        this.#append(out, { ...column, path: [...column.path, name] }, { [name]: value }, row)
      }
      throw error
    }
  }

  #append(out: ByteWriter, column: Column, value: Value | undefined, row: OpenRow): void {
    if (value === null || value === undefined) {
      this.#form.appendNull(out)
      return
    }
    let fits: boolean
    try {
      fits = column.append(out, value)
    } catch (error) {
      if (!(error instanceof RowError)) throw error
      throw located(error, subjectOf(row, this.#prefix), column.path, value, column.plan)
    }
    if (!fits) throw unfitValue(row, this.#prefix, column.path, value, column.plan)
  }
}

const ordinalColumn: ColumnPlan = { field: '', name: '', type: 'int32', cast: false }

function pathOf(column: ColumnPlan): readonly string[] {
  return [column.field, ...(column.within ?? [])]
}

function overflowColumn(name: string): ColumnPlan {
  return { field: '', name, type: 'json', cast: false }
}

function heldOf(value: Value | undefined, holds: 'others' | 'length'): Value | undefined {
  if (holds === 'length') return Array.isArray(value) ? value.length : null
  return documentOf(value) === null ? value : null
}
