import type { ByteWriter } from '../byte-writer.ts'
import { daysSince1970, isCalendarDay } from '../calendar.ts'
import { epochDays, epochMillis, putWhole } from '../pgcopy-scalars.ts'
import type { ZoneClock } from '../zone-clock.ts'

const zero = 0x30
const dash = 0x2d
const colon = 0x3a
const point = 0x2e
const space = 0x20
const letterT = 0x54
const letterZ = 0x5a
/** What lower case has and upper case has not. */
const lowerCase = 0x20

const dateLength = 10
const minuteLength = 16
const secondLength = 19
const secondsPerDay = 86_400
const epochSeconds = epochMillis / 1000
const microsPerSecond = 1_000_000
const daysToEpoch = epochDays

/** So many digits as a number; anything else among them makes it NaN or far too large. */
function digits(bytes: Buffer, at: number, count: number): number {
  let value = 0
  for (let next = at; next < at + count; next++) {
    const digit = (bytes[next] as number) - zero
    if (digit < 0 || digit > 9) return Number.NaN
    value = value * 10 + digit
  }
  return value
}

/** Days since 1970 of `2024-01-02`; NaN for anything else. */
function daysAt(bytes: Buffer, at: number): number {
  if (bytes[at + 4] !== dash || bytes[at + 7] !== dash) return Number.NaN
  const year = digits(bytes, at, 4)
  const month = digits(bytes, at + 5, 2)
  const day = digits(bytes, at + 8, 2)
  // A comparison with NaN is false.
  return year >= 0 && isCalendarDay(year, month, day) ? daysSince1970(year, month, day) : Number.NaN
}

/** Appends a day that is written in ten characters; false, with nothing appended, for any other text. */
export function appendStoredDay(out: ByteWriter, bytes: Buffer, from: number, to: number): boolean {
  const days = to - from === dateLength ? daysAt(bytes, from) : Number.NaN
  if (Number.isNaN(days)) return false
  out.reserve(8)
  out.putInt32(4)
  out.putInt32(days - daysToEpoch)
  return true
}

/**
 * Appends the time that is written in the usual characters, `2024-01-02 03:04:05.678` with more or fewer of them and
 * perhaps a `Z`; false, with nothing appended, for any other text.
 */
export function appendStoredTime(out: ByteWriter, bytes: Buffer, from: number, to: number, clock: ZoneClock): boolean {
  let end = to
  let isUtc = false
  if (((bytes[to - 1] as number) & ~lowerCase) === letterZ) {
    end--
    isUtc = true
  }
  const length = end - from
  if (length < dateLength || (isUtc && length === dateLength)) return false
  const days = daysAt(bytes, from)
  const seconds = length === dateLength ? 0 : secondsAt(bytes, from + dateLength, length)
  const micros = length <= secondLength ? 0 : microsAt(bytes, from + secondLength, end)
  const offset = isUtc ? 0 : clock.offsetOn(days)
  const at = days * secondsPerDay + seconds - offset
  // NaN where any of them is.
  if (!(at + micros < Infinity)) return false
  out.reserve(12)
  out.putInt32(8)
  putWhole(out, at - epochSeconds, microsPerSecond, micros)
  return true
}

/** Of a time of day with or without seconds, as long as all of the text up to there is. */
function secondsAt(bytes: Buffer, at: number, length: number): number {
  const mark = bytes[at] as number
  if (length < minuteLength || (mark !== space && (mark & ~lowerCase) !== letterT)) return Number.NaN
  if (bytes[at + 3] !== colon) return Number.NaN
  const hour = digits(bytes, at + 1, 2)
  const minute = digits(bytes, at + 4, 2)
  const minutes = hour < 24 && minute < 60 ? hour * 60 + minute : Number.NaN
  if (length === minuteLength) return minutes * 60
  const second = length >= secondLength && bytes[at + 6] === colon ? digits(bytes, at + 7, 2) : Number.NaN
  return second < 60 ? minutes * 60 + second : Number.NaN
}

const placesOf: readonly number[] = [Number.NaN, 100_000, 10_000, 1000, 100, 10, 1]

/** Of a fraction with its point, up to six digits. */
function microsAt(bytes: Buffer, at: number, end: number): number {
  const count = end - at - 1
  return bytes[at] === point && count < placesOf.length
    ? digits(bytes, at + 1, count) * (placesOf[count] as number)
    : Number.NaN
}
