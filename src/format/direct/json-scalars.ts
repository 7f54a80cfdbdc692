import type { ByteWriter } from '../byte-writer.ts'
import { doubleText } from '../canonical-json.ts'
import { year10000, yearZero } from '../instant-text.ts'
import { isSpecialNumber } from '../special-number.ts'
import { putDigits, putWholeDigits } from './digits.ts'
import type { NumberDigits } from './number-digits.ts'
import { putAscii } from './text.ts'

const zero = 0x30
const minus = 0x2d
const plus = 0x2b
const point = 0x2e
const quote = 0x22
const exponentMark = 0x45
const colon = 0x3a
const timeMark = 0x54
const zoneMark = 0x5a

/** Up to here a loop is faster than a call. */
const longestLoop = 64

/** Appends ASCII text. */
export function appendAscii(out: ByteWriter, text: string): void {
  const { length } = text
  out.reserve(length)
  const { bytes, at } = out
  if (length > longestLoop) bytes.write(text, at, 'latin1')
  else for (let i = 0; i < length; i++) bytes[at + i] = text.charCodeAt(i)
  out.at = at + length
}

const million = 1_000_000
/** Numbers of at most 15 digits have one text each that is shortest: two of them are never the same double. */
const mostScaled = 1e15

/** Appends a double as JSON: the shortest number that reads back as itself, or extended JSON where there is none. */
export function appendDouble(out: ByteWriter, value: number): void {
  if ((value | 0) === value && !Object.is(value, -0)) {
    out.reserve(17)
    putWholeDigits(out, value)
    return
  }
  const size = Math.abs(value)
  const scaled = Math.round(size * million)
  // The quotient of two whole numbers, rounded once, is the double that its decimal text reads as.
  if (scaled < mostScaled && scaled > 0 && scaled / million === size) putMillionths(out, value < 0, scaled)
  else if (isSpecialNumber(value)) appendAscii(out, `{"$numberDouble":"${doubleText(value)}"}`)
  else appendAscii(out, String(value))
}

function putMillionths(out: ByteWriter, negative: boolean, scaled: number): void {
  out.reserve(24)
  const whole = Math.floor(scaled / million)
  let fraction = scaled - whole * million
  if (negative) out.bytes[out.at++] = minus
  putWholeDigits(out, whole)
  if (fraction === 0) return
  let places = 6
  while (fraction % 10 === 0) {
    fraction /= 10
    places--
  }
  out.bytes[out.at++] = point
  putDigits(out, fraction, places)
}

const numberDecimal = Buffer.from('{"$numberDecimal":"')
const closing = Buffer.from('"}')

/** Appends a decimal number as JSON: its text where JSON has that, and extended JSON otherwise or where it is asked for. */
export function appendDecimalJson(out: ByteWriter, number: NumberDigits, extended: boolean): void {
  const wrapped = extended || number.special !== null
  out.reserve(128)
  if (wrapped) putAscii(out, numberDecimal)
  if (number.negative) out.bytes[out.at++] = minus
  if (number.special === null) putDecimalText(out, number)
  else appendAscii(out, number.special)
  if (wrapped) putAscii(out, closing)
}

/** By the string rules of the BSON decimal128 specification, without a sign. Room has to be reserved. */
function putDecimalText(out: ByteWriter, number: NumberDigits): void {
  const { exponent } = number
  // 0 has one digit here.
  const count = Math.max(number.count, 1)
  const adjusted = exponent + count - 1
  if (exponent > 0 || adjusted < -6) {
    putPlaces(out, number, 0, 1)
    if (count > 1) out.bytes[out.at++] = point
    putPlaces(out, number, 1, count)
    out.bytes[out.at++] = exponentMark
    out.bytes[out.at++] = adjusted < 0 ? minus : plus
    putWholeDigits(out, Math.abs(adjusted))
    return
  }
  const whole = count + exponent
  if (whole > 0) putPlaces(out, number, 0, whole)
  else out.bytes[out.at++] = zero
  if (exponent === 0) return
  out.bytes[out.at++] = point
  for (let place = whole; place < 0; place++) out.bytes[out.at++] = zero
  putPlaces(out, number, Math.max(whole, 0), count)
}

function putPlaces(out: ByteWriter, { digits, first, count }: NumberDigits, from: number, to: number): void {
  for (let place = from; place < to; place++) {
    out.bytes[out.at++] = zero + (place < count ? (digits[first + place] as number) : 0)
  }
}

const dateOpening = Buffer.from('{"$date":"')
const longDateOpening = Buffer.from('{"$date":{"$numberLong":"')
const longDateClosing = Buffer.from('"}}')
const firstText = Number(yearZero)
const endText = Number(year10000)

/** Appends a date of so many milliseconds since 1970, a safe integer, as JSON. */
export function appendDate(out: ByteWriter, millis: number, extended: boolean): void {
  out.reserve(64)
  if (millis < (extended ? 0 : firstText) || millis >= endText) {
    putAscii(out, longDateOpening)
    putWholeDigits(out, millis)
    putAscii(out, longDateClosing)
  } else if (extended) {
    putAscii(out, dateOpening)
    putIsoText(out, millis, millis % 1000 !== 0)
    putAscii(out, closing)
  } else {
    out.bytes[out.at++] = quote
    putIsoText(out, millis, true)
    out.bytes[out.at++] = quote
  }
}

const dayMillis = 86_400_000

/**
 * Puts a date of the years 0000 to 9999 as ISO 8601. The calendar is that of Howard Hinnant's `civil_from_days`
 * (https://howardhinnant.github.io/date_algorithms.html): years begin in March, so that a leap day is the last of one.
 */
function putIsoText(out: ByteWriter, millis: number, withMillis: boolean): void {
  const days = Math.floor(millis / dayMillis)
  const shifted = (days + 719_468) | 0
  const era = Math.floor(shifted / 146_097)
  const dayOfEra = (shifted - era * 146_097) | 0
  const yearOfEra =
    ((dayOfEra - ((dayOfEra / 1460) | 0) + ((dayOfEra / 36_524) | 0) - ((dayOfEra / 146_096) | 0)) / 365) | 0
  const dayOfYear = dayOfEra - (365 * yearOfEra + (yearOfEra >> 2) - ((yearOfEra / 100) | 0))
  const monthFromMarch = ((5 * dayOfYear + 2) / 153) | 0
  const day = dayOfYear - (((153 * monthFromMarch + 2) / 5) | 0) + 1
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
  putDigits(out, yearOfEra + era * 400 + (month <= 2 ? 1 : 0), 4)
  putMarked(out, minus, month)
  putMarked(out, minus, day)
  putTime(out, millis - days * dayMillis, withMillis)
}

function putTime(out: ByteWriter, millisOfDay: number, withMillis: boolean): void {
  const seconds = (millisOfDay / 1000) | 0
  const minutes = (seconds / 60) | 0
  putMarked(out, timeMark, (minutes / 60) | 0)
  putMarked(out, colon, minutes % 60)
  putMarked(out, colon, seconds % 60)
  if (withMillis) {
    out.bytes[out.at++] = point
    putDigits(out, millisOfDay - seconds * 1000, 3)
  }
  out.bytes[out.at++] = zoneMark
}

function putMarked(out: ByteWriter, mark: number, value: number): void {
  out.bytes[out.at++] = mark
  putDigits(out, value, 2)
}

const timestampOpening = Buffer.from('{"$timestamp":{"t":')
const timestampMiddle = Buffer.from(',"i":')
const timestampClosing = Buffer.from('}}')

/** Appends an internal timestamp as extended JSON. */
export function appendTimestampJson(out: ByteWriter, seconds: number, increment: number): void {
  out.reserve(64)
  putAscii(out, timestampOpening)
  putWholeDigits(out, seconds)
  putAscii(out, timestampMiddle)
  putWholeDigits(out, increment)
  putAscii(out, timestampClosing)
}
