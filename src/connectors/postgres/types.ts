import type { LogicalType, ScalarType } from '../../core/logical-type.ts'
import type { ColumnPlan } from '../../core/plan.ts'
import { elementType } from '../../core/logical-type.ts'

/** The column type that holds a logical type without loss, as written in DDL. */
export function nativeType(type: LogicalType): string {
  if (type === 'json') return 'jsonb'
  const element = elementType(type)
  return element === null ? scalars[type as ScalarType] : `${scalars[element]}[]`
}

/** The type that a column of a plan gets in DDL. */
export function columnType({ type, native }: Pick<ColumnPlan, 'type' | 'native'>): string {
  return native ?? nativeType(type)
}

/** The column's values, as those of its logical type; a value of another native type is cast, which loses nothing. */
export function readAs(column: string, { type, native }: Pick<ColumnPlan, 'type' | 'native'>): string {
  return native === undefined ? column : `${column}::${nativeType(type)}`
}

/** Names of types with the binary form that the encoder gives a logical type; those with a modifier may round. */
const sentBinary: ReadonlyMap<string, readonly LogicalType[]> = new Map<string, readonly LogicalType[]>([
  ['boolean', ['bool']],
  ['integer', ['int32']],
  ['bigint', ['int64']],
  ['double precision', ['float64']],
  ['numeric', ['decimal']],
  ['text', ['text', 'objectid']],
  ['character varying', ['text', 'objectid']],
  ['uuid', ['uuid']],
  ['bytea', ['bytes']],
  ['timestamp with time zone', ['timestamp']],
  ['date', ['date']],
  ['jsonb', ['json']],
])

/** Whether what the encoder makes of values of the type can be sent in binary form to such a column. */
export function isSentBinary({ type, native }: Pick<ColumnPlan, 'type' | 'native'>): boolean {
  return native === undefined || native === nativeType(type) || sentBinary.get(native)?.includes(type) === true
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
  date: 'date',
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
  ['date', ['date']],
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
  ['_date', ['date[]']],
])

interface ColumnType {
  /** Name of the type in `pg_catalog`. */
  readonly type: string
  /** `atttypmod`, -1 for a type without one. */
  readonly modifier: number
}

/** What `atttypmod` of a varchar or char is above its length. */
const VARCHAR_HEADER = 4

const OBJECTID_CHARACTERS = 24

/** Characters that a varchar(n) or a char(n) holds, null for every other type. */
export function maxCharactersOf({ type, modifier }: ColumnType): number | null {
  return (type === 'varchar' || type === 'bpchar') && modifier !== -1 ? modifier - VARCHAR_HEADER : null
}

/**
 * Types a column takes as they are. `numeric(10,2)` and `timestamptz(0)` round without a word, so they take nothing.
 * `varchar(10)` cuts trailing spaces without a word; it takes text all the same, because the encoder refuses text that
 * is too long before the server sees it.
 */
export function acceptedTypes(column: ColumnType): readonly LogicalType[] {
  const length = column.type === 'varchar' ? maxCharactersOf(column) : null
  if (length === null) return column.modifier === -1 ? (acceptedByType.get(column.type) ?? []) : []
  return length < OBJECTID_CHARACTERS ? ['text'] : ['text', 'objectid']
}
