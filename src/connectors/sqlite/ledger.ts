import type { Bounds, Partition } from '../../core/batch.ts'
import type { CarriedObject } from '../../core/carried-object.ts'
import type { CoercionUse } from '../../core/coercion.ts'
import type { Counts } from '../../core/counts.ts'
import type { StoredLetter } from '../../core/dead-letter.ts'
import { DroverError, type ErrorShape } from '../../core/errors.ts'
import { reach } from '../../core/failpoint.ts'
import { qualified, type TablePlan, type TargetName } from '../../core/plan.ts'
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
import type { Connection, DatabaseFile } from './database.ts'
import { prepareTables, supersede } from './ledger-begin.ts'
import { readEntries } from './ledger-entries.ts'
import { alter, fence, type Evolution } from './ledger-evolve.ts'
import { HeldLease, holdEpoch, isRunning, takeLease, type LeaseOptions } from './ledger-lease.ts'
import { readLetters } from './ledger-letters.ts'
import { forgetChecked, readChecked, readMark, saveChecked, saveMarks } from './ledger-marks.ts'
import { noteObjects } from './ledger-objects.ts'
import { insertPartitions, openReplayPartition, replanPartition, resumeMigration } from './ledger-partitions.ts'
import { publishTables } from './ledger-publish.ts'
import { rollBack } from './ledger-rollback.ts'
import { ensureLedger, now, type LedgerTables } from './ledger-schema.ts'
import { insertMigration, loadMigration } from './ledger-stored.ts'
import {
  findChildTables,
  findUnfinished,
  listMigrations,
  readCoercions,
  readTotals,
  readUnbalanced,
} from './ledger-sums.ts'
import { isWriteRefused } from './target-errors.ts'

/**
 * The ledger in tables beside the rows it accounts for. One transaction writes to the file at a time, so no batch is open
 * while one of the ledger's own changes what may be claimed.
 */
export class SqliteLedger implements Ledger {
  readonly #file: DatabaseFile
  readonly #tables: LedgerTables
  readonly #never: AbortSignal = new AbortController().signal

  /** The file stays the caller's. */
  constructor(file: DatabaseFile, tables: LedgerTables) {
    this.#file = file
    this.#tables = tables
  }

  lease(
    migration: MigrationId,
    tables: readonly TargetName[],
    options: LeaseOptions,
    signal: AbortSignal,
  ): Promise<Lease> {
    return takeLease(this.#file, this.#tables, migration, tables, options, signal)
  }

  load(migration: MigrationId): Promise<StoredMigration | null> {
    return this.#read(`load migration ${migration}`, null, (connection) =>
      loadMigration(connection, this.#tables, migration),
    )
  }

  migrations(): Promise<readonly MigrationSummary[]> {
    return this.#read('list the migrations', [], (connection) =>
      listMigrations(connection, this.#tables, isRunning(this.#file)),
    )
  }

  resume(migration: MigrationId, lease: Lease): Promise<readonly Partition[]> {
    return this.#transact(`resume migration ${migration}`, lease, (connection) =>
      resumeMigration(connection, this.#tables, migration, lease),
    )
  }

  publish(migration: MigrationId, lease: Lease, signal: AbortSignal): Promise<void> {
    return this.#transact(
      `publish migration ${migration}`,
      lease,
      async (connection) => {
        publishTables(connection, this.#tables, migration, lease)
        await reach('publish.before_commit')
      },
      signal,
    )
  }

  rollback(
    migration: MigrationId,
    lease: Lease,
    options: { readonly force: boolean },
    signal: AbortSignal,
  ): Promise<readonly string[]> {
    return this.#transact(
      `roll back migration ${migration}`,
      lease,
      async (connection) => {
        const removed = rollBack(connection, this.#tables, migration, lease, options)
        await reach('rollback.mid_drop')
        return removed
      },
      signal,
    )
  }

  unfinished(
    tables: readonly TargetName[],
  ): Promise<readonly { id: MigrationId; target: TargetName; state: string }[]> {
    return this.#read('look for unfinished migrations', [], (connection) =>
      findUnfinished(connection, this.#tables, tables),
    )
  }

  childTables(table: TargetName): Promise<readonly TargetName[]> {
    return this.#read('look for child tables', [], (connection) => findChildTables(connection, this.#tables, table))
  }

  async begin(record: MigrationRecord, lease: Lease, signal: AbortSignal): Promise<readonly Partition[]> {
    if ((record.objects ?? []).length > 0) {
      throw new DroverError('unexpected', `migration ${record.id} has objects that SQLite does not carry`)
    }
    const work = (connection: Connection): readonly Partition[] => {
      // Nothing in the ledger guards the tables of a migration that is not in it yet.
      if (lease instanceof HeldLease) lease.verify()
      ensureLedger(connection, this.#tables)
      supersede(connection, this.#tables, record.tables)
      const done = prepareTables(connection, record.id, record.tables)
      insertMigration(connection, this.#tables, record, lease)
      noteObjects(connection, this.#tables, record.id, done)
      const partitions: Partition[] = []
      for (const { plan, partitions: bounds } of record.tables) {
        const first = partitions.length + 1
        partitions.push(...bounds.map((bound, i) => ({ ...bound, id: first + i, table: plan.source })))
      }
      insertPartitions(connection, this.#tables, record.id, partitions, { epoch: lease.epoch })
      return partitions
    }
    return this.#transact(`begin migration ${record.id}`, lease, work, signal)
  }

  /** No source of SQLite has objects beside tables, and none of another kind has any for it. */
  async carry(): Promise<readonly CarriedObject[]> {
    return []
  }

  entries(migration: MigrationId, partition: number): Promise<readonly Entry[]> {
    return this.#read('read the ledger', [], (connection) =>
      readEntries(connection, this.#tables, migration, partition),
    )
  }

  replan(
    migration: MigrationId,
    partition: Partition,
    lease: Lease,
    gapsOf: (partition: Bounds, entries: readonly Entry[]) => readonly Bounds[],
  ): Promise<readonly Partition[]> {
    return this.#transact(`plan partition ${partition.id} again`, lease, (connection) =>
      replanPartition(connection, this.#tables, migration, partition, lease, gapsOf),
    )
  }

  openReplay(migration: MigrationId, table: string, lease: Lease): Promise<Partition> {
    return this.#transact(`open a partition of ${table} for replays`, lease, (connection) =>
      openReplayPartition(connection, this.#tables, migration, table, lease),
    )
  }

  totals(migration: MigrationId): Promise<ReadonlyMap<string, Counts & { readonly bytes: number }>> {
    return this.#read<Awaited<ReturnType<Ledger['totals']>>>('add up the ledger', new Map(), (connection) =>
      readTotals(connection, this.#tables, migration),
    )
  }

  unbalanced(migration: MigrationId): Promise<readonly string[]> {
    return this.#read('look at the counts', [], (connection) => readUnbalanced(connection, this.#tables, migration))
  }

  coercions(migration: MigrationId): Promise<ReadonlyMap<string, readonly CoercionUse[]>> {
    return this.#read<Awaited<ReturnType<Ledger['coercions']>>>('count the coercions', new Map(), (connection) =>
      readCoercions(connection, this.#tables, migration),
    )
  }

  async letters(migration: MigrationId, wanted: LettersWanted, signal: AbortSignal): Promise<readonly StoredLetter[]> {
    signal.throwIfAborted()
    return this.#read('read the dead letters', [], (connection) =>
      readLetters(connection, this.#tables, migration, wanted),
    )
  }

  checked(check: string): Promise<ReadonlyMap<string, Uint8Array>> {
    return this.#read<Awaited<ReturnType<Ledger['checked']>>>('read what was checked', new Map(), (connection) =>
      readChecked(connection, this.#tables, check),
    )
  }

  async saveChecked(check: string, part: string, found: Uint8Array): Promise<boolean> {
    try {
      await this.#file.transact('keep what was checked', this.#never, (connection) =>
        saveChecked(connection, this.#tables, check, part, found),
      )
      return true
    } catch (error) {
      if (isWriteRefused(error)) return false
      throw error
    }
  }

  async forgetChecked(check: string): Promise<void> {
    if (!this.#file.exists) return
    await this.#file.transact('forget what was checked', this.#never, (connection) =>
      forgetChecked(connection, this.#tables, check),
    )
  }

  setState(
    migration: MigrationId,
    lease: Lease,
    state: MigrationState,
    error: ErrorShape | null,
    marks: readonly Mark[] = [],
  ): Promise<void> {
    return this.#transact(`set the state of migration ${migration}`, lease, (connection) => {
      holdEpoch(connection, this.#tables, migration, lease)
      connection.run(
        `update ${this.#tables.migration} set state = ?, error = ?, changed_at = ${now} where id = ?`,
        state,
        error === null ? null : JSON.stringify(error),
        migration,
      )
      saveMarks(connection, this.#tables, migration, marks)
    })
  }

  mark(source: string, table: string, target: TargetName, field: string): Promise<Mark | null> {
    return this.#read('read the mark', null, (connection) =>
      readMark(connection, this.#tables, { source, table, target, field }),
    )
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
      const doing = `change table ${qualified(plan.target)}`
      await this.#transact(doing, lease, (connection) => step(connection, evolution), signal)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Every connection was given back or closed where it was used.
  }

  /** One transaction; the loss of the lease ends it. */
  #transact<T>(
    doing: string,
    lease: Lease,
    work: (connection: Connection) => T | Promise<T>,
    signal: AbortSignal = this.#never,
  ): Promise<T> {
    return this.#file.transact(doing, AbortSignal.any([signal, lease.lost]), work)
  }

  #read<T>(doing: string, none: T, read: (connection: Connection) => T): Promise<T> {
    return this.#file.read(doing, none, this.#never, read)
  }
}
