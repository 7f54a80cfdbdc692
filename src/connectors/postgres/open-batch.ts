import { once } from 'node:events'
import pg from 'pg'
import { from as copyFrom, type CopyStreamQuery } from 'pg-copy-streams'
import type { Batch, BatchId } from '../../core/batch.ts'
import { isConserved, type Counts } from '../../core/counts.ts'
import { DroverError } from '../../core/errors.ts'
import type { TablePlan } from '../../core/plan.ts'
import type { MigrationId, OpenBatch } from '../contract.ts'
import type { Session } from './session.ts'
import { copyInto } from './ddl.ts'
import { classifyFault, rejectedIndex, rejectionOf, toDroverError } from './errors.ts'
import type { LedgerTables } from './ledger-schema.ts'
import { queryBehind } from './pipeline.ts'

/** `PGCOPY\n\xff\r\n\0`, flags 0, no extension: https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format". */
const copyHeader: Buffer = Buffer.from('5047434f50590aff0d0a000000000000000000', 'hex')
/** A tuple of -1 fields. */
const copyTrailer: Buffer = Buffer.from('ffff', 'hex')
/** Largest piece of a COPY handed to the socket at once; the server keeps each piece in memory as a whole. */
const pieceBytes = 256 * 1024

export interface Claimed {
  readonly session: Session
  readonly tables: LedgerTables
  readonly migration: MigrationId
  readonly id: BatchId
  readonly plan: TablePlan
  /** Ends whatever goes on with the batch, by ending its connection. */
  readonly signal: AbortSignal
}

type Written = { readonly written: number; readonly skipped: number }
type Rejected = Extract<Awaited<ReturnType<OpenBatch['write']>>, { readonly rejected: unknown }>

/** A claimed batch. Open until `commit` or a failure; both, and disposing, end it. */
export class PostgresOpenBatch implements OpenBatch {
  readonly #claimed: Claimed
  readonly #abort: () => void
  #copied = 0
  #ended = false

  constructor(claimed: Claimed) {
    this.#claimed = claimed
    this.#abort = () => claimed.session.destroy()
    claimed.signal.addEventListener('abort', this.#abort)
  }

  get ended(): boolean {
    return this.#ended
  }

  async write(batch: Batch): Promise<Written | Rejected> {
    this.#mustBeOpen()
    const { session, plan } = this.#claimed
    if (batch.rows === 0) return { written: 0, skipped: 0 }
    try {
      const written = await copy(session, plan, batch)
      // Invariant 2: what the server took is what was sent.
      if (written !== batch.rows) {
        throw new DroverError('conservation-broken', `COPY took ${written} rows of ${batch.rows}`)
      }
      this.#copied += written
      return { written, skipped: 0 }
    } catch (error) {
      this.#drop()
      this.#claimed.signal.throwIfAborted()
      if (error instanceof pg.DatabaseError && classifyFault(error) === 'data') {
        const index = rejectedIndex(error, plan.target.name, batch.rows)
        return { rejected: { index, error: rejectionOf(error) } }
      }
      throw toDroverError(error, `write batch ${this.#name}`)
    }
  }

  async commit(counts: Counts, bytes: number): Promise<void> {
    this.#mustBeOpen()
    // Invariant 2.
    if (!isConserved(counts) || counts.written + counts.derived !== this.#copied) {
      this.#drop()
      throw new DroverError(
        'conservation-broken',
        `batch ${this.#name} wrote ${this.#copied} rows, and its counts are ${JSON.stringify(counts)}`,
      )
    }
    try {
      await this.#updateAndCommit(counts, bytes)
      this.#end()
    } catch (error) {
      this.#drop()
      this.#claimed.signal.throwIfAborted()
      throw toDroverError(error, `commit batch ${this.#name}`)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#ended) return
    const { session } = this.#claimed
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

/** Sends the rows and answers how many the server took. */
async function copy(session: Session, plan: TablePlan, batch: Batch): Promise<number> {
  const stream = session.client.query(copyFrom(copyInto(plan)))
  const { promise: finished, resolve, reject } = Promise.withResolvers<void>()
  stream.on('error', reject)
  stream.on('finish', resolve)
  await Promise.race([send(stream, batch), finished])
  await finished
  return stream.rowCount
}

/** With back-pressure: no further piece before the socket has taken the one before. */
async function send(stream: CopyStreamQuery, batch: Batch): Promise<void> {
  stream.write(copyHeader)
  const end = batch.offsets[batch.rows] ?? 0
  for (let at = batch.offsets[0] ?? 0; at < end; at += pieceBytes) {
    const more = stream.write(batch.bytes.subarray(at, Math.min(at + pieceBytes, end)))
    if (!more) await once(stream, 'drain')
  }
  stream.end(copyTrailer)
}
