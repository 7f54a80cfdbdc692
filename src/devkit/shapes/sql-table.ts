import {
  Binary,
  BSONRegExp,
  type Decimal128,
  type Document,
  EJSON,
  Long,
  type ObjectId,
  Timestamp,
  type UUID,
} from 'bson'

/** Types that columns of test data have. What one database has no type for, it holds as text. */
export type SqlType =
  'text' | 'integer' | 'bigint' | 'double' | 'numeric' | 'boolean' | 'time' | 'uuid' | 'bytes' | 'json' | 'texts'

export interface SqlColumn {
  readonly name: string
  readonly type: SqlType
  readonly nullable: boolean
}

export interface SqlReference {
  readonly column: string
  /** Its key is that column alone. */
  readonly table: string
  readonly key: string
}

export interface SqlTable {
  readonly name: string
  readonly columns: readonly SqlColumn[]
  /** Columns of the primary key. */
  readonly key: readonly string[]
  /** The database numbers rows that are inserted without a key. */
  readonly numbered: boolean
  readonly references: readonly SqlReference[]
  /** Columns with an index of their own. */
  readonly indexes: readonly string[]
}

/** A value as both databases can be given it; those of `json`, `uuid` and `numeric` are texts. */
export type SqlValue = string | number | bigint | boolean | Date | Uint8Array | readonly string[] | null
export type SqlRow = readonly SqlValue[]

/** A table that is filled with the documents of a shape. */
export interface FilledTable {
  readonly table: SqlTable
  readonly rowsOf: (document: Document) => readonly SqlRow[]
}

/** The documents of a shape as rows of typed tables. */
export interface SqlShape {
  /** One row for each document. */
  readonly main: FilledTable
  /** Tables of what documents hold several of; they refer to `main`. */
  readonly children: readonly FilledTable[]
  /** Tables that `main` refers to, with the same rows however many documents there are. */
  readonly dimensions: readonly { readonly table: SqlTable; readonly rows: readonly SqlRow[] }[]
}

/** Columns by name; a `?` behind the type: it may be null. */
export function sqlColumns(types: Readonly<Record<string, SqlType | `${SqlType}?`>>): readonly SqlColumn[] {
  return Object.entries(types).map(([name, written]) => {
    const nullable = written.endsWith('?')
    return { name, type: (nullable ? written.slice(0, -1) : written) as SqlType, nullable }
  })
}

/** A table of these columns, the first of which is its key. */
export function sqlTable(
  name: string,
  columns: readonly SqlColumn[],
  more: Partial<Pick<SqlTable, 'key' | 'numbered' | 'references' | 'indexes'>> = {},
): SqlTable {
  return {
    name,
    columns,
    key: columns.slice(0, 1).map((column) => column.name),
    numbered: false,
    references: [],
    indexes: [],
    ...more,
  }
}

/** One row for each document: `_id` in the first column, each other field in the column that is its name in snake case. */
export function tableOfDocuments(table: SqlTable): FilledTable {
  const fields = table.columns.map(({ name, type }, at) => {
    return { field: at === 0 ? '_id' : name.replaceAll(/_(.)/g, (_, letter: string) => letter.toUpperCase()), type }
  })
  return { table, rowsOf: (document) => [fields.map(({ field, type }) => sqlValueOf(document[field], type))] }
}

/** Every table of a shape, those referred to before those that refer to them. */
export function tablesOf({ main, children, dimensions }: SqlShape): readonly SqlTable[] {
  return [...dimensions, main, ...children].map(({ table }) => table)
}

/** What a value of a document is in a column of this type; null for a field that is not there. */
export function sqlValueOf(value: unknown, type: SqlType): SqlValue {
  if (value === undefined || value === null) return null
  switch (type) {
    case 'json':
      return jsonOf(value)
    case 'texts':
      return value as readonly string[]
    case 'bytes':
      return value instanceof Binary ? value.buffer : (value as Uint8Array)
    case 'bigint':
      return value instanceof Long ? value.toBigInt() : BigInt(value as number)
    case 'integer':
    case 'double':
      return Number(value)
    case 'boolean':
      return value as boolean
    case 'time':
      return value as Date
    case 'text':
    case 'numeric':
    case 'uuid':
      return (value as string | ObjectId | Decimal128 | UUID).toString()
  }
}

/** Types that JSON has no form for are written as extended JSON, dates as ISO 8601. */
function jsonOf(value: unknown): string {
  const extended = value instanceof BSONRegExp || value instanceof Timestamp
  return extended ? EJSON.stringify(value) : JSON.stringify(value)
}
