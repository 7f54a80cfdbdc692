import type { OpenBatch, Writer } from '../connectors/contract.ts'
import type { Batch } from '../core/batch.ts'
import type { Counts } from '../core/counts.ts'
import { DroverError } from '../core/errors.ts'
import type { FaultClass } from '../core/fault.ts'
import type { TablePlan } from '../core/plan.ts'
import type { Stages } from '../core/result.ts'
import { withRetries, type RetryPolicy } from '../core/retry.ts'
import type { Sample } from '../core/sample.ts'
import type { RejectedRow, Transcoded, Transcoder } from '../format/codec.ts'
import { countsOf, replayed, type Refused } from './batch-counts.ts'
import { findRefused, type Refusals } from './bisect.ts'
import { without, type Excerpt } from './excerpt.ts'
import { lettersOf } from './letters.ts'
import { noStages, secondsSince } from './stages.ts'
import type { Committed, DriftAnswer, DriftQuestion, TableRules, TransactionFailed } from './work.ts'

export interface BatchWriterOptions {
  readonly writer: Writer
  readonly tables: readonly TableRules[]
  readonly createTranscoder: (plan: TablePlan) => Promise<Transcoder>
  /** Looks at every row of a batch. */
  readonly observe: (batch: Batch, plan: TablePlan) => Promise<Sample>
  readonly retry: RetryPolicy
  readonly classify: (error: unknown) => FaultClass
}

/** The coordinator, as far as a batch is concerned. */
export interface Coordinator {
  note(note: TransactionFailed): void
  ask(question: DriftQuestion): Promise<DriftAnswer>
}

/** Of a row that no option of drover makes fit. */
const WAY_OUT =
  'nothing of its batch was written; correct the row in the source, or keep such rows with --on-error dead-letter'
const OTHER_WAY_OUT = 'or keep such rows with --on-error dead-letter'

/** How a table is written at present. */
interface TableCodec {
  readonly plan: TablePlan
  readonly transcoder: Transcoder
  readonly rules: Pick<TableRules, 'onDrift' | 'onError'>
}

/** A batch, and the ids of its rows where they are dead letters. */
interface Held {
  readonly batch: Batch
  readonly letters: readonly number[] | null
}

interface Encoded extends TableCodec {
  readonly transcoded: Transcoded
  readonly seconds: number
}

/**
 * Moves batches into the target over one connection. A batch is encoded at once, while the server still digests the
 * batch before; transactions follow one another. So a worker with two credits never leaves the server waiting for
 * encoding, nor the other way round.
 *
 * A batch that does not fit its table's plan, or was encoded for one that has been replaced meanwhile, is encoded again
 * from the bytes held, for the plan that the coordinator answers. Nothing of it is claimed while it asks.
 *
 * A row that cannot be carried over costs none of its neighbours: it becomes a dead letter in the transaction that writes
 * them. Where the target refuses rows, the batch is tried in pieces to find them, and then written without.
 */
export class BatchWriter {
  readonly #options: BatchWriterOptions
  readonly #codecs = new Map<string, TableCodec>()
  /** Settles, never rejects, when the transaction before has ended. */
  #previous: Promise<void> = Promise.resolve()

  constructor(options: BatchWriterOptions) {
    this.#options = options
  }

  /** Compiles the plans, so that a worker that reports itself ready is. Throws `invalid-transform`. */
  async prepare(): Promise<void> {
    for (const { plan, ...rules } of this.#options.tables) await this.#adopt(plan, rules)
  }

  /**
   * Encodes a batch and commits it with its ledger entry. The batch's bytes are no longer needed once this settles. Of a
   * batch of dead letters `letters` are their ids: those whose rows are written are resolved, the others stay as they are.
   * Throws `schema-drift`, `row-rejected` or `transform-failed` for a row that stops the run; then nothing of the batch
   * is written.
   */
  async write(
    batch: Batch,
    coordinator: Coordinator,
    signal: AbortSignal,
    letters: readonly number[] | null = null,
  ): Promise<Committed> {
    const encoding = this.#encode(batch, coordinator)
    // Met below; but the transaction before may take long, and until then nobody would.
    encoding.catch(() => undefined)
    const turn = Promise.withResolvers<void>()
    const previous = this.#previous
    this.#previous = turn.promise
    try {
      await previous
      return await this.#commit({ batch, letters }, await encoding, coordinator, signal)
    } finally {
      turn.resolve()
    }
  }

  /** For the plan at hand, or for the one that the coordinator makes of it where rows have no place in it. */
  async #encode(batch: Batch, coordinator: Coordinator): Promise<Encoded> {
    for (let codec = this.#codecOf(batch); ;) {
      const { rules, transcoder, plan } = codec
      const startedAt = performance.now()
      const transcoded = await transcoder.transcode(batch)
      const { rejected } = transcoded
      const stopping =
        rules.onError === 'stop' ? rejected.find(({ error }) => error.code !== 'schema-drift') : undefined
      const drifted =
        rules.onDrift === 'dead-letter' ? undefined : rejected.find(({ error }) => error.code === 'schema-drift')
      if (stopping === undefined && drifted === undefined) {
        return { ...codec, transcoded, seconds: secondsSince(startedAt) }
      }
      transcoder.recycle(transcoded)
      if (stopping !== undefined) throw rejection(stopping)
      const answer = await this.#ask(codec, await this.#options.observe(batch, plan), coordinator)
      if (answer === null && drifted !== undefined) throw rejection(drifted)
      codec = answer ?? codec
    }
  }

  /** Transactions until one commits; an encoding for a plan that has been replaced is made again. */
  async #commit(held: Held, first: Encoded, coordinator: Coordinator, signal: AbortSignal): Promise<Committed> {
    const { id } = held.batch
    const hooks = {
      classify: this.#options.classify,
      onRetry: (error: unknown, pauseMs: number) => {
        const [rows, bytes] = [held.batch.rows, byteLength(held.batch)]
        coordinator.note({ kind: 'failed', table: id.table, message: messageOf(error), pauseMs, rows, bytes })
      },
    }
    for (let encoded = first; ;) {
      const { transcoder, transcoded } = encoded
      try {
        return await withRetries(this.#options.retry, hooks, signal, () => this.#transact(held, encoded, signal))
      } catch (error) {
        if (!(error instanceof DroverError) || error.code !== 'schema-drift') throw error
        // Either the claim found a newer plan, or the table is not what any plan says.
        const answer = await this.#ask(encoded, null, coordinator)
        if (answer === null) throw error
      } finally {
        transcoder.recycle(transcoded)
      }
      encoded = await this.#encode(held.batch, coordinator)
    }
  }

  async #ask(codec: TableCodec, seen: Sample | null, coordinator: Coordinator): Promise<TableCodec | null> {
    const { source: table, schemaVersion } = codec.plan
    const answer = await coordinator.ask({ table, schemaVersion, seen })
    if (answer === null) return null
    if (answer.schemaVersion > schemaVersion) return this.#adopt(answer, codec.rules)
    if (seen === null) return null
    throw new DroverError('unexpected', `asked for a newer plan of ${table} than ${schemaVersion}, and got the same`)
  }

  async #adopt(plan: TablePlan, rules: TableCodec['rules']): Promise<TableCodec> {
    const codec = { plan, rules, transcoder: await this.#options.createTranscoder(plan) }
    const current = this.#codecs.get(plan.source)
    // Two batches may have asked at once, and the older answer may come last.
    if (current !== undefined && current.plan.schemaVersion >= plan.schemaVersion) return current
    this.#codecs.set(plan.source, codec)
    return codec
  }

  #codecOf({ id }: Batch): TableCodec {
    const codec = this.#codecs.get(id.table)
    if (codec === undefined) throw new DroverError('unexpected', `no plan for table ${id.table}`)
    return codec
  }

  /**
   * One transaction: claim, COPY, dead letters, counts, commit. The claim makes it safe to repeat after any failure
   * (invariant 1). Once more where the target refuses rows that have to be found first.
   */
  async #transact(held: Held, encoded: Encoded, signal: AbortSignal): Promise<Committed> {
    const { batch } = held
    const refused: Refusals = new Map()
    for (let searches = false; ; searches = true) {
      const openedAt = performance.now()
      const opened = await this.#options.writer.begin(batch.id, encoded.plan, signal)
      const claimSeconds = secondsSince(openedAt)
      if ('committed' in opened) return committed(batch, opened.committed, noStages, 0)
      await using open = opened
      if (searches) await findRefused(open, encoded.transcoded, batch.rows, refused)
      const excerpt = without(encoded.transcoded, new Set(refused.keys()))
      const answer = await open.write(excerpt.parts)
      if ('rejected' in answer) {
        noteRefusal(answer, excerpt, { batch, encoded, refused, searches })
        continue
      }
      const counts = await this.#settle(
        open,
        held,
        encoded,
        refused,
        countsOf(batch, encoded.transcoded, excerpt, answer, deaths(encoded, refused)),
      )
      const write = secondsSince(openedAt)
      const committingAt = performance.now()
      await open.commit(counts, byteLength(batch))
      const { transformSeconds } = encoded.transcoded
      const encode = encoded.seconds - transformSeconds
      const commit = secondsSince(committingAt)
      const stages = { ...noStages, transform: transformSeconds, encode, write, commit }
      return committed(batch, counts, stages, claimSeconds)
    }
  }

  /** What is kept of a batch beside its rows. Answers its counts. */
  async #settle(open: OpenBatch, held: Held, encoded: Encoded, refused: Refusals, counts: Counts): Promise<Counts> {
    const { batch, letters } = held
    const { transcoded, transcoder } = encoded
    if (transcoded.coerced.length > 0) await open.coerced(transcoded.coerced)
    if (letters === null) {
      if (counts.deadLetters > 0)
        await open.bury(lettersOf({ batch, plan: encoded.plan, keys: transcoder, transcoded, refused }))
      return counts
    }
    const failed = new Set([...transcoded.rejected.map(({ index }) => index), ...refused.keys()])
    const done = letters.filter((_, place) => !failed.has(place))
    const resolved = await open.resolve(done)
    if (resolved === done.length) return replayed(counts)
    throw new DroverError(
      'lease-lost',
      `${done.length - resolved} of ${done.length} dead letters were resolved by another run`,
    )
  }
}

function deaths({ transcoded }: Encoded, refused: Refusals): number {
  return transcoded.rejected.length + refused.size
}

interface Refusing {
  readonly batch: Batch
  readonly encoded: Encoded
  readonly refused: Refusals
  readonly searches: boolean
}

/** Rows that were taken one by one may refuse each other together: then that one is refused. Throws what stops the run. */
function noteRefusal({ rejected }: Refused, excerpt: Excerpt, { batch, encoded, refused, searches }: Refusing): void {
  const { part, index, error } = rejected
  const place = index === null ? null : excerpt.origin(part, index)
  if (encoded.rules.onError === 'stop' || (searches && place === null)) {
    const key = place === null ? '?' : encoded.transcoder.keyText(batch, place)
    const message = `document ${key} of table ${batch.id.table}: ${error.message}`
    throw rejection({ error: { ...error, message } })
  }
  if (searches && place !== null) refused.set(place, rejected)
}

function byteLength(batch: Batch): number {
  return batch.offsets[batch.rows] ?? 0
}

function committed(batch: Batch, counts: Counts, stages: Stages, claimSeconds: number): Committed {
  const { table, partition } = batch.id
  return { table, partition, counts, bytes: byteLength(batch), stages, claimSeconds }
}

/** What stops the run: a row's own error, which names the row already. */
function rejection({ error: { code, message, hint } }: Pick<RejectedRow, 'error'>): DroverError {
  if (hint === undefined || code === 'schema-drift') return new DroverError(code, message, { hint: hint ?? WAY_OUT })
  return new DroverError(code, message, { hint: `${hint}; ${OTHER_WAY_OUT}` })
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
