import type { BatchId, EncodedRows } from '../../core/batch.ts'
import { isConserved, type Counts } from '../../core/counts.ts'
import { DroverError } from '../../core/errors.ts'
import { partsOf, targetColumns, type ChildPlan, type TablePlan } from '../../core/plan.ts'
import type { MigrationId, OpenBatch } from '../contract.ts'
import type { Session } from './session.ts'
import { copyRows, type Destination } from './copy-rows.ts'
import { RefusedRow, toDroverError } from './errors.ts'
import { quoteTable } from './identifiers.ts'
import type { LedgerTables } from './ledger-schema.ts'
import { mergeRows } from './merge.ts'
import { queryBehind } from './pipeline.ts'
import type { Stages } from './stage.ts'

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

/** A claimed batch. Open until `commit` or a failure; both, and disposing, end it. */
export class PostgresOpenBatch implements OpenBatch {
  readonly #claimed: Claimed
  readonly #abort: () => void
  /** Rows that the server has taken, of all parts. */
  #taken = 0
  #ended = false

  constructor(claimed: Claimed) {
    this.#claimed = claimed
    this.#abort = () => claimed.session.destroy()
    claimed.signal.addEventListener('abort', this.#abort)
  }

  get ended(): boolean {
    return this.#ended
  }

  async write(parts: readonly EncodedRows[]): Promise<Answer> {
    this.#mustBeOpen()
    try {
      const written = await this.#writeParts(parts)
      this.#taken += written.written + written.derived
      return written
    } catch (error) {
      this.#drop()
      this.#claimed.signal.throwIfAborted()
      if (error instanceof RefusedRow) {
        return { rejected: { part: error.part, index: error.index, error: error.shape } }
      }
      throw toDroverError(error, `write batch ${this.#name}`)
    }
  }

  async commit(counts: Counts, bytes: number): Promise<void> {
    this.#mustBeOpen()
    // Invariant 2.
    if (!isConserved(counts) || counts.written + counts.derived !== this.#taken) {
      this.#drop()
      throw new DroverError(
        'conservation-broken',
        `batch ${this.#name} wrote ${this.#taken} rows, and its counts are ${JSON.stringify(counts)}`,
      )
    }
    try {
      await this.#updateAndCommit(counts, bytes)
      this.#claimed.stages.keep()
      this.#end()
    } catch (error) {
      this.#drop()
      this.#claimed.signal.throwIfAborted()
      throw toDroverError(error, `commit batch ${this.#name}`)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#ended) return
    const { session, stages } = this.#claimed
    if (!stages.durable) return this.#drop()
    try {
      if (session.usable) await session.run('rollback')
      this.#end()
    } catch {
      // The server rolls back whatever a lost connection left open; the next `begin` finds out why it was lost.
      this.#drop()
    }
  }

  get #name(): string {
    const { id } = this.#claimed
    return `${id.seq} of partition ${id.partition} of ${id.table}`
  }

  /** The plan's own rows first: where they are merged, children follow the fate of their owners. */
  async #writeParts(parts: readonly EncodedRows[]): Promise<Written> {
    const { session, stages, plan } = this.#claimed
    const tables = partsOf(plan)
    let written = 0
    let derived = 0
    let left: readonly number[] = []
    let leftOut = nothingLeft
    for (const rows of parts) {
      const table = tables[rows.part]
      if (table === undefined) throw new DroverError('unexpected', `${plan.source} has no part ${rows.part}`)
      if (rows.part > 0) derived += await copyRows(session, destinationOf(table), rows, leftOut)
      else if (plan.onConflict === undefined) written += await copyRows(session, destinationOf(table), rows, leftOut)
      else {
        left = await mergeRows(session, plan, await stages.open(plan), rows)
        leftOut = new Set(left)
        written += rows.rows - left.length
      }
    }
    return { written, skipped: left.length, left, derived }
  }

  /** Invariant 1: the entry's counts and its rows become durable together. One round trip. */
  async #updateAndCommit(counts: Counts, bytes: number): Promise<void> {
    const { session, tables, migration, id } = this.#claimed
    const text = `
      update ${tables.entry} set read = $4, written = $5, filtered = $6, skipped = $7, dead_letters = $8, derived = $9,
        bytes = $10, committed_at = clock_timestamp()
      where migration = $1 and partition = $2 and seq = $3`
    const { read, written, filtered, skipped, deadLetters, derived } = counts
    const numbers = [id.partition, id.seq, read, written, filtered, skipped, deadLetters, derived, bytes]
    const update = { text, values: [migration, ...numbers.map(String)] }
    const [updated, ended] = await queryBehind(session.client, update, { text: 'commit', values: [] })
    // A transaction that had failed is rolled back by COMMIT, which is no error to the server.
    if (updated.rowCount !== 1 || ended.command !== 'COMMIT') {
      throw new DroverError(
        'unexpected',
        `the server updated ${updated.rowCount} entries and answered ${ended.command}`,
      )
    }
  }

  #mustBeOpen(): void {
    if (this.#ended) throw new DroverError('unexpected', `batch ${this.#name} has ended`)
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

function destinationOf(part: TablePlan | ChildPlan): Destination {
  const columns = targetColumns(part).map(({ name }) => name)
  return { name: part.target.name, quoted: quoteTable(part.target), columns }
}
