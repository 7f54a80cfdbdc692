import { DroverError } from '../../core/errors.ts'
import { isChild, partsOf, qualified, type TargetName } from '../../core/plan.ts'
import type { TableChange } from '../../core/table-change.ts'
import type { ExistingTable } from '../contract.ts'
import type { MigrationId } from '../ledger-contract.ts'
import type { PlannedTable } from '../planned-table.ts'
import type { Connection } from './database.ts'
import {
  addColumn,
  childReference,
  createTable,
  furtherStatements,
  parentsOf,
  type Part,
  type Reference,
} from './ddl.ts'
import { madeTables, tableMark, type MigrationObject } from './ledger-objects.ts'
import { now, type LedgerTables } from './ledger-schema.ts'
import { finalName } from './ledger-stored.ts'
import { tableKey, tableName } from './names.ts'
import { dropTables, emptyTables } from './removal.ts'
import { findExisting, isEmpty, primaryKeyOf } from './target-existing.ts'

/** A table of a plan and whether the target has it already. */
interface PlannedPart {
  readonly planned: PlannedTable
  readonly part: Part
  readonly there: boolean
}

/**
 * Makes the target tables what their modes ask for, within the transaction that begins the migration. What was planned
 * is looked up again: it may have changed since. Tables that are loaded beside others are made as new ones, and nothing
 * happens to those others. Answers what was done, to be noted.
 */
export function prepareTables(
  connection: Connection,
  migration: MigrationId,
  tables: readonly PlannedTable[],
): readonly MigrationObject[] {
  const parts = lookUp(connection, tables)
  refuseSame(parts)
  emptyTables(connection, targetsIn(parts, 'truncate'))
  const replaced = [...targetsIn(parts, 'recreate'), ...staleTables(connection, tables)]
  dropTables(connection, replaced)
  const done: MigrationObject[] = replaced.map((target) => ({ kind: 'replaced', target }))
  for (const { planned, part, there } of parts) {
    const { target } = part
    if (!there || planned.mode === 'recreate') {
      connection.exec(createTable(part, referencesOf(connection, planned, part), tableMark(migration)))
      for (const statement of furtherStatements(part)) connection.exec(statement)
      done.push({ kind: 'table', target })
    } else if (planned.mode === 'create' && !isEmpty(connection, tableName(target))) {
      throw changed('target-not-empty', target, 'holds rows')
    }
  }
  return [...done, ...addColumns(connection, tables, parts)]
}

/**
 * What a table is made with. A child table that is new below a parent that stays refers to it as long as that has the key
 * it was planned with.
 */
export function referencesOf(
  connection: Connection,
  { plan, references = [] }: Pick<PlannedTable, 'plan' | 'references'>,
  part: Part,
): readonly Reference[] {
  const planned = references.filter(({ target }) => tableKey(target) === tableKey(part.target))
  const above = parentsOf(plan).find(({ child }) => tableKey(child.target) === tableKey(part.target))
  const own = above === undefined ? null : childReference(above.parent, above.child)
  if (own === null || above === undefined) return planned
  const key = primaryKeyOf(connection, tableName(above.parent.target))
  return key.join('\0') === above.parent.key.join('\0') ? [...planned, own] : planned
}

/**
 * Ends every unfinished migration whose rows are about to be removed, or merged once more: its entries no longer tell
 * the truth, or nobody needs it. What it has loaded beside other tables goes.
 */
export function supersede(connection: Connection, tables: LedgerTables, planned: readonly PlannedTable[]): void {
  const anew = planned
    .filter(({ mode, plan }) => mode === 'recreate' || mode === 'truncate' || plan.onConflict !== undefined)
    .flatMap((table) => partsOf(table.plan).map(({ target }) => tableKey(finalName(table, target))))
  const found = connection.all<{ id: MigrationId }>(
    `select distinct m.id from ${tables.migration} m join ${tables.part} p on p.migration = m.id
     where m.state not in ('done', 'superseded', 'rolled-back')
       and p.table_key in (select value from json_each(?))`,
    JSON.stringify(anew),
  )
  for (const { id } of found) {
    connection.run(
      `update ${tables.migration} set state = 'superseded', epoch = epoch + 1, changed_at = ${now} where id = ?`,
      id,
    )
    connection.run(`update ${tables.partition} set open = 0 where open and migration = ?`, id)
    dropLoaded(connection, tables, id)
  }
}

/** Drops the tables that a migration has not published. */
function dropLoaded(connection: Connection, tables: LedgerTables, migration: MigrationId): void {
  const rows = connection.all<{ schema: string }>(
    `select distinct plan ->> '$.target.schema' as schema from ${tables.table}
     where migration = ? and planned -> '$.publishTo' is not null`,
    migration,
  )
  const schemas = new Set(rows.map(({ schema }) => schema))
  const made = [...madeTables(connection, tables, migration).values()]
  dropTables(
    connection,
    made.filter(({ schema }) => schemas.has(schema)),
  )
}

/** Something that is no table has the name of one. */
export function notATable(target: TargetName): DroverError {
  return new DroverError('target-incompatible', `${qualified(target)} exists and is not a table`, {
    hint: 'choose another name, or remove it',
  })
}

export function changed(code: 'target-missing' | 'target-not-empty', target: TargetName, how: string): DroverError {
  return new DroverError(code, `table ${qualified(target)} ${how}`, { hint: 'look at it, and plan again' })
}

/** Columns that tables which stay lack; one that was made just now has them already. */
export function addColumns(
  connection: Connection,
  tables: readonly PlannedTable[],
  parts: readonly Pick<PlannedPart, 'part' | 'there'>[],
): readonly MigrationObject[] {
  const stay = new Set(parts.filter(({ there }) => there).map(({ part }) => tableKey(part.target)))
  const additions = tables.flatMap(({ additions = [] }) => additions).filter(({ target }) => stay.has(tableKey(target)))
  return additions.map((change) => addTo(connection, change))
}

export function addTo(connection: Connection, change: TableChange): MigrationObject {
  const { target } = change
  if (change.kind === 'add') {
    connection.exec(addColumn(target, change.column))
    return { kind: 'column', target, column: change.column.name }
  }
  const message = `column ${JSON.stringify(change.column)} of ${qualified(target)} holds ${change.from}, and SQLite cannot change that`
  throw new DroverError('target-incompatible', message, {
    hint: 'copy into a new table, or leave the field out with --exclude-columns',
  })
}

/** Child tables of earlier copies that go with the tables which are recreated here. */
function staleTables(connection: Connection, tables: readonly PlannedTable[]): readonly TargetName[] {
  const drops = tables.flatMap(({ mode, drops = [], publishTo }) =>
    mode === 'recreate' && publishTo === undefined ? drops : [],
  )
  return findExisting(connection, drops).map(({ target }) => target)
}

function lookUp(connection: Connection, tables: readonly PlannedTable[]): readonly PlannedPart[] {
  const parts = tables.flatMap((planned) => partsOf(planned.plan).map((part) => ({ planned, part })))
  const finals = parts.map(({ planned, part }) => finalName(planned, part.target))
  const found = new Map(findExisting(connection, finals).map((table) => [tableKey(table.target), table]))
  return parts.map(({ planned, part }) => {
    const table = found.get(tableKey(finalName(planned, part.target))) ?? null
    refuseChange(planned, part, table)
    return { planned, part, there: table !== null && planned.publishTo === undefined }
  })
}

/** A child table may be missing although its parent is there: it is new in the plan. */
function refuseChange(planned: PlannedTable, part: Part, table: ExistingTable | null): void {
  const { mode, exists } = planned
  const target = finalName(planned, part.target)
  if (planned.publishTo !== undefined && !isPublishable(planned)) {
    throw new DroverError('unexpected', `${qualified(target)} cannot be loaded apart and then be published by ${mode}`)
  }
  if (table === null) {
    if (exists && !isChild(part)) throw changed('target-missing', target, 'is gone since it was planned')
    return
  }
  if (table.kind === 'other') throw notATable(target)
  if (!exists && mode !== 'truncate' && mode !== 'recreate') {
    throw changed('target-not-empty', target, 'appeared since it was planned')
  }
}

/** Rows can join those that are there, but not replace some of them, or be left out, at the end. */
function isPublishable({ mode, exists, plan }: PlannedTable): boolean {
  return exists ? mode === 'append' && plan.onConflict === undefined : mode !== 'truncate'
}

/** SQLite takes names for the same that differ in A to Z and a to z only. */
function refuseSame(parts: readonly PlannedPart[]): void {
  const seen = new Map<string, TargetName>()
  for (const { part } of parts) {
    const other = seen.get(tableKey(part.target))
    if (other !== undefined) {
      const message = `SQLite takes the tables ${qualified(other)} and ${qualified(part.target)} for the same`
      throw new DroverError('name-collision', message, { hint: 'give one of them another name' })
    }
    seen.set(tableKey(part.target), part.target)
  }
}

function targetsIn(parts: readonly PlannedPart[], mode: 'truncate' | 'recreate'): readonly TargetName[] {
  return parts.filter(({ planned, there }) => there && planned.mode === mode).map(({ part }) => part.target)
}
