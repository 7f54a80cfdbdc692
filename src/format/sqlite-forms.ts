import { DroverError } from '../core/errors.ts'
import type { LayoutColumn } from '../core/layout.ts'
import { typeName, type LogicalType } from '../core/logical-type.ts'
import { Decimal, Uuid, type Value } from '../core/value.ts'
import { parseDecimal } from './decimal-digits.ts'
import { jsonNull } from './json-reader.ts'
import type { ReadingContext } from './layout-decoder.ts'
import { unholdable } from './row-error.ts'
import { readDay, timeReader } from './sqlite-times.ts'
import { StoredText, type SqliteValue } from './sqlite-record.ts'
import { realText, shownStored, storedBytes, TextReader } from './stored-text.ts'

type Stored = Exclude<SqliteValue, null>

/** Reads a stored value as one of the column's type. Throws RowError `row-rejected` for one that is none. */
export type ReadStored = (value: SqliteValue) => Value

/** Undefined for a value that is none of the type. */
type Read = (value: Stored) => Value | undefined

/**
 * What reads the values of a column by its type and form. `digits`: numbers that are written as text count too, and
 * `any`: of a text, numbers, and of bytes, texts; `words`: of a boolean, also `true`, `f`, `yes` … in any case. `@label`
 * behind a form of texts: those that are not UTF-8 are in that encoding; behind `iso`: times without a zone are of that
 * one. Throws DroverError `unexpected` for a form that there is not.
 */
export function storedReader({ type, form }: Pick<LayoutColumn, 'type' | 'form'>, context: ReadingContext): ReadStored {
  const read = readerOf(type, form ?? '', context)
  return (value) => {
    if (value === null) return null
    const made = read(value)
    if (made !== undefined) return made
    const reason = `no ${typeName(type)}${form === undefined ? '' : ` (${form})`}`
    const shown = shownStored(value)
    throw unholdable(`the ${shown} is ${reason}`, { reason: `it is ${reason}`, value: shown })
  }
}

function readerOf(type: LogicalType, form: string, context: ReadingContext): Read {
  switch (type) {
    case 'bool':
      return form === 'words' ? readWord : readBool
    case 'int32':
      return (value) => int32Of(wholeOf(value, form))
    case 'int64':
      return (value) => wholeOf(value, form)
    case 'float64':
      return readDouble
    case 'decimal':
      return (value) => decimalOf(value, form)
    case 'text':
      return readText(form, context)
    case 'uuid':
      return readUuid
    case 'bytes':
      return (value) => bytesOf(value, form)
    case 'timestamp':
      return timeReader(form === '' ? 'iso' : form)
    case 'date':
      return readDay
    case 'json':
      return readJson(context)
    default:
      throw new DroverError('unexpected', `SQLite stores no value as ${type}`)
  }
}

function readBool(value: Stored): boolean | undefined {
  return value === 1n || (value === 0n ? false : undefined)
}

const words: ReadonlyMap<string, boolean> = new Map([
  ...['true', 't', 'yes', 'y', 'on', '1'].map((word): [string, boolean] => [word, true]),
  ...['false', 'f', 'no', 'n', 'off', '0'].map((word): [string, boolean] => [word, false]),
])

function readWord(value: Stored): boolean | undefined {
  return isText(value) ? words.get(asciiOf(value).toLowerCase()) : readBool(value)
}

const int64Bits = 64
const int32Bits = 32
const wholePattern = /^(?:0|-?[1-9]\d{0,18})$/

/** A text that is not written as the number would be, such as `007`, is more than the number. */
function wholeOf(value: Stored, form: string): bigint | undefined {
  if (typeof value === 'bigint') return value
  const text = form === 'digits' && isText(value) ? asciiOf(value) : ''
  if (!wholePattern.test(text)) return undefined
  const whole = BigInt(text)
  return whole === BigInt.asIntN(int64Bits, whole) ? whole : undefined
}

function int32Of(value: bigint | undefined): number | undefined {
  return value === undefined || value !== BigInt.asIntN(int32Bits, value) ? undefined : Number(value)
}

/** Whole numbers beyond are not all doubles. */
const mostWhole = 2n ** 53n

function readDouble(value: Stored): number | undefined {
  if (typeof value === 'number') return value
  return typeof value === 'bigint' && value >= -mostWhole && value <= mostWhole ? Number(value) : undefined
}

const numberPattern = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d{1,4})?$/

function decimalOf(value: Stored, form: string): Decimal | undefined {
  if (typeof value === 'bigint' || typeof value === 'number') return new Decimal(decimalText(String(value)))
  const text = form === 'digits' && isText(value) ? asciiOf(value) : ''
  return numberPattern.test(text) && parseDecimal(text) !== null ? new Decimal(decimalText(text)) : undefined
}

/** With the mark and sign of an exponent that decimals have. */
function decimalText(text: string): string {
  return text.replace(/[eE]([+-]?)/, (_all, sign: string) => `E${sign || '+'}`)
}

function readText(form: string, { lenience }: ReadingContext): Read {
  const [word, label = null] = form.split('@')
  const texts = new TextReader(label, lenience)
  return (value) => {
    if (isText(value)) return texts.read(value)
    if (word !== 'any') return undefined
    if (typeof value === 'bigint') return String(value)
    return typeof value === 'number' ? realText(value) : undefined
  }
}

const uuidPattern = /^([\da-f]{8})-?([\da-f]{4})-?([\da-f]{4})-?([\da-f]{4})-?([\da-f]{12})$/i
const uuidLengths: ReadonlySet<number> = new Set([32, 36])
const uuidBytes = 16

function readUuid(value: Stored): Uuid | undefined {
  if (typeof value === 'bigint' || typeof value === 'number') return undefined
  const text = isText(value) ? asciiOf(value) : value.length === uuidBytes ? Buffer.from(value).toString('hex') : ''
  const parts = uuidLengths.has(text.length) ? uuidPattern.exec(text) : null
  return parts === null ? undefined : new Uuid(parts.slice(1).join('-').toLowerCase())
}

function bytesOf(value: Stored, form: string): Uint8Array | undefined {
  if (value instanceof Uint8Array) return new Uint8Array(value)
  return form === 'any' && isText(value) ? new Uint8Array(storedBytes(value)) : undefined
}

function readJson({ json, lenience }: ReadingContext): Read {
  const texts = new TextReader(null, lenience)
  return (value) => (isText(value) ? (json.read(texts.read(value)) ?? jsonNull) : undefined)
}

function isText(value: Stored): value is string | StoredText {
  return typeof value === 'string' || value instanceof StoredText
}

/** Of a text that has a use only where it is ASCII. */
function asciiOf(text: string | StoredText): string {
  return Buffer.from(storedBytes(text)).toString('latin1')
}
