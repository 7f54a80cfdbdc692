import { elementType, type LogicalType, type ScalarType } from '../core/logical-type.ts'
import { Day, Decimal, Instant, minusInfinity, ObjectId, plusInfinity, Uuid, type Value } from '../core/value.ts'
import { fieldText, readArray } from './field-text.ts'
import type { Leniency } from './full-bson.ts'
import { noForm } from './full-forms.ts'
import { dayOfIso, microsOfTimestamp } from './full-instant.ts'
import { readJson } from './full-json-read.ts'
import { nullDocument } from './full-stored.ts'

/** What a field of a tuple of binary COPY is worth, by the text that PostgreSQL shows for it. Throws RowError. */
export function tupleValue(type: LogicalType, field: Buffer, path: string, leniency: Leniency): Value {
  if (type === 'json') return readJson(fieldText(type, field), path, leniency) ?? nullDocument
  const element = elementType(type)
  return element === null ? scalarOf(type as ScalarType, field) : arrayOf(element, field)
}

/** An array of several dimensions is one of arrays. */
function arrayOf(element: ScalarType, field: Buffer): Value {
  const { lengths, firsts, items } = readArray(field)
  const first = firsts.find((place) => place !== 1)
  if (first !== undefined) throw noForm(`is an array whose places count from ${first}`)
  let values: readonly Value[] = items.map((item) => (item === null ? null : scalarOf(element, item)))
  for (const length of lengths.slice(1).toReversed()) {
    const inner = values
    values = Array.from({ length: inner.length / length }, (_, group) =>
      inner.slice(group * length, (group + 1) * length),
    )
  }
  return values
}

function scalarOf(type: ScalarType, field: Buffer): Value {
  const text = fieldText(type, field)
  switch (type) {
    case 'bool':
      return text === 'true'
    case 'int32':
    case 'float64':
      return Number(text)
    case 'int64':
      return BigInt(text)
    case 'decimal':
      return new Decimal(text)
    case 'text':
      return text
    case 'objectid':
      return new ObjectId(text)
    case 'uuid':
      return new Uuid(text)
    case 'bytes':
      return new Uint8Array(Buffer.from(text.slice(2), 'hex'))
    case 'timestamp':
      return instantOf(text)
    case 'date':
      return new Day(dayOfIso(text) ?? Number.NaN)
  }
}

/** The time that a text form of a timestamp stands for. */
export function instantOf(text: string): Instant {
  const micros = microsOfTimestamp(text)
  if (micros === null) return text === 'infinity' ? plusInfinity : minusInfinity
  const below = ((micros % 1000n) + 1000n) % 1000n
  return new Instant((micros - below) / 1000n, Number(below))
}
