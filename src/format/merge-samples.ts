import type { DocumentsSample, ElementsSample, FieldSample, Sample, ValuesSample } from '../core/sample.ts'
import { maxDistinct, maxNestedFields, maxRowFields } from './observe-tally.ts'

/**
 * The sample of all the rows that two samples looked at, `a` first. Associative, except where there are more fields than
 * are kept: of those, the ones that the first samples kept remain.
 */
export function mergeSamples(a: Sample, b: Sample): Sample {
  return {
    ...mergeDocuments(a, b, maxRowFields),
    bytes: a.bytes + b.bytes,
    complete: a.complete && b.complete,
    damaged: a.damaged + b.damaged,
    failed: mergeFailed(a.failed, b.failed),
  }
}

function mergeFailed(a: Sample['failed'], b: Sample['failed']): Sample['failed'] {
  if (a === null || b === null) return a ?? b
  return { count: a.count + b.count, message: a.message }
}

function mergeDocuments(a: DocumentsSample, b: DocumentsSample, most: number): DocumentsSample {
  const fields = new Map(a.fields.map((field): [string, FieldSample] => [field.field, field]))
  let more = a.more || b.more
  for (const field of b.fields) {
    const known = fields.get(field.field)
    if (known !== undefined) fields.set(field.field, { field: field.field, ...mergeValues(known, field) })
    else if (fields.size < most) fields.set(field.field, field)
    else more = true
  }
  return { rows: a.rows + b.rows, fields: [...fields.values()], more }
}

function mergeValues(a: ValuesSample, b: ValuesSample): ValuesSample {
  return {
    types: mergeCounts(a.types, b.types, (inA, inB) => inA.name === inB.name && inA.type === inB.type),
    documents: unlessNull(a.documents, b.documents, (inA, inB) => mergeDocuments(inA, inB, maxNestedFields)),
    elements: unlessNull(a.elements, b.elements, mergeElements),
    distinct: mergeDistinct(a.distinct, b.distinct),
    maxBytes: Math.max(a.maxBytes, b.maxBytes),
    trouble: mergeCounts(a.trouble, b.trouble, (inA, inB) => inA.kind === inB.kind),
  }
}

function mergeElements(a: ElementsSample, b: ElementsSample): ElementsSample {
  return {
    ...mergeValues(a, b),
    arrays: a.arrays + b.arrays,
    items: a.items + b.items,
    maxItems: Math.max(a.maxItems, b.maxItems),
  }
}

/** What both count is added up, in the order first seen. */
function mergeCounts<T extends { readonly count: number }>(
  a: readonly T[],
  b: readonly T[],
  same: (a: T, b: T) => boolean,
): readonly T[] {
  const merged = [...a]
  for (const seen of b) {
    const index = merged.findIndex((known) => same(known, seen))
    const known = merged[index]
    if (known === undefined) merged.push(seen)
    else merged[index] = { ...known, count: known.count + seen.count }
  }
  return merged
}

function mergeDistinct(a: ValuesSample['distinct'], b: ValuesSample['distinct']): ValuesSample['distinct'] {
  if (a === null || b === null) return null
  const merged = new Map(a)
  for (const [text, count] of b) merged.set(text, (merged.get(text) ?? 0) + count)
  return merged.size > maxDistinct ? null : merged
}

/** What there is of the two, merged where both are there. */
function unlessNull<T>(a: T | null, b: T | null, merge: (a: T, b: T) => T): T | null {
  return a === null || b === null ? (a ?? b) : merge(a, b)
}
