import type { LogicalType } from '../../core/logical-type.ts'
import { highestInt64, lowestInt64 } from './numbers.ts'

/** PostgreSQL's text for the same thing, or why there is none: a clause that begins with `it`. */
export type Translation = { readonly sql: string } | { readonly reason: string }

/** Lowest and highest value that an integer can have. */
export type Range = readonly [lowest: bigint, highest: bigint]

/** How text is compared. */
export interface Collation {
  /** `BINARY`, `NOCASE`, `RTRIM`, in capitals, or one of the application's own. */
  readonly name: string
  /** By COLLATE, which overrules that of a column. */
  readonly explicit: boolean
}

/** A translated expression. */
export interface Term {
  readonly sql: string
  /** It needs no parentheses beside an operator. */
  readonly atomic: boolean
  /** Its type in PostgreSQL. `other`: one that only itself and NULL can be compared with, which `type` names. */
  readonly kind: 'null' | 'bool' | 'int' | 'float' | 'decimal' | 'text' | 'bytes' | 'other'
  /** Of `int` and `bool`; one that 64 bits do not hold is computed as numeric. */
  readonly range: Range
  /** Where it is a literal. */
  readonly constant: bigint | number | string | null
  /** Null: it has none of its own. */
  readonly collation: Collation | null
  readonly type: LogicalType | null
}

/** An expression has no exact translation. */
export class NotTheSame extends Error {
  override readonly name = 'NotTheSame'
}

/** Answers what `translate` gives, or why it gives nothing. */
export function translation(translate: () => string): Translation {
  try {
    return { sql: translate() }
  } catch (error) {
    if (error instanceof NotTheSame) return { reason: error.message }
    throw error
  }
}

export const int32: Range = [-(2n ** 31n), 2n ** 31n - 1n]
export const int64: Range = [lowestInt64, highestInt64]
/** Integers that a double holds exactly. */
export const exactInDoubles: Range = [-(2n ** 53n), 2n ** 53n]
const bit: Range = [0n, 1n]

const plain: Omit<Term, 'sql' | 'kind'> = { atomic: true, range: bit, constant: null, collation: null, type: null }

export const nothing: Term = { ...plain, sql: 'NULL', kind: 'null' }

export function isWithin([low, high]: Range, [lowest, highest]: Range): boolean {
  return lowest <= low && high <= highest
}

export function spanOf(ranges: readonly Range[]): Range {
  return ranges.reduce(([low, high], [lowest, highest]) => [
    lowest < low ? lowest : low,
    highest > high ? highest : high,
  ])
}

export function columnTerm(name: string, type: LogicalType, collation: string | null): Term {
  const term = { ...plain, sql: quoteIdentifier(name) }
  switch (type) {
    case 'bool':
      return { ...term, kind: 'bool' }
    case 'int32':
      return { ...term, kind: 'int', range: int32 }
    case 'int64':
      return { ...term, kind: 'int', range: int64 }
    case 'float64':
      return { ...term, kind: 'float' }
    case 'decimal':
      return { ...term, kind: 'decimal' }
    case 'bytes':
      return { ...term, kind: 'bytes' }
    case 'text':
      return { ...term, kind: 'text', collation: { name: (collation ?? 'BINARY').toUpperCase(), explicit: false } }
    default:
      return { ...term, kind: 'other', type }
  }
}

export function intTerm(value: bigint): Term {
  return { ...plain, sql: String(value), atomic: value >= 0n, kind: 'int', range: [value, value], constant: value }
}

// Two numbers of so many digits are never one double.
const exactDigits = 15

/** A number with a point; PostgreSQL compares those as they are written, SQLite as doubles. */
export function realTerm(value: number, digits: number): Term {
  if (!Number.isFinite(value) || digits > exactDigits) {
    throw new NotTheSame('it has a number that PostgreSQL would read as another one')
  }
  return { ...plain, sql: String(value), atomic: value >= 0, kind: 'decimal', constant: value }
}

export function textTerm(value: string): Term {
  return { ...plain, sql: quoteText(value), kind: 'text', constant: value }
}

export function bytesTerm(hex: string): Term {
  return { ...plain, sql: quoteBytes(hex), kind: 'bytes' }
}

/** `true` and `false`, which are 1 and 0. */
export function truthTerm(value: boolean): Term {
  return { ...plain, sql: String(value), kind: 'bool', constant: value ? 1n : 0n }
}

export function boolTerm(sql: string, atomic = false): Term {
  return { ...plain, sql, atomic, kind: 'bool' }
}

export function intResult(sql: string, range: Range, atomic = false): Term {
  return { ...plain, sql, atomic, kind: 'int', range }
}

/** The result of a call, an operator, or a CASE. */
export function resultOf(sql: string, kind: Term['kind'], atomic: boolean): Term {
  return { ...plain, sql, atomic, kind, range: int64 }
}

/** As an operand. */
export function inner({ sql, atomic }: Term): string {
  return atomic ? sql : `(${sql})`
}

/** As a side of a comparison, where a sign does not hurt. */
export function side(term: Term): string {
  return term.constant === null ? inner(term) : term.sql
}

/** As a condition: to SQLite, a number other than 0 is true. */
export function conditionOf(term: Term): Term {
  switch (term.kind) {
    case 'bool':
      return term
    case 'null':
      return boolTerm('NULL::boolean', true)
    case 'int':
    case 'float':
    case 'decimal':
      return boolTerm(`${inner(term)} <> 0`)
    case 'text':
    case 'bytes':
    case 'other':
      throw new NotTheSame('it takes what is no number for a condition')
  }
}

/** A truth as 0 or 1, an integer as it is. */
export function integerOf(term: Term): Term {
  if (term.kind === 'int') return term
  if (term.kind !== 'bool') throw new NotTheSame('it computes with what is no integer')
  return typeof term.constant === 'bigint' ? intTerm(term.constant) : intResult(`${inner(term)}::integer`, bit, true)
}

export function textOf(term: Term): Term {
  if (term.kind !== 'text') throw new NotTheSame('it takes what is no text for one')
  return term
}

export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** A text literal, whatever `standard_conforming_strings` is. */
export function quoteText(text: string): string {
  if (text.includes('\0') || !text.isWellFormed()) throw new NotTheSame('it has a text that PostgreSQL cannot hold')
  const quoted = text.replaceAll("'", "''")
  return text.includes('\\') ? `E'${quoted.replaceAll('\\', '\\\\')}'` : `'${quoted}'`
}

/** @param hex digits, two for each byte */
export function quoteBytes(hex: string): string {
  return `${quoteText(`\\x${hex}`)}::bytea`
}
