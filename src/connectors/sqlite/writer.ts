import { setImmediate } from 'node:timers/promises'
import { samePosition, type BatchId } from '../../core/batch.ts'
import type { Counts } from '../../core/counts.ts'
import { DroverError } from '../../core/errors.ts'
import { reach } from '../../core/failpoint.ts'
import type { TablePlan } from '../../core/plan.ts'
import type { OpenBatch, RunMark, Writer } from '../contract.ts'
import { beginTransaction, type Connection, type DatabaseFile } from './database.ts'
import { readEntry } from './ledger-entries.ts'
import { leaseLost } from './ledger-lease.ts'
import { hasLedger, type LedgerTables } from './ledger-schema.ts'
import { toDroverError } from './target-errors.ts'
import { SqliteOpenBatch } from './writer-batch.ts'
import { Statements } from './writer-statements.ts'

/**
 * Writes batches over one connection, one transaction each, in which nobody else writes to the file. States: without a
 * connection (at first, and after every failure), idle, and with an open batch.
 */
export class SqliteWriter implements Writer {
  readonly #file: DatabaseFile
  readonly #tables: LedgerTables
  readonly #run: RunMark
  #opened: { readonly connection: Connection; readonly statements: Statements } | null = null
  #open: SqliteOpenBatch | null = null

  constructor(file: DatabaseFile, tables: LedgerTables, run: RunMark) {
    this.#file = file
    this.#tables = tables
    this.#run = run
  }

  /** Opens the connection, so that a worker that reports itself ready is. */
  connect(): void {
    this.#connected()
  }

  async begin(id: BatchId, plan: TablePlan, signal: AbortSignal): Promise<OpenBatch | { readonly committed: Counts }> {
    if (plan.source !== id.table) {
      throw new DroverError('unexpected', `a batch of ${id.table} came with the plan of ${plan.source}`)
    }
    if (this.#open?.ended === false) throw new DroverError('unexpected', 'the batch before has not ended')
    signal.throwIfAborted()
    // All that follows is done at once, so others of this thread get their turn here.
    await setImmediate()
    try {
      return await this.#claim(id, plan, signal)
    } catch (error) {
      this.#drop()
      signal.throwIfAborted()
      throw toDroverError(error, `begin batch ${id.seq} of partition ${id.partition} of ${id.table}`)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#open?.[Symbol.asyncDispose]()
    this.#drop()
  }

  async #claim(id: BatchId, plan: TablePlan, signal: AbortSignal): Promise<OpenBatch | { readonly committed: Counts }> {
    const { connection, statements } = this.#connected()
    const transaction = await beginTransaction(connection, this.#file.patienceMs, signal)
    try {
      const committed = this.#committed(connection, id)
      if (committed !== null) {
        transaction.rollBack()
        return { committed }
      }
      this.#demandOpen(connection, id, plan)
      statements.renew()
    } catch (error) {
      transaction.rollBack()
      throw error
    }
    const drop = (): void => this.#drop()
    const [tables, run] = [this.#tables, this.#run]
    const claimed = { connection, transaction, statements, tables, run, id, plan, signal, drop }
    this.#open = new SqliteOpenBatch(claimed)
    await reach('chunk.claimed')
    return this.#open
  }

  /** Counts of the entry where the batch is committed already. */
  #committed(connection: Connection, id: BatchId): Counts | null {
    if (!hasLedger(connection, this.#tables)) return null
    const entry = readEntry(connection, this.#tables, this.#run.migration, id)
    if (entry === null) return null
    if (entry.last === id.last && samePosition(entry.after, id.after) && samePosition(entry.upTo, id.upTo)) {
      return entry.counts
    }
    // Invariant 1: the entry stands for other rows than this batch holds, so neither skipping nor writing is right.
    throw new DroverError(
      'conservation-broken',
      `batch ${id.seq} of partition ${id.partition} of ${id.table} is committed with other bounds`,
    )
  }

  /** Throws `lease-lost` or `schema-drift`: see the contract. */
  #demandOpen(connection: Connection, id: BatchId, plan: TablePlan): void {
    const where = `partition ${id.partition} of ${id.table}`
    const text = `select open, epoch, schema_version as version from ${this.#tables.partition} where migration = ? and id = ?`
    const row = hasLedger(connection, this.#tables)
      ? connection.get<{ open: number; epoch: number; version: number }>(text, this.#run.migration, id.partition)
      : null
    if (row === null) throw leaseLost(`${where} does not exist`)
    if (row.open === 0) throw leaseLost(`${where} is closed`)
    if (row.epoch !== this.#run.epoch) {
      throw leaseLost(`${where} belongs to epoch ${row.epoch}, and this run is epoch ${this.#run.epoch}`)
    }
    if (row.version === plan.schemaVersion) return
    throw new DroverError(
      'schema-drift',
      `${id.table} has schema version ${row.version}, and the batch was encoded for ${plan.schemaVersion}`,
    )
  }

  #connected(): { readonly connection: Connection; readonly statements: Statements } {
    if (this.#opened !== null) return this.#opened
    const connection = this.#file.open()
    this.#opened = { connection, statements: new Statements(connection) }
    return this.#opened
  }

  #drop(): void {
    this.#opened?.connection[Symbol.dispose]()
    this.#opened = null
  }
}
