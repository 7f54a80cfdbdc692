import { createObserver } from '../catalog.ts'
import type { SampleLimits, Selection, Source } from '../connectors/contract.ts'
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
  const observer = await createObserver(source.format, source.keyField, selection.table, transform)
  const { batches, complete } = await source.sample(selection, limits, signal)
  for (const batch of batches) {
    signal.throwIfAborted()
    await observer.observe(batch)
  }
  return observer.sample(complete)
}
