import type { FaultClass, Writer } from '../connectors/contract.ts'
import type { Batch } from '../core/batch.ts'
import { noCounts, type Counts } from '../core/counts.ts'
import { DroverError } from '../core/errors.ts'
import type { Stages } from '../core/result.ts'
import type { RejectedRow, Transcoder } from '../format/codec.ts'
import { withRetries, type RetryPolicy } from './retry.ts'
import { noStages, secondsSince } from './stages.ts'
import type { Committed, Note } from './work.ts'

export interface BatchWriterOptions {
  readonly writer: Writer
  readonly transcoders: ReadonlyMap<string, Transcoder>
  readonly retry: RetryPolicy
  readonly classify: (error: unknown) => FaultClass
}

/** Of a row that no option of drover makes fit. */
const WAY_OUT = 'nothing of its batch was written; correct the row in the source, or leave it out with --where'

interface Encoded {
  readonly transcoder: Transcoder
  readonly batch: Batch
  readonly seconds: number
}

/**
 * Moves batches into the target over one connection. A batch is encoded at once, while the server still digests the
 * batch before; transactions follow one another. So a worker with two credits never leaves the server waiting for
 * encoding, nor the other way round.
 */
export class BatchWriter {
  readonly #options: BatchWriterOptions
  /** Settles, never rejects, when the transaction before has ended. */
  #previous: Promise<void> = Promise.resolve()

  constructor(options: BatchWriterOptions) {
    this.#options = options
  }

  /**
   * Encodes a batch and commits it with its ledger entry. The batch's bytes are no longer needed once this settles.
   * Throws `schema-drift` or `row-rejected` for a row that cannot be carried; then nothing of the batch is written.
   */
  async write(batch: Batch, note: (note: Note) => void, signal: AbortSignal): Promise<Committed> {
    const encoded = this.#encode(batch)
    const turn = Promise.withResolvers<void>()
    const previous = this.#previous
    this.#previous = turn.promise
    try {
      await previous
      const hooks = {
        classify: this.#options.classify,
        onRetry: (error: unknown, pauseMs: number) =>
          note({ kind: 'retried', table: batch.id.table, message: messageOf(error), pauseMs }),
      }
      return await withRetries(this.#options.retry, hooks, signal, () => this.#transact(batch, encoded, signal))
    } finally {
      encoded.transcoder.recycle(encoded.batch)
      turn.resolve()
    }
  }

  #encode(batch: Batch): Encoded {
    const transcoder = this.#options.transcoders.get(batch.id.table)
    if (transcoder === undefined) throw new DroverError('unexpected', `no plan for table ${batch.id.table}`)
    const startedAt = performance.now()
    const transcoded = transcoder.transcode(batch)
    const [rejected] = transcoded.rejected
    if (rejected !== undefined) {
      transcoder.recycle(transcoded.batch)
      throw rejection(rejected)
    }
    return { transcoder, batch: transcoded.batch, seconds: secondsSince(startedAt) }
  }

  /** One transaction: claim, COPY, counts, commit. The claim makes it safe to repeat after any failure (invariant 1). */
  async #transact(source: Batch, encoded: Encoded, signal: AbortSignal): Promise<Committed> {
    const openedAt = performance.now()
    const opened = await this.#options.writer.begin(source.id, signal)
    if ('committed' in opened) return committed(source, opened.committed, noStages)
    await using open = opened
    const written = await open.write(encoded.batch)
    if ('rejected' in written) {
      const { index, error } = written.rejected
      const key = index === null ? '?' : encoded.transcoder.keyText(source, index)
      const message = `document ${key} of table ${source.id.table}: ${error.message}`
      throw rejection({ index: index ?? 0, key, error: { ...error, message } })
    }
    const write = secondsSince(openedAt)
    const committingAt = performance.now()
    const counts: Counts = { ...noCounts, read: source.rows, written: written.written, skipped: written.skipped }
    await open.commit(counts, byteLength(source))
    return committed(source, counts, {
      ...noStages,
      encode: encoded.seconds,
      write,
      commit: secondsSince(committingAt),
    })
  }
}

function byteLength(batch: Batch): number {
  return batch.offsets[batch.rows] ?? 0
}

function committed(batch: Batch, counts: Counts, stages: Stages): Committed {
  return { table: batch.id.table, partition: batch.id.partition, counts, bytes: byteLength(batch), stages }
}

/** What stops the run: a row's own error, which names the row already. */
function rejection({ error }: RejectedRow): DroverError {
  return new DroverError(error.code, error.message, { hint: error.hint ?? WAY_OUT })
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
