import { elementType, type LogicalType, type ScalarType } from '../core/logical-type.ts'
import type { Value } from '../core/value.ts'
import { fieldText, readArray } from './field-text.ts'
import type { Leniency } from './full-bson.ts'
import { noForm } from './full-forms.ts'
import { readJson } from './full-json-read.ts'
import { scalarOf } from './full-scalar.ts'
import { nullDocument } from './full-stored.ts'

/** What a field of a tuple of binary COPY is worth, by the text that PostgreSQL shows for it. Throws RowError. */
export function tupleValue(type: LogicalType, field: Buffer, path: string, leniency: Leniency): Value {
  if (type === 'json') return readJson(fieldText(type, field), path, leniency) ?? nullDocument
  const element = elementType(type)
  return element === null ? scalarOf(type as ScalarType, fieldText(type, field)) : arrayOf(element, field)
}

/** An array of several dimensions is one of arrays. */
function arrayOf(element: ScalarType, field: Buffer): Value {
  const { lengths, firsts, items } = readArray(field)
  const first = firsts.find((place) => place !== 1)
  if (first !== undefined) throw noForm(`is an array whose places count from ${first}`)
  let values: readonly Value[] = items.map((item) =>
    item === null ? null : scalarOf(element, fieldText(element, item)),
  )
  for (const length of lengths.slice(1).toReversed()) {
    const inner = values
    values = Array.from({ length: inner.length / length }, (_, group) =>
      inner.slice(group * length, (group + 1) * length),
    )
  }
  return values
}
