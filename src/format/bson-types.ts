import type { ScalarType } from '../core/logical-type.ts'

/** Element type bytes of BSON (https://bsonspec.org/spec.html). */
export const tag = {
  double: 0x01,
  string: 0x02,
  object: 0x03,
  array: 0x04,
  binData: 0x05,
  undefined: 0x06,
  objectId: 0x07,
  bool: 0x08,
  date: 0x09,
  null: 0x0a,
  regex: 0x0b,
  dbPointer: 0x0c,
  javascript: 0x0d,
  symbol: 0x0e,
  javascriptWithScope: 0x0f,
  int: 0x10,
  timestamp: 0x11,
  long: 0x12,
  decimal: 0x13,
  maxKey: 0x7f,
  minKey: 0xff,
} as const

/** Subtypes of binary values that have a plain form; every other one is carried as extended JSON. */
export const subtype = { generic: 0, oldGeneric: 2, uuid: 4 } as const

const names = new Map<number, string>(Object.entries(tag).map(([name, byte]) => [byte, name]))

/** The name that MongoDB's `$type` has for an element type byte; a byte that BSON does not define is written out. */
export function bsonTypeName(type: number): string {
  return names.get(type) ?? `type 0x${type.toString(16).padStart(2, '0')}`
}

const scalars = new Map<number, ScalarType>([
  [tag.double, 'float64'],
  [tag.string, 'text'],
  [tag.objectId, 'objectid'],
  [tag.bool, 'bool'],
  [tag.date, 'timestamp'],
  [tag.int, 'int32'],
  [tag.long, 'int64'],
  [tag.decimal, 'decimal'],
])

/** The scalar a value of this type is; null for what only `json` holds, and for binary, whose subtype decides. */
export function scalarOf(type: number): ScalarType | null {
  return scalars.get(type) ?? null
}
