import fc from 'fast-check'
import { elementType, type LogicalType, type ObservedType, type ScalarType } from '../../../src/core/logical-type.ts'
import { type ChildPlan, type ColumnPlan, type RowsPlan, type TablePlan } from '../../../src/core/plan.ts'
import type { DocumentsSample, ElementsSample, FieldSample, Sample, ValuesSample } from '../../../src/core/sample.ts'
import { joinTypes, widensTo } from '../../../src/schema/lattice.ts'

/** A value as far as planning is concerned: a scalar is its type. `odd` stands for what only JSON holds. */
export type Shape = ScalarType | 'odd' | null | readonly Shape[] | ShapedDocument
export interface ShapedDocument {
  readonly fields: ReadonlyMap<string, Shape>
}

const scalars: readonly ScalarType[] = ['int32', 'int64', 'float64', 'text', 'bool']
const scalar: fc.Arbitrary<Shape> = fc.constantFrom(...scalars, 'odd' as const, null)

function documents(value: fc.Arbitrary<Shape>): fc.Arbitrary<ShapedDocument> {
  return fc
    .uniqueArray(fc.tuple(fc.constantFrom('a', 'b', 'c', 'ordinal', 'value'), value), {
      selector: ([name]) => name,
      maxLength: 3,
    })
    .map((entries) => ({ fields: new Map(entries) }))
}

const { value } = fc.letrec<{ value: Shape }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    { weight: 3, arbitrary: scalar },
    { weight: 2, arbitrary: fc.array(tie('value'), { maxLength: 3 }) },
    { weight: 2, arbitrary: documents(tie('value')) },
  ),
}))

/** Rows of a table: documents with the key `_id`. */
export const anyRows: fc.Arbitrary<readonly ShapedDocument[]> = fc.array(
  fc.tuple(documents(value), fc.constantFrom<ScalarType>('int32', 'text')).map(([{ fields }, key]) => ({
    fields: new Map<string, Shape>([['_id', key], ...fields]),
  })),
  { minLength: 1, maxLength: 4 },
)

export function isDocument(shape: Shape): shape is ShapedDocument {
  return shape !== null && typeof shape === 'object' && 'fields' in shape
}

export function isArray(shape: Shape): shape is readonly Shape[] {
  return Array.isArray(shape)
}

export function typeOf(shape: Shape): ObservedType {
  if (shape === null) return 'null'
  if (shape === 'odd' || isDocument(shape)) return 'json'
  if (!isArray(shape)) return shape
  if (shape.length === 0) return 'empty-array'
  const joined = shape.map(typeOf).reduce(joinTypes, 'null')
  const isScalar = joined !== 'null' && joined !== 'json' && joined !== 'empty-array' && elementType(joined) === null
  return isScalar ? (`${joined}[]` as LogicalType) : 'json'
}

export function observe(rows: readonly ShapedDocument[], complete = true): Sample {
  return { ...observeDocuments(rows), bytes: 0, complete, damaged: 0, failed: null }
}

function observeDocuments(all: readonly ShapedDocument[]): DocumentsSample {
  const names = new Set(all.flatMap(({ fields }) => [...fields.keys()]))
  const fields = [...names].map((field): FieldSample => {
    const values = all.flatMap((document) => {
      const shape = document.fields.get(field)
      return shape === undefined ? [] : [shape]
    })
    return { field, ...observeValues(values) }
  })
  return { rows: all.length, fields, more: false }
}

function observeValues(values: readonly Shape[]): ValuesSample {
  const counts = new Map<ObservedType, number>()
  for (const type of values.map(typeOf)) counts.set(type, (counts.get(type) ?? 0) + 1)
  const within = values.filter(isDocument)
  const arrays = values.filter(isArray)
  const elements: ElementsSample = {
    ...(arrays.length === 0 ? nothing : observeValues(arrays.flat(1))),
    arrays: arrays.length,
    items: arrays.flat(1).length,
    maxItems: Math.max(0, ...arrays.map(({ length }) => length)),
  }
  return {
    ...nothing,
    types: [...counts].map(([type, count]) => ({ name: type, type, count })),
    documents: within.length === 0 ? null : observeDocuments(within),
    elements: arrays.length === 0 ? null : elements,
  }
}

const nothing: ValuesSample = {
  types: [],
  documents: null,
  elements: null,
  distinct: null,
  maxBytes: 0,
  trouble: [],
}

/** What of a row has no place in a plan, by their paths: the rules of an encoder, value by value. */
export function homeless(plan: TablePlan, row: ShapedDocument): readonly string[] {
  return [...homelessFields(plan, row, [])]
}

function* homelessFields(rows: RowsPlan, document: ShapedDocument, within: readonly string[]): Generator<string> {
  const flattened = rows.flattened?.find(({ path }) => same(path, within))
  const ignore = within.length === 0 ? rows.ignore : (flattened?.ignore ?? [])
  for (const [name, shape] of document.fields) {
    const path = [...within, name]
    const column = rows.columns.find(({ holds, ...at }) => holds !== 'length' && same(pathOf(at), path))
    const child = rows.children?.find((candidate) => same(candidate.path, path))
    const isFlattened = rows.flattened?.some((candidate) => same(candidate.path, path)) ?? false
    if (child !== undefined) yield* homelessElements(child, shape)
    else if (isFlattened && isDocument(shape)) yield* homelessFields(rows, shape, path)
    else if (column !== undefined) {
      if (!holds(column, shape)) yield `${path.join('.')} in ${column.name}`
    } else if (isFlattened) {
      if (shape !== null) yield `${path.join('.')} beside documents`
    } else if (rows.overflow === undefined && ignore !== 'others' && !ignore.includes(name)) yield path.join('.')
  }
}

function* homelessElements(child: ChildPlan, shape: Shape): Generator<string> {
  for (const element of isArray(shape) ? shape : shape === null ? [] : [shape]) {
    if (isDocument(element)) yield* homelessFields(child, element, [])
    else if (child.value === null || !holds(child.value, element)) yield `element of ${child.target.name}`
  }
}

function holds({ cast, type }: ColumnPlan, shape: Shape): boolean {
  return cast || widensTo(typeOf(shape), type)
}

function pathOf({ field, within }: Pick<ColumnPlan, 'field' | 'within'>): readonly string[] {
  return [field, ...(within ?? [])]
}

function same(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name, index) => name === b[index])
}
