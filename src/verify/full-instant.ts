import type { Instant } from '../core/value.ts'

const microsOfDay = 86_400_000_000n
const microsOfMilli = 1000n

/** A day of the Gregorian calendar carried on before its beginning; the year before 1 is 0. */
interface Day {
  readonly year: number
  readonly month: number
  readonly day: number
}

/**
 * Days from 1970-01-01. Algorithm `days_from_civil` of Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms":
 * eras of 400 years, and years that begin with March.
 */
function daysOf({ year, month, day }: Day): number {
  const shifted = month <= 2 ? year - 1 : year
  const era = Math.floor(shifted / 400)
  const yearOfEra = shifted - era * 400
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear
  return era * 146_097 + dayOfEra - 719_468
}

/** The way back, `civil_from_days`. */
function dayOf(days: number): Day {
  const shifted = days + 719_468
  const era = Math.floor(shifted / 146_097)
  const dayOfEra = shifted - era * 146_097
  const leaps = Math.floor(dayOfEra / 1460) - Math.floor(dayOfEra / 36_524) + Math.floor(dayOfEra / 146_096)
  const yearOfEra = Math.floor((dayOfEra - leaps) / 365)
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const place = Math.floor((5 * dayOfYear + 2) / 153)
  const month = place < 10 ? place + 3 : place - 9
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
  return { year, month, day: dayOfYear - Math.floor((153 * place + 2) / 5) + 1 }
}

/** Microseconds since 1970. */
export function microsOfInstant({ millis, micros }: Instant): bigint {
  return millis * microsOfMilli + BigInt(micros)
}

/** An instant as PostgreSQL writes it in UTC, `0044-03-15 12:00:00.5+00 BC`. */
export function timestampText(micros: bigint): string {
  const { day, time } = parted(micros)
  const fraction = time.micros === 0 ? '' : `.${padded(time.micros, 6).replace(/0+$/, '')}`
  const { date, era } = dateText(day)
  const clock = `${padded(time.hour)}:${padded(time.minute)}:${padded(time.second)}`
  return `${date} ${clock}${fraction}+00${era}`
}

/** A day, so many from 1970-01-01, as PostgreSQL writes it. */
export function dayText(days: number): string {
  if (!Number.isFinite(days)) return days < 0 ? '-infinity' : 'infinity'
  const { date, era } = dateText(dayOf(days))
  return `${date}${era}`
}

function dateText({ year, month, day }: Day): { readonly date: string; readonly era: string } {
  const date = `${padded(year <= 0 ? 1 - year : year, 4)}-${padded(month)}-${padded(day)}`
  return { date, era: year <= 0 ? ' BC' : '' }
}

/** Days from 1970-01-01 of a text such as `2024-02-29` or `0044-03-15 BC`; null where it is none. */
export function dayOfIso(text: string): number | null {
  if (text === 'infinity') return Infinity
  if (text === '-infinity') return -Infinity
  const parts = /^(\d{4,9})-(\d\d)-(\d\d)( BC)?$/.exec(text)
  const [written = 0, month = 0, day = 0] = (parts ?? []).slice(1, 4).map(Number)
  const isBefore = parts?.[4] !== undefined
  if (parts === null || (isBefore && written === 0) || /^0\d{4}/.test(text)) return null
  const days = daysOf({ year: isBefore ? 1 - written : written, month, day })
  const real = dayOf(days)
  return real.month === month && real.day === day ? days : null
}

/** An instant as ISO 8601 in UTC with milliseconds, or microseconds; null outside of the years 0 to 9999. */
export function isoText(micros: bigint): string | null {
  const { day, time } = parted(micros)
  const fraction = time.micros % 1000 === 0 ? padded(time.micros / 1000, 3) : padded(time.micros, 6)
  if (day.year < 0 || day.year > 9999) return null
  const date = `${padded(day.year, 4)}-${padded(day.month)}-${padded(day.day)}`
  return `${date}T${padded(time.hour)}:${padded(time.minute)}:${padded(time.second)}.${fraction}Z`
}

const timestampPattern =
  /^(\d{4,})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?([+-])(\d\d)(?::(\d\d))?(?::(\d\d))?( BC)?$/

/** Microseconds since 1970 of what PostgreSQL writes (style ISO); null for what is no such text (`infinity`). */
export function microsOfTimestamp(text: string): bigint | null {
  const parts = timestampPattern.exec(text)
  if (parts === null) return null
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts.slice(1, 7).map(Number)
  const days = daysOf({ year: parts[12] === undefined ? year : 1 - year, month, day })
  const zone = (Number(parts[9]) * 60 + Number(parts[10] ?? 0)) * 60 + Number(parts[11] ?? 0)
  const seconds = days * 86_400 + (hour * 60 + minute) * 60 + second + (parts[8] === '-' ? zone : -zone)
  return BigInt(seconds) * 1_000_000n + BigInt((parts[7] ?? '').padEnd(6, '0'))
}

const isoPattern = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(?:[Zz]|([+-])(\d\d)(?::?(\d\d))?)$/

/** Microseconds since 1970 of an ISO 8601 text with a zone; null where it is none, or finer than that. */
export function microsOfIso(text: string): bigint | null {
  const parts = isoPattern.exec(text)
  if (parts === null) return null
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts
    .slice(1, 7)
    .map((part) => Number(part ?? 0))
  const [zoneHour, zoneMinute] = [Number(parts[9] ?? 0), Number(parts[10] ?? 0)]
  const fraction = parts[7] ?? ''
  if (hour > 23 || minute > 59 || second > 59 || zoneHour > 23 || zoneMinute > 59) return null
  if (/[1-9]/.test(fraction.slice(6))) return null
  const days = daysOf({ year, month, day })
  const real = dayOf(days)
  if (real.month !== month || real.day !== day) return null
  const zone = (zoneHour * 60 + zoneMinute) * (parts[8] === '-' ? 1 : -1)
  const seconds = days * 86_400 + (hour * 60 + minute + zone) * 60 + second
  return BigInt(seconds) * 1_000_000n + BigInt(fraction.slice(0, 6).padEnd(6, '0'))
}

const clockPattern =
  /^(\d{4,9}-\d\d-\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(?: ?(?:([Zz])|([+-])(\d\d)(?::?(\d\d))?))?)?( BC)?$/

/**
 * Microseconds since 1970 that a clock shows by an ISO 8601 text, and how many seconds it is ahead of UTC (null: the text
 * does not say). A day alone is its midnight. Null where it is none, or finer than that.
 */
export function microsOfClock(text: string): { readonly micros: bigint; readonly ahead: number | null } | null {
  const parts = clockPattern.exec(text)
  const days = parts === null ? null : dayOfIso(`${parts[1] ?? ''}${parts[10] ?? ''}`)
  if (parts === null || days === null) return null
  const [hour = 0, minute = 0, second = 0] = parts.slice(2, 5).map((part) => Number(part ?? 0))
  const [zoneHour, zoneMinute, fraction] = [Number(parts[8] ?? 0), Number(parts[9] ?? 0), parts[5] ?? '']
  if (hour > 23 || minute > 59 || second > 59 || zoneHour > 23 || zoneMinute > 59) return null
  if (/[1-9]/.test(fraction.slice(6))) return null
  const seconds = days * 86_400 + (hour * 60 + minute) * 60 + second
  const size = (zoneHour * 60 + zoneMinute) * 60
  const isLocal = parts[6] === undefined && parts[7] === undefined
  return {
    micros: BigInt(seconds) * 1_000_000n + BigInt(fraction.slice(0, 6).padEnd(6, '0')),
    ahead: isLocal ? null : parts[7] === '-' ? -size : size,
  }
}

/** Days that PostgreSQL holds: those of its calendar, to the end of 5874897. */
const firstDay = daysOf({ year: -4713, month: 11, day: 24 })
const endDay = daysOf({ year: 5_874_898, month: 1, day: 1 })

/** Whether PostgreSQL holds a day as a date; infinities it does. */
export function isDate(days: number): boolean {
  return !Number.isFinite(days) || (days >= firstDay && days < endDay)
}

/** In microseconds, the calendar of PostgreSQL: from 4713-11-24 BC (Julian day 0) to the end of 294276. */
const firstMicros = BigInt(firstDay) * microsOfDay
const endMicros = BigInt(daysOf({ year: 294_277, month: 1, day: 1 })) * microsOfDay

/** Whether PostgreSQL holds an instant. */
export function isInCalendar(micros: bigint): boolean {
  return micros >= firstMicros && micros < endMicros
}

interface Time {
  readonly hour: number
  readonly minute: number
  readonly second: number
  readonly micros: number
}

function parted(micros: bigint): { readonly day: Day; readonly time: Time } {
  const rest = ((micros % microsOfDay) + microsOfDay) % microsOfDay
  const ofDay = Number(rest)
  const seconds = Math.floor(ofDay / 1_000_000)
  const time = {
    hour: Math.floor(seconds / 3600),
    minute: Math.floor(seconds / 60) % 60,
    second: seconds % 60,
    micros: ofDay % 1_000_000,
  }
  return { day: dayOf(Number((micros - rest) / microsOfDay)), time }
}

function padded(number: number, digits = 2): string {
  return String(number).padStart(digits, '0')
}
