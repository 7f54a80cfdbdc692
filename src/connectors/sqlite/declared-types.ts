import { elementType, scalarTypes, type LogicalType, type ScalarType } from '../../core/logical-type.ts'
import type { ColumnPlan } from '../../core/plan.ts'

/** What SQLite makes of values on their way into a column, by its declared type: https://www.sqlite.org/datatype3.html. */
export type Affinity = 'INTEGER' | 'TEXT' | 'BLOB' | 'REAL' | 'NUMERIC'

/**
 * The declared type of each logical type. Where the word alone would make numbers of texts that look like some, or compare
 * texts as numbers, `TEXT` stands behind it, which people read past and SQLite looks for.
 */
const scalars: Readonly<Record<ScalarType, string>> = {
  bool: 'BOOLEAN',
  int32: 'INTEGER',
  int64: 'BIGINT',
  float64: 'REAL',
  decimal: 'NUMERIC TEXT',
  text: 'TEXT',
  objectid: 'OBJECTID TEXT',
  uuid: 'UUID TEXT',
  bytes: 'BLOB',
  timestamp: 'TIMESTAMP TEXT',
  date: 'DATE TEXT',
}

const documents = 'JSON TEXT'

/** The declared type of a column of drover's own making. */
export function declaredType({ type, native }: Pick<ColumnPlan, 'type' | 'native'>): string {
  if (native !== undefined) return typeSql(native)
  return type === 'json' || elementType(type) !== null ? documents : scalars[type as ScalarType]
}

/** How a column is named for people that is declared without a type. */
export const noType = 'of no type'

/** The name of a type as DDL writes it. */
export function typeSql(name: string): string {
  return name === noType ? '' : name
}

export function affinityOf(declared: string, options: { readonly strict: boolean }): Affinity {
  const name = declared.toUpperCase()
  // In a strict table ANY takes everything as it is; in any other it is a name like others.
  if (options.strict && name === 'ANY') return 'BLOB'
  if (name.includes('INT')) return 'INTEGER'
  if (/CHAR|CLOB|TEXT/.test(name)) return 'TEXT'
  if (name === '' || name.includes('BLOB')) return 'BLOB'
  return /REAL|FLOA|DOUB/.test(name) ? 'REAL' : 'NUMERIC'
}

const integers: readonly LogicalType[] = ['int64', 'int32']
const texts: readonly LogicalType[] = ['text', 'objectid']

/** By what a type is declared as, whatever its affinity: none of these texts looks like a number. */
const byName: ReadonlyMap<string, readonly LogicalType[]> = new Map<string, readonly LogicalType[]>([
  ['BOOLEAN', ['bool']],
  ['BOOL', ['bool']],
  ['UUID', ['uuid']],
  ['UUID TEXT', ['uuid']],
  ['TIMESTAMP', ['timestamp']],
  ['DATETIME', ['timestamp']],
  ['TIMESTAMP TEXT', ['timestamp']],
  ['DATE', ['date']],
  ['DATE TEXT', ['date']],
  ['NUMERIC TEXT', ['decimal']],
  ['OBJECTID TEXT', ['objectid']],
])

const arrays: readonly LogicalType[] = scalarTypes.map((type): LogicalType => `${type}[]`)

const byAffinity: Readonly<Record<Affinity, readonly LogicalType[]>> = {
  INTEGER: integers,
  TEXT: texts,
  BLOB: ['bytes'],
  REAL: ['float64'],
  // A double without a fraction becomes an integer in it.
  NUMERIC: integers,
}

/** The types whose records such a column takes as they are. */
export function acceptedTypes(declared: string, options: { readonly strict: boolean }): readonly LogicalType[] {
  const name = declared.toUpperCase()
  if (name === documents) return ['json', ...arrays]
  if (name === '')
    return ['text', 'bytes', ...integers, 'float64', 'bool', 'decimal', 'objectid', 'uuid', 'timestamp', 'date']
  return byName.get(name) ?? byAffinity[affinityOf(declared, options)]
}
