import type { LogicalType, ScalarType } from '../../core/logical-type.ts'
import { elementType } from '../../core/logical-type.ts'

/** The column type that holds a logical type without loss, as written in DDL. */
export function nativeType(type: LogicalType): string {
  if (type === 'json') return 'jsonb'
  const element = elementType(type)
  return element === null ? scalars[type as ScalarType] : `${scalars[element]}[]`
}

const scalars: Readonly<Record<ScalarType, string>> = {
  bool: 'boolean',
  int32: 'integer',
  int64: 'bigint',
  float64: 'double precision',
  decimal: 'numeric',
  text: 'text',
  objectid: 'text',
  uuid: 'uuid',
  bytes: 'bytea',
  timestamp: 'timestamp with time zone',
}

/**
 * What a binary COPY may send to an existing column, by the name of its type in `pg_catalog`. Binary input does not
 * convert, and often does not even notice (eight bytes of an integer are a valid double), so only a type whose binary
 * form is the same is listed. Left out on purpose: `json` and `jsonb` differ in their binary form; `character(n)` pads;
 * an array carries the type of its elements, which must be exact, so `varchar[]` does not take text.
 */
const acceptedByType: ReadonlyMap<string, readonly LogicalType[]> = new Map<string, readonly LogicalType[]>([
  ['bool', ['bool']],
  ['int4', ['int32']],
  ['int8', ['int64']],
  ['float8', ['float64']],
  ['numeric', ['decimal']],
  ['text', ['text', 'objectid']],
  ['varchar', ['text', 'objectid']],
  ['uuid', ['uuid']],
  ['bytea', ['bytes']],
  ['timestamptz', ['timestamp']],
  ['jsonb', ['json']],
  ['_bool', ['bool[]']],
  ['_int4', ['int32[]']],
  ['_int8', ['int64[]']],
  ['_float8', ['float64[]']],
  ['_numeric', ['decimal[]']],
  ['_text', ['text[]', 'objectid[]']],
  ['_uuid', ['uuid[]']],
  ['_bytea', ['bytes[]']],
  ['_timestamptz', ['timestamp[]']],
])

/**
 * Types a column takes as they are. `modifier` is `atttypmod`, -1 for a type without one: `numeric(10,2)` and
 * `timestamptz(0)` round and `varchar(10)` cuts trailing spaces, all without a word, so they take nothing.
 */
export function acceptedTypes(column: { readonly type: string; readonly modifier: number }): readonly LogicalType[] {
  return column.modifier === -1 ? (acceptedByType.get(column.type) ?? []) : []
}
