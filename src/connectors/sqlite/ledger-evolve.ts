import { isDeepStrictEqual } from 'node:util'
import { DroverError } from '../../core/errors.ts'
import { partsOf, qualified, targetColumns, type TablePlan, type TargetName } from '../../core/plan.ts'
import type { TableChange } from '../../core/table-change.ts'
import type { Lease, MigrationId } from '../ledger-contract.ts'
import type { Connection } from './database.ts'
import { createTable } from './ddl.ts'
import { addTo, referencesOf } from './ledger-begin.ts'
import { holdEpoch } from './ledger-lease.ts'
import { madeTables, noteObjects, tableMark } from './ledger-objects.ts'
import type { LedgerTables } from './ledger-schema.ts'
import { loadTable, updatePlanned } from './ledger-stored.ts'
import { nameKey, quoteName, quoteTable, tableKey, tableName } from './names.ts'
import { columnsOf } from './target-existing.ts'
import { isSqliteError } from './target-errors.ts'
import { widened } from './widen.ts'

/** A change of the tables of one plan, which is `plan` afterwards. */
export interface Evolution {
  readonly tables: LedgerTables
  readonly migration: MigrationId
  readonly lease: Lease
  readonly plan: TablePlan
  readonly changes: readonly TableChange[]
}

type Widening = Extract<TableChange, { kind: 'widen' }>

/**
 * Gives the open partitions of the table the version of the plan, so that no batch of an earlier one can be claimed. A
 * run that ends here leaves the earlier plan in the ledger, and the next one gives its version to the partitions that it
 * opens again.
 */
export function fence(connection: Connection, evolution: Evolution): void {
  const { tables, migration, lease, plan } = evolution
  holdEpoch(connection, tables, migration, lease)
  connection.run(
    `update ${tables.partition} set schema_version = ?1
     where migration = ?2 and source = ?3 and open and schema_version <> ?1`,
    plan.schemaVersion,
    migration,
    plan.source,
  )
}

/**
 * Alters the tables and stores the plan with its version. May be called again: where the plan is stored, the tables are
 * as it wants them.
 */
export function alter(connection: Connection, evolution: Evolution): void {
  const { tables, migration, plan, changes } = evolution
  const stored = loadTable(connection, tables, migration, plan.source)
  if (isDeepStrictEqual(stored.plan, JSON.parse(JSON.stringify(plan)))) return
  if (stored.plan.schemaVersion >= plan.schemaVersion) {
    const version = `${plan.source} has schema version ${stored.plan.schemaVersion}`
    throw new DroverError('unexpected', `${version}, not below ${plan.schemaVersion}`)
  }
  fence(connection, evolution)
  const made = madeTables(connection, tables, migration)
  const widenings = changes.filter((change): change is Widening => change.kind === 'widen')
  const additions = changes.filter(({ kind }) => kind === 'add')
  change(plan, () => {
    const added = additions.map((addition) => addTo(connection, addition))
    noteObjects(
      connection,
      tables,
      migration,
      added.filter(({ target }) => !made.has(tableKey(target))),
    )
    for (const ofTable of Map.groupBy(widenings, ({ target }) => tableKey(target)).values()) {
      const target = ofTable[0]?.target ?? plan.target
      if (!made.has(tableKey(target))) throw cannotWiden(target)
      writeAnew(connection, evolution, target, ofTable)
    }
  })
  updatePlanned(connection, tables, migration, { ...stored, plan })
}

/**
 * A column of a wider type needs a table of its own text, https://www.sqlite.org/lang_altertable.html#otheralter: its rows
 * are copied there, with the values as the encoder writes them for the wider type. What was built on the table is built
 * again.
 */
function writeAnew(
  connection: Connection,
  { tables, migration, plan }: Evolution,
  target: TargetName,
  widenings: readonly Widening[],
): void {
  const part = partsOf(plan).find((each) => tableKey(each.target) === tableKey(target))
  if (part === undefined) throw new DroverError('unexpected', `${plan.source} has no table ${qualified(target)}`)
  const { references } = loadTable(connection, tables, migration, plan.source)
  const wider: TargetName = { ...target, name: `${target.name} (drover: wider)` }
  const built = connection.all<{ sql: string }>(
    `select sql from sqlite_schema where tbl_name = ? collate nocase and type in ('index', 'trigger') and sql is not null`,
    tableName(target),
  )
  connection.exec(createTable(part, referencesOf(connection, { plan, references }, part), tableMark(migration), wider))
  const present = new Set(columnsOf(connection, tableName(target)).map(nameKey))
  const columns = targetColumns(part).filter(({ name }) => present.has(nameKey(name)))
  const values = columns.map(({ name }) => {
    const widening = widenings.find(({ column }) => column === name)
    return widening === undefined ? quoteName(name) : widened(connection, widening)
  })
  const names = columns.map(({ name }) => quoteName(name)).join(', ')
  connection.exec(`
    insert into ${quoteTable(wider)} (${names}) select ${values.join(', ')} from ${quoteTable(target)};
    drop table ${quoteTable(target)};
    alter table ${quoteTable(wider)} rename to ${quoteName(tableName(target))}`)
  for (const { sql } of built) connection.exec(sql)
}

function change(plan: TablePlan, make: () => void): void {
  try {
    make()
  } catch (error) {
    // SQLite has one code for all that a statement asks for in vain.
    if (!isSqliteError(error) || (error.errcode & 0xff) !== 1) throw error
    throw refused(`SQLite refuses to change the tables of ${qualified(plan.target)}: ${error.message}`, error)
  }
}

function cannotWiden(target: TargetName): DroverError {
  return refused(`a column of ${qualified(target)}, which was there before, cannot get a wider type in SQLite`)
}

function refused(message: string, cause?: unknown): DroverError {
  return new DroverError('schema-drift', message, {
    hint: 'start over with --mode recreate and --infer full, which plans for every value that is in the source',
    cause,
  })
}
