import type { Value } from '../core/value.ts'
import { Day, Decimal, Instant, ObjectId, Special, Uuid } from '../core/value.ts'
import { RowError } from '../core/row-error.ts'

/** What is wrong with a value, and the part of it that is; the column is not known yet. */
interface Fault {
  /** Without the value. */
  readonly reason: string
  /** A preview of what is at fault; absent: the whole value is. */
  readonly value?: string | undefined
}

/** A RowError for what no type of the target can hold; who knows row and field puts them in front of the message. */
export function unholdable(message: string, { reason, value = '' }: Fault = { reason: message }): RowError {
  return new RowError({ code: 'row-rejected', message }, { column: '', value, reason })
}

const longestName = 200

/** A field name as it is, or quoted where it could be taken for something else; cut where it is very long. */
export function shownName(name: string): string {
  return name.length <= longestName && /^[\w.$-]+$/.test(name) ? name : JSON.stringify(cut(name, longestName))
}

/** A name from a row as a text of bounded length that everybody can store. */
export function storableName(name: string): string {
  const shown = cut(name, longestName)
  return shown.includes('\0') || !shown.isWellFormed() ? JSON.stringify(shown) : shown
}

const longestShown = 60

/** A text from a row, quoted and cut. */
export function shownText(text: string): string {
  return JSON.stringify(cut(text, longestShown))
}

function cut(text: string, longest: number): string {
  return text.length > longest ? `${text.slice(0, longest)}…` : text
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
  if (value instanceof Day) return 'day'
  if (value instanceof ObjectId) return 'objectId'
  if (value instanceof Uuid) return 'uuid'
  if (value instanceof Uint8Array) return 'binData'
  return value instanceof Special ? value.type : 'object'
}
