import { DroverError, type ErrorShape } from '../../core/errors.ts'
import { partsOf, type TablePlan, type TargetName } from '../../core/plan.ts'
import type { Lease, MigrationId, MigrationRecord, StoredMigration } from '../ledger-contract.ts'
import type { Mode, PlannedTable, Selection } from '../planned-table.ts'
import type { Connection } from './database.ts'
import { boundsOf, type BoundsRow } from './ledger-entries.ts'
import { hasLedger, type LedgerTables } from './ledger-schema.ts'
import { tableKey } from './names.ts'

/** What the ledger's column `planned` keeps of a table: all that its other columns do not say. */
type StoredPlanned = Pick<PlannedTable, 'ordered' | 'publishTo' | 'additions' | 'drops' | 'indexes' | 'references'>

export interface MigrationRow {
  readonly id: MigrationId
  readonly source: string
  readonly target: string
  readonly options: string
  readonly state: StoredMigration['state']
  readonly error: string | null
  readonly began_at: string
  readonly changed_at: string
}

interface TableRow {
  readonly source: string
  readonly mode: Mode
  readonly existed: number
  readonly baseline: number
  readonly plan: string
  readonly selection: string
  readonly planned: string
}

export function storedPlanned(planned: PlannedTable): string {
  const { ordered, publishTo, additions, drops, indexes, references } = planned
  const stored: StoredPlanned = { ordered, publishTo, additions, drops, indexes, references }
  return JSON.stringify(stored)
}

/** The name for good of a table of the plan, which it has at once unless it is loaded beside another. */
export function finalName({ publishTo }: Pick<PlannedTable, 'publishTo'>, target: TargetName): TargetName {
  return publishTo === undefined ? target : { ...target, schema: publishTo }
}

/** Stores a migration and its tables, under their names for good. */
export function insertMigration(
  connection: Connection,
  tables: LedgerTables,
  record: MigrationRecord,
  lease: Lease,
): void {
  connection.run(
    `insert into ${tables.migration} (id, source, target, options, state, epoch) values (?, ?, ?, ?, 'copying', ?)`,
    record.id,
    record.source,
    record.target,
    JSON.stringify(record.options),
    lease.epoch,
  )
  for (const planned of record.tables) insertTable(connection, tables, record.id, planned)
}

function insertTable(
  connection: Connection,
  tables: LedgerTables,
  migration: MigrationId,
  planned: PlannedTable,
): void {
  const { plan, selection, mode, exists, baseline } = planned
  const final = finalName(planned, plan.target)
  connection.run(
    `insert into ${tables.table} (migration, source, target_schema, target_name, table_key, mode, existed, baseline,
       plan, selection, planned)
     values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    migration,
    plan.source,
    final.schema,
    final.name,
    tableKey(final),
    mode,
    exists,
    baseline,
    JSON.stringify(plan),
    JSON.stringify(selection),
    storedPlanned(planned),
  )
  for (const [number, part] of partsOf(plan).entries()) {
    const target = finalName(planned, part.target)
    connection.run(
      `insert into ${tables.part} (migration, source, number, target_schema, target_name, table_key)
       values (?, ?, ?, ?, ?, ?)`,
      migration,
      plan.source,
      number,
      target.schema,
      target.name,
      tableKey(target),
    )
  }
}

/** A migration with its tables in the order of its record; null: the ledger has none of this id. */
export function loadMigration(connection: Connection, tables: LedgerTables, id: MigrationId): StoredMigration | null {
  if (!hasLedger(connection, tables)) return null
  const row = connection.get<MigrationRow>(
    `select id, source, target, options, state, error, began_at, changed_at from ${tables.migration} where id = ?`,
    id,
  )
  if (row === null) return null
  const options = JSON.parse(row.options) as StoredMigration['options']
  return { ...headOf(row), tables: loadTables(connection, tables, id), options }
}

export function headOf(row: Omit<MigrationRow, 'options'>): Omit<StoredMigration, 'tables' | 'options'> {
  const { id, source, target, state, error } = row
  return {
    id,
    source,
    target,
    state,
    error: error === null ? null : (JSON.parse(error) as ErrorShape),
    beganAt: new Date(row.began_at),
    changedAt: new Date(row.changed_at),
  }
}

/** The tables of a migration in the order of its record, in which their partitions are numbered. */
export function loadTables(connection: Connection, tables: LedgerTables, id: MigrationId): readonly PlannedTable[] {
  const rows = connection.all<TableRow>(
    `select t.source, t.mode, t.existed, t.baseline, t.plan, t.selection, t.planned
     from ${tables.table} t
     where t.migration = ?
     order by (select min(p.id) from ${tables.partition} p where p.migration = t.migration and p.source = t.source),
       t.source`,
    id,
  )
  return rows.map(({ source, mode, existed, baseline, plan, selection, planned }) => ({
    plan: JSON.parse(plan) as TablePlan,
    selection: JSON.parse(selection) as Selection,
    mode,
    exists: existed === 1,
    baseline,
    partitions: firstBounds(connection, tables, id, source),
    ...(JSON.parse(planned) as StoredPlanned),
  }))
}

/** The one table of a migration that comes from a table of the source. Throws `unexpected` where it has none. */
export function loadTable(connection: Connection, tables: LedgerTables, id: MigrationId, source: string): PlannedTable {
  const found = loadTables(connection, tables, id).find(({ plan }) => plan.source === source)
  if (found !== undefined) return found
  throw new DroverError('unexpected', `migration ${id} has no table ${source}`)
}

/** Stores the plan of a table as it is now. */
export function updatePlanned(
  connection: Connection,
  tables: LedgerTables,
  migration: MigrationId,
  planned: PlannedTable,
): void {
  connection.run(
    `update ${tables.table} set plan = ?, planned = ? where migration = ? and source = ?`,
    JSON.stringify(planned.plan),
    storedPlanned(planned),
    migration,
    planned.plan.source,
  )
}

/** Bounds as they were planned at first. */
function firstBounds(
  connection: Connection,
  tables: LedgerTables,
  id: MigrationId,
  source: string,
): PlannedTable['partitions'] {
  const rows = connection.all<BoundsRow>(
    `select after, up_to from ${tables.partition}
     where migration = ? and source = ? and replaces is null and not replay order by id`,
    id,
    source,
  )
  return rows.map(boundsOf)
}
