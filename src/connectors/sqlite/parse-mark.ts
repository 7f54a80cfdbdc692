import { DroverError } from '../../core/errors.ts'
import { parseInstant } from '../../format/instant-text.ts'
import { epochUnits, julianDayOf } from './date-numbers.ts'
import { markOf, valueOfMark } from './marks.ts'

const unitMs: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 }

/** What `-1d` and dates are written as: like the dates that the column holds. */
const textForms: readonly { readonly pattern: RegExp; readonly write: (iso: string) => string }[] = [
  { pattern: /^\d{4}-\d\d-\d\d$/, write: (iso) => iso.slice(0, 10) },
  { pattern: /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?$/, write: (iso) => iso.slice(0, 19).replace('T', ' ') },
  { pattern: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?$/, write: (iso) => iso.slice(0, 19) },
  { pattern: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z$/, write: (iso) => `${iso.slice(0, 19)}Z` },
]

/** A value of `--since` as SQL has it, of the kind that `like` is, which is SQL too. Throws `invalid-value`. */
export function parseMark(text: string, like: string, now: number): string {
  const sample = valueOfMark(like)
  const parsed = typeof sample === 'string' ? textLike(text, sample, now) : numberLike(text, sample, now)
  if (parsed !== null) return markOf(parsed)
  throw new DroverError(
    'invalid-value',
    `--since says ${JSON.stringify(text)}, and the column holds values such as ${like}`,
    {
      hint: `allowed is ${typeof sample === 'string' ? 'a text' : 'a number'}, a date or a time ago such as -1d where it holds dates, or last`,
    },
  )
}

/** Any text is one; only a time ago has to be written like the others. */
function textLike(text: string, sample: string, now: number): string | null {
  const ago = timeAgo(text, now)
  if (ago === null) return text
  const form = textForms.find(({ pattern }) => pattern.test(sample))
  return form === undefined ? null : form.write(new Date(ago).toISOString())
}

function numberLike(text: string, sample: bigint | number, now: number): bigint | number | null {
  if (/^[+-]?\d{1,18}$/.test(text)) return typeof sample === 'bigint' ? BigInt(text.replace(/^\+/, '')) : Number(text)
  if (/^[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(text)) return Number(text)
  const millis = timeAgo(text, now) ?? dateIn(text)
  if (millis === null) return null
  if (typeof sample === 'number') return julianDayOf(millis, sample)
  const unit = epochUnits.find(({ from, before }) => sample >= from && sample < before)
  return unit === undefined ? null : (BigInt(millis) * unit.perSecond) / 1000n
}

function timeAgo(text: string, now: number): number | null {
  const [, count, unit = ''] = /^-(\d{1,9})([smhdw])$/.exec(text) ?? []
  return count === undefined ? null : now - Number(count) * (unitMs[unit] ?? 0)
}

function dateIn(text: string): number | null {
  const instant = parseInstant(/^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00:00Z` : text)
  return instant === null ? null : Number(instant.millis)
}
