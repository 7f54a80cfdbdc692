import type { Batch } from '../core/batch.ts'
import type { Decoder, Encoder, RejectedRow, Transcoded, Transcoder } from './codec.ts'
import { RowError } from './codec.ts'

/** The general way from one format to another: every row is made and encoded again. */
export function composeTranscoder(decoder: Decoder, encoder: Encoder): Transcoder {
  return {
    transcode: (batch) => transcode(batch, decoder, encoder),
    keyText: (batch, index) => decoder.keyText(batch, index),
    recycle: (batch) => encoder.recycle(batch.bytes),
  }
}

function transcode(batch: Batch, decoder: Decoder, encoder: Encoder): Transcoded {
  const rejected: RejectedRow[] = []
  encoder.begin(batch.rows)
  for (let index = 0; index < batch.rows; index++) {
    try {
      encoder.encodeRow(decoder.decodeRow(batch, index))
    } catch (error) {
      if (!(error instanceof RowError)) throw error
      rejected.push({ index, key: decoder.keyText(batch, index), error: error.shape })
    }
  }
  return { batch: { id: batch.id, format: encoder.format, ...encoder.end() }, rejected }
}
