import { elementType, type LogicalType, type ObservedType, type ScalarType } from '../core/logical-type.ts'

/** The types that hold every value of a scalar type unchanged, nearest first. Scalars not named here widen to json only. */
const widerScalars: { readonly [type in ScalarType]?: readonly ScalarType[] } = {
  int32: ['int64', 'float64', 'decimal'],
  // A double holds whole numbers up to 2^53 only.
  int64: ['decimal'],
  float64: ['decimal'],
}

/** The narrowest scalar type that holds every value of both unchanged; null where only json does. */
export function joinScalars(a: ScalarType, b: ScalarType): ScalarType | null {
  const ofB = scalarsFrom(b)
  return scalarsFrom(a).find((type) => ofB.includes(type)) ?? null
}

/**
 * The narrowest type that holds every value of both unchanged: the join of a lattice with `null` at the bottom,
 * `empty-array` below every array type, and `json` at the top.
 */
export function joinTypes(a: ObservedType, b: ObservedType): ObservedType {
  if (a === b || b === 'null') return a
  if (a === 'null') return b
  if (a === 'empty-array') return joinEmptyArray(b)
  if (b === 'empty-array') return joinEmptyArray(a)
  return joinLogical(a, b)
}

/** Whether a column of type `to` holds every value of type `from` unchanged. */
export function widensTo(from: ObservedType, to: LogicalType): boolean {
  return joinTypes(from, to) === to
}

function joinEmptyArray(other: ObservedType): ObservedType {
  return other.endsWith('[]') ? other : 'json'
}

function joinLogical(a: LogicalType, b: LogicalType): LogicalType {
  if (a === 'json' || b === 'json') return 'json'
  const elementA = elementType(a)
  const elementB = elementType(b)
  if (elementA !== null && elementB !== null) {
    const joined = joinScalars(elementA, elementB)
    return joined === null ? 'json' : `${joined}[]`
  }
  if (elementA !== null || elementB !== null) return 'json'
  return joinScalars(a as ScalarType, b as ScalarType) ?? 'json'
}

function scalarsFrom(type: ScalarType): readonly ScalarType[] {
  return [type, ...(widerScalars[type] ?? [])]
}
