import { DroverError } from '../../core/errors.ts'
import { parseInstant } from '../../format/instant-text.ts'

const unitMs: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 }

const oidDigits = 24
const msPerSecond = 1000n
const maxOidSeconds = 0xffff_ffffn

/**
 * A value of `--since` as canonical extended JSON, of the type that `like` has, which is extended JSON too. An ObjectId
 * can also be given by the time that it begins with.
 *
 * @throws DroverError `invalid-value`
 */
export function parseMark(text: string, like: string, now: number): string {
  const sample: unknown = JSON.parse(like)
  if (typeof sample === 'string') return JSON.stringify(text)
  const [type = ''] = typeof sample === 'object' && sample !== null ? Object.keys(sample) : []
  const parse = parsers[type]
  if (parse === undefined) {
    throw new DroverError('invalid-value', `--since cannot go by values such as ${like}`, {
      hint: 'choose a field of dates, numbers, texts or ObjectIds that only grow',
    })
  }
  const parsed = parse.read(text, now)
  if (parsed !== null) return JSON.stringify({ [type]: parsed })
  throw new DroverError(
    'invalid-value',
    `--since says ${JSON.stringify(text)}, and the field holds values such as ${like}`,
    {
      hint: `allowed is ${parse.allowed}, or last`,
    },
  )
}

/** Whether MongoDB's filters compare two values, given as canonical extended JSON: all numbers with one another. */
export function areComparable(a: string, b: string): boolean {
  return typeOf(a) === typeOf(b)
}

function typeOf(text: string): string {
  const value: unknown = JSON.parse(text)
  if (typeof value !== 'object' || value === null) return typeof value
  const [type = ''] = Object.keys(value)
  return type.startsWith('$number') ? 'number' : type
}

interface MarkParser {
  readonly allowed: string
  read(text: string, now: number): unknown
}

const number: MarkParser = {
  allowed: 'a number',
  read: (text) => (/^[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(text) ? text.replace(/^\+/, '') : null),
}

const whole: MarkParser = {
  allowed: 'a whole number',
  read: (text) => (/^[+-]?\d{1,18}$/.test(text) ? text.replace(/^\+/, '') : null),
}

const int32: MarkParser = {
  ...whole,
  read: (text, now) => {
    const digits = whole.read(text, now)
    return typeof digits === 'string' && Number(digits) === (Number(digits) | 0) ? digits : null
  },
}

const parsers: Readonly<Record<string, MarkParser>> = {
  $date: {
    allowed: 'a date such as 2026-01-31 or 2026-01-31T12:00:00Z, or a time ago such as -1d, -12h, -30m',
    read: (text, now) => {
      const millis = timeOf(text, now)
      return millis === null ? null : { $numberLong: String(millis) }
    },
  },
  $oid: {
    allowed: 'an ObjectId of 24 hex digits, a date, or a time ago such as -1d',
    read: (text, now) => (/^[0-9a-f]{24}$/i.test(text) ? text.toLowerCase() : firstIdOf(timeOf(text, now))),
  },
  $numberInt: int32,
  $numberLong: whole,
  $numberDouble: number,
  $numberDecimal: number,
}

function timeOf(text: string, now: number): bigint | null {
  const [, count, unit] = /^-(\d{1,9})([smhdw])$/.exec(text) ?? []
  const ms = unit === undefined ? undefined : unitMs[unit]
  if (count !== undefined && ms !== undefined) return BigInt(now) - BigInt(count) * BigInt(ms)
  const instant = parseInstant(/^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00:00Z` : text)
  return instant?.micros === 0 ? instant.millis : null
}

/** The lowest ObjectId made in a second. */
function firstIdOf(millis: bigint | null): string | null {
  if (millis === null) return null
  const seconds = millis / msPerSecond
  if (seconds < 0n || seconds > maxOidSeconds) return null
  return seconds.toString(16).padStart(8, '0').padEnd(oidDigits, '0')
}
