import type { Batch, BatchId, BatchLimits, Bounds, EncodedRows, Format, PackedRows, Partition } from '../core/batch.ts'
import type { Counts } from '../core/counts.ts'
import type { CoercionUse } from '../core/coercion.ts'
import type { DeadLetter, StoredLetter } from '../core/dead-letter.ts'
import type { ErrorShape } from '../core/errors.ts'
import type { ExistingColumn } from '../core/existing-column.ts'
import type { FaultClass } from '../core/fault.ts'
import type { ForeignKeyPlan, IndexPlan, SourceIndex } from '../core/index-plan.ts'
import type { TablePlan, TargetName } from '../core/plan.ts'
import type { RetryPolicy } from '../core/retry.ts'
import type { TableChange } from '../core/table-change.ts'

/** Something a check found. An `error` refuses the run before anything is written. */
export interface Finding {
  readonly level: 'error' | 'warning' | 'info'
  readonly error: ErrorShape
}

// ── source ──

/** A table of a source, also one that is not copied. */
export interface SourceTable {
  readonly name: string
  readonly kind: 'table' | 'view' | 'capped' | 'time-series' | 'system'
  /** Why it is not copied; null: it is. */
  readonly skipped: string | null
  /** From the source's own statistics; null where it has none (views). */
  readonly estimatedRows: number | null
  /** Average bytes of a row; null where unknown. */
  readonly averageRowBytes: number | null
  /** Its rows can be read in key order, and so in partitions, and again from any key. */
  readonly ordered: boolean
}

/** Which rows and fields of a table. Plain data. */
export interface Selection {
  readonly table: string
  /** A filter in the source's own language, already checked (MongoDB: extended JSON). */
  readonly where: string | null
  /** Fields to read, the key always included; null: all. */
  readonly fields: readonly string[] | null
  readonly limit: number | null
  /** Only rows whose field lies in a range; absent: all. */
  readonly since?: SinceRange | undefined
}

/** `from ≤ field ≤ upTo`, both values in the source's own language (MongoDB: extended JSON). */
export interface SinceRange {
  readonly field: string
  /** Null: from the beginning, and rows without the field as well. */
  readonly from: string | null
  /** The highest value when the copy was planned; null: there was none. */
  readonly upTo: string | null
}

/** Whichever is met first ends the taking of a sample. */
export interface SampleLimits {
  readonly rows: number
  readonly bytes: number
  readonly seconds: number
}

/** Rows of a table to choose types by. */
export interface SampledRows {
  readonly batches: readonly Batch[]
  /** These are all the rows of the selection. */
  readonly complete: boolean
}

/** How the rows of a partition are read. */
export interface ReadOptions {
  readonly firstSeq: number
  readonly limits: BatchLimits
  readonly pool: BufferPool
  /** How a read that fails is taken up again; rows that come begin its budget anew. Absent: `defaultRetry`. */
  readonly retry?: RetryPolicy | undefined
  /** The read failed, and goes on after a pause. */
  readonly onRetry?: ((error: unknown, pauseMs: number) => void) | undefined
}

/** Memory for batches; what is given back is handed out again. */
export interface BufferPool {
  /** An array that owns its ArrayBuffer, of at least `size` bytes. */
  take(size: number): Uint8Array<ArrayBuffer>
  give(buffer: ArrayBuffer): void
}

/**
 * One system to read from. Every method may be called in any order after opening; slow ones stop on `signal` with its
 * reason. Failures are DroverErrors: `source-unreachable`, `source-login-refused`, `missing-right`, `source-failed` …
 */
export interface Source extends AsyncDisposable {
  /** For people: the address without secrets. */
  readonly name: string
  readonly format: Format
  /** The field that identifies a row. */
  readonly keyField: string
  /** What kind of failure an error of this connector is; it sees through `cause`. */
  classify(error: unknown): FaultClass
  /** Reaches the server, checks version and rights. Throws when it cannot be reached. */
  check(signal: AbortSignal): Promise<readonly Finding[]>
  /** Every table of the database, skipped ones included, by name. */
  describe(signal: AbortSignal): Promise<readonly SourceTable[]>
  /** Indexes of a table; none for a source that has none. */
  indexes(table: string, signal: AbortSignal): Promise<readonly SourceIndex[]>
  /** The highest value of a field among the rows selected, as {@link SinceRange} takes it; null: no row has the field. */
  highest(selection: Selection, field: string, signal: AbortSignal): Promise<string | null>
  /**
   * A value that a person wrote (a date, `-1d` before `now`, a number, an id, a text), as one of the same type as `like`,
   * which is of this source. `now` is in milliseconds since 1970. Throws `invalid-value`.
   */
  parseMark(text: string, like: string, now: number): string
  /** Rows spread over the whole key range, its first and its last among them; all of them where they are few. */
  sample(selection: Selection, limits: SampleLimits, signal: AbortSignal): Promise<SampledRows>
  /** The exact number of rows selected, by asking the server. */
  count(selection: Selection, signal: AbortSignal): Promise<number>
  /**
   * Contiguous bounds that cover the selection, about `count` of them, in key order; the first `after` is null, and the
   * last `upTo` is null unless the selection has a limit, which is resolved to a key here. One for a table that is not
   * ordered.
   */
  partition(selection: Selection, count: number, signal: AbortSignal): Promise<readonly Bounds[]>
  /**
   * The rows of one partition in key order, cut into batches: `seq` counts from `firstSeq`, the bounds are contiguous,
   * and the final batch, which may be empty, has `last` set. Reads no further than the consumer asks, but for one page
   * ahead. A cursor that is lost is opened again behind the last key, as the policy of the options allows. A batch ends
   * where its bound can be asked for again, so it may have some rows more than its limit.
   */
  read(selection: Selection, partition: Partition, options: ReadOptions, signal: AbortSignal): AsyncIterable<Batch>
}

// ── target ──

export type Mode = 'create' | 'append' | 'truncate' | 'recreate' | 'upsert'

export interface ExistingTable {
  readonly target: TargetName
  readonly kind: 'table' | 'other'
  readonly empty: boolean
  readonly columns: readonly ExistingColumn[]
  /** Columns of its primary key; empty: none. */
  readonly key: readonly string[]
  /** Qualified names of views and tables that depend on it. */
  readonly dependents: readonly string[]
}

export interface Connections {
  /** What the server allows this user in all. */
  readonly limit: number
  readonly inUse: number
  /** What drover may open now. */
  readonly free: number
}

/** One system to write to. The rules of {@link Source} hold. */
export interface Target extends AsyncDisposable {
  readonly name: string
  readonly accepts: Format
  /** `atomic`: rows and ledger entry become durable together; `keyed`: a retry overwrites by key. */
  readonly delivery: 'atomic' | 'keyed'
  /** Writers it can serve at once; Infinity where only its connections bound them. */
  readonly maxWriters: number
  /** What kind of failure an error of this connector is; it sees through `cause`. */
  classify(error: unknown): FaultClass
  /** Reaches the server, checks version and the rights on these schemas. Throws when it cannot be reached. */
  check(schemas: readonly string[], signal: AbortSignal): Promise<readonly Finding[]>
  connections(signal: AbortSignal): Promise<Connections>
  /** Those of the named tables that exist. */
  existing(names: readonly TargetName[], signal: AbortSignal): Promise<readonly ExistingTable[]>
  /** The statements that would create the table and, apart, those run after the load. For people: `plan` prints them. */
  ddl(planned: Pick<PlannedTable, 'plan' | 'indexes' | 'references'>): {
    readonly create: string
    readonly finish: readonly string[]
  }
  /** The longest name of a table or column, in bytes of UTF-8. */
  readonly maxNameBytes: number
  /** The most columns that a table can have. */
  readonly maxColumns: number
  /** Names that no column may have, whatever the quoting. */
  readonly reservedColumns: readonly string[]
  openLedger(signal: AbortSignal): Promise<Ledger>
  openWriter(options: WriterOptions, signal: AbortSignal): Promise<Writer>
  /** Builds the keys of a table and its child tables and refreshes statistics; may be called again. Throws `key-violation`. */
  finish(plan: TablePlan, options: { readonly buildKey: boolean }, signal: AbortSignal): Promise<void>
  /** Builds an index unless it is there. Throws `key-violation`, which lists values that violate it. */
  buildIndex(index: IndexPlan, signal: AbortSignal): Promise<void>
  /** Adds a reference and validates it, unless it is there. Throws `key-violation`, which lists values without a row. */
  addForeignKey(reference: ForeignKeyPlan, signal: AbortSignal): Promise<void>
  /** What the target has to write anew for a change; null: it changes its catalog only. */
  costOf(change: TableChange, signal: AbortSignal): Promise<{ readonly rows: number; readonly bytes: number } | null>
  /** The exact number of rows in the table. */
  count(target: TargetName, signal: AbortSignal): Promise<number>
  /** About `count` parts of a table that can be read beside each other; together they are all of it. */
  slices(target: TargetName, count: number, signal: AbortSignal): Promise<readonly Slice[]>
  openReader(signal: AbortSignal): Promise<Reader>
}

/** A part of a target table, as the connector's own plain data. */
export type Slice = { readonly from: string | null; readonly upTo: string | null }

/** One connection that reads target tables back, one thing after the other. */
export interface Reader extends AsyncDisposable {
  /** Rows of a slice in no order, packed in the format that the target accepts, with the columns named and in that order. */
  read(
    target: TargetName,
    columns: readonly string[],
    slice: Slice,
    options: { readonly limits: BatchLimits; readonly pool: BufferPool },
    signal: AbortSignal,
  ): AsyncIterable<PackedRows>
  /**
   * The rows whose `key` columns have one of these values, in no order: the values of `columns` as text that loses
   * nothing (PostgreSQL: their text form), null for NULL. `keys` are in that same form.
   */
  lookUp(
    target: TargetName,
    columns: readonly string[],
    key: readonly string[],
    keys: readonly (readonly (string | null)[])[],
    signal: AbortSignal,
  ): Promise<readonly (readonly (string | null)[])[]>
  /** Whether an index serves {@link lookUp} by these columns; without one it reads all of the table each time. */
  isIndexed(target: TargetName, key: readonly string[], signal: AbortSignal): Promise<boolean>
}

// ── ledger ──

export type MigrationId = string & { readonly __brand: 'MigrationId' }

export type MigrationState = 'copying' | 'finishing' | 'verifying' | 'done' | 'stopped' | 'rolled-back'

/** All that makes a migration, stored before the first row moves. No secrets: addresses are masked. */
export interface MigrationRecord {
  readonly id: MigrationId
  readonly source: string
  readonly target: string
  readonly tables: readonly PlannedTable[]
  /** The options that shape the copy, for `status` and for refusing a resume with others. */
  readonly options: { readonly [option: string]: unknown }
}

/** A migration as the ledger holds it. Its plans are those that drift has left, with the names the tables have now. */
export interface StoredMigration extends MigrationRecord {
  readonly state: MigrationState | 'superseded'
  readonly error: ErrorShape | null
  readonly beganAt: Date
  readonly changedAt: Date
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

export interface PlannedTable {
  readonly plan: TablePlan
  readonly selection: Selection
  readonly mode: Mode
  /**
   * The tables are loaded into a schema of the migration's own, which the names of the plan say, and are moved to this
   * schema at the end; what stands there under their names is replaced then. Absent: they are loaded where they stay.
   */
  readonly publishTo?: string | undefined
  /** The target table is there already and stays (create on an empty one, append). */
  readonly exists: boolean
  /** Rows in the target table before the run. */
  readonly baseline: number
  /** The source reads it in key order, so any part of it can be read again. */
  readonly ordered: boolean
  readonly partitions: readonly Bounds[]
  /** Child tables of an earlier copy of this table, which go with it where it is recreated. */
  readonly drops?: readonly TargetName[] | undefined
  /** Columns that an existing table gets before the first row, because it lacks them. */
  readonly additions?: readonly TableChange[] | undefined
  /** Built after the load. */
  readonly indexes?: readonly IndexPlan[] | undefined
  readonly references?: readonly ForeignKeyPlan[] | undefined
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
  letters(
    migration: MigrationId,
    options: {
      readonly open: boolean
      readonly table: string | null
      readonly after: number
      readonly limits: BatchLimits
    },
    signal: AbortSignal,
  ): Promise<readonly StoredLetter[]>
  /** Parts of a check, by their names, that were finished in an earlier run of it: what was found, as the check keeps it. */
  checked(check: string): Promise<ReadonlyMap<string, Uint8Array>>
  saveChecked(check: string, part: string, found: Uint8Array): Promise<void>
  /** The check is over. */
  forgetChecked(check: string): Promise<void>
  /** Opens a partition for rows of a table that are replayed from dead letters; it is of the lease's epoch. */
  openReplay(migration: MigrationId, table: string, lease: Lease): Promise<Partition>
  /** Migrations of any of these tables that began and did not finish. */
  unfinished(tables: readonly TargetName[]): Promise<readonly { id: MigrationId; target: TargetName; state: string }[]>
  /** Child tables that earlier migrations into this table have made for it; some may be gone. */
  childTables(table: TargetName): Promise<readonly TargetName[]>
  /**
   * Stores migration, tables and partitions and runs the DDL of every table, by its mode, in one transaction: a kill
   * leaves all of it or nothing. Tables of earlier unfinished migrations that are recreated are superseded. Answers the
   * partitions with their ids.
   */
  begin(record: MigrationRecord, lease: Lease, signal: AbortSignal): Promise<readonly Partition[]>
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

// ── writer ──

/** Plain data. */
export interface WriterOptions {
  readonly migration: MigrationId
  readonly epoch: number
}

/** One connection that writes batches, one after the other. */
export interface Writer extends AsyncDisposable {
  /**
   * Opens the transaction and claims the batch. Answers the counts of the entry where the batch is committed already.
   * Throws `lease-lost` where the partition is closed or belongs to another epoch, and `schema-drift` where the table
   * has another schema version than `plan`, which is one of this table. Safe to call again after any
   * failure, also one of unknown outcome: it waits for the earlier transaction to end.
   */
  begin(id: BatchId, plan: TablePlan, signal: AbortSignal): Promise<OpenBatch | { readonly committed: Counts }>
}

/** A claimed batch: one transaction. Disposed without commit it is rolled back. */
export interface OpenBatch extends AsyncDisposable {
  /**
   * Writes rows of a batch for each table of its plan, in the order of `partsOf` and in the format the target accepts.
   * A refusal ends the batch. With `trial` rows are tried only: those that are taken stay until the call without
   * `trial`, which takes all of them back before it writes its own, and a refusal takes back its own call and ends nothing.
   * So a batch can be tried piece by piece, and is written in one piece, which its transaction is known by.
   * `skipped` counts rows of the plan's own table that were there already or came again in the batch, and `left` names
   * their places, ascending; their children are left with them. `derived` counts rows of child tables. A row the target
   * refuses is answered, and then nothing is written.
   */
  write(
    parts: readonly EncodedRows[],
    options?: { readonly trial: boolean },
  ): Promise<
    | {
        readonly written: number
        readonly skipped: number
        readonly left: readonly number[]
        readonly derived: number
      }
    | {
        readonly rejected: { readonly part: number; readonly index: number | null; readonly error: ErrorShape }
      }
  >
  /** Keeps rows that cannot be written; they become durable with the batch. */
  bury(letters: readonly DeadLetter[]): Promise<void>
  /**
   * Marks letters as resolved by this batch. Answers how many of them were open until now; where that is not all, the
   * batch is not to be committed.
   */
  resolve(letters: readonly number[]): Promise<number>
  /** Keeps what values were changed by name in this batch. */
  coerced(uses: readonly CoercionUse[]): Promise<void>
  /** `written` and `derived` of the counts together are what `write` answered; throws `conservation-broken` otherwise. */
  commit(counts: Counts, bytes: number): Promise<void>
}
