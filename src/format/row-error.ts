import type { Value } from '../core/value.ts'
import { Decimal, Instant, ObjectId, Special, Uuid } from '../core/value.ts'
import { RowError } from '../core/row-error.ts'

/** A RowError for what no type of the target can hold; who knows row and field puts them in front of the reason. */
export function unholdable(reason: string): RowError {
  return new RowError({ code: 'row-rejected', message: reason })
}

/** A field name as it is, or quoted where it could be taken for something else. */
export function shownName(name: string): string {
  return /^[\w.$-]+$/.test(name) ? name : JSON.stringify(name)
}

const longestShown = 60

/** A text from a row, quoted and cut. */
export function shownText(text: string): string {
  return JSON.stringify(text.length > longestShown ? `${text.slice(0, longestShown)}…` : text)
}

/** The BSON name of what a value is; a whole number that an int32 holds counts as one. */
export function valueTypeName(value: Value): string {
  switch (typeof value) {
    case 'number':
      return (value | 0) === value && !Object.is(value, -0) ? 'int' : 'double'
    case 'bigint':
      return 'long'
    case 'boolean':
      return 'bool'
    case 'string':
      return 'string'
    default:
      return objectTypeName(value)
  }
}

function objectTypeName(value: Exclude<Value, number | bigint | boolean | string>): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  if (value instanceof Decimal) return 'decimal'
  if (value instanceof Instant) return 'date'
  if (value instanceof ObjectId) return 'objectId'
  if (value instanceof Uuid) return 'uuid'
  if (value instanceof Uint8Array) return 'binData'
  return value instanceof Special ? value.type : 'object'
}
