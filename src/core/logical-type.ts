/**
 * What a value is, apart from any system. A target renders these (DDL, mapping, header) and says what it cannot hold.
 *
 * - `objectid`: 12 bytes, written as 24 hex digits; apart from `text`, because `"65…"` and ObjectId("65…") differ
 * - `decimal`: exact, unbounded scale; may be NaN or infinite
 * - `timestamp`: an instant on the UTC time line
 * - `date`: a day of the calendar, in no time zone
 * - `json`: anything; the top of the lattice
 */
export type ScalarType =
  'bool' | 'int32' | 'int64' | 'float64' | 'decimal' | 'text' | 'objectid' | 'uuid' | 'bytes' | 'timestamp' | 'date'

export type LogicalType = ScalarType | `${ScalarType}[]` | 'json'

export const scalarTypes: readonly ScalarType[] = [
  'bool',
  'int32',
  'int64',
  'float64',
  'decimal',
  'text',
  'objectid',
  'uuid',
  'bytes',
  'timestamp',
  'date',
]

/** The element type of an array type, null for every other type. */
export function elementType(type: LogicalType): ScalarType | null {
  return type.endsWith('[]') ? (type.slice(0, -2) as ScalarType) : null
}

/** The name of each scalar type as people read it, and as `--cast` takes it. */
export const scalarNames: { readonly [type in ScalarType]: string } = {
  bool: 'boolean',
  int32: 'integer',
  int64: 'bigint',
  float64: 'double precision',
  decimal: 'numeric',
  text: 'text',
  objectid: 'objectid',
  uuid: 'uuid',
  bytes: 'bytea',
  timestamp: 'timestamptz',
  date: 'date',
}

/** What one value of a sample is: a type, or one of the two that say nothing yet. */
export type ObservedType = LogicalType | 'null' | 'empty-array'

/** The name of a type for people; {@link parseTypeName} reads it back, `objectid` excepted. */
export function typeName(type: LogicalType): string {
  if (type === 'json') return 'jsonb'
  const element = elementType(type)
  return element === null ? scalarNames[type as ScalarType] : `${scalarNames[element]}[]`
}
