import { DroverError } from '../core/errors.ts'
import { type Day, Instant, type Value } from '../core/value.ts'
import { parseDecimal, wholeNumber } from './decimal-digits.ts'
import { behindZone, infiniteTimes, parseDay, parseTime } from './instant-text.ts'
import { unholdable } from './row-error.ts'
import { StoredText, type SqliteValue } from './sqlite-record.ts'
import { shownStored } from './stored-text.ts'
import { ZoneClock } from './zone-clock.ts'

// Times as they are stored, by the words of `LayoutColumn.form`: `iso`, `epoch-s`, `epoch-ms`, `epoch-us`, `julian`.

/** Decimal places that microseconds are below the unit. */
const placesOfUnit: ReadonlyMap<string, number> = new Map([
  ['epoch-s', 6],
  ['epoch-ms', 3],
  ['epoch-us', 0],
])

type Stored = Exclude<SqliteValue, null>

/** What reads an instant; undefined for a value that is none. Throws RowError for one that cannot be known exactly. */
export function timeReader(form: string): (value: Stored) => Value | undefined {
  const [word = '', zone = 'UTC'] = form.split('@')
  if (word === 'iso') return isoReader(zone)
  if (word === 'julian') return (value) => (isNumber(value) ? julianTime(Number(value)) : undefined)
  const places = placesOfUnit.get(word)
  if (places === undefined) throw new DroverError('unexpected', `there is no way to read a time as ${form}`)
  return (value) => (isNumber(value) ? epochTime(value, places) : undefined)
}

/** The same of days. */
export function readDay(value: Stored): Day | undefined {
  return isText(value) ? (parseDay(latinText(value)) ?? undefined) : undefined
}

function isNumber(value: Stored): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint'
}

function isText(value: Stored): value is string | StoredText {
  return typeof value === 'string' || value instanceof StoredText
}

/** Of a text that has a use only where it is ASCII. */
function latinText(stored: string | StoredText): string {
  if (typeof stored === 'string') return stored
  const { bytes } = stored
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}

function isoReader(zone: string): (value: Stored) => Instant | undefined {
  const clock = new ZoneClock(zone)
  return (value) => {
    if (!isText(value)) return undefined
    const text = latinText(value)
    const time = parseTime(text)
    if (time === null) return infiniteTimes.get(text)
    if (time.zone !== null) return behindZone(time.local, time.zone)
    const instant = clock.instantOf(time.local)
    if (instant instanceof Instant) return instant
    const reason = `${whyUnknown[instant]} in the time zone ${zone}`
    throw unholdable(`the ${shownStored(value)} ${reason}`, { reason: `the time ${reason}`, value: shownStored(value) })
  }
}

const whyUnknown: Readonly<Record<'skipped' | 'twice' | 'unknown', string>> = {
  skipped: 'is skipped when clocks are set forward',
  twice: 'comes twice when clocks are set back',
  unknown: 'is too far from today to be known',
}

/** A REAL is the number that it shows; undefined where that is finer than microseconds. */
function epochTime(value: number | bigint, places: number): Instant | undefined {
  const number = parseDecimal(String(value))
  const micros = number === null ? null : wholeNumber({ ...number, exponent: number.exponent + places })
  return micros === null ? undefined : instantOfMicros(micros)
}

function instantOfMicros(micros: bigint): Instant {
  const below = Number(((micros % 1000n) + 1000n) % 1000n)
  return new Instant((micros - BigInt(below)) / 1000n, below)
}

const millisPerDay = 86_400_000
/** Of 1970-01-01, in milliseconds from Julian day 0. */
const julianEpoch = 210_866_760_000_000
const endJulianDay = 5_373_484.5

/** As SQLite reads it, to the millisecond: https://www.sqlite.org/lang_datefunc.html; from day 0 to the end of 9999. */
function julianTime(day: number): Instant | undefined {
  if (!(day >= 0 && day < endJulianDay)) return undefined
  return new Instant(BigInt(Math.floor(day * millisPerDay + 0.5) - julianEpoch))
}
