import { isChild, targetColumns, type ChildPlan, type ColumnPlan, type TablePlan } from '../../core/plan.ts'
import { tag } from '../bson-types.ts'
import type { ByteWriter } from '../byte-writer.ts'
import type { TupleWriter } from '../tuple-writer.ts'
import { appendNull, type ColumnWriter } from './column-writer.ts'
import type { DocumentWalk } from './document-walk.ts'
import type { Column, Field } from './field-table.ts'
import { endOfIndex, endOfValue } from './measure.ts'
import { walkOf } from './part-walk.ts'
import type { NameNode } from './name-paths.ts'
import type { TupleColumns } from './tuple-columns.ts'
import type { UnplannedElements } from './unplanned-elements.ts'

// Constants of the module itself cost nothing; those of another are loaded and checked each time.
const { array: arrayTag, null: nullTag, object: objectTag } = tag

interface Child {
  readonly field: Field
  readonly depth: number
  readonly part: DirectPart
}

/** Where what a source row becomes is written. */
export interface OpenDirectRow {
  /** Its place in the batch. */
  origin: number
  /** By part. */
  tuples: readonly TupleWriter[]
  /** Of the elements on the way, as many as the child at hand is deep. */
  readonly ordinals: Int32Array
}

/** Documents → tuples of one table of a plan, and of its child tables, straight from their bytes. */
export class DirectPart {
  readonly #writer: ColumnWriter
  readonly #part: number
  readonly #width: number
  /** How many arrays with tables of their own the elements lie in, their own among them. */
  readonly #level: number
  readonly #walk: DocumentWalk
  readonly #unplanned: UnplannedElements | null
  readonly #unplannedNames: NameNode
  readonly #root: DirectPart
  readonly #keyField: (column: ColumnPlan) => Field
  readonly #rowKey: readonly Column[]
  readonly #columns: TupleColumns
  readonly #value: Column | null
  readonly #valueIsJson: boolean
  readonly #children: readonly Child[]
  /** The number of the row or element at hand: what a field noted for another does not count. */
  #row = 0

  /** `parts`: those of the table's plan; `root`: the first of them, for all others. */
  constructor(
    parts: readonly (TablePlan | ChildPlan)[],
    part: number,
    keyField: string,
    writer: ColumnWriter,
    root: DirectPart | null = null,
    level = 0,
  ) {
    const plan = parts[part] as TablePlan | ChildPlan
    const child = isChild(plan) ? plan : null
    const walked = walkOf(plan, keyField, writer)
    this.#writer = writer
    this.#part = part
    this.#width = targetColumns(plan).length
    this.#level = level
    this.#walk = walked.walk
    this.#unplanned = walked.unplanned
    this.#unplannedNames = writer.names.value()
    this.#root = root ?? this
    this.#keyField = walked.keyField
    const keyFieldOf = this.#root.#keyField
    this.#rowKey = (child?.rowKey ?? []).map((column) =>
      writer.compile({ ...column, holds: undefined }, keyFieldOf(column), 0),
    )
    this.#columns = walked.columns
    this.#value = child === null || child.value === null ? null : writer.compile(child.value, null, 0)
    this.#valueIsJson = child?.value?.type === 'json'
    this.#children = (plan.children ?? []).map((inner, index) => ({
      field: walked.children[index] as Field,
      depth: inner.path.length - 1,
      part: new DirectPart(parts, parts.indexOf(inner), keyField, writer, this.#root, level + 1),
    }))
  }

  /**
   * Appends the tuple of a row or an element, whose value is measured, and what its children give. False where that is
   * not direct: what was appended until then, in all parts, is to be taken back.
   */
  write(row: OpenDirectRow, type: number, at: number, end: number, depth: number): boolean {
    const tuples = row.tuples[this.#part] as TupleWriter
    const { out } = tuples
    const isDocument = type === objectTag
    if (!isDocument && this.#value === null) return false
    const number = (this.#row += 1)
    if (this.#unplanned !== null) this.#unplanned.count = 0
    out.reserve(2)
    out.putInt16(this.#width)
    if (this.#rowKey.length > 0 && !this.#appendKey(out, row)) return false
    this.#columns.start(out)
    if (isDocument && !this.#walk.walk(at, end, depth + 1, number)) return false
    if (!this.#columns.finish(number, depth + 1)) return false
    if (this.#value !== null && !this.#appendElement(out, this.#value, type, at, end, depth)) return false
    if (this.#unplanned !== null && !this.#appendUnplanned(out, this.#unplanned, depth + 1)) return false
    tuples.endTuple(this.#part === 0 ? row.origin : (row.tuples[0] as TupleWriter).rows - 1)
    for (const child of this.#children) if (!this.#writeChildren(row, child, depth + 1)) return false
    return true
  }

  #appendKey(out: ByteWriter, row: OpenDirectRow): boolean {
    for (const column of this.#rowKey) {
      const { type, at, end, seenIn } = column.field as Field
      if (seenIn !== this.#root.#row || type === nullTag) appendNull(out)
      else if (!this.#writer.append(out, column, type, at, end, column.depth)) return false
    }
    for (let level = 0; level < this.#level; level++) {
      out.reserve(8)
      out.putInt32(4)
      out.putInt32(row.ordinals[level] as number)
    }
    return true
  }

  #appendElement(out: ByteWriter, column: Column, type: number, at: number, end: number, depth: number): boolean {
    // A null among the elements is not taken for a document without fields.
    if (type !== objectTag && (type !== nullTag || this.#valueIsJson)) {
      return this.#writer.append(out, column, type, at, end, depth)
    }
    return appendNull(out)
  }

  #appendUnplanned(out: ByteWriter, elements: UnplannedElements, depth: number): boolean {
    if (elements.count > 0) {
      return this.#writer.json().appendElements(out, this.#unplannedNames, elements, Math.max(depth, 1))
    }
    return appendNull(out)
  }

  #writeChildren(row: OpenDirectRow, child: Child, depth: number): boolean {
    const { field, part } = child
    const { type, at, end } = field
    if (field.seenIn !== this.#row || type === nullTag) return true
    const elementDepth = depth + child.depth
    const level = this.#level
    if (type !== arrayTag) {
      row.ordinals[level] = 0
      return part.write(row, type, at, end, elementDepth)
    }
    const { reader } = this.#writer
    const last = end - 1
    let ordinal = 0
    for (let next = at + 4; next < last;) {
      const elementType = reader.bytes[next] as number
      const elementAt = endOfIndex(reader, next + 1, last)
      if (elementAt < 0) return false
      next = endOfValue(reader, elementType, elementAt, last)
      row.ordinals[level] = ++ordinal
      if (next < 0 || !part.write(row, elementType, elementAt, next, elementDepth + 1)) return false
    }
    return true
  }
}
