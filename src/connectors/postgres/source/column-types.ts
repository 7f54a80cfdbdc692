import type { LogicalType, ScalarType } from '../../../core/logical-type.ts'
import { nativeType } from '../types.ts'

/**
 * What values of a type are once they are read, by its name as `format_type` has it with an empty search path. Their cast
 * to the type of {@link nativeType} loses nothing.
 */
const scalars: ReadonlyMap<string, ScalarType> = new Map<string, ScalarType>([
  ['boolean', 'bool'],
  ['smallint', 'int32'],
  ['integer', 'int32'],
  ['bigint', 'int64'],
  ['real', 'float64'],
  ['double precision', 'float64'],
  ['numeric', 'decimal'],
  ['text', 'text'],
  ['character varying', 'text'],
  ['name', 'text'],
  ['bytea', 'bytes'],
  ['uuid', 'uuid'],
  ['timestamp with time zone', 'timestamp'],
  ['date', 'date'],
])

/** The type of a column's values when they are read decoded; a type of no other's form is its own text. */
export function logicalTypeOf(bare: string): LogicalType {
  if (bare === 'jsonb') return 'json'
  const element = bare.endsWith('[]') ? scalars.get(bare.slice(0, -2)) : undefined
  return element === undefined ? (scalars.get(bare) ?? 'text') : `${element}[]`
}

/** What a value is cast to when it is read as one of the type. */
export function castOf(type: LogicalType): string {
  return nativeType(type)
}
