import { createObserver } from '../catalog.ts'
import type { SampledRows, SampleLimits, Source } from '../connectors/contract.ts'
import type { Selection } from '../connectors/planned-table.ts'
import type { Sample } from '../core/sample.ts'
import type { TransformSpec } from '../core/transform.ts'

/**
 * What is in rows spread over a table, after the transform: types of what a pipeline gives are known only by trying.
 * Throws `invalid-transform`.
 */
export async function lookAtSample(
  source: Source,
  selection: Selection,
  transform: TransformSpec | null,
  limits: SampleLimits,
  signal: AbortSignal,
): Promise<Sample> {
  return observeRows(source, selection, transform, await source.sample(selection, limits, signal), signal)
}

/** What is in rows that were taken already. Throws `invalid-transform`. */
export async function observeRows(
  { format, keyField }: Pick<Source, 'format' | 'keyField'>,
  rows: Pick<Selection, 'table' | 'layout'>,
  transform: TransformSpec | null,
  { batches, complete }: SampledRows,
  signal: AbortSignal,
): Promise<Sample> {
  const observer = await createObserver(format, keyField, rows, transform)
  for (const batch of batches) {
    signal.throwIfAborted()
    await observer.observe(batch)
  }
  return observer.sample(complete)
}
