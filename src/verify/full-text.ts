import { elementType, type ScalarType } from '../core/logical-type.ts'
import type { ColumnPlan, NestedJson } from '../core/plan.ts'
import { Day, Decimal, Instant, minusInfinity, ObjectId, plusInfinity, Uuid, type Value } from '../core/value.ts'
import { checkedText, noForm } from './full-forms.ts'
import {
  dayOfIso,
  dayText,
  isDate,
  isInCalendar,
  isoText,
  microsOfInstant,
  microsOfIso,
  timestampText,
} from './full-instant.ts'
import { expectedJson } from './full-json.ts'
import { decimalOf, sameDecimal } from './full-decimal.ts'

/** What of a column says which values it takes. */
export type ColumnRules = Pick<ColumnPlan, 'type' | 'cast' | 'maxCharacters'>

/**
 * The text form in PostgreSQL of what a column has to hold for a value, by the rules of docs/types.md. Throws RowError
 * where the column cannot hold the value.
 */
export function expectedText(value: Value, column: ColumnRules, nestedJson: NestedJson): string {
  if (column.type === 'json') return expectedJson(value, nestedJson)
  const element = elementType(column.type)
  if (element === null) return bounded(scalarText(value, column.type as ScalarType, column.cast, nestedJson), column)
  if (!Array.isArray(value)) throw noForm('is no array')
  const items: readonly Value[] = value
  return arrayText(items.map((item) => (item === null ? null : scalarText(item, element, column.cast, nestedJson))))
}

function bounded(text: string, { maxCharacters }: ColumnRules): string {
  if (maxCharacters !== undefined && Array.from(text).length > maxCharacters) {
    throw noForm(`is longer than ${maxCharacters} characters`)
  }
  return text
}

function scalarText(value: Value, type: ScalarType, cast: boolean, nestedJson: NestedJson): string {
  const text = fittingText(value, type) ?? (cast ? castText(value, type, nestedJson) : null)
  if (text === null) throw noForm(`has no form as ${type}`)
  return text
}

/** Of a value that is of the type already. */
function fittingText(value: Value, type: ScalarType): string | null {
  switch (type) {
    case 'bool':
      return typeof value === 'boolean' ? String(value) : null
    case 'int32':
      return typeof value === 'number' || typeof value === 'bigint' ? wholeText(value, 31n) : null
    case 'int64':
      return typeof value === 'number' || typeof value === 'bigint' ? wholeText(value, 63n) : null
    case 'float64':
      return doubleText(value)
    case 'decimal':
      return numericText(value)
    case 'text':
      return typeof value === 'string' ? checkedText(value) : null
    case 'objectid':
      return value instanceof ObjectId ? value.hex : null
    case 'uuid':
      return value instanceof Uuid ? uuidText(value.text) : null
    case 'bytes':
      return value instanceof Uint8Array ? `\\x${Buffer.from(value).toString('hex')}` : null
    case 'timestamp':
      return value instanceof Instant ? instantText(value) : null
    case 'date':
      return value instanceof Day ? dateText(value.days) : null
  }
}

/** Of a value that `--cast` makes one of the type; the forms of docs/types.md, and no other. */
function castText(value: Value, type: ScalarType, nestedJson: NestedJson): string | null {
  switch (type) {
    case 'bool':
      if (value === 'true' || value === 1 || value === 1n) return 'true'
      return value === 'false' || value === 0 || value === 0n ? 'false' : null
    case 'int32':
      return castWhole(value, 31n)
    case 'int64':
      return castWhole(value, 63n)
    case 'float64':
      return castDouble(value)
    case 'decimal':
      return typeof value === 'string' ? writtenNumeric(value) : null
    case 'text':
      return castToText(value, nestedJson)
    case 'uuid':
      return typeof value === 'string' ? uuidText(value) : null
    case 'timestamp': {
      const micros = typeof value === 'string' ? microsOfIso(value) : null
      return micros === null ? null : microsText(micros)
    }
    case 'date': {
      const days = typeof value === 'string' ? dayOfIso(value) : null
      return days === null ? null : dateText(days)
    }
    case 'objectid':
    case 'bytes':
      return null
  }
}

function wholeText(value: number | bigint, bits: bigint): string | null {
  if (typeof value === 'number' && (!Number.isInteger(value) || Object.is(value, -0))) return null
  const whole = BigInt(value)
  return whole >= -(1n << bits) && whole < 1n << bits ? String(whole) : null
}

function castWhole(value: Value, bits: bigint): string | null {
  if (typeof value === 'boolean') return value ? '1' : '0'
  if (typeof value === 'string')
    return /^[+-]?\d+$/.test(value) ? wholeText(BigInt(value.replace('+', '')), bits) : null
  const text = value instanceof Decimal ? value.text : typeof value === 'number' ? String(value) : null
  const whole = text === null ? null : (decimalOf(text)?.whole() ?? null)
  return whole === null ? null : wholeText(whole, bits)
}

function doubleText(value: Value): string | null {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? String(value) : null
  if (typeof value !== 'number') return null
  return Object.is(value, -0) ? '-0' : String(value)
}

/** The double's own shortest text has to be the number that was written. */
function castDouble(value: Value): string | null {
  const text = value instanceof Decimal ? value.text : value
  if (typeof text !== 'string') return null
  if (isSpecial(text)) return text
  const [asked, kept] = [decimalOf(text), decimalOf(String(Number(text)))]
  if (asked === null || kept === null || !sameDecimal(asked, kept)) return null
  return doubleText(Number(text))
}

function numericText(value: Value): string | null {
  if (typeof value === 'number' || typeof value === 'bigint') return writtenNumeric(String(value))
  return value instanceof Decimal ? writtenNumeric(value.text) : null
}

/** Digits before and behind the point that an unconstrained `numeric` has at most. */
const [mostWhole, mostFraction] = [131_072, 16_383]

function writtenNumeric(text: string): string | null {
  if (isSpecial(text)) return text
  const number = decimalOf(text)
  if (number === null) return null
  if (number.scale > mostFraction || number.wholeDigits > mostWhole) {
    throw noForm('has more digits than numeric holds')
  }
  return text
}

function isSpecial(text: string): boolean {
  return text === 'NaN' || text === 'Infinity' || text === '-Infinity'
}

function castToText(value: Value, nestedJson: NestedJson): string | null {
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value)
  if (typeof value === 'boolean' || typeof value === 'bigint') return String(value)
  if (value instanceof Decimal || value instanceof Uuid) return value.text
  if (value instanceof ObjectId) return value.hex
  if (value instanceof Instant) return isoText(microsOfInstant(value))
  if (value instanceof Day) return dayText(value.days)
  if (value instanceof Uint8Array) return null
  return expectedJson(value, nestedJson)
}

function uuidText(text: string): string | null {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text) ? text.toLowerCase() : null
}

function instantText(instant: Instant): string {
  if (instant.millis === plusInfinity.millis) return 'infinity'
  if (instant.millis === minusInfinity.millis) return '-infinity'
  return microsText(microsOfInstant(instant))
}

function dateText(days: number): string {
  if (!isDate(days)) throw noForm('is a day outside of the calendar of date')
  return dayText(days)
}

function microsText(micros: bigint): string {
  if (!isInCalendar(micros)) throw noForm('is a date outside of the calendar of timestamptz')
  return timestampText(micros)
}

/** One dimension, every item in quotes, so that none is taken for anything else. */
function arrayText(items: readonly (string | null)[]): string {
  const quoted = items.map((item) => (item === null ? 'NULL' : `"${item.replaceAll(/["\\]/g, '\\$&')}"`))
  return `{${quoted.join(',')}}`
}
