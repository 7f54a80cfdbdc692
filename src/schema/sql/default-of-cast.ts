import type { LogicalType } from '../../core/logical-type.ts'
import { int32, int64, isWithin } from './term.ts'

const quotedText = /^('(?:[^']|'')*')::(?:text|character varying)$/s
const wholeNumber = /^'?(-?\d+)'?(?:::[a-z]+)?$/
const numbers: ReadonlySet<LogicalType> = new Set(['int32', 'int64', 'float64', 'decimal'])

/**
 * A DEFAULT as PostgreSQL writes it, for the same column when its values are cast: whole numbers, texts, truths and the
 * time of the statement, whose cast is certain. Null: it is anything else.
 */
export function defaultOfCast(sql: string, from: LogicalType, to: LogicalType): string | null {
  if (numbers.has(from)) return numberAs(wholeNumber.exec(sql)?.[1], to)
  if (from === 'bool') return to === 'bool' && /^(?:true|false)$/.test(sql) ? sql : null
  if (from === 'text') return to === 'text' ? (quotedText.exec(sql)?.[1] ?? null) : null
  return from === 'timestamp' && to === 'timestamp' && sql === 'now()' ? sql : null
}

function numberAs(digits: string | undefined, to: LogicalType): string | null {
  if (digits === undefined || (!numbers.has(to) && to !== 'text')) return null
  const value = BigInt(digits)
  if (to === 'text') return `'${value}'`
  const range = to === 'int32' ? int32 : to === 'int64' ? int64 : null
  return range === null || isWithin([value, value], range) ? String(value) : null
}
