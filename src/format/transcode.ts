import type { Batch } from '../core/batch.ts'
import { RowError } from '../core/row-error.ts'
import type { Pipeline, Transformed } from '../core/transform.ts'
import type { Row } from '../core/value.ts'
import type { Decoder, EncodingBatch, RejectedRow, RowEncoder, Transcoded, Transcoder } from './codec.ts'

/** The general way from one format to another: every row is made, transformed and encoded again. */
export function composeTranscoder(decoder: Decoder, encoder: RowEncoder, pipeline: Pipeline | null): Transcoder {
  return {
    transcode: (batch) => {
      const open = new OpenTranscoding(batch, decoder, encoder.begin(batch.rows))
      return pipeline === null ? open.copy() : open.transform(pipeline)
    },
    keyText: (batch, index) => decoder.keyText(batch, index),
    recycle: ({ parts }) => encoder.recycle(parts),
  }
}

/**
 * So many rows are decoded, then transformed, then encoded: the clock is read twice for all of them, and an
 * asynchronous function has so many calls under way.
 */
const rowsAtOnce = 64

type Outcome = Transformed | RowError

/** A batch on its way. What becomes of its rows is settled in their order. */
class OpenTranscoding {
  readonly #batch: Batch
  readonly #decoder: Decoder
  readonly #encoding: EncodingBatch
  readonly #rejected: RejectedRow[] = []
  #written = 0
  #filtered = 0
  #transformMs = 0

  constructor(batch: Batch, decoder: Decoder, encoding: EncodingBatch) {
    this.#batch = batch
    this.#decoder = decoder
    this.#encoding = encoding
  }

  copy(): Transcoded {
    for (let index = 0; index < this.#batch.rows; index++) {
      try {
        this.#add(index, this.#decoder.decodeRow(this.#batch, index))
      } catch (error) {
        this.#reject(index, error)
      }
    }
    return this.#end()
  }

  /** A promise from the first one that the pipeline answers. */
  transform(pipeline: Pipeline, from = 0): Transcoded | Promise<Transcoded> {
    for (let first = from; first < this.#batch.rows; first += rowsAtOnce) {
      const rows = this.#decodeFrom(first)
      const startedAt = performance.now()
      const outcomes = rows.map((row) => (row instanceof RowError ? row : unlessRejected(() => pipeline.apply(row))))
      if (outcomes.some((outcome) => outcome instanceof Promise)) {
        return this.#transformLater(pipeline, first, outcomes, startedAt)
      }
      this.#transformMs += performance.now() - startedAt
      outcomes.forEach((outcome, place) => this.#settle(first + place, outcome as Outcome))
    }
    return this.#end()
  }

  async #transformLater(
    pipeline: Pipeline,
    first: number,
    outcomes: readonly (Outcome | Promise<Outcome>)[],
    startedAt: number,
  ): Promise<Transcoded> {
    const settled = await Promise.all(outcomes.map((outcome) => Promise.resolve(outcome)))
    this.#transformMs += performance.now() - startedAt
    settled.forEach((outcome, place) => this.#settle(first + place, outcome))
    return this.transform(pipeline, first + settled.length)
  }

  #decodeFrom(first: number): (Row | RowError)[] {
    const rows: (Row | RowError)[] = []
    const last = Math.min(first + rowsAtOnce, this.#batch.rows)
    for (let index = first; index < last; index++) rows.push(this.#decode(index))
    return rows
  }

  #decode(index: number): Row | RowError {
    try {
      return this.#decoder.decodeRow(this.#batch, index)
    } catch (error) {
      return rowErrorOf(error)
    }
  }

  #settle(index: number, outcome: Outcome): void {
    if (outcome === null || (Array.isArray(outcome) && outcome.length === 0)) {
      this.#filtered++
      return
    }
    try {
      if (outcome instanceof RowError) throw outcome
      this.#add(index, outcome)
    } catch (error) {
      this.#reject(index, error)
    }
  }

  #add(index: number, rows: Row | readonly Row[]): void {
    this.#encoding.add(index, rows)
    this.#written++
  }

  #reject(index: number, error: unknown): void {
    const { shape } = rowErrorOf(error)
    this.#rejected.push({ index, key: this.#decoder.keyText(this.#batch, index), error: shape })
  }

  #end(): Transcoded {
    return {
      ...this.#encoding.end(),
      written: this.#written,
      filtered: this.#filtered,
      rejected: this.#rejected,
      transformSeconds: this.#transformMs / 1000,
    }
  }
}

function unlessRejected(apply: () => Transformed | Promise<Transformed>): Outcome | Promise<Outcome> {
  try {
    const outcome = apply()
    return outcome instanceof Promise ? outcome.catch(rowErrorOf) : outcome
  } catch (error) {
    return rowErrorOf(error)
  }
}

/** Why a row is refused; whatever else was thrown, is thrown. */
function rowErrorOf(error: unknown): RowError {
  if (error instanceof RowError) return error
  throw error
}
