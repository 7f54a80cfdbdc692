import type { Partition } from '../../core/batch.ts'
import { DroverError } from '../../core/errors.ts'
import type { Lease, MigrationId, StoredMigration } from '../ledger-contract.ts'
import type { Session } from './session.ts'
import { holdEpoch } from './lease.ts'
import { readLedgerVersion, type LedgerTables } from './ledger-schema.ts'
import { partitionOf, type PartitionRow } from './partitions.ts'

/** What nobody can go on with, in words. */
const ended: { readonly [state: string]: string } = {
  done: 'is done',
  superseded: 'was superseded by a later one',
  'rolled-back': 'was rolled back',
}

/** See `Ledger.resume`. Within the caller's transaction. */
export async function resumeMigration(
  session: Session,
  tables: LedgerTables,
  migration: MigrationId,
  lease: Lease,
): Promise<readonly Partition[]> {
  await demandResumable(session, tables, migration)
  await holdEpoch(session, tables, migration, lease)
  await session.query(
    `update ${tables.migration} set state = 'copying', error = null, changed_at = now() where id = $1`,
    [migration],
  )
  const { rows } = await session.query<PartitionRow>(
    `select id, source, after, up_to from ${tables.partition} where migration = $1 and open and not replay order by id`,
    [migration],
  )
  lease.lost.throwIfAborted()
  return rows.map(partitionOf)
}

/** The lease has brought the ledger up to date, if there is one. */
async function demandResumable(session: Session, tables: LedgerTables, migration: MigrationId): Promise<void> {
  const there = (await readLedgerVersion(session, tables)) !== null
  const found = there ? await readState(session, tables, migration) : null
  if (found === null) {
    throw new DroverError('missing-migration', `the ledger in schema ${tables.schema} has no migration ${migration}`, {
      hint: 'drover status lists the migrations that there are',
    })
  }
  const end = ended[found.state]
  if (end !== undefined) {
    throw new DroverError('missing-migration', `migration ${migration} ${end}: there is nothing to resume`, {
      hint: 'drover migrate copies the tables again',
    })
  }
  if (!found.known) {
    const message = `migration ${migration} was begun by an older drover, which did not note what is built after the load`
    throw new DroverError('unsupported-version', message, {
      hint: 'start over with --mode recreate',
    })
  }
}

interface FoundState {
  readonly state: StoredMigration['state']
  /** Everything about its tables is in the ledger. */
  readonly known: boolean
}

/** Locks the migration's row, so that its state stays what was seen. */
async function readState(session: Session, tables: LedgerTables, migration: MigrationId): Promise<FoundState | null> {
  const { rows } = await session.query<FoundState>(
    `select m.state,
       not exists (select from ${tables.table} t where t.migration = m.id and t.planned is null) as known
     from ${tables.migration} m where m.id = $1 for no key update`,
    [migration],
  )
  return rows[0] ?? null
}
