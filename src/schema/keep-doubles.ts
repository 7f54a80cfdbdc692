import type { FieldSample, Sample } from '../core/sample.ts'

/**
 * A sample of transformed rows in which the fields that were doubles in the source are doubles still. Rows do not tell a
 * whole double from an int32, so a field of which only whole values were sampled would get a column that the first
 * fraction does not fit. Fields go by their names: what a transform has renamed, or made itself, stays as it was seen.
 */
export function keepDoubles(transformed: Sample, raw: Sample): Sample {
  const doubles = new Set(raw.fields.filter(hasDouble).map(({ field }) => field))
  return {
    ...transformed,
    fields: transformed.fields.map((field) => (doubles.has(field.field) ? withDoubles(field) : field)),
  }
}

function hasDouble({ types }: FieldSample): boolean {
  return types.some(({ type }) => type === 'float64')
}

/** Only what is told apart by no more than its value is counted anew: an int64 is one in rows too. */
function withDoubles(field: FieldSample): FieldSample {
  const whole = field.types.find(({ type }) => type === 'int32')
  if (whole === undefined) return field
  const doubles = field.types.find(({ type }) => type === 'float64')
  const count = whole.count + (doubles?.count ?? 0)
  const others = field.types.filter((seen) => seen !== whole && seen !== doubles)
  return { ...field, types: [{ name: 'double', type: 'float64', count }, ...others] }
}
