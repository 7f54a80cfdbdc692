import type { ObservedType } from './core/logical-type.ts'
import type { DocumentsSample, FieldSample, Trouble, ValuesSample } from './core/sample.ts'
import { styledText, type Examples, type ExampleStyle } from './inspect-examples.ts'
import { portion, type Portion } from './schema/shares.ts'

export interface InspectedType extends Portion {
  /** By the source's name of it. */
  readonly name: string
  readonly type: ObservedType
}

/** What was seen at one place. Shares are of the documents, or elements, that could have a value there. */
export interface InspectedValues {
  /** Without null and undefined, the most frequent first. */
  readonly types: readonly InspectedType[]
  readonly null: Portion
  readonly undefined: Portion
  /** All values there are, where a few come again and again; null: they are not such. */
  readonly values: readonly (Portion & { readonly value: string })[] | null
  /** Bytes of the largest value. */
  readonly largestBytes: number
  /** Fields of the documents among the values. */
  readonly fields: readonly InspectedField[]
  /** There were more distinct fields than are kept. */
  readonly moreFields: boolean
  /** Null: there are no arrays among the values. */
  readonly elements: InspectedElements | null
  /** A few distinct values; none unless asked for. */
  readonly examples: readonly string[]
}

export interface InspectedField extends InspectedValues {
  readonly field: string
  readonly missing: Portion
}

/** The elements of all arrays at one place. */
export interface InspectedElements extends InspectedValues {
  readonly arrays: number
  readonly items: number
  readonly maxItems: number
}

export interface InspectedTrouble {
  /** `items[].price`: the field, through the elements of arrays. */
  readonly place: string
  readonly kind: Trouble
  readonly count: number
  /** Key of the first row that has it. */
  readonly key: string
}

/** Values that come again and again: so many in all, and of each on average. */
const fewestValues = 20
const fewestOfEach = 5

/** The fields of documents at one place, `rows` of which were looked at. */
export function inspectFields(
  { fields }: DocumentsSample,
  rows: number,
  examples: Examples | null,
  style: ExampleStyle,
): readonly InspectedField[] {
  return fields.map((seen) => {
    const missing = rows - countOf(seen)
    const values = inspectValues(seen, rows, examples?.field(seen.field) ?? null, style)
    return { field: seen.field, missing: portion(missing, rows), ...values }
  })
}

function inspectValues(
  seen: ValuesSample,
  of: number,
  examples: Examples | null,
  style: ExampleStyle,
): InspectedValues {
  const { types, documents, elements, maxBytes } = seen
  const named = (wanted: string): Portion =>
    portion(types.find(({ name, type }) => type === 'null' && name === wanted)?.count ?? 0, of)
  return {
    types: types
      .filter(({ type }) => type !== 'null')
      .map(({ name, type, count }) => ({ name, type, ...portion(count, of) }))
      .toSorted((a, b) => b.count - a.count),
    null: named('null'),
    undefined: named('undefined'),
    values: enumerated(seen, style),
    largestBytes: maxBytes,
    fields: documents === null ? [] : inspectFields(documents, documents.rows, examples, style),
    moreFields: documents?.more ?? false,
    elements: elements === null ? null : inspectElements(elements, examples?.elements ?? null, style),
    examples: examples?.texts ?? [],
  }
}

function inspectElements(
  seen: NonNullable<ValuesSample['elements']>,
  examples: Examples | null,
  style: ExampleStyle,
): InspectedElements {
  const { arrays, items, maxItems } = seen
  return { arrays, items, maxItems, ...inspectValues(seen, items, examples, style) }
}

function enumerated({ distinct }: ValuesSample, style: ExampleStyle): InspectedValues['values'] {
  if (distinct === null) return null
  const counts = [...distinct].toSorted(([, a], [, b]) => b - a)
  const values = counts.reduce((sum, [, count]) => sum + count, 0)
  if (values < fewestValues || values < fewestOfEach * counts.length) return null
  return counts.map(([value, count]) => ({ value: styledText(value, style), ...portion(count, values) }))
}

/** Values that a copy has to decide about, wherever they are. */
export function findTrouble(documents: DocumentsSample, style: ExampleStyle, within = ''): readonly InspectedTrouble[] {
  return documents.fields.flatMap((seen) => troubleAt(seen, `${within}${shownField(seen)}`, style))
}

function troubleAt(seen: ValuesSample, place: string, style: ExampleStyle): readonly InspectedTrouble[] {
  return [
    ...seen.trouble.map(({ kind, count, key }) => ({ place, kind, count, key: styledText(key, style) })),
    ...(seen.documents === null ? [] : findTrouble(seen.documents, style, `${place}.`)),
    ...(seen.elements === null ? [] : troubleAt(seen.elements, `${place}[]`, style)),
  ]
}

/** A name that could be taken for something else stands between quotes. */
function shownField({ field }: FieldSample): string {
  return /^[^\s.[\]"]+$/.test(field) ? field : JSON.stringify(field)
}

function countOf({ types }: ValuesSample): number {
  return types.reduce((sum, { count }) => sum + count, 0)
}
