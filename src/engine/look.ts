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

/**
 * Where rows after a transform leave a type open, it is that of the source: of fields without a value, and of all fields
 * where there are no rows.
 */
export function withDeclared(seen: Sample, declared: Sample): Sample {
  if (seen.rows === 0) return declared
  const types = new Map(declared.fields.map((field) => [field.field, field.types]))
  const fields = seen.fields.map((field) => {
    if (field.types.some(({ type }) => type !== 'null')) return field
    const known = (types.get(field.field) ?? []).filter(({ type }) => type !== 'null')
    return { ...field, types: [...known.map((one) => ({ ...one, count: 0 })), ...field.types] }
  })
  return { ...seen, fields }
}
