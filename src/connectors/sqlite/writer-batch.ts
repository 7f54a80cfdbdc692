import type { BatchId, EncodedRows } from '../../core/batch.ts'
import type { CoercionUse } from '../../core/coercion.ts'
import { isConserved, type Counts } from '../../core/counts.ts'
import type { DeadLetter } from '../../core/dead-letter.ts'
import { DroverError } from '../../core/errors.ts'
import { reach } from '../../core/failpoint.ts'
import { partsOf, qualified, type TablePlan } from '../../core/plan.ts'
import type { OpenBatch, RunMark } from '../contract.ts'
import type { Connection, Transaction } from './database.ts'
import { countColumns } from './ledger-entries.ts'
import { insertCoercions, insertLetters, resolveLetters, type Keeping } from './ledger-letters.ts'
import type { LedgerTables } from './ledger-schema.ts'
import { changedTable, RefusedRow, toDroverError } from './target-errors.ts'
import type { Statements } from './writer-statements.ts'

export interface Claimed {
  readonly connection: Connection
  readonly transaction: Transaction
  readonly statements: Statements
  readonly tables: LedgerTables
  readonly run: RunMark
  readonly id: BatchId
  readonly plan: TablePlan
  readonly signal: AbortSignal
  /** The connection is of no more use. */
  readonly drop: () => void
}

type Answer = Awaited<ReturnType<OpenBatch['write']>>
type Written = Exclude<Answer, { readonly rejected: unknown }>

const nothingLeft: ReadonlySet<number> = new Set()

/**
 * A claimed batch. Open until `commit`, a refusal or a failure; these, and disposing, end it. Until then nobody else
 * writes to the file.
 */
export class SqliteOpenBatch implements OpenBatch {
  readonly #claimed: Claimed
  /** Rows that SQLite has taken, of all parts, those apart that were only tried. */
  #taken = 0
  /** Something was tried, and is to be taken back. */
  #tries = false

  constructor(claimed: Claimed) {
    this.#claimed = claimed
  }

  get ended(): boolean {
    return this.#claimed.transaction.ended
  }

  async write(parts: readonly EncodedRows[], options?: { readonly trial: boolean }): Promise<Answer> {
    if (options?.trial === true) return this.#attempt('try rows of', () => this.#try(parts))
    return this.#attempt('write', async () => {
      this.#endTrials()
      try {
        const written = await this.#writeParts(parts)
        this.#taken += written.written + written.derived
        await reach('copy.done_before_ledger')
        return written
      } catch (error) {
        if (!(error instanceof RefusedRow)) throw error
        this.#claimed.transaction.rollBack()
        return rejection(error)
      }
    })
  }

  async bury(letters: readonly DeadLetter[]): Promise<void> {
    await this.#attempt('keep dead letters of', async () => {
      this.#endTrials()
      await reach('dlq.insert')
      insertLetters(this.#keeping, letters)
    })
  }

  async resolve(letters: readonly number[]): Promise<number> {
    return this.#attempt('resolve dead letters in', () => {
      this.#endTrials()
      return resolveLetters(this.#keeping, letters)
    })
  }

  async coerced(uses: readonly CoercionUse[]): Promise<void> {
    await this.#attempt('keep the coercions of', () => {
      this.#endTrials()
      insertCoercions(this.#keeping, uses)
    })
  }

  async commit(counts: Counts, bytes: number): Promise<void> {
    await this.#attempt('commit', async () => {
      // Invariant 2.
      if (!isConserved(counts) || counts.written + counts.derived !== this.#taken) {
        throw new DroverError(
          'conservation-broken',
          `batch ${this.#name} wrote ${this.#taken} rows, and its counts are ${JSON.stringify(counts)}`,
        )
      }
      this.#endTrials()
      this.#insertEntry(counts, bytes)
      await reach('ledger.before_commit')
      this.#claimed.signal.throwIfAborted()
      await this.#claimed.transaction.commit()
      await reach('commit.sent')
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#claimed.transaction.rollBack()
  }

  get #name(): string {
    const { id } = this.#claimed
    return `${id.seq} of partition ${id.partition} of ${id.table}`
  }

  get #keeping(): Keeping {
    const { connection, tables, run, id } = this.#claimed
    return { connection, tables, migration: run.migration, id }
  }

  /** A failure ends the batch, and its connection with it. */
  async #attempt<T>(doing: string, work: () => T | Promise<T>): Promise<T> {
    const { signal, transaction, drop } = this.#claimed
    if (this.ended) throw new DroverError('unexpected', `batch ${this.#name} has ended`)
    try {
      signal.throwIfAborted()
      const result = await work()
      signal.throwIfAborted()
      return result
    } catch (error) {
      transaction.rollBack()
      drop()
      signal.throwIfAborted()
      throw toDroverError(error, `${doing} batch ${this.#name}`)
    }
  }

  async #try(parts: readonly EncodedRows[]): Promise<Answer> {
    const { connection } = this.#claimed
    if (!this.#tries) connection.exec('savepoint trials')
    this.#tries = true
    connection.exec('savepoint trial')
    try {
      const written = await this.#writeParts(parts)
      connection.exec('release trial')
      return written
    } catch (error) {
      if (!(error instanceof RefusedRow)) throw error
      connection.exec('rollback to trial; release trial')
      return rejection(error)
    }
  }

  #endTrials(): void {
    if (this.#tries) this.#claimed.connection.exec('rollback to trials; release trials')
    this.#tries = false
  }

  /** The plan's own rows first: where they are merged, children follow the fate of their owners. */
  async #writeParts(parts: readonly EncodedRows[]): Promise<Written> {
    const { plan, statements } = this.#claimed
    const tables = partsOf(plan)
    let written = 0
    let derived = 0
    let left: readonly number[] = []
    for (const rows of parts) {
      const table = tables[rows.part]
      if (table === undefined) throw new DroverError('unexpected', `${plan.source} has no part ${rows.part}`)
      if (rows.format !== 'sqlite') throw new DroverError('unexpected', `rows came as ${rows.format} to SQLite`)
      try {
        if (rows.part > 0) derived += await statements.insertOf(plan, rows.part).insert(rows, new Set(left))
        else if (plan.onConflict === undefined) {
          written += await statements.insertOf(plan, 0).insert(rows, nothingLeft)
        } else {
          left = statements.mergeOf(plan).merge(rows)
          written += rows.rows - left.length
        }
      } catch (error) {
        throw changedTable(error, qualified(table.target)) ?? error
      }
    }
    return { written, skipped: left.length, left, derived }
  }

  /** Invariant 1: the entry and its rows become durable together. */
  #insertEntry(counts: Counts, bytes: number): void {
    const { connection, tables, run, id } = this.#claimed
    const { read, written, filtered, skipped, deadLetters, derived } = counts
    connection.run(
      `insert into ${tables.entry} (migration, partition, seq, after, up_to, last, epoch, ${countColumns})
       values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      run.migration,
      id.partition,
      id.seq,
      id.after,
      id.upTo,
      id.last,
      run.epoch,
      read,
      written,
      filtered,
      skipped,
      deadLetters,
      derived,
      bytes,
    )
  }
}

function rejection({ part, index, shape }: RefusedRow): Answer {
  return { rejected: { part, index, error: shape } }
}
