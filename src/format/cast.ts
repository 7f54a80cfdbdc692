import type { ScalarType } from '../core/logical-type.ts'
import type { NestedJson } from '../core/plan.ts'
import type { Value } from '../core/value.ts'
import { Day, Decimal, Instant, ObjectId, Uuid } from '../core/value.ts'
import { parseDecimal, sameNumber, wholeNumber } from './decimal-digits.ts'
import { dayText, isoText, parseDay, parseInstant } from './instant-text.ts'
import { jsonText } from './json-text.ts'

/**
 * A value made into one that fits a scalar type, by the rules of `--cast`: exactly, or not at all (undefined). Values
 * that fit as they are never come here. Throws RowError for a document whose JSON cannot be stored.
 */
export function castScalar(value: Value, type: ScalarType, nestedJson: NestedJson): Value | undefined {
  switch (type) {
    case 'text':
      return toText(value, nestedJson)
    case 'int32':
    case 'int64':
      return toWhole(value)
    case 'float64':
      return toDouble(value)
    case 'decimal':
      return typeof value === 'string' && isDecimal(value) ? new Decimal(value) : undefined
    case 'bool':
      return toBool(value)
    case 'uuid':
      return typeof value === 'string' ? new Uuid(value) : undefined
    case 'timestamp':
      return typeof value === 'string' ? (parseInstant(value) ?? undefined) : undefined
    case 'date':
      return typeof value === 'string' ? (parseDay(value) ?? undefined) : undefined
    case 'objectid':
    case 'bytes':
      return undefined
  }
}

function toText(value: Value, nestedJson: NestedJson): string | undefined {
  if (typeof value === 'boolean' || typeof value === 'bigint') return String(value)
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value)
  if (value instanceof Decimal || value instanceof Uuid) return value.text
  if (value instanceof ObjectId) return value.hex
  if (value instanceof Instant) return isoText(value) ?? undefined
  if (value instanceof Day) return dayText(value)
  // Bytes have several usual texts, and none of them is theirs.
  if (value instanceof Uint8Array) return undefined
  return jsonText(value, nestedJson)
}

/** The range is checked by the column. */
function toWhole(value: Value): bigint | undefined {
  if (typeof value === 'boolean') return value ? 1n : 0n
  if (typeof value === 'string') return /^[+-]?\d+$/.test(value) ? wholeOf(value) : undefined
  if (typeof value === 'number') return wholeOf(String(value))
  return value instanceof Decimal ? wholeOf(value.text) : undefined
}

function wholeOf(text: string): bigint | undefined {
  const number = parseDecimal(text)
  return number === null ? undefined : (wholeNumber(number) ?? undefined)
}

/** A decimal is a double when the double's own shortest text is the same number, so `0.1` is and 2^53 + 1 is not. */
function toDouble(value: Value): number | undefined {
  const text = value instanceof Decimal ? value.text : value
  if (typeof text !== 'string') return undefined
  if (specialNumbers.has(text)) return Number(text)
  const asked = parseDecimal(text)
  const double = Number(text)
  const kept = parseDecimal(String(double))
  return asked !== null && kept !== null && sameNumber(asked, kept) ? double : undefined
}

const specialNumbers: ReadonlySet<string> = new Set(['NaN', 'Infinity', '-Infinity'])

function isDecimal(text: string): boolean {
  return specialNumbers.has(text) || parseDecimal(text) !== null
}

function toBool(value: Value): boolean | undefined {
  if (value === 'true' || value === 1 || value === 1n) return true
  return value === 'false' || value === 0 || value === 0n ? false : undefined
}
