import type { Coercion, CoercionUse } from '../../core/coercion.ts'
import type { Counts } from '../../core/counts.ts'
import type { MigrationId } from '../ledger-contract.ts'
import type { Session } from './session.ts'
import { countColumns, countsOf, exactNumber, type CountsRow } from './entries.ts'
import { readLedgerVersion, type LedgerTables } from './ledger-schema.ts'

/** Sums of the columns of {@link CountsRow} over entries `e`; those of no entries are 0. */
export const sumsOfEntries: string = countColumns
  .split(', ')
  .map((column) => `coalesce(sum(e.${column}), 0)::text as ${column}`)
  .join(', ')

export async function readTotals(
  session: Session,
  tables: LedgerTables,
  migration: MigrationId,
): Promise<ReadonlyMap<string, Counts & { readonly bytes: number }>> {
  const { rows } = await session.query<CountsRow & { source: string }>(
    `select t.source, ${sumsOfEntries}
     from ${tables.table} t
     left join ${tables.partition} p on p.migration = t.migration and p.source = t.source
     left join ${tables.entry} e on e.migration = p.migration and e.partition = p.id
     where t.migration = $1
     group by t.source`,
    [migration],
  )
  return new Map(rows.map((row) => [row.source, { ...countsOf(row), bytes: exactNumber(row.bytes) }]))
}

/** More would say no more. */
const namedBatches = 20

/** Invariant 2, looked at once more where the counts are kept. A sentence for each batch that breaks it. */
export async function readUnbalanced(
  session: Session,
  tables: LedgerTables,
  migration: MigrationId,
): Promise<readonly string[]> {
  const { rows } = await session.query<CountsRow & { source: string; partition: number; seq: number; all: string }>(
    `select p.source, e.partition, e.seq, ${countColumns}, (count(*) over ())::text as all
     from ${tables.entry} e
     join ${tables.partition} p on p.migration = e.migration and p.id = e.partition
     where e.migration = $1 and e.read <> e.written + e.filtered + e.skipped + e.dead_letters
     order by e.partition, e.seq
     limit ${namedBatches}`,
    [migration],
  )
  const sentences = rows.map(
    ({ source, partition, seq, ...row }) =>
      `batch ${seq} of partition ${partition} of ${source} has read ${row.read} rows, which are not ` +
      `${row.written} written + ${row.filtered} filtered + ${row.skipped} skipped + ${row.dead_letters} dead letters`,
  )
  const more = exactNumber(rows[0]?.all ?? '0') - rows.length
  return more === 0 ? sentences : [...sentences, `so have ${more} batches more`]
}

export async function readCoercions(
  session: Session,
  tables: LedgerTables,
  migration: MigrationId,
): Promise<ReadonlyMap<string, readonly CoercionUse[]>> {
  const version = await readLedgerVersion(session, tables)
  // There are coercions since version 3.
  if (version === null || version < 3) return new Map()
  const { rows } = await session.query<{ source: string; path: string; name: Coercion; uses: string }>(
    `select p.source, c.path, c.name, sum(c.uses)::text as uses
     from ${tables.coercion} c
     join ${tables.partition} p on p.migration = c.migration and p.id = c.partition
     where c.migration = $1
     group by p.source, c.path, c.name
     order by p.source, c.path, c.name`,
    [migration],
  )
  const bySource = Map.groupBy(rows, ({ source }) => source)
  return new Map(
    [...bySource].map(([source, uses]) => [
      source,
      uses.map(({ path, name, uses }) => ({ path, name, uses: exactNumber(uses) })),
    ]),
  )
}
