import { Day, Instant, isInfinite, type Value } from '../core/value.ts'
import { parseDecimal, sameNumber, wholeNumber, type DecimalDigits } from './decimal-digits.ts'
import { dayText, shortIsoText } from './instant-text.ts'
import { checkLength } from './pgcopy-columns.ts'
import { shownText, unholdable } from './row-error.ts'

/**
 * The text of a value as a type of PostgreSQL takes it, which would else change it without a word; `text`: as its logical
 * type is written. Throws RowError `row-rejected` where the type cannot hold it unchanged.
 */
export type Guard = (text: string, value: Value) => string

/** A type as PostgreSQL's `format_type` writes it, taken apart. */
interface NamedType {
  readonly full: string
  /** Without modifiers: `numeric`, `timestamp without time zone`. */
  readonly name: string
  /** Of `numeric(10,2)` 10 and 2. */
  readonly modifiers: readonly number[]
}

const typePattern = /^([^(]*?)(?:\(([-\d,]+)\))?( with(?:out)? time zone)?$/

/** What guards a type, or the elements of an array of it; null: it takes every text unchanged, or refuses it. */
export function guardOf(native: string): Guard | null {
  const full = native.replace(/(?:\[\])+$/, '')
  const parts = typePattern.exec(full)
  if (parts === null) return null
  const name = `${parts[1] ?? ''}${parts[3] ?? ''}`
  const modifiers = parts[2]?.split(',').map(Number) ?? []
  return guards.get(name)?.({ full, name, modifiers }) ?? null
}

const guards: ReadonlyMap<string, (type: NamedType) => Guard | null> = new Map([
  ['smallint', wholeGuard(16)],
  ['integer', wholeGuard(32)],
  ['bigint', wholeGuard(64)],
  ['real', realGuard],
  ['double precision', doubleGuard],
  ['numeric', numericGuard],
  ['character varying', lengthGuard],
  ['character', paddedGuard],
  ['bpchar', paddedGuard],
  ['name', bytesGuard(63)],
  ['"char"', bytesGuard(1)],
  ['timestamp with time zone', timeGuard],
  ['timestamp without time zone', localTimeGuard],
  ['time with time zone', fractionGuard],
  ['time without time zone', fractionGuard],
  ['interval', fractionGuard],
  ['date', () => dateGuard],
])

function refused(text: string, reason: string): Error {
  return unholdable(`${shownText(text)} ${reason}`, { reason: `it ${reason}` })
}

function numberOf(text: string, { full }: NamedType): DecimalDigits {
  const number = parseDecimal(text)
  if (number === null) throw refused(text, `is no number that ${full} holds`)
  return number
}

function wholeGuard(bits: number): (type: NamedType) => Guard {
  return (type) => (text) => {
    const whole = wholeNumber(numberOf(text, type))
    if (whole === null || whole !== BigInt.asIntN(bits, whole)) throw refused(text, `is no ${type.full}`)
    return String(whole)
  }
}

function isSpecial(text: string): boolean {
  return text === 'NaN' || text === 'Infinity' || text === '-Infinity'
}

/** Not what looks the same in fewer digits: the very number. */
function realGuard(type: NamedType): Guard {
  const asDouble = doubleGuard(type)
  return (text, value) => {
    const double = Number(asDouble(text, value))
    if (isSpecial(text) || Math.fround(double) === double) return text
    throw refused(text, `is no number that ${type.full} holds exactly`)
  }
}

function doubleGuard(type: NamedType): Guard {
  return (text) => {
    if (isSpecial(text)) return text
    const kept = parseDecimal(String(Number(text)))
    if (kept !== null && sameNumber(numberOf(text, type), kept)) return text
    throw refused(text, `is no number that ${type.full} holds exactly`)
  }
}

/** Digits that it would round, and those that it has no room for. */
function numericGuard(type: NamedType): Guard | null {
  const [precision, scale = 0] = type.modifiers
  if (precision === undefined) return null
  return (text) => {
    if (text === 'NaN') return text
    const { digits, exponent } = numberOf(text, type)
    const kept = digits.replace(/0+$/, '')
    const lowest = exponent + digits.length - kept.length
    if (kept === '' || (lowest >= -scale && digits.length + exponent <= precision - scale)) return text
    throw refused(text, `has more digits than ${type.full} holds`)
  }
}

function lengthGuard({ modifiers: [length] }: NamedType): Guard | null {
  if (length === undefined) return null
  return (text) => {
    checkLength(text, length)
    return text
  }
}

/** Spaces at the end are none of the value there. */
function paddedGuard({ full, modifiers: [length] }: NamedType): Guard {
  return (text) => {
    if (length !== undefined) checkLength(text, length)
    if (text.endsWith(' ')) throw refused(text, `ends with spaces, which ${full} does not keep`)
    return text
  }
}

function bytesGuard(most: number): (type: NamedType) => Guard {
  return ({ full }) =>
    (text) => {
      if (Buffer.byteLength(text) > most) throw refused(text, `has more bytes than ${full} holds`)
      return text
    }
}

const mostDigits = 6

/** Digits of a fraction that would be rounded. */
function fractionGuard({ full, modifiers: [digits = mostDigits] }: NamedType): Guard {
  return (text) => {
    const fraction = /\.(\d+)/.exec(text)?.[1] ?? ''
    if (/[1-9]/.test(fraction.slice(digits))) throw refused(text, `has more digits than ${full} holds`)
    return text
  }
}

function timeGuard(type: NamedType): Guard | null {
  return type.modifiers.length === 0 ? null : fractionGuard(type)
}

/** The time in UTC, whose zone is left out. */
function localTimeGuard(type: NamedType): Guard {
  const checkFraction = fractionGuard(type)
  return (text, value) => {
    const checked = checkFraction(text, value)
    return value instanceof Instant ? shortIsoText(value).replace('Z', '') : checked
  }
}

const millisPerDay = 86_400_000n

function dateGuard(text: string, value: Value): string {
  if (!(value instanceof Instant) || isInfinite(value)) return text
  if (value.micros !== 0 || value.millis % millisPerDay !== 0n) throw refused(text, 'is no midnight in UTC, so no date')
  return dayText(new Day(Number(value.millis / millisPerDay)))
}
