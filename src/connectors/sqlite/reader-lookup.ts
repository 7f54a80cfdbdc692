import type { SQLInputValue, StatementSync } from 'node:sqlite'
import { DroverError } from '../../core/errors.ts'
import type { LogicalType } from '../../core/logical-type.ts'
import { qualified, type TargetColumn, type TargetName } from '../../core/plan.ts'
import { recordText, recordValue } from '../../format/record-text.ts'
import { StoredText, type SqliteValue } from '../../format/sqlite-record.ts'
import type { Connection } from './database.ts'
import { affinityOf, type Affinity } from './declared-types.ts'
import { nameKey, quoteName, quoteTable, tableName } from './names.ts'
import { asArrays, encodingOf, ExactRows } from './reader-rows.ts'
import type { Doubt } from './row-packer.ts'
import { doubtOf } from './rows.ts'
import { declaredTypesOf, findName } from './target-existing.ts'

/**
 * The rows whose key is one of `keys`, in no order, as the texts of `recordText`. Times, days and booleans are written as
 * PostgreSQL does, by which values of all targets are compared.
 */
export function lookUpRows(
  connection: Connection,
  target: TargetName,
  columns: readonly TargetColumn[],
  key: readonly string[],
  keys: readonly (readonly (string | null)[])[],
): readonly (readonly (string | null)[])[] {
  if (key.length === 0) throw new DroverError('unexpected', `rows of ${qualified(target)} were looked up by no key`)
  const kinds = kindsOf(connection, target, columns, key)
  const found = new FoundRows(connection, target, columns, key)
  return keys.flatMap((texts) => {
    const values = texts.map((text, place) => (text === null ? null : (kinds[place]?.(text) ?? null)))
    return found.by(values).map((row) => columns.map((column, place) => recordText(row[place] ?? null, column)))
  })
}

/** Asks for rows by their key, and once more for the bytes of texts that may be others than they seem. */
class FoundRows {
  readonly #connection: Connection
  readonly #from: string
  readonly #names: readonly string[]
  readonly #key: readonly string[]
  readonly #exact: ExactRows
  readonly #doubt: Doubt
  readonly #statements = new Map<string, StatementSync>()

  constructor(connection: Connection, target: TargetName, columns: readonly TargetColumn[], key: readonly string[]) {
    this.#connection = connection
    this.#from = `from ${quoteTable(target)}`
    this.#names = columns.map(({ name }) => quoteName(name))
    this.#key = key.map(quoteName)
    this.#exact = new ExactRows(connection, target, columns, null)
    this.#doubt = doubtOf(encodingOf(connection))
  }

  by(key: readonly SqliteValue[]): readonly (readonly SqliteValue[])[] {
    const marks = key.map((value) => (value instanceof StoredText ? 'cast(? as text)' : '?'))
    const where = this.#key.map((name, place) => `${name} is ${marks[place]}`).join(' and ')
    const bound = key.map((value) => (value instanceof StoredText ? value.bytes : value))
    const rows = this.#ask(`select ${this.#names.join(', ')} ${this.#from} where ${where}`, bound)
    const isCertain = rows.every((row) => row.every((value) => typeof value !== 'string' || !this.#doubt(value)))
    if (isCertain) return rows
    return this.#ask(`select ${this.#exact.selected} ${this.#from} where ${where}`, bound).map((row) =>
      this.#exact.rowOf(row),
    )
  }

  #ask(text: string, bound: readonly SQLInputValue[]): readonly (readonly SqliteValue[])[] {
    const statement = this.#statements.get(text) ?? asArrays(this.#connection.prepare(text))
    this.#statements.set(text, statement)
    // Arrays, as it is asked for.
    const rows: readonly unknown[] = statement.all(...bound)
    return rows as readonly (readonly SqliteValue[])[]
  }
}

/** Whether an index of all rows begins with one of the columns, or the number of a row is one. */
export function isIndexed(connection: Connection, target: TargetName, key: readonly string[]): boolean {
  const name = tableName(target)
  const rows = connection.all<{ name: string }>(
    `select i.name from pragma_index_list(?1) l, pragma_index_info(l.name) i
     where l.partial = 0 and i.seqno = 0 and i.name is not null
     union all
     select name from pragma_table_xinfo(?1) where pk = 1`,
    name,
  )
  const first = new Set(rows.map((row) => nameKey(row.name)))
  return key.some((column) => first.has(nameKey(column)))
}

/** What is looked for by the text of a value. */
type Kind = (text: string) => SqliteValue

function kindsOf(
  connection: Connection,
  target: TargetName,
  columns: readonly TargetColumn[],
  key: readonly string[],
): readonly Kind[] {
  const name = tableName(target)
  const declared = declaredTypesOf(connection, name)
  const strict = findName(connection, name)?.strict === true
  return key.map((column) => {
    const type = declared.get(nameKey(column))
    if (type === undefined) {
      throw new DroverError('target-incompatible', `${qualified(target)} has no column ${JSON.stringify(column)}`)
    }
    const known = columns.find((each) => each.name === column)
    if (known !== undefined) return (text) => recordValue(text, known)
    return kindOf(affinityOf(type, { strict }))
  })
}

/** A key that is none of the columns asked for is told by its column's affinity. */
function kindOf(affinity: Affinity): Kind {
  const types: Readonly<Partial<Record<Affinity, LogicalType>>> = { BLOB: 'bytes', INTEGER: 'int64' }
  return (text) => recordValue(text, { type: types[affinity] ?? 'text' })
}
