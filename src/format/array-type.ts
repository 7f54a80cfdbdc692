import { scalarTypes, type ObservedType, type ScalarType } from '../core/logical-type.ts'

/** The narrowest scalar that holds both, null where none does. */
export type JoinScalars = (a: ScalarType, b: ScalarType) => ScalarType | null

/** What the elements of one array have in common so far; null: no element has said anything yet. */
export type ElementsType = ScalarType | 'json' | null

const scalars: ReadonlySet<string> = new Set(scalarTypes)
const arrayTypes: ReadonlyMap<string, ObservedType> = new Map(scalarTypes.map((type) => [type, `${type}[]`]))

/** Takes one more element. `null` says nothing; whatever has no scalar type makes the array `json`. */
export function joinElement(joined: ElementsType, element: ObservedType, join: JoinScalars): ElementsType {
  if (element === joined || element === 'null' || joined === 'json') return joined
  if (!isScalar(element)) return 'json'
  return joined === null ? element : (join(joined, element) ?? 'json')
}

/** The type of an array whose elements are of this one. */
export function arrayTypeOf(elements: ElementsType): ObservedType {
  return elements === null ? 'empty-array' : (arrayTypes.get(elements) ?? 'json')
}

function isScalar(type: ObservedType): type is ScalarType {
  return scalars.has(type)
}
