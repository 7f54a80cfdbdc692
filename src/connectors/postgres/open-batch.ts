import type { BatchId, EncodedRows } from '../../core/batch.ts'
import type { CoercionUse } from '../../core/coercion.ts'
import { isConserved, type Counts } from '../../core/counts.ts'
import type { DeadLetter } from '../../core/dead-letter.ts'
import { DroverError } from '../../core/errors.ts'
import { reach } from '../../core/failpoint.ts'
import { partsOf, qualified, targetColumns, type ChildPlan, type TablePlan } from '../../core/plan.ts'
import type { OpenBatch } from '../contract.ts'
import type { MigrationId } from '../ledger-contract.ts'
import type { Session } from './session.ts'
import { insertCoercions, insertLetters, resolveLetters } from './bury.ts'
import { copyRows, type Destination } from './copy-rows.ts'
import { changedTable, isOutcomeUnknown, refusedAtCommit, RefusedRow, toDroverError, UnknownOutcome } from './errors.ts'
import { quoteTable } from './identifiers.ts'
import type { LedgerTables } from './ledger-schema.ts'
import { mergeRows } from './merge.ts'
import { queryBehind } from './pipeline.ts'
import type { Stages } from './stage.ts'
import { Trials } from './trials.ts'

export interface Claimed {
  readonly session: Session
  readonly stages: Stages
  readonly tables: LedgerTables
  readonly migration: MigrationId
  readonly id: BatchId
  readonly plan: TablePlan
  /** Ends whatever goes on with the batch, by ending its connection. */
  readonly signal: AbortSignal
}

type Answer = Awaited<ReturnType<OpenBatch['write']>>
type Written = Exclude<Answer, { readonly rejected: unknown }>

const nothingLeft: ReadonlySet<number> = new Set()

/**
 * A claimed batch. Open until `commit`, a refusal or a failure; these, and disposing, end it. What is to stay of it is
 * sent only when all trials have been taken back, whatever the order of calls, because they would take it along.
 */
export class PostgresOpenBatch implements OpenBatch {
  readonly #claimed: Claimed
  readonly #trials: Trials
  readonly #abort: () => void
  /** Rows that the server has taken, of all parts, those apart that were only tried. */
  #taken = 0
  #ended = false

  constructor(claimed: Claimed) {
    this.#claimed = claimed
    this.#trials = new Trials(claimed.session, claimed.stages)
    this.#abort = () => claimed.session.destroy()
    claimed.signal.addEventListener('abort', this.#abort)
  }

  get ended(): boolean {
    return this.#ended
  }

  async write(parts: readonly EncodedRows[], options?: { readonly trial: boolean }): Promise<Answer> {
    if (options?.trial === true) return this.#attempt('try rows of', () => this.#try(parts))
    return this.#attempt('write', async () => {
      await this.#trials.end()
      try {
        const written = await this.#writeParts(parts)
        this.#taken += written.written + written.derived
        await reach('copy.done_before_ledger')
        return written
      } catch (error) {
        if (!(error instanceof RefusedRow)) throw error
        await this.#rollBack()
        return rejection(error)
      }
    })
  }

  async bury(letters: readonly DeadLetter[]): Promise<void> {
    await this.#attempt('keep dead letters of', async () => {
      await this.#trials.end()
      await reach('dlq.insert')
      await insertLetters(this.#claimed, letters)
    })
  }

  async resolve(letters: readonly number[]): Promise<number> {
    return this.#attempt('resolve dead letters in', async () => {
      await this.#trials.end()
      return resolveLetters(this.#claimed, letters)
    })
  }

  async coerced(uses: readonly CoercionUse[]): Promise<void> {
    await this.#attempt('keep the coercions of', async () => {
      await this.#trials.end()
      await insertCoercions(this.#claimed, uses)
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
      await this.#trials.end()
      await this.#updateAndCommit(counts, bytes)
      this.#claimed.stages.keep()
      this.#end()
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#ended) return
    try {
      await this.#rollBack()
    } catch {
      // The server rolls back whatever a lost connection left open; the next `begin` finds out why it was lost.
      this.#drop()
    }
  }

  get #name(): string {
    const { id } = this.#claimed
    return `${id.seq} of partition ${id.partition} of ${id.table}`
  }

  /** A failure ends the batch, with its connection: what is left of it on the wire can then reach no later one. */
  async #attempt<T>(doing: string, work: () => Promise<T>): Promise<T> {
    if (this.#ended) throw new DroverError('unexpected', `batch ${this.#name} has ended`)
    try {
      return await work()
    } catch (error) {
      this.#drop()
      this.#claimed.signal.throwIfAborted()
      throw toDroverError(error, `${doing} batch ${this.#name}`)
    }
  }

  async #try(parts: readonly EncodedRows[]): Promise<Answer> {
    await this.#trials.begin()
    try {
      const written = await this.#writeParts(parts)
      await this.#trials.take()
      return written
    } catch (error) {
      if (!(error instanceof RefusedRow)) throw error
      await this.#trials.refuse()
      return rejection(error)
    }
  }

  /** The plan's own rows first: where they are merged, children follow the fate of their owners. */
  async #writeParts(parts: readonly EncodedRows[]): Promise<Written> {
    const { plan } = this.#claimed
    const tables = partsOf(plan)
    let written = 0
    let derived = 0
    let left: readonly number[] = []
    for (const rows of parts) {
      const table = tables[rows.part]
      if (table === undefined) throw new DroverError('unexpected', `${plan.source} has no part ${rows.part}`)
      try {
        if (rows.part > 0) derived += await this.#copy(table, rows, new Set(left))
        else if (plan.onConflict === undefined) written += await this.#copy(table, rows, nothingLeft)
        else {
          left = await mergeRows(this.#claimed.session, plan, await this.#claimed.stages.open(plan), rows)
          written += rows.rows - left.length
        }
      } catch (error) {
        throw changedTable(error, qualified(table.target)) ?? error
      }
    }
    return { written, skipped: left.length, left, derived }
  }

  #copy(part: TablePlan | ChildPlan, rows: EncodedRows, left: ReadonlySet<number>): Promise<number> {
    const columns = targetColumns(part).map(({ name }) => name)
    const into: Destination = { name: part.target.name, quoted: quoteTable(part.target), columns }
    return copyRows(this.#claimed.session, into, rows, left)
  }

  /** Invariant 1: the entry's counts and its rows become durable together. One round trip. */
  async #updateAndCommit(counts: Counts, bytes: number): Promise<void> {
    const { session, tables, migration, id } = this.#claimed
    // All versions have this function, by which the transaction is known in 64 bits.
    const text = `
      update ${tables.entry} set read = $4, written = $5, filtered = $6, skipped = $7, dead_letters = $8, derived = $9,
        bytes = $10, committed_at = clock_timestamp(), transaction = txid_current()
      where migration = $1 and partition = $2 and seq = $3`
    const { read, written, filtered, skipped, deadLetters, derived } = counts
    const numbers = [id.partition, id.seq, read, written, filtered, skipped, deadLetters, derived, bytes]
    const update = { text, values: [migration, ...numbers.map(String)] }
    await reach('ledger.before_commit')
    if (!session.usable) throw session.lost.reason
    const [updated, ended] = await this.#outcome(queryBehind(session.client, [update], { text: 'commit', values: [] }))
    // A transaction that had failed is rolled back by COMMIT, which is no error to the server.
    if (updated.rowCount !== 1 || ended.command !== 'COMMIT') {
      throw new DroverError(
        'unexpected',
        `the server updated ${updated.rowCount} entries and answered ${ended.command}`,
      )
    }
  }

  /** Of a COMMIT that has been sent. */
  async #outcome<T>(answered: Promise<T>): Promise<T> {
    try {
      const [, outcome] = await Promise.all([reach('commit.sent'), answered])
      return outcome
    } catch (error) {
      throw isOutcomeUnknown(error) ? new UnknownOutcome(error) : (refusedAtCommit(error, this.#name) ?? error)
    }
  }

  async #rollBack(): Promise<void> {
    const { session, stages } = this.#claimed
    await session.run('rollback')
    stages.forget()
    this.#end()
  }

  #drop(): void {
    this.#claimed.session.destroy()
    this.#end()
  }

  #end(): void {
    this.#ended = true
    this.#claimed.signal.removeEventListener('abort', this.#abort)
  }
}

function rejection({ part, index, shape, column }: RefusedRow): Answer {
  return { rejected: { part, index, error: shape, ...(column === undefined ? {} : { column }) } }
}
