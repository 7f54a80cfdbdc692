import type { Coercion, CoercionUse } from '../../core/coercion.ts'
import type { Counts } from '../../core/counts.ts'
import type { TargetName } from '../../core/plan.ts'
import type { MigrationId, MigrationSummary } from '../ledger-contract.ts'
import type { Mode } from '../planned-table.ts'
import type { Connection } from './database.ts'
import { countColumns, countsOf, sumsOfEntries, type CountsRow } from './ledger-entries.ts'
import { hasLedger, type LedgerTables } from './ledger-schema.ts'
import { headOf, type MigrationRow } from './ledger-stored.ts'
import { tableKey } from './names.ts'

interface TableSummaryRow extends CountsRow {
  readonly migration: string
  readonly source: string
  readonly schema: string
  readonly name: string
  readonly mode: Mode
  readonly open_letters: number
  readonly partitions: number
  readonly open_partitions: number
}

/** Every migration of the ledger, the newest first. */
export function listMigrations(
  connection: Connection,
  tables: LedgerTables,
  isRunning: (migration: MigrationId) => boolean,
): readonly MigrationSummary[] {
  if (!hasLedger(connection, tables)) return []
  const rows = connection.all<Omit<MigrationRow, 'options'>>(
    `select id, source, target, state, error, began_at, changed_at from ${tables.migration} order by number desc`,
  )
  const byMigration = Map.groupBy(connection.all<TableSummaryRow>(sumUp(tables)), ({ migration }) => migration)
  return rows.map((row) => ({
    ...headOf(row),
    running: isRunning(row.id),
    tables: (byMigration.get(row.id) ?? []).map(tableOf),
  }))
}

export function readTotals(
  connection: Connection,
  tables: LedgerTables,
  migration: MigrationId,
): ReadonlyMap<string, Counts & { readonly bytes: number }> {
  const rows = connection.all<CountsRow & { source: string }>(
    `select t.source, ${sumsOfEntries}
     from ${tables.table} t
     left join ${tables.partition} p on p.migration = t.migration and p.source = t.source
     left join ${tables.entry} e on e.migration = p.migration and e.partition = p.id
     where t.migration = ?
     group by t.source`,
    migration,
  )
  return new Map(rows.map((row) => [row.source, { ...countsOf(row), bytes: row.bytes }]))
}

/** More would say no more. */
const namedBatches = 20

/** Invariant 2, looked at once more where the counts are kept. A sentence for each batch that breaks it. */
export function readUnbalanced(
  connection: Connection,
  tables: LedgerTables,
  migration: MigrationId,
): readonly string[] {
  const rows = connection.all<CountsRow & { source: string; partition: number; seq: number; every: number }>(
    `select p.source, e.partition, e.seq, ${countColumns}, count(*) over () as every
     from ${tables.entry} e join ${tables.partition} p on p.migration = e.migration and p.id = e.partition
     where e.migration = ? and e.read <> e.written + e.filtered + e.skipped + e.dead_letters
     order by e.partition, e.seq limit ${namedBatches}`,
    migration,
  )
  const sentences = rows.map(
    ({ source, partition, seq, ...row }) =>
      `batch ${seq} of partition ${partition} of ${source} has read ${row.read} rows, which are not ` +
      `${row.written} written + ${row.filtered} filtered + ${row.skipped} skipped + ${row.dead_letters} dead letters`,
  )
  const more = (rows[0]?.every ?? 0) - rows.length
  return more === 0 ? sentences : [...sentences, `so have ${more} batches more`]
}

export function readCoercions(
  connection: Connection,
  tables: LedgerTables,
  migration: MigrationId,
): ReadonlyMap<string, readonly CoercionUse[]> {
  if (!hasLedger(connection, tables)) return new Map()
  const rows = connection.all<CoercionUse & { source: string; name: Coercion }>(
    `select p.source, c.path, c.name, sum(c.uses) as uses
     from ${tables.coercion} c join ${tables.partition} p on p.migration = c.migration and p.id = c.partition
     where c.migration = ?
     group by p.source, c.path, c.name order by p.source, c.path, c.name`,
    migration,
  )
  const bySource = Map.groupBy(rows, ({ source }) => source)
  return new Map(
    [...bySource].map(([source, uses]) => [source, uses.map(({ path, name, uses }) => ({ path, name, uses }))]),
  )
}

/** Migrations of any of these tables that began and have not ended. */
export function findUnfinished(
  connection: Connection,
  tables: LedgerTables,
  targets: readonly TargetName[],
): readonly { id: MigrationId; target: TargetName; state: string }[] {
  if (!hasLedger(connection, tables)) return []
  const rows = connection.all<{ id: MigrationId; state: string; place: number }>(
    `select m.id, m.state, wanted.key as place
     from ${tables.migration} m join ${tables.part} p on p.migration = m.id
     join json_each(?) wanted on wanted.value = p.table_key
     where m.state not in ('done', 'superseded', 'rolled-back')
     order by m.number, p.source, wanted.key`,
    JSON.stringify(targets.map(tableKey)),
  )
  return rows.flatMap(({ id, state, place }) => {
    const target = targets[place]
    return target === undefined ? [] : [{ id, target, state }]
  })
}

/** A table that has the name of one that was rolled back is somebody else's. */
export function findChildTables(
  connection: Connection,
  tables: LedgerTables,
  table: TargetName,
): readonly TargetName[] {
  if (!hasLedger(connection, tables)) return []
  return connection
    .all<{ schema: string; name: string }>(
      `select distinct child.target_schema as schema, child.target_name as name
       from ${tables.part} own
       join ${tables.migration} m on m.id = own.migration
       join ${tables.part} child on child.migration = own.migration and child.source = own.source and child.number > 0
       where own.number = 0 and own.table_key = ? and m.state <> 'rolled-back'
       order by 1, 2`,
      tableKey(table),
    )
    .map(({ schema, name }) => ({ schema, name }))
}

/**
 * A partition that others have replaced is not counted beside them. One is open as long as it is not closed and not all
 * of its batches are committed, of which the last says how many there are.
 */
function sumUp(tables: LedgerTables): string {
  return `
    with replaced as (
      select distinct migration, replaces as id from ${tables.partition} where replaces is not null
    ), copied as (
      select p.migration, p.source, p.replay, r.id is not null as replaced,
        p.open and count(e.seq) is not max(e.seq) filter (where e.last) + 1 as open, ${sumsOfEntries}
      from ${tables.partition} p
      left join replaced r on r.migration = p.migration and r.id = p.id
      left join ${tables.entry} e on e.migration = p.migration and e.partition = p.id
      group by p.migration, p.id
    ), letters as (
      select migration, source, count(*) as open from ${tables.letter} where resolved_at is null group by 1, 2
    )
    select t.migration, t.source, t.target_schema as schema, t.target_name as name, t.mode,
      coalesce(max(l.open), 0) as open_letters,
      count(e.source) filter (where not e.replay and not e.replaced) as partitions,
      count(e.source) filter (where not e.replay and not e.replaced and e.open) as open_partitions,
      ${sumsOfEntries}
    from ${tables.table} t
    left join copied e on e.migration = t.migration and e.source = t.source
    left join letters l on l.migration = t.migration and l.source = t.source
    group by t.migration, t.source
    order by t.migration, t.source`
}

function tableOf(row: TableSummaryRow): MigrationSummary['tables'][number] {
  return {
    source: row.source,
    target: { schema: row.schema, name: row.name },
    mode: row.mode,
    counts: countsOf(row),
    bytes: row.bytes,
    openLetters: row.open_letters,
    partitions: row.partitions,
    openPartitions: row.open_partitions,
  }
}
