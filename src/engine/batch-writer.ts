import type { OpenBatch, Writer } from '../connectors/contract.ts'
import type { Batch } from '../core/batch.ts'
import { noCounts, type Counts } from '../core/counts.ts'
import { DroverError } from '../core/errors.ts'
import type { FaultClass } from '../core/fault.ts'
import type { TablePlan } from '../core/plan.ts'
import type { Stages } from '../core/result.ts'
import type { Sample } from '../core/sample.ts'
import type { RejectedRow, Transcoded, Transcoder } from '../format/codec.ts'
import { withRetries, type RetryPolicy } from '../core/retry.ts'
import { noStages, secondsSince } from './stages.ts'
import type { Committed, DriftAnswer, DriftQuestion, Note } from './work.ts'

export interface BatchWriterOptions {
  readonly writer: Writer
  readonly plans: readonly TablePlan[]
  readonly createTranscoder: (plan: TablePlan) => Promise<Transcoder>
  /** Looks at every row of a batch. */
  readonly observe: (batch: Batch, plan: TablePlan) => Promise<Sample>
  readonly retry: RetryPolicy
  readonly classify: (error: unknown) => FaultClass
}

/** The coordinator, as far as a batch is concerned. */
export interface Coordinator {
  note(note: Note): void
  ask(question: DriftQuestion): Promise<DriftAnswer>
}

/** Of a row that no option of drover makes fit. */
const WAY_OUT = 'nothing of its batch was written; correct the row in the source, or leave it out with --where'

/** How a table is written at present. */
interface TableCodec {
  readonly plan: TablePlan
  readonly transcoder: Transcoder
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
    for (const plan of this.#options.plans) await this.#adopt(plan)
  }

  /**
   * Encodes a batch and commits it with its ledger entry. The batch's bytes are no longer needed once this settles.
   * Throws `schema-drift`, `row-rejected` or `transform-failed` for a row that cannot be carried; then nothing of the
   * batch is written.
   */
  async write(batch: Batch, coordinator: Coordinator, signal: AbortSignal): Promise<Committed> {
    const encoding = this.#encode(batch, coordinator)
    // Met below; but the transaction before may take long, and until then nobody would.
    encoding.catch(() => undefined)
    const turn = Promise.withResolvers<void>()
    const previous = this.#previous
    this.#previous = turn.promise
    try {
      await previous
      return await this.#commit(batch, await encoding, coordinator, signal)
    } finally {
      turn.resolve()
    }
  }

  /** For the plan at hand, or for the one that the coordinator makes of it where rows have no place in it. */
  async #encode(batch: Batch, coordinator: Coordinator): Promise<Encoded> {
    for (let codec = this.#codecOf(batch); ;) {
      const startedAt = performance.now()
      const transcoded = await codec.transcoder.transcode(batch)
      const [first] = transcoded.rejected
      if (first === undefined) return { ...codec, transcoded, seconds: secondsSince(startedAt) }
      codec.transcoder.recycle(transcoded)
      const lasting = transcoded.rejected.find(({ error }) => error.code !== 'schema-drift')
      if (lasting !== undefined) throw rejection(lasting)
      const seen = await this.#options.observe(batch, codec.plan)
      const answer = await this.#ask(codec.plan, seen, coordinator)
      if (answer === null) throw rejection(first)
      codec = answer
    }
  }

  /** Transactions until one commits; an encoding for a plan that has been replaced is made again. */
  async #commit(batch: Batch, first: Encoded, coordinator: Coordinator, signal: AbortSignal): Promise<Committed> {
    const hooks = {
      classify: this.#options.classify,
      onRetry: (error: unknown, pauseMs: number) =>
        coordinator.note({ kind: 'retried', table: batch.id.table, message: messageOf(error), pauseMs }),
    }
    for (let encoded = first; ;) {
      const { transcoder, transcoded, plan } = encoded
      try {
        return await withRetries(this.#options.retry, hooks, signal, () => this.#transact(batch, encoded, signal))
      } catch (error) {
        if (!(error instanceof DroverError) || error.code !== 'schema-drift') throw error
        const answer = await this.#ask(plan, null, coordinator)
        if (answer === null) throw error
      } finally {
        transcoder.recycle(transcoded)
      }
      encoded = await this.#encode(batch, coordinator)
    }
  }

  async #ask(plan: TablePlan, seen: Sample | null, coordinator: Coordinator): Promise<TableCodec | null> {
    const { source: table, schemaVersion } = plan
    const answer = await coordinator.ask({ table, schemaVersion, seen })
    if (answer === null) return null
    if (answer.schemaVersion <= schemaVersion) {
      throw new DroverError('unexpected', `asked for a newer plan of ${table} than ${schemaVersion}, and got the same`)
    }
    return this.#adopt(answer)
  }

  async #adopt(plan: TablePlan): Promise<TableCodec> {
    const codec = { plan, transcoder: await this.#options.createTranscoder(plan) }
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

  /** One transaction: claim, COPY, counts, commit. The claim makes it safe to repeat after any failure (invariant 1). */
  async #transact(source: Batch, encoded: Encoded, signal: AbortSignal): Promise<Committed> {
    const openedAt = performance.now()
    const opened = await this.#options.writer.begin(source.id, encoded.plan, signal)
    if ('committed' in opened) return committed(source, opened.committed, noStages)
    await using open = opened
    const written = await open.write(encoded.transcoded.parts)
    if ('rejected' in written) throw refusal(source, encoded, written)
    const write = secondsSince(openedAt)
    const committingAt = performance.now()
    const counts = countsOf(source, encoded.transcoded, written)
    await open.commit(counts, byteLength(source))
    const { transformSeconds } = encoded.transcoded
    return committed(source, counts, {
      ...noStages,
      transform: transformSeconds,
      encode: encoded.seconds - transformSeconds,
      write,
      commit: secondsSince(committingAt),
    })
  }
}

type Answer = Awaited<ReturnType<OpenBatch['write']>>
type Refused = Extract<Answer, { readonly rejected: unknown }>
type Written = Exclude<Answer, Refused>

/** Invariant 2. A source row that gave several rows of the table is skipped where all of them are. */
function countsOf(source: Batch, transcoded: Transcoded, answer: Written): Counts {
  const written = answer.left.length === 0 ? transcoded.written : originsWritten(transcoded, new Set(answer.left))
  const skipped = transcoded.written - written
  const derived = answer.written + answer.derived - written
  return { ...noCounts, read: source.rows, written, filtered: transcoded.filtered, skipped, derived }
}

/** Source rows that have a row in the table now. */
function originsWritten(transcoded: Transcoded, left: ReadonlySet<number>): number {
  const origins = new Set<number>()
  const rows = transcoded.parts[0]?.rows ?? 0
  for (let row = 0; row < rows; row++) if (!left.has(row)) origins.add(transcoded.origin(0, row))
  return origins.size
}

function byteLength(batch: Batch): number {
  return batch.offsets[batch.rows] ?? 0
}

function committed(batch: Batch, counts: Counts, stages: Stages): Committed {
  return { table: batch.id.table, partition: batch.id.partition, counts, bytes: byteLength(batch), stages }
}

/** What the target says of a row, with the key of the row in the source that it came from. */
function refusal(source: Batch, { transcoder, transcoded }: Encoded, { rejected }: Refused): DroverError {
  const { part, index, error } = rejected
  const origin = index === null ? null : transcoded.origin(part, index)
  const key = origin === null ? '?' : transcoder.keyText(source, origin)
  const message = `document ${key} of table ${source.id.table}: ${error.message}`
  return rejection({ index: origin ?? 0, key, error: { ...error, message } })
}

/** What stops the run: a row's own error, which names the row already. */
function rejection({ error }: RejectedRow): DroverError {
  return new DroverError(error.code, error.message, { hint: error.hint ?? WAY_OUT })
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
