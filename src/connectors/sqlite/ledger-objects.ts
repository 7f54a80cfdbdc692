import type { TargetName } from '../../core/plan.ts'
import type { MigrationId } from '../ledger-contract.ts'
import type { Connection } from './database.ts'
import type { LedgerTables } from './ledger-schema.ts'
import { nameKey, tableKey, tableName } from './names.ts'
import { columnsOf } from './target-existing.ts'

/**
 * What a migration did to the target, rows apart, for its rollback.
 *
 * - `table`: made by it
 * - `column`: added by it to a table that was there
 * - `replaced`: a table that was there was dropped; one of its name may have been made in its place
 */
export type MigrationObject =
  | { readonly kind: 'table' | 'replaced'; readonly target: TargetName }
  | { readonly kind: 'column'; readonly target: TargetName; readonly column: string }

/** An object, and whether what is there is still the same thing. */
export type NotedObject = MigrationObject & { readonly there: boolean }

interface ObjectRow {
  readonly kind: MigrationObject['kind']
  readonly schema: string
  readonly name: string
  readonly column: string | null
}

/**
 * A comment within the text of a table, which SQLite keeps, also when the table gets another name or further columns. A
 * table by which nobody can tell it from another one of its name, such as a number, SQLite has not.
 */
export function tableMark(migration: MigrationId): string {
  return `/* drover: ${migration.replaceAll('*/', '')} */`
}

export function noteObjects(
  connection: Connection,
  tables: LedgerTables,
  migration: MigrationId,
  objects: readonly MigrationObject[],
): void {
  for (const object of objects) {
    connection.run(
      `insert into ${tables.object} (migration, number, kind, target_schema, target_name, column_name)
       select ?1, coalesce(max(number), 0) + 1, ?2, ?3, ?4, ?5 from ${tables.object} where migration = ?1`,
      migration,
      object.kind,
      object.target.schema,
      object.target.name,
      'column' in object ? object.column : null,
    )
  }
}

/** In the order in which they were made. */
export function readObjects(
  connection: Connection,
  tables: LedgerTables,
  migration: MigrationId,
): readonly NotedObject[] {
  const rows = connection.all<ObjectRow>(
    `select kind, target_schema as schema, target_name as name, column_name as "column"
     from ${tables.object} where migration = ? order by number`,
    migration,
  )
  return rows.map(({ kind, schema, name, column }) => {
    const target = { schema, name }
    if (kind !== 'column') return { kind, target, there: kind === 'table' && isMade(connection, migration, target) }
    const columns = columnsOf(connection, tableName(target)).map(nameKey)
    return { kind, target, column: column ?? '', there: columns.includes(nameKey(column ?? '')) }
  })
}

/** Tables that the migration has made and that are there still. */
export function madeTables(
  connection: Connection,
  tables: LedgerTables,
  migration: MigrationId,
): ReadonlyMap<string, TargetName> {
  const objects = readObjects(connection, tables, migration)
  const made = objects.filter(({ kind, there }) => kind === 'table' && there)
  return new Map(made.map(({ target }) => [tableKey(target), target]))
}

/** A table that was made has another name now. */
export function moveNotes(
  connection: Connection,
  tables: LedgerTables,
  migration: MigrationId,
  from: TargetName,
  to: TargetName,
): void {
  connection.run(
    `update ${tables.object} set target_schema = ?, target_name = ?
     where migration = ? and kind = 'table' and target_schema = ? and target_name = ?`,
    to.schema,
    to.name,
    migration,
    from.schema,
    from.name,
  )
}

/** A table that was made is gone. */
export function forgetTable(
  connection: Connection,
  tables: LedgerTables,
  migration: MigrationId,
  { schema, name }: TargetName,
): void {
  connection.run(
    `delete from ${tables.object} where migration = ? and kind = 'table' and target_schema = ? and target_name = ?`,
    migration,
    schema,
    name,
  )
}

function isMade(connection: Connection, migration: MigrationId, target: TargetName): boolean {
  const row = connection.get<{ sql: string }>(
    `select sql from sqlite_schema where type = 'table' and name = ? collate nocase`,
    tableName(target),
  )
  return row?.sql.includes(tableMark(migration)) === true
}
