import type { ExistingColumn } from '../../core/existing-column.ts'
import type { TargetName } from '../../core/plan.ts'
import type { ExistingTable } from '../contract.ts'
import type { Connection } from './database.ts'
import { acceptedTypes, noType } from './declared-types.ts'
import { nameKey, quoteName, tableKey, tableName } from './names.ts'
import { isSqliteError } from './target-errors.ts'

/** What has a name in the file: tables and indexes share theirs. */
interface Named {
  /** As it was written when it was made. */
  readonly name: string
  readonly kind: 'table' | 'other'
  readonly strict: boolean
}

interface ColumnRow {
  readonly name: string
  readonly type: string
  readonly required: number
  /** Place in the primary key, from 1; 0: not in it. */
  readonly pk: number
  /** 0: ordinary; 1: of a virtual table; 2 and 3: computed. */
  readonly hidden: number
}

const findNamed = `
  select s.name, l.type = 'table' as is_table, l.strict
  from sqlite_schema s left join pragma_table_list(s.name) l on l.schema = 'main'
  where s.name = ? collate nocase and s.type in ('table', 'view', 'index')`

/** The number of a row has a value for every row, whatever is written. */
const findColumns = `
  select name, type, "notnull" and dflt_value is null as required, pk, hidden from pragma_table_xinfo(?) order by cid`

const findTriggers = `
  select name from sqlite_schema where type = 'trigger' and tbl_name = ? collate nocase order by name`

/** Of the codes of actions. */
const readAction = 20

/** Those of the named tables that exist, in the order asked for. */
export function findExisting(connection: Connection, names: readonly TargetName[]): readonly ExistingTable[] {
  const asked = new Set(names.map(tableKey))
  return names.flatMap((target) => {
    const found = findName(connection, tableName(target))
    if (found === null) return []
    return [describe(connection, target, found, asked)]
  })
}

export function findName(connection: Connection, name: string): Named | null {
  const row = connection.get<{ name: string; is_table: number | null; strict: number | null }>(findNamed, name)
  return row && { name: row.name, kind: row.is_table === 1 ? 'table' : 'other', strict: row.strict === 1 }
}

/** Columns of a table's primary key in the order of the key; none: no key. */
export function primaryKeyOf(connection: Connection, name: string): readonly string[] {
  return columnRows(connection, name)
    .filter(({ pk }) => pk > 0)
    .toSorted((a, b) => a.pk - b.pk)
    .map((column) => column.name)
}

/** Names of all columns that can be read and written. */
export function columnsOf(connection: Connection, name: string): readonly string[] {
  return columnRows(connection, name).map((column) => column.name)
}

/** Declared types by the names of columns. */
export function declaredTypesOf(connection: Connection, name: string): ReadonlyMap<string, string> {
  return new Map(columnRows(connection, name).map((column) => [nameKey(column.name), column.type]))
}

export function isEmpty(connection: Connection, name: string): boolean {
  return connection.get(`select 1 from ${quoteName(name)} limit 1`) === null
}

function describe(
  connection: Connection,
  target: TargetName,
  { name, kind, strict }: Named,
  asked: ReadonlySet<string>,
): ExistingTable {
  if (kind === 'other')
    return { target, kind, empty: false, columns: [], key: [], dependents: [], refersTo: [], triggers: [], rules: [] }
  const key = primaryKeyOf(connection, name)
  const columns = columnRows(connection, name).map((row) => columnOf(row, { strict, key }))
  // Tables that are removed together do not stand in each other's way.
  const dependents = dependentsOf(connection, name).filter((other) => !asked.has(nameKey(other)))
  return {
    target,
    kind,
    empty: isEmpty(connection, name),
    columns,
    key,
    dependents,
    // Its writers do not check references.
    refersTo: [],
    triggers: triggersOf(connection, name, columns),
    rules: [],
  }
}

function columnRows(connection: Connection, name: string): readonly ColumnRow[] {
  return connection.all<ColumnRow>(findColumns, name)
}

function columnOf(
  { name, type, required, pk, hidden }: ColumnRow,
  { strict, key }: { readonly strict: boolean; readonly key: readonly string[] },
): ExistingColumn {
  const generated = hidden === 2 || hidden === 3
  const isRowid = pk > 0 && key.length === 1 && type.toUpperCase() === 'INTEGER'
  return {
    name,
    nativeType: type === '' ? noType : type,
    accepts: generated ? [] : acceptedTypes(type, { strict }),
    acceptsText: [],
    maxCharacters: null,
    required: required === 1 && !isRowid,
    generated,
  }
}

/** Tables that refer to it, itself apart. */
export function referringTo(connection: Connection, name: string): readonly string[] {
  const referring = connection.all<{ name: string }>(
    `select distinct s.name from sqlite_schema s, pragma_foreign_key_list(s.name) f
     where s.type = 'table' and f."table" = ?1 collate nocase and s.name <> ?1 collate nocase order by 1`,
    name,
  )
  return referring.map((table) => table.name)
}

/** Views that read it and tables that refer to it, itself apart. */
function dependentsOf(connection: Connection, name: string): readonly string[] {
  const views = connection.all<{ name: string }>(`select name from sqlite_schema where type = 'view' order by name`)
  const reading = views.filter((view) => reads(connection, view.name, nameKey(name)))
  return [...referringTo(connection, name), ...reading.map((view) => view.name)]
}

function reads(connection: Connection, view: string, key: string): boolean {
  try {
    const actions = connection.actionsOf(`select * from ${quoteName(view)}`)
    return actions.some(({ code, name }) => code === readAction && name !== null && nameKey(name) === key)
  } catch (error) {
    if (!isSqliteError(error)) throw error
    // It reads what is not there any more, so it is broken already.
    return false
  }
}

/** Which of them an insert and an update fire. */
function triggersOf(
  connection: Connection,
  name: string,
  columns: readonly ExistingColumn[],
): ExistingTable['triggers'] {
  const found = connection.all<{ name: string }>(findTriggers, name).map((trigger) => trigger.name)
  if (found.length === 0) return []
  const set = columns.filter(({ generated }) => !generated).map((column) => quoteName(column.name))
  const inserting = firedBy(connection, `insert into ${quoteName(name)} default values`)
  const updating = firedBy(
    connection,
    `update ${quoteName(name)} set ${set.map((column) => `${column} = ${column}`).join(', ')}`,
  )
  return found.map((trigger) => ({
    name: trigger,
    insert: inserting?.has(trigger) !== false,
    update: updating?.has(trigger) !== false,
  }))
}

/** Null: one of them cannot be run, so nothing is known. */
function firedBy(connection: Connection, statement: string): ReadonlySet<string | null> | null {
  try {
    return new Set(connection.actionsOf(statement).map(({ by }) => by))
  } catch (error) {
    if (!isSqliteError(error)) throw error
    return null
  }
}
