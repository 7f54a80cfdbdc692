import { Day, Instant, minusInfinity, plusInfinity, type Value } from '../core/value.ts'
import { decimalOf } from './full-decimal.ts'
import { noForm } from './full-forms.ts'
import { dayOfIso, microsOfClock } from './full-instant.ts'
import type { Stored } from './full-record.ts'

// Times that SQLite stores as numbers or texts, by the words of `LayoutColumn.form`, apart from what copies them.

/** Undefined for a value that is no time of the form. */
export type ReadTime = (stored: Stored) => Value | undefined

const unitPlaces: ReadonlyMap<string, number> = new Map([
  ['epoch-s', 6],
  ['epoch-ms', 3],
  ['epoch-us', 0],
])

export function timeReader(form: string): ReadTime {
  const [word = '', zone = 'UTC'] = form.split('@')
  const places = unitPlaces.get(word)
  if (places !== undefined) return (stored) => epochTime(stored, places)
  if (word === 'julian') return julianTime
  const clock = clockOf(zone)
  return (stored) => isoTime(stored, clock)
}

export function readDay({ storage, value }: Stored): Value | undefined {
  const days = storage === 'TEXT' ? dayOfIso(Buffer.from(value).toString('latin1')) : null
  return days === null ? undefined : new Day(days)
}

/** Numbers of microseconds with more digits are no times of any target. */
const endMicros = 10n ** 19n

/** A number of units that is a whole number of microseconds. */
function epochTime({ storage, value }: Stored, places: number): Value | undefined {
  if (storage !== 'INTEGER' && storage !== 'REAL') return undefined
  const [digits = '', power = '0'] = String(value).split('e')
  const micros = decimalOf(`${digits}e${Number(power) + places}`)?.whole() ?? null
  return micros === null || micros <= -endMicros || micros >= endMicros ? undefined : instantOf(micros)
}

const dayMillis = 86_400_000
/** Julian day number of 1970-01-01T00:00 UTC. */
const julianOf1970 = 2_440_587.5
const lastJulian = 5_373_484.5

/** To the next millisecond, as SQLite's own functions take it (https://www.sqlite.org/lang_datefunc.html). */
function julianTime({ storage, value }: Stored): Value | undefined {
  if (storage !== 'INTEGER' && storage !== 'REAL') return undefined
  const day = Number(value)
  if (!(day >= 0 && day < lastJulian)) return undefined
  return new Instant(BigInt(Math.floor(day * dayMillis + 0.5) - julianOf1970 * dayMillis))
}

function isoTime({ storage, value }: Stored, zone: Clock): Value | undefined {
  if (storage !== 'TEXT') return undefined
  const text = Buffer.from(value).toString('latin1')
  if (text === 'infinity' || text === '-infinity') return text === 'infinity' ? plusInfinity : minusInfinity
  const written = microsOfClock(text)
  if (written === null) return undefined
  const ahead = written.ahead ?? zone(written.micros)
  return instantOf(written.micros - BigInt(ahead) * 1_000_000n)
}

function instantOf(micros: bigint): Instant {
  const below = ((micros % 1000n) + 1000n) % 1000n
  return new Instant((micros - below) / 1000n, Number(below))
}

/** How many seconds a clock is ahead of UTC that shows so many microseconds since 1970. Throws RowError where none knows. */
type Clock = (micros: bigint) => number

/** Since 1973 clocks are set at a quarter of an hour only, so that all of one is alike. */
const [quarterMillis, regularMillis, mostKnown] = [900_000, 1e11, 100_000]

/** Milliseconds around 1970 that JavaScript has dates for, less what a search may step beyond. */
const knownMillis = 8.64e15 - 4 * dayMillis

function clockOf(zone: string): Clock {
  if (zone === 'UTC') return () => 0
  const format = new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset' })
  const known = new Map<number, number>()
  const aheadAt = (millis: number): number => {
    const quarter = Math.floor(millis / quarterMillis)
    const ahead = known.get(quarter) ?? offsetIn(format, millis)
    if (known.size < mostKnown && millis > regularMillis) known.set(quarter, ahead)
    return ahead
  }
  return (micros) => {
    const millis = Number(micros / 1000n)
    if (Math.abs(millis) > knownMillis) throw noForm('is a time too far from today for its zone to be known')
    const around = new Set([-dayMillis, 0, dayMillis].map((step) => aheadAt(millis + step)))
    const [only, ...others] = [...around].filter((ahead) => aheadAt(millis - ahead * 1000) === ahead)
    if (only !== undefined && others.length === 0) return only
    throw noForm(`is a time that ${only === undefined ? 'never comes' : 'comes twice'} in the zone ${zone}`)
  }
}

/** `GMT+05:30`, `GMT-00:01:15`, `GMT`. */
function offsetIn(format: Intl.DateTimeFormat, millis: number): number {
  const name = format.formatToParts(millis).find(({ type }) => type === 'timeZoneName')?.value ?? ''
  const [, sign, hours = 0, minutes = 0, seconds = 0] = /^GMT(?:([+-])(\d+):(\d+)(?::(\d+))?)?$/.exec(name) ?? []
  const size = (Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)
  return sign === '-' ? -size : size
}
