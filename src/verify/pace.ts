import type { Source } from '../connectors/contract.ts'
import type { Rate } from '../core/rate.ts'

/** Asked by a worker that reads for itself: when it may go on with a batch. Answered then, with the rate in force. */
export interface PaceQuestion {
  readonly kind: 'pace'
  readonly rows: number
  readonly bytes: number
}

export interface PaceAnswer {
  readonly kind: 'pace'
  readonly rate: Rate | null
}

/** Resolves when a batch may pass, with the rate in force; rejects when the signal aborts. */
export type Pace = (rows: number, bytes: number, signal: AbortSignal) => Promise<Rate | null>

/** A source as far as its rows are concerned. */
export type RowSource = Pick<Source, 'format' | 'keyField' | 'read'>

/** Its batches come when `ask` is answered. */
export function pacedSource(source: RowSource, ask: (question: PaceQuestion) => Promise<unknown>): RowSource {
  const { format, keyField } = source
  return {
    format,
    keyField,
    read: async function* (selection, partition, options, signal) {
      for await (const batch of source.read(selection, partition, options, signal)) {
        await ask({ kind: 'pace', rows: batch.rows, bytes: batch.bytes.length })
        yield batch
      }
    },
  }
}
