import type { Bounds } from '../../core/batch.ts'
import type { ErrorShape } from '../../core/errors.ts'
import type { TablePlan } from '../../core/plan.ts'
import type { MigrationId, StoredMigration } from '../ledger-contract.ts'
import type { Mode, PlannedTable, Selection } from '../planned-table.ts'
import type { Session } from './session.ts'
import { boundsOf, exactNumber, type BoundsRow } from './entries.ts'
import { readLedgerVersion, type LedgerTables } from './ledger-schema.ts'
import type { StoredPlanned } from './planned.ts'

/** Since this version the ledger says all of a planned table. */
export const plannedSince = 3

/** A row of the ledger's table `migration`. */
export interface MigrationRow {
  readonly id: MigrationId
  readonly source: string
  readonly target: string
  readonly options: { readonly [option: string]: unknown }
  readonly state: StoredMigration['state']
  readonly error: ErrorShape | null
  readonly began_at: Date
  readonly changed_at: Date
}

interface TableRow {
  readonly source: string
  readonly mode: Mode
  readonly existed: boolean
  readonly baseline: string
  readonly plan: TablePlan
  readonly selection: Selection
  /** Null where an older drover has begun the migration. */
  readonly planned: StoredPlanned | null
}

/** Runs queries that see the same instant. */
export async function atOneInstant<T>(session: Session, read: () => Promise<T>): Promise<T> {
  await session.run('begin isolation level repeatable read, read only')
  const result = await read()
  await session.run('commit')
  return result
}

/** A migration with its tables in the order of its record; null: the ledger has none of this id. */
export async function loadMigration(
  session: Session,
  tables: LedgerTables,
  id: MigrationId,
): Promise<StoredMigration | null> {
  const version = await readLedgerVersion(session, tables)
  if (version === null) return null
  return atOneInstant(session, async () => {
    const { rows } = await session.query<MigrationRow>(
      `select id, source, target, options, state, error, began_at, changed_at from ${tables.migration} where id = $1`,
      [id],
    )
    const [row] = rows
    if (row === undefined) return null
    return {
      id: row.id,
      source: row.source,
      target: row.target,
      tables: await loadTables(session, tables, id, version),
      options: row.options,
      state: row.state,
      error: row.error,
      beganAt: row.began_at,
      changedAt: row.changed_at,
    }
  })
}

/** The tables of a migration in the order of its record, from a ledger of this version. */
export async function loadTables(
  session: Session,
  tables: LedgerTables,
  id: MigrationId,
  version: number,
): Promise<readonly PlannedTable[]> {
  const planned = version < plannedSince ? 'null::jsonb' : 't.planned'
  // Partitions are numbered in the order of the record's tables.
  const { rows } = await session.query<TableRow>(
    `select t.source, t.mode, t.existed, t.baseline::text, t.plan, t.selection, ${planned} as planned
     from ${tables.table} t
     where t.migration = $1
     order by (select min(p.id) from ${tables.partition} p where p.migration = t.migration and p.source = t.source),
       t.source`,
    [id],
  )
  const bounds = await firstBounds(session, tables, id, version)
  return rows.map((row) => plannedOf(row, bounds.get(row.source) ?? []))
}

/** Bounds as they were planned at first, by source table. */
async function firstBounds(
  session: Session,
  tables: LedgerTables,
  id: MigrationId,
  version: number,
): Promise<ReadonlyMap<string, readonly Bounds[]>> {
  const replay = version < plannedSince ? 'false' : 'replay'
  const { rows } = await session.query<BoundsRow & { source: string }>(
    `select source, after, up_to from ${tables.partition}
     where migration = $1 and replaces is null and not ${replay}
     order by id`,
    [id],
  )
  const bySource = Map.groupBy(rows, ({ source }) => source)
  return new Map([...bySource].map(([source, partitions]) => [source, partitions.map(boundsOf)]))
}

/** Of a table that an older drover has planned, nothing is said that is not known: no part of it is read again. */
function plannedOf(row: TableRow, partitions: readonly Bounds[]): PlannedTable {
  const { plan, selection, mode, existed, planned } = row
  const baseline = exactNumber(row.baseline)
  return { plan, selection, mode, exists: existed, baseline, partitions, ...(planned ?? { ordered: false }) }
}
