import { elementType, type ScalarType } from '../core/logical-type.ts'
import type { ColumnPlan, NestedJson } from '../core/plan.ts'
import { Day, Decimal, Instant, minusInfinity, ObjectId, plusInfinity, Uuid, type Value } from '../core/value.ts'
import { checkedText, noForm, wellFormed } from './full-forms.ts'
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
  if (element === null) return bounded(scalarText(value, column.type as ScalarType, { ...column, nestedJson }), column)
  if (!Array.isArray(value)) throw noForm('is no array')
  const items: readonly Value[] = value
  const rules = { ...column, nestedJson }
  return arrayText(items.map((item) => (item === null ? null : scalarText(item, element, rules))))
}

export function bounded(text: string, { maxCharacters }: ColumnRules): string {
  if (maxCharacters !== undefined && Array.from(text).length > maxCharacters) {
    throw noForm(`is longer than ${maxCharacters} characters`)
  }
  return text
}

/** How a value becomes one of a type; `boundless`: the target has none of the bounds that PostgreSQL's types have. */
interface ScalarRules {
  readonly cast: boolean
  readonly nestedJson: NestedJson
  readonly boundless?: boolean | undefined
}

export function scalarText(value: Value, type: ScalarType, rules: ScalarRules): string {
  const boundless = rules.boundless === true
  const text = fittingText(value, type, boundless) ?? (rules.cast ? castText(value, type, rules) : null)
  if (text === null) throw noForm(`has no form as ${type}`)
  return text
}

/** Of a value that is of the type already. */
function fittingText(value: Value, type: ScalarType, boundless: boolean): string | null {
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
      return numericText(value, boundless)
    case 'text':
      if (typeof value !== 'string') return null
      return boundless ? wellFormed(value) : checkedText(value)
    case 'objectid':
      return value instanceof ObjectId ? value.hex : null
    case 'uuid':
      return value instanceof Uuid ? uuidText(value.text) : null
    case 'bytes':
      return value instanceof Uint8Array ? `\\x${Buffer.from(value).toString('hex')}` : null
    case 'timestamp':
      return value instanceof Instant ? instantText(value, boundless) : null
    case 'date':
      return value instanceof Day ? dateText(value.days, boundless) : null
  }
}

/** Of a value that `--cast` makes one of the type; the forms of docs/types.md, and no other. */
function castText(value: Value, type: ScalarType, { nestedJson, boundless = false }: ScalarRules): string | null {
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
      return typeof value === 'string' ? writtenNumeric(value, boundless) : null
    case 'text':
      return castToText(value, nestedJson)
    case 'uuid':
      return typeof value === 'string' ? uuidText(value) : null
    case 'timestamp': {
      const micros = typeof value === 'string' ? microsOfIso(value) : null
      return micros === null ? null : microsText(micros, boundless)
    }
    case 'date': {
      const days = typeof value === 'string' ? dayOfIso(value) : null
      return days === null ? null : dateText(days, boundless)
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

function numericText(value: Value, boundless: boolean): string | null {
  if (typeof value === 'number' || typeof value === 'bigint') return writtenNumeric(String(value), boundless)
  return value instanceof Decimal ? writtenNumeric(value.text, boundless) : null
}

/** Digits before and behind the point that an unconstrained `numeric` has at most. */
const [mostWhole, mostFraction] = [131_072, 16_383]

function writtenNumeric(text: string, boundless: boolean): string | null {
  if (isSpecial(text)) return text
  const number = decimalOf(text)
  if (number === null) return null
  if (!boundless && (number.scale > mostFraction || number.wholeDigits > mostWhole)) {
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

function instantText(instant: Instant, boundless: boolean): string {
  if (instant.millis === plusInfinity.millis) return 'infinity'
  if (instant.millis === minusInfinity.millis) return '-infinity'
  return microsText(microsOfInstant(instant), boundless)
}

function dateText(days: number, boundless: boolean): string {
  if (!boundless && !isDate(days)) throw noForm('is a day outside of the calendar of date')
  return dayText(days)
}

function microsText(micros: bigint, boundless: boolean): string {
  if (!boundless && !isInCalendar(micros)) throw noForm('is a date outside of the calendar of timestamptz')
  return timestampText(micros)
}

/** One dimension, every item in quotes, so that none is taken for anything else. */
function arrayText(items: readonly (string | null)[]): string {
  const quoted = items.map((item) => (item === null ? 'NULL' : `"${item.replaceAll(/["\\]/g, '\\$&')}"`))
  return `{${quoted.join(',')}}`
}
