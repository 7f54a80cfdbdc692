import { partsOf } from '../../core/plan.ts'
import type { Lease, MigrationId, MigrationRecord } from '../ledger-contract.ts'
import type { PlannedTable } from '../planned-table.ts'
import type { Session } from './session.ts'
import type { LedgerTables } from './ledger-schema.ts'
import { finalName, storedPlanned } from './planned.ts'

/** Stores a migration and its tables, under their names for good. */
export async function insertMigration(
  session: Session,
  tables: LedgerTables,
  record: MigrationRecord,
  lease: Lease,
): Promise<void> {
  await session.query(
    `insert into ${tables.migration} (id, source, target, options, state, epoch)
     values ($1, $2, $3, $4, 'copying', $5)`,
    [record.id, record.source, record.target, JSON.stringify(record.options), lease.epoch],
  )
  for (const planned of record.tables) {
    await insertTable(session, tables, record.id, planned)
    await insertParts(session, tables, record.id, planned)
  }
}

async function insertTable(
  session: Session,
  tables: LedgerTables,
  migration: MigrationId,
  planned: PlannedTable,
): Promise<void> {
  const { plan, selection, mode, exists, baseline } = planned
  const { schema, name } = finalName(planned, plan.target)
  await session.query(
    `insert into ${tables.table}
       (migration, source, target_schema, target_name, mode, existed, baseline, plan, selection, planned)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
    [
      migration,
      plan.source,
      schema,
      name,
      mode,
      exists,
      String(baseline),
      JSON.stringify(plan),
      JSON.stringify(selection),
      JSON.stringify(storedPlanned(planned)),
    ],
  )
}

async function insertParts(
  session: Session,
  tables: LedgerTables,
  migration: MigrationId,
  planned: PlannedTable,
): Promise<void> {
  const { plan } = planned
  const targets = partsOf(plan).map(({ target }) => finalName(planned, target))
  await session.query(
    `insert into ${tables.part} (migration, source, number, target_schema, target_name)
     select $1, $2, place - 1, schema, name
     from unnest($3::text[], $4::text[]) with ordinality as target (schema, name, place)`,
    [migration, plan.source, targets.map(({ schema }) => schema), targets.map(({ name }) => name)],
  )
}
