import type { LogicalType } from '../../core/logical-type.ts'
import type { Expression } from './expression.ts'
import { negate, readNumber } from './numbers.ts'
import { int32, int64, isWithin, NotTheSame, quoteBytes, quoteText, translation, type Translation } from './term.ts'
import { epochOf, expandFormat, formatOfNow, toCharFormat } from './time-functions.ts'

/**
 * A DEFAULT of SQLite for a column that has a type in PostgreSQL: the value that SQLite would have stored, as one of
 * that type, or the time of the statement. Null: the default is NULL, which is none.
 */
export function defaultToPostgres(expression: Expression, type: LogicalType): Translation | null {
  if (expression.kind === 'null') return null
  return translation(() => timeDefault(expression, type) ?? literalDefault(literalOf(expression), type))
}

/** Seconds since 1970, without a fraction as in SQLite. */
const epochSeconds = 'floor(extract(epoch from now()))::bigint'

function timeDefault(expression: Expression, type: LogicalType): string | null {
  const epoch = epochOf(expression)
  if (epoch !== null) return epochDefault(epoch, type)
  const format = formatOfNow(expression)
  if (format === null) return null
  if (type === 'timestamp') return instantDefault(format)
  if (type === 'date' && expandFormat(format) === '%Y-%m-%d') return "(now() AT TIME ZONE 'UTC')::date"
  const pattern = type === 'text' ? toCharFormat(format) : null
  if (pattern === null) throw new NotTheSame(`it is the time as ${quoted(format)}, which has no exact translation here`)
  return `to_char(now() AT TIME ZONE 'UTC', ${quoteText(pattern)})`
}

function epochDefault({ isText, factor }: { isText: boolean; factor: bigint }, type: LogicalType): string {
  const seconds = factor === 1n ? epochSeconds : `${epochSeconds} * ${factor}`
  switch (type) {
    case 'int32':
    case 'int64':
    case 'float64':
    case 'decimal':
      return seconds
    case 'text':
      return factor === 1n && isText ? `${epochSeconds}::text` : `(${seconds})::text`
    case 'timestamp':
      return 'now()'
    default:
      throw new NotTheSame('it is a number of seconds, which the column does not hold')
  }
}

function instantDefault(format: string): string {
  const codes = expandFormat(format)
  if (codes === '%Y-%m-%d') return "date_trunc('day', now(), 'UTC')"
  const whole = ['%Y', '%m', '%d', '%H', '%M'].every((code) => codes.includes(code)) && /%[Sf]/.test(codes)
  if (!whole) throw new NotTheSame(`it is the time as ${quoted(format)}, which is only a part of it`)
  return 'now()'
}

/** A constant of SQLite; numbers as they are written, with their sign. */
type Literal =
  | { readonly kind: 'number'; readonly value: bigint | number; readonly text: string }
  | { readonly kind: 'truth'; readonly value: boolean }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'blob'; readonly hex: string }

function literalOf(expression: Expression): Literal {
  switch (expression.kind) {
    case 'string':
    case 'blob':
      return expression
    case 'number':
      return numberOf(expression.text, false)
    case 'unary':
      if (expression.operand.kind === 'number' && (expression.operator === '-' || expression.operator === '+')) {
        return numberOf(expression.operand.text, expression.operator === '-')
      }
      throw noLiteral()
    case 'column': {
      const lower = expression.name.toLowerCase()
      if (expression.quote === '' && (lower === 'true' || lower === 'false')) {
        return { kind: 'truth', value: lower === 'true' }
      }
      // In an expression too, SQLite takes a name in double quotes for a text here, because it can be no column.
      if (expression.quote === '"') return { kind: 'string', value: expression.name }
      throw noLiteral()
    }
    default:
      throw noLiteral()
  }
}

function noLiteral(): NotTheSame {
  return new NotTheSame('it is an expression that has no exact translation')
}

function numberOf(text: string, negative: boolean): Literal & { readonly kind: 'number' } {
  const read = readNumber(text)
  const { value } = negative ? negate(read, text) : read
  if (!Number.isFinite(Number(value))) throw new NotTheSame('it is a number too large for a double')
  return { kind: 'number', value, text: String(value) }
}

function literalDefault(literal: Literal, type: LogicalType): string {
  const sql = literalAs(literal, type)
  if (sql !== null) return sql
  throw new NotTheSame(`it is ${describe(literal)}, which is not surely a value of the column's type`)
}

function describe(literal: Literal): string {
  switch (literal.kind) {
    case 'string':
      return quoted(literal.value)
    case 'blob':
      return `x'${literal.hex}'`
    case 'number':
      return literal.text
    case 'truth':
      return String(literal.value)
  }
}

function literalAs(literal: Literal, type: LogicalType): string | null {
  switch (type) {
    case 'bool':
      return boolOf(literal)
    case 'int32':
    case 'int64':
    case 'float64':
    case 'decimal':
      return numberAs(literal, type)
    case 'text':
      return textAs(literal)
    case 'bytes':
      return literal.kind === 'blob' ? quoteBytes(literal.hex) : null
    case 'uuid':
      return literal.kind === 'string' && uuid.test(literal.value) ? `${quoteText(literal.value)}::uuid` : null
    case 'json':
      return literal.kind === 'string' && isJson(literal.value) ? `${quoteText(literal.value)}::jsonb` : null
    case 'date':
      return literal.kind === 'string' && isDay(literal.value) ? `${quoteText(literal.value)}::date` : null
    // A text or number there may mean several instants.
    default:
      return null
  }
}

const uuid = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i

function isDay(text: string): boolean {
  const midnight = /^\d{4}-\d\d-\d\d$/.test(text) ? new Date(`${text}T00:00:00Z`) : null
  return midnight !== null && !Number.isNaN(midnight.getTime()) && midnight.toISOString().startsWith(text)
}

const truths: ReadonlyMap<string, boolean> = new Map([
  ...['1', 't', 'true', 'y', 'yes', 'on'].map((word) => [word, true] as const),
  ...['0', 'f', 'false', 'n', 'no', 'off'].map((word) => [word, false] as const),
])

function boolOf(literal: Literal): string | null {
  switch (literal.kind) {
    case 'truth':
      return String(literal.value)
    case 'number':
      return Number(literal.value) === 0 || Number(literal.value) === 1 ? String(Number(literal.value) === 1) : null
    case 'string': {
      const truth = truths.get(literal.value.toLowerCase())
      return truth === undefined ? null : String(truth)
    }
    case 'blob':
      return null
  }
}

/** Texts that are numbers become them in a column of SQLite that is declared as one. */
function numberAs(literal: Literal, type: 'int32' | 'int64' | 'float64' | 'decimal'): string | null {
  if (literal.kind === 'truth') return literal.value ? '1' : '0'
  if (literal.kind === 'blob') return null
  const number = literal.kind === 'number' ? literal : numberIn(literal.value)
  if (number === null) return null
  if (type === 'float64' || type === 'decimal') return number.text
  const isWhole = typeof number.value === 'bigint' || Number.isSafeInteger(number.value)
  if (!isWhole) return null
  const value = BigInt(number.value)
  return isWithin([value, value], type === 'int32' ? int32 : int64) ? String(value) : null
}

function numberIn(text: string): (Literal & { readonly kind: 'number' }) | null {
  const [, sign, digits] = /^[ \t\n\f\r]*([-+]?)((?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)[ \t\n\f\r]*$/.exec(text) ?? []
  return digits === undefined ? null : numberOf(digits, sign === '-')
}

function textAs(literal: Literal): string | null {
  switch (literal.kind) {
    case 'string':
      return quoteText(literal.value)
    case 'truth':
      return literal.value ? "'1'" : "'0'"
    case 'number':
      return numberText(literal.value)
    case 'blob':
      return null
  }
}

/** A number as SQLite writes it, where that is simple: a double always has a point. */
function numberText(value: bigint | number): string | null {
  if (typeof value === 'bigint') return `'${value}'`
  if (Object.is(value, -0) || String(value).includes('e')) return null
  return Number.isInteger(value) ? `'${value}.0'` : `'${value}'`
}

/** `jsonb` holds neither NUL nor half of a character. */
function isJson(text: string): boolean {
  if (/\\u(?:0000|d[89a-f])/i.test(text)) return false
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

function quoted(text: string): string {
  return JSON.stringify(text)
}
