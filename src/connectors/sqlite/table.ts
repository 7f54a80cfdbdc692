import { DroverError } from '../../core/errors.ts'
import { quoteName } from './identifiers.ts'
import type { Snapshot, StoredValue } from './snapshot.ts'

export interface SqliteColumn {
  readonly name: string
  /** As it is declared; may be empty. */
  readonly declared: string
  readonly required: boolean
  /** SQL as it is written; null: there is none. */
  readonly default: string | null
  /** Computed from others, kept in the file or not; null: it is stored as it was written. */
  readonly computed: 'virtual' | 'stored' | null
}

/** What a table is ordered and its rows are addressed by. */
export interface OrderPart {
  /** Name of the column; null: the number that each row has beside its columns. */
  readonly column: string | null
  /** As SQL has it, with its collation where that is not one of bytes. */
  readonly sql: string
}

/** A table as the catalogue of its file describes it. */
export interface SqliteTable {
  readonly name: string
  /** All of them, in their order. */
  readonly columns: readonly SqliteColumn[]
  /** Names of the columns of its primary key, in the order of the key; empty: it has none. */
  readonly key: readonly string[]
  /** The column that is another name of the row's number; null: none is. */
  readonly rowidColumn: string | null
  /** The number of a row as SQL has it; null: rows have none, or columns took all of its names. */
  readonly rowid: string | null
  /** Unique, without NULLs, and the order in the file; empty: there is none that SQL can name. */
  readonly order: readonly OrderPart[]
  /** The statement that made it. */
  readonly sql: string
}

const rowidNames = ['rowid', '_rowid_', 'oid'] as const

const findTable = "select type, wr from pragma_table_list where schema = 'main' and name = ?"

/** Looks a table up by its exact name. Throws `missing-table`, and `nothing-to-copy` for what is no table of rows. */
export function lookUpTable(snapshot: Snapshot, name: string, source: string): SqliteTable {
  const [type, withoutRowid] = snapshot.first(findTable, [name])
  if (type === undefined) {
    throw new DroverError('missing-table', `${source} has no table named ${name}`, {
      hint: 'drover inspect lists those there are',
    })
  }
  if (type !== 'table')
    throw new DroverError('nothing-to-copy', `${name} of ${source} cannot be copied: it is a ${textOf(type)}`)
  return readDefinition(snapshot, name, withoutRowid === 1n)
}

/** Null: there is no such table of rows. */
export function readTable(snapshot: Snapshot, name: string): SqliteTable | null {
  const [type, withoutRowid] = snapshot.first(findTable, [name])
  return type === 'table' ? readDefinition(snapshot, name, withoutRowid === 1n) : null
}

function readDefinition(snapshot: Snapshot, name: string, withoutRowid: boolean): SqliteTable {
  const [sql] = snapshot.first("select sql from sqlite_schema where type = 'table' and name = ?", [name])
  const rows = snapshot.all('select name, type, "notnull", dflt_value, pk, hidden from pragma_table_xinfo(?)', [name])
  const columns = rows.map(([column, declared, notNull, written, , hidden]): SqliteColumn => {
    const computed = hidden === 2n ? 'virtual' : hidden === 3n ? 'stored' : null
    return {
      name: textOf(column),
      declared: textOf(declared),
      required: notNull === 1n,
      default: written === null ? null : textOf(written),
      computed,
    }
  })
  const key = rows
    .filter(([, , , , place]) => place !== 0n)
    .toSorted(([, , , , a], [, , , , b]) => Number(a) - Number(b))
    .map(([column]) => textOf(column))
  const parts = keyParts(snapshot, name)
  // A primary key of one column that has no index of its own is the b-tree of the table itself.
  const rowidColumn = !withoutRowid && key.length === 1 && parts.length === 0 ? (key[0] ?? null) : null
  const taken = new Set(columns.map((column) => column.name.toLowerCase()))
  const free = rowidNames.find((candidate) => !taken.has(candidate)) ?? null
  const rowid = withoutRowid ? null : rowidColumn === null ? free : quoteName(rowidColumn)
  const order = withoutRowid ? parts : rowid === null ? [] : [{ column: rowidColumn, sql: rowid }]
  return { name, columns, key, rowidColumn, rowid, order, sql: textOf(sql) }
}

/** The index of the primary key; empty where it has none. */
function keyParts(snapshot: Snapshot, table: string): readonly OrderPart[] {
  const [index] = snapshot.first("select name from pragma_index_list(?) where origin = 'pk'", [table])
  if (index === undefined) return []
  return snapshot
    .all('select name, coll from pragma_index_xinfo(?) where key = 1 order by seqno', [textOf(index)])
    .map(([column, collation]): OrderPart => {
      const name = quoteName(textOf(column))
      const sql = collation === 'BINARY' ? name : `${name} collate ${quoteName(textOf(collation))}`
      return { column: textOf(column), sql }
    })
}

/** Triggers of a table or view. */
export function triggerNames(snapshot: Snapshot, name: string): readonly string[] {
  const find = "select name from sqlite_schema where type = 'trigger' and tbl_name = ? collate nocase order by name"
  return snapshot.all(find, [name]).map(([trigger]) => textOf(trigger))
}

/** A text of the catalogue. */
export function textOf(value: StoredValue | undefined): string {
  return typeof value === 'string' ? value : ''
}
