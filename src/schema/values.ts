import type { ObservedType } from '../core/logical-type.ts'
import type { DocumentsSample, FieldSample, TypeCount, ValuesSample } from '../core/sample.ts'
import { joinTypes } from './lattice.ts'

/** Some of the values at one place. */
export interface SomeValues {
  /** The join of their types. */
  readonly observed: ObservedType
  /** How many of them are not null. */
  readonly count: number
  readonly nulls: number
}

/** What the rows of a child table are made from: the elements of arrays, and the values that are no arrays. */
export interface Elements {
  readonly rows: number
  /** Fields of those that are documents. */
  readonly documents: DocumentsSample | null
  /** Those that are no documents; a null that is no element gives no row. */
  readonly others: SomeValues
  readonly types: readonly TypeCount[]
}

/** A field that only an option names. */
export function unseen(field: string): FieldSample {
  return { field, types: [], documents: null, elements: null, distinct: null, maxBytes: 0, trouble: [] }
}

export function allValues({ types }: ValuesSample): SomeValues {
  return valuesOf(types, 0)
}

/** All values but the documents. */
export function otherValues({ types, documents }: ValuesSample): SomeValues {
  return valuesOf(types, documents?.rows ?? 0)
}

export function elementsOf(seen: ValuesSample): Elements {
  const { elements, documents } = seen
  const scalars = seen.types.filter(({ type }) => !isArray(type))
  const typedArrays = countOf(seen.types) - countOf(scalars)
  const lone = valuesOf(scalars, (documents?.rows ?? 0) + (elements === null ? 0 : elements.arrays - typedArrays))
  const among = elements === null ? none : otherValues(elements)
  return {
    rows: (elements?.items ?? 0) + (documents?.rows ?? 0) + lone.count,
    documents: mergeDocuments(elements?.documents ?? null, documents),
    others: {
      observed: joinTypes(among.observed, lone.observed),
      count: among.count + lone.count,
      nulls: among.nulls,
    },
    types: mergeTypes(elements?.types ?? [], scalars),
  }
}

const none: SomeValues = { observed: 'null', count: 0, nulls: 0 }

/** The values of these types, without `left` of those of type `json`. */
function valuesOf(types: readonly TypeCount[], left: number): SomeValues {
  const json = countOf(types.filter(({ type }) => type === 'json'))
  // A type that was declared, and of which there is no value.
  const isDeclared = types.some(({ type, count }) => type === 'json' && count === 0)
  const nulls = countOf(types.filter(({ type }) => type === 'null'))
  const apart = types.reduce<ObservedType>(
    (joined, { type }) => (type === 'json' ? joined : joinTypes(joined, type)),
    'null',
  )
  return {
    observed: json > left || isDeclared ? 'json' : apart,
    count: countOf(types) - nulls - left,
    nulls,
  }
}

function isArray(type: ObservedType): boolean {
  return type === 'empty-array' || type.endsWith('[]')
}

function countOf(types: readonly TypeCount[]): number {
  return types.reduce((sum, { count }) => sum + count, 0)
}

function mergeDocuments(a: DocumentsSample | null, b: DocumentsSample | null): DocumentsSample | null {
  if (a === null || b === null) return a ?? b
  const fields = new Map(a.fields.map((field) => [field.field, field]))
  for (const field of b.fields) {
    const other = fields.get(field.field)
    fields.set(field.field, other === undefined ? field : { ...mergeValues(other, field), field: field.field })
  }
  return { rows: a.rows + b.rows, fields: [...fields.values()], more: a.more || b.more }
}

/** Types, documents and elements of both; what is only for people to look at is that of the first. */
function mergeValues(a: ValuesSample, b: ValuesSample): ValuesSample {
  const elements =
    a.elements === null || b.elements === null
      ? (a.elements ?? b.elements)
      : {
          ...mergeValues(a.elements, b.elements),
          arrays: a.elements.arrays + b.elements.arrays,
          items: a.elements.items + b.elements.items,
          maxItems: Math.max(a.elements.maxItems, b.elements.maxItems),
        }
  const types = mergeTypes(a.types, b.types)
  return { ...a, types, documents: mergeDocuments(a.documents, b.documents), elements }
}

function mergeTypes(a: readonly TypeCount[], b: readonly TypeCount[]): readonly TypeCount[] {
  const merged = [...a]
  for (const seen of b) {
    const at = merged.findIndex(({ name, type }) => name === seen.name && type === seen.type)
    const same = merged[at]
    if (same === undefined) merged.push(seen)
    else merged[at] = { ...same, count: same.count + seen.count }
  }
  return merged
}
