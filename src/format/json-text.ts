import type { NestedJson } from '../core/plan.ts'
import { RowError } from '../core/row-error.ts'
import type { DocumentValue, Value } from '../core/value.ts'
import { Day, Decimal, Instant, isInfinite, ObjectId, Special, Uuid } from '../core/value.ts'
import { beginningOf } from './beginning-of.ts'
import { maxDepth } from './bson-reader.ts'
import { subtype } from './bson-types.ts'
import { binaryJson, doubleText } from './canonical-json.ts'
import { dayText, isoText } from './instant-text.ts'
import { shownText, unholdable } from './row-error.ts'

/** How to write: the form of values that JSON lacks, and whether text that no target holds is refused. */
interface Style {
  readonly extended: boolean
  readonly strict: boolean
}

const styles: Readonly<Record<NestedJson, Style>> = {
  plain: { extended: false, strict: true },
  extended: { extended: true, strict: true },
}

/**
 * A value as JSON. `plain` is for people and queries; `extended` is relaxed extended JSON v2
 * (https://github.com/mongodb/specifications, extended-json). Both write every number exactly. Throws RowError
 * `row-rejected` for text with U+0000 or half of a surrogate pair, for nesting deeper than 200 levels, and for what is
 * no {@link Value}.
 */
export function jsonText(value: Value, mode: NestedJson): string {
  return write(value, styles[mode], 0)
}

const longestShown = 200

/** A value for people: relaxed extended JSON, whatever it holds, cut at 200 characters. Never throws. */
export function displayText(value: Value): string {
  return shown(value, true)
}

/** What identifies a row, for people: one value, or several as `("a", 7)`; cut at 200 characters. Never throws. */
export function displayKey(values: readonly Value[]): string {
  const [only] = values
  if (only === undefined) return noKey
  if (values.length === 1) return shown(only, false)
  return cut(`(${values.map((value) => shown(value, false)).join(', ')})`)
}

/** Stands for the key of a row that has none. */
export const noKey = '(no key)'

function shown(value: Value, extended: boolean): string {
  let text: string
  try {
    text = write(beginningOf(value, longestShown), { extended, strict: false }, 0)
  } catch (error) {
    if (!(error instanceof RowError)) throw error
    return '?'
  }
  return cut(text)
}

function cut(text: string): string {
  return text.length > longestShown ? text.slice(0, longestShown).toWellFormed() : text
}

function write(value: Value, style: Style, depth: number): string {
  switch (typeof value) {
    case 'string':
      return quote(value, style)
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0)
        ? String(value)
        : `{"$numberDouble":"${doubleText(value)}"}`
    case 'boolean':
    case 'bigint':
      return String(value)
    case 'object':
      if (value === null) return 'null'
      if (Array.isArray(value)) return writeArray(value, style, depth + 1)
      // Documents first: they are the most, and class checks are not free.
      return Object.getPrototypeOf(value) === null
        ? writeDocument(value as DocumentValue, style, depth + 1)
        : writeObject(value, style, depth)
    default:
      throw unholdable(`a ${typeof value} has no form in JSON`)
  }
}

function writeObject(value: Exclude<Value, null | boolean | number | bigint | string>, style: Style, depth: number) {
  if (value instanceof Instant) return instantJson(value, style)
  if (value instanceof Day) return `"${dayText(value)}"`
  if (value instanceof ObjectId) return style.extended ? `{"$oid":"${value.hex}"}` : `"${value.hex}"`
  if (value instanceof Decimal) return decimalJson(value.text, style)
  if (value instanceof Special) return specialJson(value, style)
  if (value instanceof Uuid) return style.extended ? uuidJson(value.text) : `"${value.text}"`
  if (value instanceof Uint8Array) return style.extended ? binaryJson(value, subtype.generic) : base64Json(value)
  // A transform may hand over a Date or a Map, whose own fields are nothing like their value.
  if (Object.getPrototypeOf(value) !== Object.prototype) {
    throw unholdable(`an object of class ${value.constructor.name} has no form in JSON`)
  }
  return writeDocument(value as DocumentValue, style, depth + 1)
}

function writeArray(items: readonly Value[], style: Style, depth: number): string {
  checkDepth(depth)
  let text = '['
  let separator = ''
  for (const item of items) {
    text += separator + write(item, style, depth)
    separator = ','
  }
  return `${text}]`
}

function writeDocument(document: DocumentValue, style: Style, depth: number): string {
  checkDepth(depth)
  let text = '{'
  let separator = ''
  for (const name of Object.keys(document)) {
    text += `${separator}${quote(name, style)}:${write(document[name] as Value, style, depth)}`
    separator = ','
  }
  return `${text}}`
}

function checkDepth(depth: number): void {
  if (depth > maxDepth) throw unholdable(`documents are nested deeper than ${maxDepth} levels`)
}

// What JSON escapes (control characters, and a few more than it must), and halves of surrogate pairs.
const needsCare = /["\\\p{Cc}\p{Cs}]/u

function quote(text: string, style: Style): string {
  if (!needsCare.test(text)) return `"${text}"`
  if (style.strict) checkText(text)
  return JSON.stringify(text)
}

/** Throws RowError for what PostgreSQL holds neither in text nor in jsonb: U+0000, and half of a surrogate pair. */
export function checkText(text: string): void {
  if (text.includes('\0')) throw badText(text, 'contains U+0000')
  checkWellFormed(text)
}

/** Throws RowError for half of a surrogate pair, which UTF-8 does not have. */
export function checkWellFormed(text: string): void {
  if (!text.isWellFormed()) throw badText(text, 'contains half of a surrogate pair')
}

function badText(text: string, what: string): RowError {
  return unholdable(`the text ${shownText(text)} ${what}`, { reason: `the text ${what}`, value: displayText(text) })
}

function instantJson(instant: Instant, style: Style): string {
  const { millis } = instant
  const iso = isoText(instant)
  if (iso === null || (style.extended && millis < 0n)) checkMillis(instant, style)
  if (!style.extended) return iso === null ? numberLongDate(millis) : `"${iso}"`
  // Relaxed form: text for the years 1970 to 9999 only, and without a fraction of zero.
  return iso === null || millis < 0n ? numberLongDate(millis) : `{"$date":"${iso.replace('.000Z', 'Z')}"}`
}

/** Extended JSON counts milliseconds. */
function checkMillis(instant: Instant, { strict }: Style): void {
  if (!strict || (instant.micros === 0 && !isInfinite(instant))) return
  const what = isInfinite(instant) ? 'an infinite time' : 'a date with microseconds before 1970, or after 9999,'
  throw unholdable(`${what} has no form in JSON`)
}

function numberLongDate(millis: bigint): string {
  return `{"$date":{"$numberLong":"${millis}"}}`
}

const jsonNumber = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/

function decimalJson(text: string, style: Style): string {
  if (!style.extended && jsonNumber.test(text)) return text
  if (!jsonNumber.test(text) && !/^(?:NaN|-?Infinity)$/.test(text)) {
    throw unholdable(`${shownText(text)} is not a decimal number`, { reason: 'it is not a decimal number' })
  }
  return `{"$numberDecimal":"${text}"}`
}

// An escape sequence for U+0000: its backslash is not itself escaped.
const escapedNul = /(?<!\\)(?:\\\\)*\\u0000/

/** Whether the text that a special value is carried as has U+0000 in it. */
export function hasNul({ json }: Special): boolean {
  return escapedNul.test(json)
}

function specialJson(value: Special, style: Style): string {
  if (style.strict && hasNul(value)) throw unholdable(`a ${value.type} contains U+0000`)
  return value.json
}

function uuidJson(text: string): string {
  return binaryJson(Buffer.from(text.replaceAll('-', ''), 'hex'), subtype.uuid)
}

function base64Json(bytes: Uint8Array): string {
  return `"${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')}"`
}
