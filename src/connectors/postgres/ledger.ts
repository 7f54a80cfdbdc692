import type { Bounds, Partition } from '../../core/batch.ts'
import type { CarriedObject } from '../../core/carried-object.ts'
import type { CoercionUse } from '../../core/coercion.ts'
import type { Counts } from '../../core/counts.ts'
import type { StoredLetter } from '../../core/dead-letter.ts'
import { DroverError, type ErrorShape } from '../../core/errors.ts'
import type { TablePlan, TargetName } from '../../core/plan.ts'
import { qualified } from '../../core/plan.ts'
import type { TableChange } from '../../core/table-change.ts'
import type {
  Entry,
  Ledger,
  Lease,
  LettersWanted,
  Mark,
  MigrationId,
  MigrationRecord,
  MigrationState,
  MigrationSummary,
  StoredMigration,
} from '../ledger-contract.ts'
import { prepareTables, supersede } from './begin.ts'
import { carry, readOpen, refusedTogether, storeCarried } from './carry.ts'
import { forgetChecked, readChecked, saveChecked } from './checked.ts'
import { findChildTables, findUnfinished } from './earlier.ts'
import { isWriteRefused, toDroverError } from './errors.ts'
import { alter, fence, patiently, type Evolution } from './evolve.ts'
import { insertMigration } from './insert-migration.ts'
import { HeldLease } from './held-lease.ts'
import { holdEpoch, leaseLost, takeLease, type LeaseOptions } from './lease.ts'
import { ensureLedger, type LedgerTables } from './ledger-schema.ts'
import { readLetters } from './letters.ts'
import { readMark, saveMarks } from './marks.ts'
import { noteObjects } from './objects.ts'
import { insertPartitions, openReplayPartition, readEntries, replanPartition } from './partitions.ts'
import { publishTables } from './publish.ts'
import { resumeMigration } from './resume.ts'
import { rollBack } from './rollback.ts'
import type { Session } from './session.ts'
import type { Sessions } from './sessions.ts'
import { loadMigration } from './stored.ts'
import { listMigrations } from './summaries.ts'
import { readCoercions, readTotals, readUnbalanced } from './sums.ts'

/**
 * The ledger in tables of its own schema, beside the rows it accounts for. Every change of what may be claimed locks
 * the partition's row, which a claim shares until its transaction ends: see `claim` in writer.ts.
 */
export class PostgresLedger implements Ledger {
  readonly #sessions: Sessions
  readonly #tables: LedgerTables
  readonly #never: AbortSignal = new AbortController().signal

  /** `sessions` stay the caller's. */
  constructor(sessions: Sessions, tables: LedgerTables) {
    this.#sessions = sessions
    this.#tables = tables
  }

  async lease(
    migration: MigrationId,
    tables: readonly TargetName[],
    options: LeaseOptions,
    signal: AbortSignal,
  ): Promise<Lease> {
    const session = await this.#sessions.open(signal)
    const abort = (): void => session.destroy()
    signal.addEventListener('abort', abort)
    try {
      return await takeLease(session, this.#tables, migration, tables, options, (during) => this.#sessions.open(during))
    } catch (error) {
      session.destroy()
      signal.throwIfAborted()
      throw toDroverError(error, `take the lease of migration ${migration}`)
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }

  load(migration: MigrationId): Promise<StoredMigration | null> {
    return this.#read(`load migration ${migration}`, (session) => loadMigration(session, this.#tables, migration))
  }

  migrations(): Promise<readonly MigrationSummary[]> {
    return this.#read('list the migrations', (session) => listMigrations(session, this.#tables))
  }

  resume(migration: MigrationId, lease: Lease): Promise<readonly Partition[]> {
    return this.#sessions.transact(`resume migration ${migration}`, this.#never, (session) =>
      resumeMigration(session, this.#tables, migration, lease),
    )
  }

  publish(migration: MigrationId, lease: Lease, signal: AbortSignal): Promise<void> {
    return this.#patiently(`publish migration ${migration}`, lease, signal, (session) =>
      publishTables(session, this.#tables, migration, lease),
    )
  }

  rollback(
    migration: MigrationId,
    lease: Lease,
    options: { readonly force: boolean },
    signal: AbortSignal,
  ): Promise<readonly string[]> {
    return this.#patiently(`roll back migration ${migration}`, lease, signal, (session) =>
      rollBack(session, this.#tables, migration, lease, options),
    )
  }

  unfinished(
    tables: readonly TargetName[],
  ): Promise<readonly { id: MigrationId; target: TargetName; state: string }[]> {
    return this.#read('look for unfinished migrations', (session) => findUnfinished(session, this.#tables, tables))
  }

  childTables(table: TargetName): Promise<readonly TargetName[]> {
    return this.#read('look for child tables', (session) => findChildTables(session, this.#tables, table))
  }

  begin(record: MigrationRecord, lease: Lease, signal: AbortSignal): Promise<readonly Partition[]> {
    return this.#sessions.transact(`begin migration ${record.id}`, signal, async (session) => {
      await ensureLedger(session, this.#tables)
      await supersede(session, this.#tables, record.tables)
      await insertMigration(session, this.#tables, record, lease)
      await storeCarried(session, this.#tables, record.id, record.objects ?? [])
      for (const object of await readOpen(session, this.#tables, record.id, 'before')) {
        await carry(session, this.#tables, record.id, object)
      }
      const done = await prepareTables(session, record.tables)
      await noteObjects(session, this.#tables, record.id, done)
      const partitions: Partition[] = []
      for (const { plan, partitions: bounds } of record.tables) {
        const first = partitions.length + 1
        partitions.push(...bounds.map((bound, i) => ({ ...bound, id: first + i, table: plan.source })))
      }
      await insertPartitions(session, this.#tables, record.id, partitions, { epoch: lease.epoch })
      // Invariant 3: at the last moment before the commit.
      lease.lost.throwIfAborted()
      // Nothing in the ledger guards the tables of a migration that is not in it yet.
      if (lease instanceof HeldLease && !lease.isHeld) throw leaseLost('its connection ended')
      return partitions
    })
  }

  async carry(migration: MigrationId, lease: Lease, signal: AbortSignal): Promise<readonly CarriedObject[]> {
    const open = await this.#read('read what is to be carried', (session) =>
      readOpen(session, this.#tables, migration, 'after'),
    )
    const made: CarriedObject[] = []
    const refused: DroverError[] = []
    for (const object of open) {
      try {
        const isMade = await this.#patiently(`make ${object.kind} ${object.name}`, lease, signal, async (session) => {
          await holdEpoch(session, this.#tables, migration, lease)
          const isNew = await carry(session, this.#tables, migration, object)
          // Invariant 3: at the last moment before the commit.
          lease.lost.throwIfAborted()
          return isNew
        })
        if (isMade) made.push(object)
      } catch (error) {
        // The others can do without it, unless they need it.
        if (!(error instanceof DroverError) || error.code !== 'target-incompatible') throw error
        refused.push(error)
      }
    }
    if (refused.length > 0) throw refusedTogether(refused)
    return made
  }

  entries(migration: MigrationId, partition: number): Promise<readonly Entry[]> {
    return this.#read('read the ledger', (session) => readEntries(session, this.#tables, migration, partition))
  }

  replan(
    migration: MigrationId,
    partition: Partition,
    lease: Lease,
    gapsOf: (partition: Bounds, entries: readonly Entry[]) => readonly Bounds[],
  ): Promise<readonly Partition[]> {
    return this.#sessions.transact(`plan partition ${partition.id} again`, this.#never, (session) =>
      replanPartition(session, this.#tables, migration, partition, lease, gapsOf),
    )
  }

  openReplay(migration: MigrationId, table: string, lease: Lease): Promise<Partition> {
    return this.#sessions.transact(`open a partition of ${table} for replays`, this.#never, (session) =>
      openReplayPartition(session, this.#tables, migration, table, lease),
    )
  }

  totals(migration: MigrationId): Promise<ReadonlyMap<string, Counts & { readonly bytes: number }>> {
    return this.#read('add up the ledger', (session) => readTotals(session, this.#tables, migration))
  }

  unbalanced(migration: MigrationId): Promise<readonly string[]> {
    return this.#read('look at the counts', (session) => readUnbalanced(session, this.#tables, migration))
  }

  coercions(migration: MigrationId): Promise<ReadonlyMap<string, readonly CoercionUse[]>> {
    return this.#read('count the coercions', (session) => readCoercions(session, this.#tables, migration))
  }

  letters(migration: MigrationId, wanted: LettersWanted, signal: AbortSignal): Promise<readonly StoredLetter[]> {
    return this.#sessions.use('read the dead letters', signal, (session) =>
      readLetters(session, this.#tables, migration, wanted),
    )
  }

  checked(check: string): Promise<ReadonlyMap<string, Uint8Array>> {
    return this.#read('read what was checked', (session) => readChecked(session, this.#tables, check))
  }

  async saveChecked(check: string, part: string, found: Uint8Array): Promise<boolean> {
    try {
      await this.#sessions.transact('keep what was checked', this.#never, (session) =>
        saveChecked(session, this.#tables, check, part, found),
      )
      return true
    } catch (error) {
      if (isWriteRefused(error)) return false
      throw error
    }
  }

  forgetChecked(check: string): Promise<void> {
    return this.#read('forget what was checked', (session) => forgetChecked(session, this.#tables, check))
  }

  setState(
    migration: MigrationId,
    lease: Lease,
    state: MigrationState,
    error: ErrorShape | null,
    marks: readonly Mark[] = [],
  ): Promise<void> {
    return this.#sessions.transact(`set the state of migration ${migration}`, this.#never, async (session) => {
      await holdEpoch(session, this.#tables, migration, lease)
      await session.query(
        `update ${this.#tables.migration} set state = $2, error = $3, changed_at = now() where id = $1`,
        [migration, state, error === null ? null : JSON.stringify(error)],
      )
      await saveMarks(session, this.#tables, migration, marks)
    })
  }

  mark(source: string, table: string, target: TargetName, field: string): Promise<Mark | null> {
    return this.#read('read the mark', (session) => readMark(session, this.#tables, { source, table, target, field }))
  }

  async evolve(
    migration: MigrationId,
    lease: Lease,
    plan: TablePlan,
    changes: readonly TableChange[],
    signal: AbortSignal,
  ): Promise<void> {
    const evolution: Evolution = { tables: this.#tables, migration, lease, plan, changes }
    // Two transactions: a fence that waited with its changes would be lifted when they are refused.
    for (const step of [fence, alter]) {
      await this.#patiently(`change table ${qualified(plan.target)}`, lease, signal, (session) =>
        step(session, evolution),
      )
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Every session was given back or ended where it was used.
  }

  /** One transaction that alters tables others use too; the loss of the lease ends it. */
  #patiently<T>(doing: string, lease: Lease, signal: AbortSignal, work: (session: Session) => Promise<T>): Promise<T> {
    return patiently(() => this.#sessions.transact(doing, AbortSignal.any([signal, lease.lost]), work))
  }

  #read<T>(doing: string, read: (session: Session) => Promise<T>): Promise<T> {
    return this.#sessions.use(doing, this.#never, read)
  }
}
