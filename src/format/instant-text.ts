import { Day, Instant, isInfinite, minusInfinity, plusInfinity } from '../core/value.ts'
import { calendarDay, daysSince1970, isCalendarDay } from './calendar.ts'

export const yearZero = -62_167_219_200_000n
export const year10000 = 253_402_300_800_000n

/** Whether ISO 8601 has a usual form of it: that of the years 0000 to 9999. */
export function isInIsoYears({ millis }: Instant): boolean {
  return millis >= yearZero && millis < year10000
}

/**
 * An instant as ISO 8601 in UTC with milliseconds, `2024-01-02T03:04:05.678Z`, or with microseconds where it has some.
 * Null outside of the years 0000 to 9999, which that form cannot write.
 */
export function isoText(instant: Instant): string | null {
  if (!isInIsoYears(instant)) return null
  const text = new Date(Number(instant.millis)).toISOString()
  return instant.micros === 0 ? text : `${text.slice(0, -1)}${padded(instant.micros, 3)}Z`
}

const millisPerDay = 86_400_000n

/**
 * An instant as ISO 8601 in UTC with as many digits of a fraction as it needs. Years beyond 9999 have more digits, those
 * before 1 the mark ` BC` at the end; the infinite times are `infinity` and `-infinity`.
 */
export function shortIsoText(instant: Instant): string {
  if (isInfinite(instant)) return instant.millis < 0n ? '-infinity' : 'infinity'
  const ofDay = ((instant.millis % millisPerDay) + millisPerDay) % millisPerDay
  const { date, era } = dateText(Number((instant.millis - ofDay) / millisPerDay))
  const [millis, seconds] = [Number(ofDay) % 1000, Math.floor(Number(ofDay) / 1000)]
  const fraction = `${padded(millis, 3)}${padded(instant.micros, 3)}`.replace(/0+$/, '')
  const clock = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60].map((part) => padded(part, 2))
  return `${date}T${clock.join(':')}${fraction === '' ? '' : `.${fraction}`}Z${era}`
}

/** A day as `2024-01-02`; otherwise the rules of {@link shortIsoText}. */
export function dayText({ days }: Day): string {
  if (!Number.isFinite(days)) return days < 0 ? '-infinity' : 'infinity'
  const { date, era } = dateText(days)
  return `${date}${era}`
}

function dateText(days: number): { readonly date: string; readonly era: string } {
  const { year, month, day } = calendarDay(days)
  const shown = year <= 0 ? 1 - year : year
  return { date: `${padded(shown, 4)}-${padded(month, 2)}-${padded(day, 2)}`, era: year <= 0 ? ' BC' : '' }
}

function padded(number: number, digits: number): string {
  return String(number).padStart(digits, '0')
}

const dayPattern = /^(\d{4,9})-(\d\d)-(\d\d)( BC)?$/

/** The way back from {@link dayText}; null for any other text. */
export function parseDay(text: string): Day | null {
  if (text === 'infinity' || text === '-infinity') return new Day(text === 'infinity' ? Infinity : -Infinity)
  const parts = dayPattern.exec(text)
  const days = parts === null ? null : daysOf(parts, parts[4])
  return days === null ? null : new Day(days)
}

/** Of year, month, day and the mark of the era; null for a day that does not exist. */
function daysOf([, yearText = '', monthText, dayOfMonth]: RegExpExecArray, era: string | undefined): number | null {
  const isBefore = era !== undefined
  const [written, month, day] = [Number(yearText), Number(monthText), Number(dayOfMonth)]
  if ((yearText.length > 4 && yearText.startsWith('0')) || (isBefore && written === 0)) return null
  const year = isBefore ? 1 - written : written
  return isCalendarDay(year, month, day) ? daysSince1970(year, month, day) : null
}

/** A day and a time, and how far its zone is ahead of UTC. */
export interface WrittenTime {
  /** Milliseconds and microseconds since 1970-01-01T00:00 of the time as it is written. */
  readonly local: Instant
  /** Seconds; null: it has no zone. */
  readonly zone: number | null
}

const timePattern =
  /^(\d{4,9})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(?: ?([Zz])| ?([+-])([01]\d|2[0-3])(?::?([0-5]\d))?)?)?( BC)?$/

/**
 * What an ISO 8601 text says: a day, mostly a time, and perhaps a zone. Null where it is not one, names a day or a time
 * that does not exist, or is finer than microseconds.
 */
export function parseTime(text: string): WrittenTime | null {
  const parts = timePattern.exec(text)
  if (parts === null) return null
  const days = daysOf(parts, parts[12])
  const [hour, minute, second] = parts.slice(4, 7).map((part) => Number(part ?? 0)) as [number, number, number]
  const fraction = parts[7] ?? ''
  if (days === null || hour > 23 || minute > 59 || second > 59 || /[1-9]/.test(fraction.slice(6))) return null
  const micros = Number(fraction.slice(0, 6).padEnd(6, '0'))
  const seconds = days * 86_400 + (hour * 60 + minute) * 60 + second
  const millis = BigInt(seconds) * 1000n + BigInt(Math.floor(micros / 1000))
  return { local: new Instant(millis, micros % 1000), zone: zoneOf(parts) }
}

function zoneOf(parts: RegExpExecArray): number | null {
  if (parts[8] !== undefined) return 0
  if (parts[9] === undefined) return null
  const size = (Number(parts[10]) * 60 + Number(parts[11] ?? 0)) * 60
  return parts[9] === '-' ? -size : size
}

/** The instant of a time that is so many seconds ahead of UTC. */
export function behindZone({ millis, micros }: Instant, seconds: number): Instant {
  return seconds === 0 ? new Instant(millis, micros) : new Instant(millis - BigInt(seconds * 1000), micros)
}

/** Four digits for the year, and nothing apart from the time. */
const usualPattern = /^\d{4}-\d\d-\d\d[Tt ][^ ]+$/

/**
 * The instant that an ISO 8601 text means. Null where it is not one, has no zone, names a day or an hour that does not
 * exist, or is finer than microseconds.
 */
export function parseInstant(text: string): Instant | null {
  if (!usualPattern.test(text)) return null
  const time = parseTime(text)
  return time === null || time.zone === null ? null : behindZone(time.local, time.zone)
}

/** The infinite times by their names. */
export const infiniteTimes: ReadonlyMap<string, Instant> = new Map([
  ['infinity', plusInfinity],
  ['-infinity', minusInfinity],
])
