import type { TargetName } from '../../core/plan.ts'
import type { MigrationId } from '../ledger-contract.ts'
import type { Session } from './session.ts'
import { readLedgerVersion, type LedgerTables } from './ledger-schema.ts'

/** Migrations of any of these tables that began and have not ended. */
export async function findUnfinished(
  session: Session,
  tables: LedgerTables,
  targets: readonly TargetName[],
): Promise<readonly { id: MigrationId; target: TargetName; state: string }[]> {
  const version = await readLedgerVersion(session, tables)
  if (version === null) return []
  // Before version 2 there were no child tables.
  const parts = version < 2 ? tables.table : tables.part
  const { rows } = await session.query<{ id: MigrationId; schema: string; name: string; state: string }>(
    `select m.id, wanted.schema, wanted.name, m.state
     from ${tables.migration} m join ${parts} p on p.migration = m.id
     join unnest($1::text[], $2::text[]) with ordinality as wanted (schema, name, place)
       on p.target_schema = wanted.schema and p.target_name = wanted.name
     where m.state not in ('done', 'superseded', 'rolled-back')
     order by m.began_at, m.id, p.source, wanted.place`,
    [targets.map(({ schema }) => schema), targets.map(({ name }) => name)],
  )
  return rows.map(({ id, schema, name, state }) => ({ id, target: { schema, name }, state }))
}

/** A table that has the name of one that was rolled back is somebody else's. */
export async function findChildTables(
  session: Session,
  tables: LedgerTables,
  table: TargetName,
): Promise<readonly TargetName[]> {
  const version = await readLedgerVersion(session, tables)
  if (version === null || version < 2) return []
  const { rows } = await session.query<{ schema: string; name: string }>(
    `select distinct child.target_schema as schema, child.target_name as name
     from ${tables.part} own
     join ${tables.migration} m on m.id = own.migration
     join ${tables.part} child
       on child.migration = own.migration and child.source = own.source and child.number > 0
     where own.number = 0 and own.target_schema = $1 and own.target_name = $2 and m.state <> 'rolled-back'
     order by 1, 2`,
    [table.schema, table.name],
  )
  return rows
}
