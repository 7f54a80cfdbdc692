import { deepStrictEqual } from 'node:assert/strict'
import type { Batch } from '../../../../src/core/batch.ts'
import type { TablePlan } from '../../../../src/core/plan.ts'
import { createBsonDecoder } from '../../../../src/format/bson-decoder.ts'
import type { Decoder, Transcoded, Transcoder } from '../../../../src/format/codec.ts'
import { createDirectTranscoder } from '../../../../src/format/direct/direct-transcoder.ts'
import { createPgCopyEncoder } from '../../../../src/format/pgcopy-encoder.ts'
import { composeTranscoder } from '../../../../src/format/transcode.ts'
import { batchOf } from '../samples.ts'

/** What is there at once, and no promise. */
export function now(transcoded: Transcoded | Promise<Transcoded>): Transcoded {
  if (transcoded instanceof Promise) throw new Error('the transcoder is asynchronous')
  return transcoded
}

/** Both ways for one plan, and how many rows the direct one has left to the general one. */
export class BothWays {
  left = 0
  readonly #direct: Transcoder
  readonly #general: Transcoder

  constructor(plan: TablePlan) {
    const direct = createDirectTranscoder(plan, '_id', this.#counting(createBsonDecoder(plan, '_id')))
    if (direct === null) throw new Error('there is no direct way')
    this.#direct = direct
    this.#general = composeTranscoder(createBsonDecoder(plan, '_id'), createPgCopyEncoder(plan), null)
  }

  /** Refuses any difference between them. Answers what became of the rows. */
  compare(rows: readonly Uint8Array[]): Transcoded {
    return this.compareBatch(batchOf(rows))
  }

  compareBatch(batch: Batch): Transcoded {
    const direct = now(this.#direct.transcode(batch))
    const general = now(this.#general.transcode(batch))
    deepStrictEqual(shown(direct), shown(general))
    this.#direct.recycle(direct)
    this.#general.recycle(general)
    return direct
  }

  #counting(decoder: Decoder): Decoder {
    return {
      decodeRow: (batch, index) => {
        this.left++
        return decoder.decodeRow(batch, index)
      },
      keyText: (batch, index) => decoder.keyText(batch, index),
      keyBytes: (batch, index) => decoder.keyBytes(batch, index),
      takeCoerced: () => decoder.takeCoerced(),
    }
  }
}

/** All that a transcoder answers, without the memory that it lies in. */
export function shown(transcoded: Transcoded): object {
  const { parts, written, filtered, rejected, transformSeconds, coerced } = transcoded
  return {
    parts: parts.map(({ format, part, rows, bytes, offsets, owners }) => ({
      format,
      part,
      rows,
      tuples: Array.from({ length: rows }, (_, row) =>
        Buffer.from(bytes.subarray(offsets[row], offsets[row + 1])).toString('hex'),
      ),
      length: bytes.length,
      offsets: [...offsets],
      owners: owners === null ? null : [...owners],
      origins: Array.from({ length: rows }, (_, row) => transcoded.origin(part, row)),
    })),
    written,
    filtered,
    rejected,
    transformSeconds,
    coerced,
  }
}
