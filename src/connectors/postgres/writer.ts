import type { BatchId } from '../../core/batch.ts'
import { samePosition } from '../../core/batch.ts'
import type { Counts } from '../../core/counts.ts'
import { DroverError } from '../../core/errors.ts'
import { reach } from '../../core/failpoint.ts'
import type { TablePlan } from '../../core/plan.ts'
import type { OpenBatch, Writer, RunMark } from '../contract.ts'
import type { Session } from './session.ts'
import { countColumns, boundParameter, entryOf, type EntryRow } from './entries.ts'
import { toDroverError } from './errors.ts'
import { leaseLost } from './lease.ts'
import { workerLock } from './lease-holders.ts'
import type { LedgerTables } from './ledger-schema.ts'
import { PostgresOpenBatch } from './open-batch.ts'
import { queryBehind, type Preceding } from './pipeline.ts'
import type { Sessions } from './sessions.ts'
import { Stages } from './stage.ts'

/** A constraint that is deferred would refuse a batch at its COMMIT, where no row is named. */
const beginning: readonly [Preceding, ...Preceding[]] = [
  { text: 'begin', values: [] },
  { text: 'set constraints all immediate', values: [] },
]

/**
 * Writes batches over one connection, one transaction each. States: without a session (at first, and after every
 * failure), idle, and with an open batch. Any failure but the refusal of a row drops the session, with its transaction,
 * and `begin` starts afresh. Sessions hold the migration's worker lock, by which a later run finds them.
 */
export class PostgresWriter implements Writer {
  readonly #sessions: Sessions
  readonly #tables: LedgerTables
  readonly #options: RunMark
  #session: Session | null = null
  /** Those of the session; its end is theirs. */
  #stages: Stages | null = null
  #open: PostgresOpenBatch | null = null

  constructor(sessions: Sessions, tables: LedgerTables, options: RunMark) {
    this.#sessions = sessions
    this.#tables = tables
    this.#options = options
  }

  /** Opens the connection, so that a worker that reports itself ready is. */
  async connect(signal: AbortSignal): Promise<void> {
    await this.#connected(signal)
  }

  async begin(id: BatchId, plan: TablePlan, signal: AbortSignal): Promise<OpenBatch | { readonly committed: Counts }> {
    if (plan.source !== id.table) {
      throw new DroverError('unexpected', `a batch of ${id.table} came with the plan of ${plan.source}`)
    }
    if (this.#open?.ended === false) throw new DroverError('unexpected', 'the batch before has not ended')
    signal.throwIfAborted()
    const { session, stages } = await this.#connected(signal)
    const abort = (): void => session.destroy()
    signal.addEventListener('abort', abort)
    try {
      if (await this.#claim(session, id, plan)) {
        await reach('chunk.claimed')
        const { migration } = this.#options
        this.#open = new PostgresOpenBatch({ session, stages, tables: this.#tables, migration, id, plan, signal })
        return this.#open
      }
      const committed = await this.#committed(session, id)
      await session.run('rollback')
      if (committed === null) throw await this.#fenced(session, id, plan)
      return { committed }
    } catch (error) {
      session.destroy()
      signal.throwIfAborted()
      throw toDroverError(error, `begin batch ${id.seq} of partition ${id.partition} of ${id.table}`)
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#open?.[Symbol.asyncDispose]()
    await this.#session?.[Symbol.asyncDispose]()
  }

  async #connected(signal: AbortSignal): Promise<{ readonly session: Session; readonly stages: Stages }> {
    if (this.#session?.usable !== true || this.#stages === null) {
      this.#session = await this.#sessions.open(signal, workerLock(this.#options.migration))
      this.#stages = new Stages(this.#session)
    }
    return { session: this.#session, stages: this.#stages }
  }

  /**
   * Begins the transaction and takes the batch, in one round trip. The lock on the partition's row is shared among its
   * claims, and whoever closes the partition or raises its epoch waits for them; a claim that had to wait sees the row
   * as it is then. A claim of an entry that another transaction has inserted waits for that one's end.
   */
  async #claim(session: Session, id: BatchId, plan: TablePlan): Promise<boolean> {
    const { migration, epoch } = this.#options
    const text = `
      insert into ${this.#tables.entry} (migration, partition, seq, after, up_to, last, epoch)
      select p.migration, p.id, $3, $4, $5, $6, p.epoch
      from ${this.#tables.partition} p
      where p.migration = $1 and p.id = $2 and p.open and p.epoch = $7 and p.schema_version = $8
      for share
      on conflict do nothing
      returning seq`
    const values = [
      migration,
      id.partition,
      id.seq,
      boundParameter(id.after),
      boundParameter(id.upTo),
      id.last,
      epoch,
      plan.schemaVersion,
    ]
    const [, claimed] = await queryBehind(session.client, beginning, { name: 'claim', text, values })
    return claimed.rowCount === 1
  }

  /** Counts of the entry where the batch is committed already. */
  async #committed(session: Session, id: BatchId): Promise<Counts | null> {
    const { rows } = await session.query<EntryRow>(
      `select seq, last, after, up_to, ${countColumns} from ${this.#tables.entry}
       where migration = $1 and partition = $2 and seq = $3`,
      [this.#options.migration, id.partition, id.seq],
    )
    const [row] = rows
    if (row === undefined) return null
    const entry = entryOf(row, id)
    if (entry.last === id.last && samePosition(entry.after, id.after) && samePosition(entry.upTo, id.upTo)) {
      return entry.counts
    }
    // Invariant 1: the entry stands for other rows than this batch holds, so neither skipping nor writing is right.
    throw new DroverError(
      'conservation-broken',
      `batch ${id.seq} of partition ${id.partition} of ${id.table} is committed with other bounds`,
    )
  }

  async #fenced(session: Session, id: BatchId, plan: TablePlan): Promise<DroverError> {
    const { rows } = await session.query<{ open: boolean; epoch: number; schema_version: number }>(
      `select open, epoch, schema_version from ${this.#tables.partition} where migration = $1 and id = $2`,
      [this.#options.migration, id.partition],
    )
    const [row] = rows
    const where = `partition ${id.partition} of ${id.table}`
    if (row === undefined) return leaseLost(`${where} does not exist`)
    if (!row.open) return leaseLost(`${where} is closed`)
    if (row.epoch !== this.#options.epoch) {
      return leaseLost(`${where} belongs to epoch ${row.epoch}, and this run is epoch ${this.#options.epoch}`)
    }
    return new DroverError(
      'schema-drift',
      `${id.table} has schema version ${row.schema_version}, and the batch was encoded for ${plan.schemaVersion}`,
    )
  }
}
