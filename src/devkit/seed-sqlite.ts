import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import { setImmediate } from 'node:timers/promises'
import { DroverError, type ErrorCode } from '../core/errors.ts'
import type { SeedTarget } from './seed-target.ts'
import { pathOf } from '../connectors/sqlite/address.ts'
import { tablesOf, type SqlRow, type SqlShape, type SqlTable, type SqlType, type SqlValue } from './shapes/sql-table.ts'

/** Rows of a transaction. */
const BATCH_ROWS = 10_000

/** How long another program may hold the file. */
const busyMs = 10_000

/** By their affinity: https://sqlite.org/datatype3.html. */
const types: { readonly [type in SqlType]: string } = {
  text: 'TEXT',
  integer: 'INTEGER',
  bigint: 'BIGINT',
  double: 'REAL',
  numeric: 'DECIMAL(12, 2)',
  boolean: 'BOOLEAN',
  time: 'DATETIME',
  uuid: 'TEXT',
  bytes: 'BLOB',
  json: 'JSON',
  texts: 'TEXT',
}

/** Primary result codes (https://sqlite.org/rescode.html) of what cannot be written to, whatever is written. */
const codes: ReadonlyMap<number, ErrorCode> = new Map([
  [1, 'target-incompatible'], // ERROR: an empty table that was there has other columns
  [3, 'missing-right'], // PERM
  [8, 'missing-right'], // READONLY
  [14, 'target-unreachable'], // CANTOPEN
  [23, 'missing-right'], // AUTH
  [26, 'target-unreachable'], // NOTADB
])

const hints: ReadonlyMap<ErrorCode, string> = new Map([
  ['target-incompatible', '--drop drops it first'],
  ['target-unreachable', 'name a file of SQLite, or a new one in a folder that exists'],
])

/** Tables to fill in a file, which is made where it is not there; one writer. Throws `invalid-url`. */
export function seedSqlite(url: string, shape: SqlShape): SeedTarget {
  return new SqliteSeed(pathOf(url), shape)
}

class SqliteSeed implements SeedTarget {
  readonly streams = 1
  readonly batchRows = BATCH_ROWS
  readonly #path: string
  readonly #shape: SqlShape
  #opened: DatabaseSync | null = null
  #made: readonly SqlTable[] = []

  constructor(path: string, shape: SqlShape) {
    this.#path = path
    this.#shape = shape
  }

  prepare(drop: boolean): Promise<void> {
    return this.#transact((database) => {
      const tables = tablesOf(this.#shape)
      if (drop) for (const table of tables.toReversed()) database.exec(`drop table if exists ${quote(table.name)}`)
      this.#made = tables.filter((table) => !isThere(database, table))
      for (const table of this.#made) database.exec(createTable(table))
      for (const { table, rows } of this.#shape.dimensions) insert(database, table, rows)
    })
  }

  write(_stream: number, documents: Parameters<SeedTarget['write']>[1]): Promise<void> {
    const { main, children } = this.#shape
    return this.#transact((database) => {
      for (const { table, rowsOf } of [main, ...children]) insert(database, table, documents.flatMap(rowsOf))
    })
  }

  finish(): Promise<void> {
    return this.#transact((database) => {
      for (const { name, indexes } of this.#made) {
        for (const column of indexes) {
          database.exec(`create index ${quote(`${name}_${column}`)} on ${quote(name)} (${quote(column)})`)
        }
      }
    })
  }

  count(): Promise<number> {
    const found = this.#database()
      .prepare(`select count(*) as rows from ${quote(this.#shape.main.table.name)}`)
      .get()
    return Promise.resolve(Number(found?.['rows']))
  }

  explain(error: unknown): unknown {
    if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return error
    // The lowest byte is the primary result code.
    const code = codes.get(error.errcode & 0xff) ?? 'target-failed'
    return new DroverError(code, `cannot write test data to ${this.#path}: ${error.message}`, {
      hint: hints.get(code),
      cause: error,
    })
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#opened?.close()
    return Promise.resolve()
  }

  /** Opened when first used. References hold by the way the rows are made, and need not be looked up. */
  #database(): DatabaseSync {
    this.#opened ??= new DatabaseSync(this.#path, { enableForeignKeyConstraints: false, timeout: busyMs })
    return this.#opened
  }

  /** Nothing else of this process runs during the work; before it everything has its turn. */
  async #transact(work: (database: DatabaseSync) => void): Promise<void> {
    await setImmediate()
    const database = this.#database()
    database.exec('begin immediate')
    try {
      work(database)
      database.exec('commit')
    } catch (error) {
      if (database.isTransaction) database.exec('rollback')
      throw error
    }
  }
}

function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** Whether the table exists; one that cannot be taken as it is is refused. Names differ by more than ASCII case. */
function isThere(database: DatabaseSync, { name }: SqlTable): boolean {
  const found = database.prepare('select type from sqlite_schema where name = ? collate nocase').get(name)
  if (found === undefined) return false
  if (found['type'] !== 'table') {
    throw new DroverError('target-incompatible', `${name} exists and is not a table`)
  }
  if (database.prepare(`select 1 from ${quote(name)} limit 1`).get() === undefined) return true
  throw new DroverError('target-not-empty', `the table ${name} exists and holds rows`, {
    hint: '--drop drops it first',
  })
}

function createTable(table: SqlTable): string {
  const [only, ...others] = table.key
  const columns = table.columns.map(({ name, type, nullable }) => {
    const alone = name === only && others.length === 0
    // Only INTEGER makes a key the row's own number; the file may hold NULL in keys that do not say otherwise.
    const written = alone && type === 'bigint' ? 'INTEGER' : types[type]
    const key = alone ? ` PRIMARY KEY${table.numbered ? ' AUTOINCREMENT' : ''}` : ''
    return `${quote(name)} ${written}${nullable ? '' : ' NOT NULL'}${key}`
  })
  const key = others.length === 0 ? [] : [`PRIMARY KEY (${table.key.map(quote).join(', ')})`]
  const references = table.references.map(({ column, table: other, key: referred }) => {
    return `FOREIGN KEY (${quote(column)}) REFERENCES ${quote(other)} (${quote(referred)})`
  })
  return `CREATE TABLE ${quote(table.name)} (${[...columns, ...key, ...references].join(', ')})`
}

function insert(database: DatabaseSync, { name, columns }: SqlTable, rows: readonly SqlRow[]): void {
  const places = columns.map(() => '?').join(', ')
  const into = `insert into ${quote(name)} (${columns.map((column) => quote(column.name)).join(', ')})`
  const statement: StatementSync = database.prepare(`${into} values (${places})`)
  for (const row of rows) statement.run(...row.map(bound))
}

/** What SQLite has no type for is bound as text, as programs do: times in ISO 8601 with their zone, arrays in JSON. */
function bound(value: SqlValue): SQLInputValue {
  if (typeof value === 'boolean') return value ? 1 : 0
  if (value instanceof Date) return value.toISOString()
  if (value === null || typeof value !== 'object' || value instanceof Uint8Array) return value
  return JSON.stringify(value)
}
