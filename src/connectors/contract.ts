import type {
  Batch,
  BatchId,
  BatchLimits,
  Bounds,
  Dialect,
  EncodedRows,
  Format,
  PackedRows,
  Partition,
} from '../core/batch.ts'
import type { CarriedObject, DatabaseObjects } from '../core/carried-object.ts'
import type { CoercionUse } from '../core/coercion.ts'
import type { Counts } from '../core/counts.ts'
import type { DeadLetter } from '../core/dead-letter.ts'
import type { ErrorShape } from '../core/errors.ts'
import type { ExistingColumn } from '../core/existing-column.ts'
import type { FaultClass } from '../core/fault.ts'
import type { ForeignKeyPlan, IndexPlan, SourceIndex } from '../core/index-plan.ts'
import type { ColumnPlan, TablePlan, TargetColumn, TargetName } from '../core/plan.ts'
import type { RetryPolicy } from '../core/retry.ts'
import type { TableChange } from '../core/table-change.ts'
import type { Ledger, MigrationId } from './ledger-contract.ts'
import type { PlannedTable, Selection } from './planned-table.ts'
import type { ObjectsRequest, StructureRequest, TableStructure } from './structure.ts'

/** Something a check found. An `error` refuses the run before anything is written. */
export interface Finding {
  readonly level: 'error' | 'warning' | 'info'
  readonly error: ErrorShape
}

// ── source ──

/** A table of a source, also one that is not copied. */
export interface SourceTable {
  /** As people name it: with its schema, unless that is the one meant without. */
  readonly name: string
  /** The schema it is in, and its name there; absent: the source has none. */
  readonly qualified?: TargetName | undefined
  /** `partition`: a part of another table, whose rows it has too. */
  readonly kind: 'table' | 'partition' | 'view' | 'capped' | 'time-series' | 'system'
  /** Why it is not copied; null: it is. */
  readonly skipped: string | null
  /** From the source's own statistics; null where it has none (views). */
  readonly estimatedRows: number | null
  /** Average bytes of a row; null where unknown. */
  readonly averageRowBytes: number | null
  /** Its rows can be read in key order, and so in partitions, and again from any key. */
  readonly ordered: boolean
}

/** What a source is opened with, beside its address. */
export interface SourceOptions {
  /** What the database's own clients read from the environment. */
  readonly environment: Readonly<Record<string, string | undefined>>
  /** What {@link Source.share} of another one answered, whose state this one is to read; null: its own. */
  readonly shared: string | null
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
  /** The language of its structures; null: its tables have none. */
  readonly dialect: Dialect | null
  /** How its names become names of the target unless somebody says otherwise. */
  readonly naming: 'snake_case' | 'preserve'
  /** The field that identifies a row; empty: the layout of a table says which do. */
  readonly keyField: string
  /** Why one reader had better read all of it, to end "feed paged: …"; null: several may. Known once it was checked. */
  readonly oneReader: string | null
  /** What tells its database from every other one, and is the same for a target of it; null: nothing does. */
  identity(signal: AbortSignal): Promise<string | null>
  /** What kind of failure an error of this connector is; it sees through `cause`. */
  classify(error: unknown): FaultClass
  /** Reaches the server, checks version and rights. Throws when it cannot be reached. */
  check(signal: AbortSignal): Promise<readonly Finding[]>
  /** Every table of the database, skipped ones included, by name. */
  describe(signal: AbortSignal): Promise<readonly SourceTable[]>
  /** What its catalogue says of a table; null: nothing, and rows have to be looked at. */
  structure(request: StructureRequest, signal: AbortSignal): Promise<TableStructure | null>
  /**
   * Keeps the state that it reads, until it is disposed, for others that are opened with the answer, as
   * {@link SourceOptions.shared}, to read the same; null: nobody has to, or can. May be called again. Throws
   * `source-failed` where that state is lost.
   */
  share(signal: AbortSignal): Promise<string | null>
  /**
   * What it has beside tables, and what of it cannot be carried; nothing for a source without a dialect. Throws
   * `missing-dependency` where a table needs what cannot be carried.
   */
  objects(request: ObjectsRequest, signal: AbortSignal): Promise<DatabaseObjects>
  /** Indexes of a table that has no structure; none for a source that has none. */
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

export interface ExistingTable {
  readonly target: TargetName
  readonly kind: 'table' | 'other'
  readonly empty: boolean
  readonly columns: readonly ExistingColumn[]
  /** Columns of its primary key; empty: none. */
  readonly key: readonly string[]
  /** Qualified names of views and tables that depend on it. */
  readonly dependents: readonly string[]
  /** Tables that have to have a row for each of its rows as it is written; itself, where its rows refer to one another. */
  readonly refersTo: readonly TargetName[]
  /** Those that rows fire which are inserted or updated; they may change them, or do more than that. */
  readonly triggers: readonly { readonly name: string; readonly insert: boolean; readonly update: boolean }[]
  /** By which the server would rewrite statements on it: not applied to rows that are copied, and in the way of a merge. */
  readonly rules: readonly string[]
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
  /** What it takes first; some tables may be written in another format, which `sentAs` of their plan says. */
  readonly accepts: Format
  /** The language of definitions and statements that it runs; null: none. */
  readonly dialect: Dialect | null
  /** `atomic`: rows and ledger entry become durable together; `keyed`: a retry overwrites by key. */
  readonly delivery: 'atomic' | 'keyed'
  /** Writers it can serve at once; Infinity where only its connections bound them. */
  readonly maxWriters: number
  /** As {@link Source.identity}. */
  identity(signal: AbortSignal): Promise<string | null>
  /** What kind of failure an error of this connector is; it sees through `cause`. */
  classify(error: unknown): FaultClass
  /** Reaches the server, checks version and the rights on these schemas. Throws when it cannot be reached. */
  check(schemas: readonly string[], signal: AbortSignal): Promise<readonly Finding[]>
  /** Whether it can have these objects of a source of its dialect, none of which it gets by this. */
  checkObjects(objects: readonly CarriedObject[], signal: AbortSignal): Promise<readonly Finding[]>
  connections(signal: AbortSignal): Promise<Connections>
  /** Those of the named tables that exist. */
  existing(names: readonly TargetName[], signal: AbortSignal): Promise<readonly ExistingTable[]>
  /** The statements that would create the table and, apart, those run after the load. For people: `plan` prints them. */
  ddl(planned: Pick<PlannedTable, 'plan' | 'indexes' | 'references'> & { readonly exists?: boolean | undefined }): {
    readonly create: string
    readonly finish: readonly string[]
  }
  /** Its tables are in schemas; where it has none, that of a name says nothing. */
  readonly hasSchemas: boolean
  /** The longest name of a table or column, in bytes of UTF-8. */
  readonly maxNameBytes: number
  /** The most columns that a table can have. */
  readonly maxColumns: number
  /** Kinds of indexes that it can build. */
  readonly indexMethods: readonly IndexPlan['method'][]
  /** Names that no column may have, whatever the quoting. */
  readonly reservedColumns: readonly string[]
  /**
   * In what columns of these types are to be written, `native` being the target's own name of the type; null: it cannot
   * take them.
   */
  formatFor(columns: readonly Pick<ColumnPlan, 'type' | 'native'>[]): Format | null
  openLedger(signal: AbortSignal): Promise<Ledger>
  openWriter(options: RunMark, signal: AbortSignal): Promise<Writer>
  /** Builds the keys of a table and its child tables and refreshes statistics; may be called again. Throws `key-violation`. */
  finish(plan: TablePlan, options: { readonly buildKey: boolean }, signal: AbortSignal, run?: RunMark): Promise<void>
  /** Builds an index unless it is there. Throws `key-violation`, which lists values that violate it. */
  buildIndex(index: IndexPlan, signal: AbortSignal, run?: RunMark): Promise<void>
  /** Adds a reference and validates it, unless it is there. Throws `key-violation`, which lists values without a row. */
  addForeignKey(reference: ForeignKeyPlan, signal: AbortSignal, run?: RunMark): Promise<void>
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
  /**
   * Rows of a slice in no order, packed in the format that the target accepts, with the columns named and in that order;
   * those with a `native` type are read as their `type`, losing nothing.
   */
  read(
    target: TargetName,
    columns: readonly TargetColumn[],
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
    columns: readonly TargetColumn[],
    key: readonly string[],
    keys: readonly (readonly (string | null)[])[],
    signal: AbortSignal,
  ): Promise<readonly (readonly (string | null)[])[]>
  /**
   * What {@link lookUp} shows of a column that was given values as these texts, which may be another text for the same;
   * null for one that the column does not take.
   */
  restated(
    column: Pick<TargetColumn, 'type' | 'native'>,
    texts: readonly string[],
    signal: AbortSignal,
  ): Promise<readonly (string | null)[]>
  /** Whether an index serves {@link lookUp} by these columns; without one it reads all of the table each time. */
  isIndexed(target: TargetName, key: readonly string[], signal: AbortSignal): Promise<boolean>
}

// ── writer ──

/**
 * The run that something is done for. What bears it is done by that run only: a newer run of the migration waits for it,
 * or ends it, and it throws `lease-lost` once there is one. Plain data.
 */
export interface RunMark {
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

/** A row that the target refuses. */
export interface Rejection {
  readonly part: number
  /** Place among the rows of its part; null: the target does not say. */
  readonly index: number | null
  readonly error: ErrorShape
  /** Name of the column whose value is at fault; absent: the target names none. */
  readonly column?: string | undefined
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
        readonly rejected: Rejection
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
