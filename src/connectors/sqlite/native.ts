import { columnsIn } from '../../schema/sql/columns-in.ts'
import type { Expression } from '../../schema/sql/expression.ts'
import { parseExpression } from '../../schema/sql/parse-expression.ts'
import { SqlSyntaxError } from '../../schema/sql/syntax-error.ts'
import type { SqliteColumnSql, SqliteKeyPart, SqliteTableSql } from '../../schema/sql/table-sql.ts'
import type { IndexStructure, NativeColumn, NativeIndex, NativeStructure } from '../structure.ts'
import { noType } from './declared-types.ts'
import { quoteName, quoteText } from './identifiers.ts'
import type { SqliteColumn, SqliteTable } from './table.ts'

/** What is known of a table whose definition could be read. */
export interface Defined {
  readonly table: SqliteTable
  readonly parsed: SqliteTableSql
  readonly indexes: readonly IndexStructure[]
  /** The highest number that AUTOINCREMENT has given; null: none. */
  readonly reached: string | null
}

/** All of a table in words of SQLite, but for its references and for what is to happen on conflicts. */
export function nativeOf({ table, parsed, indexes, reached }: Defined): NativeStructure {
  const { rowidColumn } = table
  const columns = table.columns.map((column): readonly [string, NativeColumn] => {
    return [column.name, columnOf(column, table, writtenOf(parsed, column.name))]
  })
  const numbered = rowidColumn !== null && reached !== null && isNumbered(parsed)
  return {
    columns: new Map(columns),
    constraints: [...uniquesOf(table, parsed), ...checksOf(table, parsed)],
    key: keyOf(table, parsed),
    indexes: indexes
      .filter(({ name }) => !name.startsWith('sqlite_autoindex_'))
      .map((index) => {
        return indexOf(table, parsed, index)
      }),
    suffix: [...(parsed.strict ? ['strict'] : []), ...(parsed.withoutRowid ? ['without rowid'] : [])].join(', '),
    statements: [],
    sequences: numbered ? [{ column: rowidColumn, reached }] : [],
    unread: [],
    binary: new Set(),
  }
}

/** SQLite remembers the highest number of such a table, and gives none twice. */
function isNumbered({ columns, primaryKey }: SqliteTableSql): boolean {
  return primaryKey?.autoincrement === true || columns.some((column) => column.primaryKey?.autoincrement === true)
}

function writtenOf({ columns }: SqliteTableSql, name: string): SqliteColumnSql | undefined {
  return columns.find((column) => isSame(column.name, name))
}

function columnOf(
  { name, declared, required, default: value }: SqliteColumn,
  table: SqliteTable,
  written: SqliteColumnSql | undefined,
): NativeColumn {
  const generated = written?.generated ?? null
  const clauses = [
    ...(required ? ['not null'] : []),
    ...(written === undefined || written.collation === null ? [] : [`collate ${quoteName(written.collation)}`]),
    ...(value === null ? [] : [`default ${defaultSql(value, written?.default ?? null)}`]),
    ...(generated === null
      ? []
      : [`generated always as (${generated.text}) ${generated.stored ? 'stored' : 'virtual'}`]),
    // Alone it does not make the key the number of the row, as the same does behind the columns.
    ...(isDescendingKey(written) && table.rowidColumn !== name ? ['primary key desc'] : []),
  ]
  const fields = generated === null ? [] : fieldsIn(table, generated.expression)
  return {
    type: declared === '' ? noType : declared,
    clauses: clauses.join(' '),
    computed: generated !== null,
    fields,
    statements: [],
  }
}

function isDescendingKey(column: SqliteColumnSql | undefined): boolean {
  return column?.primaryKey?.descending === true
}

/** A word without quotes is a text, and in parentheses it would be the name of a column. */
function defaultSql(text: string, read: Expression | null): string {
  return read?.kind === 'string' ? quoteText(read.value) : `(${text})`
}

function uniquesOf(table: SqliteTable, { columns, uniques }: SqliteTableSql): NativeStructure['constraints'] {
  const own = columns.flatMap(({ name, unique }) => {
    return unique ? [{ name: null, parts: [{ name, collation: null, descending: false }] }] : []
  })
  return [...own, ...uniques].map(({ name, parts }) => {
    return { name: name ?? '', sql: `unique (${partsSql(table, parts)})`, fields: fieldsOf(table, parts) }
  })
}

function checksOf(table: SqliteTable, { columns, checks }: SqliteTableSql): NativeStructure['constraints'] {
  return [...columns.flatMap((column) => column.checks), ...checks].map(({ name, text, expression }) => {
    return { name: name ?? '', sql: `check (${text})`, fields: fieldsIn(table, expression) }
  })
}

/** Null: there is none, or it is said with its column. */
function keyOf(table: SqliteTable, { columns, primaryKey }: SqliteTableSql): NativeStructure['key'] {
  if (primaryKey !== null) {
    const { name, parts, autoincrement } = primaryKey
    const sql = `primary key (${partsSql(table, parts)}${autoincrement ? ' autoincrement' : ''})`
    return { name: name ?? '', sql, fields: fieldsOf(table, parts) }
  }
  const column = columns.find((candidate) => candidate.primaryKey !== null)
  if (column === undefined || isDescendingKey(column)) return null
  const field = exactName(table, column.name)
  const numbered = column.primaryKey?.autoincrement === true ? ' autoincrement' : ''
  return { name: '', sql: `primary key (${quoteName(field)}${numbered})`, fields: [field] }
}

function partsSql(table: SqliteTable, parts: readonly SqliteKeyPart[]): string {
  return parts
    .map(({ name, collation, descending }) => {
      const collated = collation === null ? '' : ` collate ${quoteName(collation)}`
      return `${quoteName(exactName(table, name))}${collated}${descending ? ' desc' : ''}`
    })
    .join(', ')
}

function indexOf(
  table: SqliteTable,
  parsed: SqliteTableSql,
  { name, unique, parts, where }: IndexStructure,
): NativeIndex {
  const places = parts.map(({ expression, field, collation, descending }) => {
    // That of an expression is in its text.
    const usual = field === null ? collation : (writtenOf(parsed, field)?.collation ?? null)
    const collated = sameCollation(collation, usual) ? '' : ` collate ${quoteName(collation ?? 'BINARY')}`
    return { field, descending, sql: `${expression.sql}${collated}`, isPlain: field !== null && collated === '' }
  })
  const listed = places.map(({ sql, descending }) => (descending ? `${sql} desc` : sql)).join(', ')
  const sql = where === null ? `(${listed})` : `(${listed}) where ${where.sql}`
  const texts = [
    ...places.flatMap((place) => (place.field === null ? [place.sql] : [])),
    ...(where === null ? [] : [where.sql]),
  ]
  const fields = [...places.flatMap(({ field }) => field ?? []), ...texts.flatMap((text) => fieldsInText(table, text))]
  const plain = places.flatMap(({ field, descending, isPlain }) =>
    field !== null && isPlain ? [{ field, descending }] : [],
  )
  const isPlain = where === null && plain.length === parts.length
  return { name, unique, text: { kind: 'index', sql }, fields: [...new Set(fields)], plain: isPlain ? plain : null }
}

/** Null compares bytes. */
function sameCollation(a: string | null, b: string | null): boolean {
  return isSame(a ?? 'BINARY', b ?? 'BINARY')
}

function fieldsInText(table: SqliteTable, sql: string): readonly string[] {
  try {
    return fieldsIn(table, parseExpression(sql))
  } catch (error) {
    if (!(error instanceof SqlSyntaxError)) throw error
    return table.columns.map(({ name }) => name)
  }
}

/** Of what cannot be read it is all of them. */
function fieldsIn(table: SqliteTable, expression: Expression): readonly string[] {
  const names = columnsIn(expression)
  const all = table.columns.map(({ name }) => name)
  return names === null ? all : all.filter((name) => [...names].some((found) => isSame(found, name)))
}

function fieldsOf(table: SqliteTable, parts: readonly SqliteKeyPart[]): readonly string[] {
  return parts.map(({ name }) => exactName(table, name))
}

/** It may be written in another case than where it is defined. */
function exactName({ columns }: SqliteTable, written: string): string {
  return columns.find(({ name }) => isSame(name, written))?.name ?? written
}

function isSame(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase()
}
