import type { Bounds, Partition } from '../../core/batch.ts'
import { DroverError } from '../../core/errors.ts'
import type { Entry, Lease, MigrationId } from '../ledger-contract.ts'
import type { Session } from './session.ts'
import { boundParameter, boundsOf, countColumns, entryOf, type BoundsRow, type EntryRow } from './entries.ts'
import { holdVersion } from './evolve.ts'
import { holdEpoch } from './lease.ts'
import type { LedgerTables } from './ledger-schema.ts'

export interface PartitionRow extends BoundsRow {
  readonly id: number
  readonly source: string
}

export function partitionOf(row: PartitionRow): Partition {
  return { id: row.id, table: row.source, ...boundsOf(row) }
}

/** Partitions of the lease's epoch, and of the schema version that their tables have now. */
export async function insertPartitions(
  session: Session,
  tables: LedgerTables,
  migration: MigrationId,
  partitions: readonly Partition[],
  options: { readonly epoch: number; readonly replaces?: number; readonly replay?: boolean },
): Promise<void> {
  await session.query(
    `insert into ${tables.partition}
       (migration, id, source, after, up_to, epoch, schema_version, replaces, replay)
     select $1, p.id, p.source, p.after, p.up_to, $2, (t.plan ->> 'schemaVersion')::integer, $3, $4
     from unnest($5::integer[], $6::text[], $7::bytea[], $8::bytea[]) as p (id, source, after, up_to)
     join ${tables.table} t on t.migration = $1 and t.source = p.source`,
    [
      migration,
      options.epoch,
      options.replaces ?? null,
      options.replay ?? false,
      partitions.map(({ id }) => id),
      partitions.map(({ table }) => table),
      partitions.map(({ after }) => boundParameter(after)),
      partitions.map(({ upTo }) => boundParameter(upTo)),
    ],
  )
}

/** See `Ledger.replan`. Within the caller's transaction. */
export async function replanPartition(
  session: Session,
  tables: LedgerTables,
  migration: MigrationId,
  partition: Partition,
  lease: Lease,
  gapsOf: (partition: Bounds, entries: readonly Entry[]) => readonly Bounds[],
): Promise<readonly Partition[]> {
  // One at a time within a migration, because each takes the next free ids.
  await holdEpoch(session, tables, migration, lease)
  const { rows } = await session.query<PartitionRow & { open: boolean }>(
    `select id, source, after, up_to, open from ${tables.partition} where migration = $1 and id = $2 for update`,
    [migration, partition.id],
  )
  const [row] = rows
  if (row === undefined) {
    throw new DroverError('unexpected', `migration ${migration} has no partition ${partition.id}`)
  }
  // Closed by an earlier call whose answer was lost: the same answer again.
  if (!row.open) return replacements(session, tables, migration, partition.id)
  const gaps = gapsOf(boundsOf(row), await readEntries(session, tables, migration, partition.id))
  await session.query(`update ${tables.partition} set open = false where migration = $1 and id = $2`, [
    migration,
    partition.id,
  ])
  await holdVersion(session, tables, migration, row.source)
  const first = await nextId(session, tables, migration)
  const opened = gaps.map(({ after, upTo }, i) => ({ after, upTo, id: first + i, table: row.source }))
  await insertPartitions(session, tables, migration, opened, { epoch: lease.epoch, replaces: partition.id })
  lease.lost.throwIfAborted()
  return opened
}

/** See `Ledger.openReplay`. Within the caller's transaction. */
export async function openReplayPartition(
  session: Session,
  tables: LedgerTables,
  migration: MigrationId,
  table: string,
  lease: Lease,
): Promise<Partition> {
  await holdEpoch(session, tables, migration, lease)
  const { rows } = await session.query<{ state: string }>(
    `select m.state from ${tables.migration} m join ${tables.table} t on t.migration = m.id
     where m.id = $1 and t.source = $2`,
    [migration, table],
  )
  const [row] = rows
  if (row === undefined) throw new DroverError('unexpected', `migration ${migration} has no table ${table}`)
  if (row.state === 'superseded' || row.state === 'rolled-back') {
    throw new DroverError('missing-migration', `migration ${migration} is ${row.state}: its rows are gone`, {
      hint: 'drover status lists the migrations; copy the table again',
    })
  }
  await holdVersion(session, tables, migration, table)
  const id = await nextId(session, tables, migration)
  const partition: Partition = { id, table, after: null, upTo: null }
  await insertPartitions(session, tables, migration, [partition], { epoch: lease.epoch, replay: true })
  lease.lost.throwIfAborted()
  return partition
}

/** Entries of a partition by `seq`. */
export async function readEntries(
  session: Session,
  tables: LedgerTables,
  migration: MigrationId,
  partition: number,
): Promise<readonly Entry[]> {
  const { rows } = await session.query<EntryRow & { source: string }>(
    `select p.source, e.seq, e.last, e.after, e.up_to, ${countColumns}
     from ${tables.entry} e
     join ${tables.partition} p on p.migration = e.migration and p.id = e.partition
     where e.migration = $1 and e.partition = $2
     order by e.seq`,
    [migration, partition],
  )
  return rows.map((row) => entryOf(row, { table: row.source, partition }))
}

async function replacements(
  session: Session,
  tables: LedgerTables,
  migration: MigrationId,
  id: number,
): Promise<readonly Partition[]> {
  const { rows } = await session.query<PartitionRow>(
    `select id, source, after, up_to from ${tables.partition} where migration = $1 and replaces = $2 order by id`,
    [migration, id],
  )
  return rows.map(partitionOf)
}

/** Under the lock of {@link holdEpoch}. */
async function nextId(session: Session, tables: LedgerTables, migration: MigrationId): Promise<number> {
  const { rows } = await session.query<{ id: number }>(
    `select coalesce(max(id), 0) + 1 as id from ${tables.partition} where migration = $1`,
    [migration],
  )
  const [row] = rows
  if (row === undefined) throw new TypeError('an aggregate gave no row')
  return row.id
}
