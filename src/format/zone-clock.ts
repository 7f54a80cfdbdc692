import type { Instant } from '../core/value.ts'
import { daysSince1970 } from './calendar.ts'
import { behindZone } from './instant-text.ts'

const msPerDay = 86_400_000

/** Days that are remembered; tables have far fewer. */
const mostDays = 50_000

/** Milliseconds from 1970 that JavaScript has dates for, some days less at both ends. */
const mostMillis = 8_640_000_000_000_000 - 3 * msPerDay

/** What a clock on the wall of a time zone says, and when it says so. */
export class ZoneClock {
  readonly #format: Intl.DateTimeFormat | null
  /** Seconds ahead of UTC by the day on the clock, from 1970; NaN: more than one around that day. */
  readonly #days = new Map<number, number>()

  /** `zone`: a name of the IANA database, or an offset such as `+02:00`. Throws RangeError for another. */
  constructor(zone: string) {
    const parts = { year: 'numeric', month: 'numeric', day: 'numeric', era: 'short' } as const
    const time = { hour: 'numeric', minute: 'numeric', second: 'numeric', hourCycle: 'h23' } as const
    this.#format = zone === 'UTC' ? null : new Intl.DateTimeFormat('en-US', { timeZone: zone, ...parts, ...time })
  }

  /**
   * The instant at which the clock says this; `skipped` where it never does, `twice` where it does before and after it
   * was set back, and `unknown` where no date of JavaScript is.
   */
  instantOf(local: Instant): Instant | 'skipped' | 'twice' | 'unknown' {
    if (this.#format === null) return local
    const millis = Number(local.millis)
    if (Math.abs(millis) > mostMillis) return 'unknown'
    const offset = this.#offsetOfDay(this.#format, Math.floor(millis / msPerDay))
    return Number.isNaN(offset) ? near(this.#format, local) : behindZone(local, offset)
  }

  /** Seconds that the clock is ahead of UTC on a day, from 1970; NaN where it is set near that day, or is not known. */
  offsetOn(day: number): number {
    if (this.#format === null) return 0
    // NaN is below nothing.
    return Math.abs(day) * msPerDay <= mostMillis ? this.#offsetOfDay(this.#format, day) : Number.NaN
  }

  #offsetOfDay(format: Intl.DateTimeFormat, day: number): number {
    const known = this.#days.get(day)
    if (known !== undefined) return known
    // No zone is more than a day from UTC, and none changes twice within three days without ending where it began.
    const offsets = [-1, 0, 1, 2].map((days) => offsetAt(format, (day + days) * msPerDay))
    const offset = new Set(offsets).size === 1 ? (offsets[0] as number) : Number.NaN
    if (this.#days.size >= mostDays) this.#days.clear()
    this.#days.set(day, offset)
    return offset
  }
}

/** Where the clock is set within a day. */
function near(format: Intl.DateTimeFormat, local: Instant): Instant | 'skipped' | 'twice' {
  const millis = Number(local.millis)
  const offsets = new Set([-1, 0, 1].map((days) => offsetAt(format, millis + days * msPerDay)))
  const found = [...offsets].filter((offset) => offsetAt(format, millis - offset * 1000) === offset)
  const [offset] = found
  if (offset === undefined) return 'skipped'
  return found.length > 1 ? 'twice' : behindZone(local, offset)
}

/** Seconds that the clock is ahead of UTC at an instant. */
function offsetAt(format: Intl.DateTimeFormat, millis: number): number {
  const parts = new Map(format.formatToParts(millis).map(({ type, value }) => [type, value]))
  const part = (type: Intl.DateTimeFormatPartTypes): number => Number(parts.get(type))
  const year = parts.get('era') === 'BC' ? 1 - part('year') : part('year')
  const days = daysSince1970(year, part('month'), part('day'))
  const seconds = days * 86_400 + (part('hour') * 60 + part('minute')) * 60 + part('second')
  return seconds - Math.floor(millis / 1000)
}
