import type { Bounds, Partition } from '../../core/batch.ts'
import { DroverError } from '../../core/errors.ts'
import type { Entry, Lease, MigrationId, StoredMigration } from '../ledger-contract.ts'
import type { Connection } from './database.ts'
import { boundsOf, partitionOf, readEntries, type PartitionRow } from './ledger-entries.ts'
import { holdEpoch } from './ledger-lease.ts'
import { hasLedger, now, type LedgerTables } from './ledger-schema.ts'

// All of these run within the caller's transaction, in which no batch is open: whoever writes is alone.

/** Partitions of the lease's epoch, and of the schema version that their tables have now. */
export function insertPartitions(
  connection: Connection,
  tables: LedgerTables,
  migration: MigrationId,
  partitions: readonly Partition[],
  options: { readonly epoch: number; readonly replaces?: number; readonly replay?: boolean },
): void {
  for (const { id, table, after, upTo } of partitions) {
    connection.run(
      `insert into ${tables.partition}
         (migration, id, source, after, up_to, epoch, schema_version, replaces, replay)
       select t.migration, ?, t.source, ?, ?, ?, t.plan ->> '$.schemaVersion', ?, ?
       from ${tables.table} t where t.migration = ? and t.source = ?`,
      id,
      after,
      upTo,
      options.epoch,
      options.replaces ?? null,
      options.replay ?? false,
      migration,
      table,
    )
  }
}

/** See `Ledger.replan`. */
export function replanPartition(
  connection: Connection,
  tables: LedgerTables,
  migration: MigrationId,
  partition: Partition,
  lease: Lease,
  gapsOf: (partition: Bounds, entries: readonly Entry[]) => readonly Bounds[],
): readonly Partition[] {
  holdEpoch(connection, tables, migration, lease)
  const row = connection.get<PartitionRow & { open: number }>(
    `select id, source, after, up_to, open from ${tables.partition} where migration = ? and id = ?`,
    migration,
    partition.id,
  )
  if (row === null) throw new DroverError('unexpected', `migration ${migration} has no partition ${partition.id}`)
  // Closed by an earlier call whose answer was lost: the same answer again.
  if (row.open === 0) {
    const replacing = connection.all<PartitionRow>(
      `select id, source, after, up_to from ${tables.partition} where migration = ? and replaces = ? order by id`,
      migration,
      partition.id,
    )
    return replacing.map(partitionOf)
  }
  const gaps = gapsOf(boundsOf(row), readEntries(connection, tables, migration, partition.id))
  connection.run(`update ${tables.partition} set open = 0 where migration = ? and id = ?`, migration, partition.id)
  const first = nextId(connection, tables, migration)
  const opened = gaps.map(({ after, upTo }, i) => ({ after, upTo, id: first + i, table: row.source }))
  insertPartitions(connection, tables, migration, opened, { epoch: lease.epoch, replaces: partition.id })
  return opened
}

/** See `Ledger.openReplay`. */
export function openReplayPartition(
  connection: Connection,
  tables: LedgerTables,
  migration: MigrationId,
  table: string,
  lease: Lease,
): Partition {
  holdEpoch(connection, tables, migration, lease)
  const row = connection.get<{ state: string }>(
    `select m.state from ${tables.migration} m join ${tables.table} t on t.migration = m.id
     where m.id = ? and t.source = ?`,
    migration,
    table,
  )
  if (row === null) throw new DroverError('unexpected', `migration ${migration} has no table ${table}`)
  if (row.state === 'superseded' || row.state === 'rolled-back') {
    throw new DroverError('missing-migration', `migration ${migration} is ${row.state}: its rows are gone`, {
      hint: 'drover status lists the migrations; copy the table again',
    })
  }
  const partition: Partition = { id: nextId(connection, tables, migration), table, after: null, upTo: null }
  insertPartitions(connection, tables, migration, [partition], { epoch: lease.epoch, replay: true })
  return partition
}

/** What nobody can go on with, in words. */
const ended: { readonly [state: string]: string } = {
  done: 'is done',
  superseded: 'was superseded by a later one',
  'rolled-back': 'was rolled back',
}

/** See `Ledger.resume`. */
export function resumeMigration(
  connection: Connection,
  tables: LedgerTables,
  migration: MigrationId,
  lease: Lease,
): readonly Partition[] {
  demandResumable(connection, tables, migration)
  holdEpoch(connection, tables, migration, lease)
  connection.run(
    `update ${tables.migration} set state = 'copying', error = null, changed_at = ${now} where id = ?`,
    migration,
  )
  const rows = connection.all<PartitionRow>(
    `select id, source, after, up_to from ${tables.partition}
     where migration = ? and open and not replay order by id`,
    migration,
  )
  return rows.map(partitionOf)
}

function demandResumable(connection: Connection, tables: LedgerTables, migration: MigrationId): void {
  const text = `select state from ${tables.migration} where id = ?`
  const found = hasLedger(connection, tables)
    ? connection.get<{ state: StoredMigration['state'] }>(text, migration)
    : null
  if (found === null) {
    const message = `the ledger in the tables ${tables.prefix}_… has no migration ${migration}`
    throw new DroverError('missing-migration', message, { hint: 'drover status lists the migrations that there are' })
  }
  const end = ended[found.state]
  if (end === undefined) return
  throw new DroverError('missing-migration', `migration ${migration} ${end}: there is nothing to resume`, {
    hint: 'drover migrate copies the tables again',
  })
}

function nextId(connection: Connection, tables: LedgerTables, migration: MigrationId): number {
  const text = `select coalesce(max(id), 0) + 1 as id from ${tables.partition} where migration = ?`
  return connection.get<{ id: number }>(text, migration)?.id ?? 1
}
