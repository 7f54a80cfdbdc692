import type { BatchId, BatchLimits, Bounds, Partition } from '../core/batch.ts'
import type { CarriedObject } from '../core/carried-object.ts'
import type { CoercionUse } from '../core/coercion.ts'
import type { Counts } from '../core/counts.ts'
import type { StoredLetter } from '../core/dead-letter.ts'
import type { ErrorShape } from '../core/errors.ts'
import type { TablePlan, TargetName } from '../core/plan.ts'
import type { TableChange } from '../core/table-change.ts'
import type { Mode, PlannedTable } from './planned-table.ts'

export type MigrationId = string & { readonly __brand: 'MigrationId' }

export type MigrationState = 'copying' | 'finishing' | 'verifying' | 'done' | 'stopped' | 'rolled-back'

/** All that makes a migration, stored before the first row moves. No secrets: addresses are masked. */
export interface MigrationRecord {
  readonly id: MigrationId
  readonly source: string
  readonly target: string
  readonly tables: readonly PlannedTable[]
  /** What the target gets beside tables; absent: nothing. */
  readonly objects?: readonly CarriedObject[] | undefined
  /** The options that shape the copy, for `status` and for refusing a resume with others. */
  readonly options: { readonly [option: string]: unknown }
}

/** A migration as the ledger holds it. Its plans are those that drift has left, with the names the tables have now. */
export interface StoredMigration extends Omit<MigrationRecord, 'objects'> {
  readonly state: MigrationState | 'superseded'
  readonly error: ErrorShape | null
  readonly beganAt: Date
  readonly changedAt: Date
}

/** Which letters of a migration. */
export interface LettersWanted {
  readonly open: boolean
  /** Name in the source; null: of all tables. */
  readonly table: string | null
  /** Behind this id. */
  readonly after: number
  /** Together; the first comes whatever its size. */
  readonly limits: BatchLimits
}

/** What `status` shows of a migration. */
export interface MigrationSummary extends Omit<StoredMigration, 'tables' | 'options'> {
  readonly tables: readonly {
    readonly source: string
    /** The final name. */
    readonly target: TargetName
    readonly mode: Mode
    readonly counts: Counts
    readonly bytes: number
    /** Dead letters that have not been resolved. */
    readonly openLetters: number
    readonly partitions: number
    readonly openPartitions: number
  }[]
  /** Another run holds its lease now. */
  readonly running: boolean
}

/** How far an incremental copy of a table has come, by a field that only grows. */
export interface Mark {
  /** Name of the table in the source. */
  readonly table: string
  readonly field: string
  /** In the source's own language. */
  readonly value: string
}

/** One line of the ledger: a committed batch. */
export interface Entry extends BatchId {
  readonly counts: Counts
  readonly bytes: number
}

/**
 * The right to coordinate: one for a migration and for each of its target tables (invariant 3). Disposing gives it back.
 */
export interface Lease extends AsyncDisposable {
  /** Number of the run that may write. */
  readonly epoch: number
  /** Aborted when the lease is lost: a newer run took over. The end of its connection alone is no loss of it. */
  readonly lost: AbortSignal
}

/**
 * The target's own list of committed batches; the only truth about progress.
 */
export interface Ledger extends AsyncDisposable {
  /**
   * Locks the migration and its tables and raises the epoch of an existing migration, once the workers of earlier runs of
   * it that are left have ended, or were ended. Waits up to `waitMs` for another run's lease; `takeOver` ends that run.
   * Throws `lease-held`.
   */
  lease(
    migration: MigrationId,
    tables: readonly TargetName[],
    options: { readonly waitMs: number; readonly takeOver: boolean },
    signal: AbortSignal,
  ): Promise<Lease>
  /** Null: there is no such migration. */
  load(migration: MigrationId): Promise<StoredMigration | null>
  /** All of them, the newest first. */
  migrations(): Promise<readonly MigrationSummary[]>
  /** Takes a migration up again: its state is `copying`, and these partitions of it are still open, with the lease's epoch. */
  resume(migration: MigrationId, lease: Lease): Promise<readonly Partition[]>
  /**
   * Moves tables that were loaded beside others to their final names, all in one transaction, in which those that they
   * replace are dropped; the plans stored have the final names then. Nothing happens where it was done before. Throws
   * `target-in-use`.
   */
  publish(migration: MigrationId, lease: Lease, signal: AbortSignal): Promise<void>
  /**
   * Removes what the migration made, and of tables that were there before the rows and columns it added; its state is
   * `rolled-back` then. One transaction. Throws `not-undoable`, with everything as it was. Answers what was removed, one
   * sentence each.
   */
  rollback(
    migration: MigrationId,
    lease: Lease,
    options: { readonly force: boolean },
    signal: AbortSignal,
  ): Promise<readonly string[]>
  /** Batches whose counts break the conservation law, one sentence each; none, unless there is a bug. */
  unbalanced(migration: MigrationId): Promise<readonly string[]>
  /** How often each coercion was used, by table of the source. */
  coercions(migration: MigrationId): Promise<ReadonlyMap<string, readonly CoercionUse[]>>
  /** Letters that have not been resolved (or all of them), by id, behind `after`; up to about `limits`. */
  letters(migration: MigrationId, wanted: LettersWanted, signal: AbortSignal): Promise<readonly StoredLetter[]>
  /** Parts of a check, by their names, that were finished in an earlier run of it: what was found, as the check keeps it. */
  checked(check: string): Promise<ReadonlyMap<string, Uint8Array>>
  /** Answers whether it is kept: it is not where this user must not write to the ledger, or nobody at present. */
  saveChecked(check: string, part: string, found: Uint8Array): Promise<boolean>
  /** The check is over. */
  forgetChecked(check: string): Promise<void>
  /** Opens a partition for rows of a table that are replayed from dead letters; it is of the lease's epoch. */
  openReplay(migration: MigrationId, table: string, lease: Lease): Promise<Partition>
  /** Migrations of any of these tables that began and did not finish. */
  unfinished(tables: readonly TargetName[]): Promise<readonly { id: MigrationId; target: TargetName; state: string }[]>
  /** Child tables that earlier migrations into this table have made for it; some may be gone. */
  childTables(table: TargetName): Promise<readonly TargetName[]>
  /**
   * Stores migration, tables and partitions, makes objects of phase `before` and runs the DDL of every table, by its
   * mode, in one transaction: a kill leaves all of it or nothing. Tables of earlier unfinished migrations that are recreated are superseded. Answers the
   * partitions with their ids.
   */
  begin(record: MigrationRecord, lease: Lease, signal: AbortSignal): Promise<readonly Partition[]>
  /**
   * Makes the objects of phase `after` that it has not made yet, each in a transaction. Answers those that were made.
   * Throws `target-incompatible` for all that are refused, or something else has the name of, once the others are made.
   */
  carry(migration: MigrationId, lease: Lease, signal: AbortSignal): Promise<readonly CarriedObject[]>
  entries(migration: MigrationId, partition: number): Promise<readonly Entry[]>
  /**
   * Locks the partition against claims, which waits for any late commit, reads its entries, closes it and opens a new
   * partition for each gap. Answers those; they carry the lease's epoch.
   */
  replan(
    migration: MigrationId,
    partition: Partition,
    lease: Lease,
    gapsOf: (partition: Bounds, entries: readonly Entry[]) => readonly Bounds[],
  ): Promise<readonly Partition[]>
  /** Sums of all entries by source table. */
  totals(migration: MigrationId): Promise<ReadonlyMap<string, Counts & { readonly bytes: number }>>
  /** With `marks`, which are stored for the migration's source and target tables in the same transaction. */
  setState(
    migration: MigrationId,
    lease: Lease,
    state: MigrationState,
    error: ErrorShape | null,
    marks?: readonly Mark[],
  ): Promise<void>
  /** The mark of an earlier migration from this source (by its masked address) into this target table. */
  mark(source: string, table: string, target: TargetName, field: string): Promise<Mark | null>
  /**
   * Changes the tables of a plan. First fences: batches that are open end, and none that was encoded for an earlier
   * version can be claimed. Then, in one transaction, alters the tables and stores the plan with its new version.
   * Throws `schema-drift` for a change that the target refuses; the table then stays fenced.
   */
  evolve(
    migration: MigrationId,
    lease: Lease,
    plan: TablePlan,
    changes: readonly TableChange[],
    signal: AbortSignal,
  ): Promise<void>
}
