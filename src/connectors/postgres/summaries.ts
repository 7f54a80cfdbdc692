import type { MigrationSummary } from '../ledger-contract.ts'
import type { Mode } from '../planned-table.ts'
import type { Session } from './session.ts'
import { countColumns, countsOf, exactNumber, type CountsRow } from './entries.ts'
import { advisoryLocks, migrationLock } from './lease-holders.ts'
import { readLedgerVersion, type LedgerTables } from './ledger-schema.ts'
import { atOneInstant, plannedSince, type MigrationRow } from './stored.ts'
import { sumsOfEntries } from './sums.ts'

interface TableSummaryRow extends CountsRow {
  readonly migration: string
  readonly source: string
  readonly schema: string
  readonly name: string
  readonly mode: Mode
  readonly open_letters: string
  readonly partitions: string
  readonly open_partitions: string
}

/** Every migration of the ledger, the newest first. Two queries, however many there are: the server adds up. */
export async function listMigrations(session: Session, tables: LedgerTables): Promise<readonly MigrationSummary[]> {
  const version = await readLedgerVersion(session, tables)
  if (version === null) return []
  return atOneInstant(session, async () => {
    const migrations = await session.query<Omit<MigrationRow, 'options'> & { running: boolean }>(
      `with held as materialized (${advisoryLocks})
       select m.id, m.source, m.target, m.state, m.error, m.began_at, m.changed_at,
         hashtextextended(${migrationLock('m.id')}, 0) in (select key from held) as running
       from ${tables.migration} m
       order by m.began_at desc, m.id desc`,
    )
    const summaries = await session.query<TableSummaryRow>(sumUp(tables, version))
    const byMigration = Map.groupBy(summaries.rows, ({ migration }) => migration)
    return migrations.rows.map((row) => ({
      id: row.id,
      source: row.source,
      target: row.target,
      state: row.state,
      error: row.error,
      beganAt: row.began_at,
      changedAt: row.changed_at,
      running: row.running,
      tables: (byMigration.get(row.id) ?? []).map(tableOf),
    }))
  })
}

/**
 * A partition that others have replaced is not counted beside them. One is open as long as it is not closed and not all
 * of its batches are committed, of which the last says how many there are.
 */
function sumUp(tables: LedgerTables, version: number): string {
  const older = version < plannedSince
  const letters = older
    ? `select null::text as migration, null::text as source, 0::bigint as open where false`
    : `select migration, source, count(*) as open from ${tables.letter} where resolved_at is null group by 1, 2`
  return `
    with replaced as (
      select distinct migration, replaces as id from ${tables.partition} where replaces is not null
    ), copied as (
      select p.migration, p.source, ${older ? 'false' : 'p.replay'} as replay, r.id is not null as replaced,
        p.open and count(e.seq) is distinct from max(e.seq) filter (where e.last) + 1 as open, ${sumsOfEntries}
      from ${tables.partition} p
      left join replaced r on r.migration = p.migration and r.id = p.id
      left join ${tables.entry} e on e.migration = p.migration and e.partition = p.id
      group by p.migration, p.id, r.id
    ), letters as (${letters})
    select t.migration, t.source, t.target_schema as schema, t.target_name as name, t.mode,
      coalesce(max(l.open), 0)::text as open_letters,
      count(e.source) filter (where not e.replay and not e.replaced)::text as partitions,
      count(e.source) filter (where not e.replay and not e.replaced and e.open)::text as open_partitions,
      ${countColumns
        .split(', ')
        .map((column) => `coalesce(sum(e.${column}::numeric), 0)::text as ${column}`)
        .join(', ')}
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
    bytes: exactNumber(row.bytes),
    openLetters: exactNumber(row.open_letters),
    partitions: exactNumber(row.partitions),
    openPartitions: exactNumber(row.open_partitions),
  }
}
