import type { Batch } from '../core/batch.ts'
import type { CoercionUse } from '../core/coercion.ts'
import { RowError } from '../core/row-error.ts'
import type { Pipeline, Transformed } from '../core/transform.ts'
import type { Row } from '../core/value.ts'
import { CoercionTally } from './coercion-tally.ts'
import type { Decoder, EncodingBatch, RejectedRow, RowEncoder, Transcoded, Transcoder } from './codec.ts'

/** The general way from one format to another: every row is made, transformed and encoded again. */
export function composeTranscoder(decoder: Decoder, encoder: RowEncoder, pipeline: Pipeline | null): Transcoder {
  return {
    transcode: (batch) => {
      const open = new OpenTranscoding(batch, decoder, encoder.begin(batch.rows))
      return pipeline === null ? open.copy() : open.transform(pipeline)
    },
    keyText: (batch, index) => decoder.keyText(batch, index),
    keyBytes: (batch, index) => decoder.keyBytes(batch, index),
    recycle: ({ parts }) => encoder.recycle(parts),
  }
}

/**
 * So many rows are decoded, then transformed, then encoded: the clock is read twice for all of them, and an
 * asynchronous function has so many calls under way.
 */
const rowsAtOnce = 64

type Outcome = Transformed | RowError

/** Some rows, decoded from `first` on, and what the pipeline has answered for them so far. */
interface Pending {
  readonly first: number
  readonly rows: readonly (Row | RowError)[]
  readonly outcomes: readonly (Outcome | Promise<Outcome>)[]
  /** In milliseconds, of the clock that only runs forwards. */
  readonly startedAt: number
}

/** A batch on its way. What becomes of its rows is settled in their order. */
export class OpenTranscoding {
  readonly #batch: Batch
  readonly #decoder: Decoder
  readonly #encoding: EncodingBatch
  readonly #rejected: RejectedRow[] = []
  /** What the decoder coerced, by row: that of rows which are not carried over does not count. */
  readonly #decodedCoerced = new Map<number, readonly CoercionUse[]>()
  readonly #coerced = new CoercionTally()
  #written = 0
  #filtered = 0
  #transformMs = 0

  constructor(batch: Batch, decoder: Decoder, encoding: EncodingBatch) {
    this.#batch = batch
    this.#decoder = decoder
    this.#encoding = encoding
  }

  copy(): Transcoded {
    for (let index = 0; index < this.#batch.rows; index++) this.copyRow(index)
    return this.end()
  }

  copyRow(index: number): void {
    const row = this.#decode(index)
    if (row instanceof RowError) this.#reject(index, 'decode', row)
    else this.#add(index, row)
  }

  /** A row was appended to the encoding batch by other means. */
  wasCopied(): void {
    this.#written++
  }

  /** A promise from the first one that the pipeline answers. */
  transform(pipeline: Pipeline, from = 0): Transcoded | Promise<Transcoded> {
    for (let first = from; first < this.#batch.rows; first += rowsAtOnce) {
      const rows = this.#decodeFrom(first)
      const startedAt = performance.now()
      const outcomes = rows.map((row) => (row instanceof RowError ? row : unlessRejected(() => pipeline.apply(row))))
      if (outcomes.some((outcome) => outcome instanceof Promise)) {
        return this.#transformLater(pipeline, { first, rows, outcomes, startedAt })
      }
      this.#transformMs += performance.now() - startedAt
      this.#settleAll(first, rows, outcomes as readonly Outcome[])
    }
    return this.end()
  }

  async #transformLater(pipeline: Pipeline, { first, rows, outcomes, startedAt }: Pending): Promise<Transcoded> {
    const settled = await Promise.all(outcomes.map((outcome) => Promise.resolve(outcome)))
    this.#transformMs += performance.now() - startedAt
    this.#settleAll(first, rows, settled)
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
      const row = this.#decoder.decodeRow(this.#batch, index)
      const coerced = this.#decoder.takeCoerced()
      if (coerced.length > 0) this.#decodedCoerced.set(index, coerced)
      return row
    } catch (error) {
      return rowErrorOf(error)
    }
  }

  #settleAll(first: number, rows: readonly (Row | RowError)[], outcomes: readonly Outcome[]): void {
    for (const [place, outcome] of outcomes.entries()) {
      const index = first + place
      if (outcome instanceof RowError) this.#reject(index, outcome === rows[place] ? 'decode' : 'transform', outcome)
      else if (outcome === null || (Array.isArray(outcome) && outcome.length === 0)) this.#filtered++
      else this.#add(index, outcome)
    }
  }

  #add(index: number, rows: Row | readonly Row[]): void {
    try {
      this.#encoding.add(index, rows)
    } catch (error) {
      this.#reject(index, 'encode', rowErrorOf(error))
      return
    }
    this.#written++
    if (this.#decodedCoerced.size > 0) this.#coerced.addAll(this.#decodedCoerced.get(index) ?? [])
  }

  #reject(index: number, stage: RejectedRow['stage'], { shape, at }: RowError): void {
    const key = this.#decoder.keyText(this.#batch, index)
    this.#rejected.push({ index, key, error: shape, stage, at })
  }

  /** It is over then. */
  end(): Transcoded {
    const encoded = this.#encoding.end()
    this.#coerced.addAll(encoded.coerced)
    return {
      ...encoded,
      coerced: this.#coerced.take(),
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
