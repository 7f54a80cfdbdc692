import {
  Day,
  Decimal,
  Instant,
  isInfinite,
  ObjectId,
  Special,
  Uuid,
  type DocumentValue,
  type Value,
} from '../core/value.ts'
import type { NestedJson } from '../core/plan.ts'
import { binaryJson, doubleText } from './full-bson.ts'
import { dayText, isoText, microsOfInstant } from './full-instant.ts'
import { checkedText, noForm } from './full-forms.ts'

const deepest = 200

/**
 * The JSON that a `json` column is promised to hold (docs/types.md, "Inside jsonb"), written anew from that promise.
 * Throws RowError for what JSON of the target has no form for.
 */
export function expectedJson(value: Value, mode: NestedJson, depth = 0): string {
  if (depth > deepest) throw noForm(`is nested deeper than ${deepest} levels`)
  if (value === null) return 'null'
  if (typeof value === 'string') return JSON.stringify(checkedText(value))
  if (typeof value === 'number') return numberJson(value)
  if (typeof value === 'boolean' || typeof value === 'bigint') return String(value)
  if (Array.isArray(value)) {
    const items: readonly Value[] = value
    return `[${items.map((item) => expectedJson(item, mode, depth + 1)).join(',')}]`
  }
  if (value instanceof Special) return specialJson(value)
  if (value instanceof Instant) return dateJson(value, mode)
  if (value instanceof Day) return JSON.stringify(dayText(value.days))
  if (value instanceof Decimal) return decimalJson(value.text, mode)
  if (value instanceof ObjectId) return mode === 'plain' ? `"${value.hex}"` : `{"$oid":"${value.hex}"}`
  if (value instanceof Uuid) {
    return mode === 'plain' ? `"${value.text}"` : binaryJson(Buffer.from(value.text.replaceAll('-', ''), 'hex'), 4)
  }
  if (value instanceof Uint8Array) {
    return mode === 'plain' ? JSON.stringify(Buffer.from(value).toString('base64')) : binaryJson(value, 0)
  }
  return documentJson(value as DocumentValue, mode, depth)
}

function documentJson(document: DocumentValue, mode: NestedJson, depth: number): string {
  const fields = Object.entries(document).map(
    ([name, value]) => `${JSON.stringify(checkedText(name))}:${expectedJson(value, mode, depth + 1)}`,
  )
  return `{${fields.join(',')}}`
}

function numberJson(value: number): string {
  const isPlain = Number.isFinite(value) && !Object.is(value, -0)
  return isPlain ? String(value) : `{"$numberDouble":"${doubleText(value)}"}`
}

function decimalJson(text: string, mode: NestedJson): string {
  const isNumber = /^-?\d+(\.\d+)?(E[+-]?\d+)?$/i.test(text)
  return mode === 'plain' && isNumber ? text : `{"$numberDecimal":"${text}"}`
}

/** Relaxed extended JSON has texts for dates from 1970 on, and leaves a fraction of zero out. */
function dateJson(instant: Instant, mode: NestedJson): string {
  const { millis } = instant
  const iso = isoText(microsOfInstant(instant))
  if (iso === null || (mode === 'extended' && millis < 0n)) {
    if (instant.micros !== 0 || isInfinite(instant)) throw noForm('has no form in JSON')
    return `{"$date":{"$numberLong":"${millis}"}}`
  }
  return mode === 'plain' ? `"${iso}"` : `{"$date":"${iso.replace('.000Z', 'Z')}"}`
}

function specialJson({ type, json }: Special): string {
  // What is left without the escaped backslashes begins an escape with each backslash.
  if (json.replaceAll('\\\\', '').includes('\\u0000')) throw noForm(`is a ${type} with U+0000 in it`)
  return json
}
