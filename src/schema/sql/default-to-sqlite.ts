import type { LogicalType } from '../../core/logical-type.ts'
import { int64, isWithin, NotTheSame, translation, type Translation } from './term.ts'

/**
 * A DEFAULT of PostgreSQL, as `pg_get_expr` writes it, for a column of a SQLite file: literals and the time of the
 * statement. Null: the default is NULL, which is none. A truth is 0 or 1 there, and a number or text of a type that
 * SQLite does not have is its text.
 */
export function postgresDefaultToSqlite(sql: string, type: LogicalType): Translation | null {
  const literal = readLiteral(sql.trim())
  if (literal?.kind === 'null') return null
  return translation(() => {
    if (literal === null) throw new NotTheSame(`it is ${sql}, which is no literal`)
    const written = literalAs(literal, type)
    if (written === null) throw new NotTheSame(`it is ${sql}, which has no exact form in SQLite`)
    return written
  })
}

type Literal =
  | { readonly kind: 'null' }
  | { readonly kind: 'now' }
  | { readonly kind: 'truth'; readonly value: boolean }
  /** Of a number or a text: what was in the quotes. */
  | { readonly kind: 'value'; readonly text: string }

const cast = String.raw`(?:::[a-z"][\w" .(),]*)?`
const nullLiteral = new RegExp(`^NULL${cast}$`, 'i')
const text = new RegExp(`^'((?:[^']|'')*)'${cast}$`, 's')
const bareNumber = new RegExp(String.raw`^\(?(-?\d+(?:\.\d+)?)\)?${cast}$`)

function readLiteral(sql: string): Literal | null {
  if (nullLiteral.test(sql)) return { kind: 'null' }
  if (/^(?:now\(\)|CURRENT_TIMESTAMP)$/i.test(sql)) return { kind: 'now' }
  if (/^(?:true|false)$/i.test(sql)) return { kind: 'truth', value: /^true$/i.test(sql) }
  const inner = text.exec(sql)?.[1]?.replaceAll("''", "'") ?? bareNumber.exec(sql)?.[1]
  return inner === undefined ? null : { kind: 'value', text: inner }
}

/** In the form that rows have there, which CURRENT_TIMESTAMP has not. */
const now = "(strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))"

function literalAs(literal: Exclude<Literal, { kind: 'null' }>, type: LogicalType): string | null {
  if (literal.kind === 'now') return type === 'timestamp' ? now : null
  if (literal.kind === 'truth') return type === 'bool' ? (literal.value ? '1' : '0') : null
  switch (type) {
    case 'int32':
    case 'int64': {
      const value = /^-?\d+$/.test(literal.text) ? BigInt(literal.text) : null
      return value !== null && isWithin([value, value], int64) ? String(value) : null
    }
    case 'float64':
      return /^-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?$/.test(literal.text) ? literal.text : null
    case 'decimal':
      return /^-?\d+(?:\.\d+)?$/.test(literal.text) ? quoted(literal.text) : null
    case 'text':
    case 'uuid':
    case 'json':
      return quoted(literal.text)
    case 'bytes':
      return /^\\x(?:[\da-f]{2})*$/.test(literal.text) ? `x'${literal.text.slice(2)}'` : null
    default:
      return null
  }
}

function quoted(value: string): string {
  return `'${value.replaceAll("'", "''")}'`
}
