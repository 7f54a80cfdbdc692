import { DroverError } from '../../core/errors.ts'
import type { SqliteParameter } from './snapshot.ts'

/** A number or a text as SQL has it, as the ranges of `--since` keep their values. */
export function markOf(value: bigint | number | string): string {
  if (typeof value === 'string') return `'${value.replaceAll("'", "''")}'`
  if (typeof value === 'bigint') return String(value)
  const text = String(value)
  return /^-?\d+$/.test(text) ? `${text}.0` : text
}

/** The value of a mark. Throws `invalid-value` for what is none: a plan may have been edited. */
export function valueOfMark(mark: string): Exclude<SqliteParameter, null | Uint8Array> {
  if (/^-?\d{1,19}$/.test(mark)) return BigInt(mark)
  if (/^-?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/.test(mark)) return Number(mark)
  if (/^'(?:[^']|'')*'$/.test(mark)) return mark.slice(1, -1).replaceAll("''", "'")
  throw new DroverError('invalid-value', `${mark} is no value of a range of SQLite`, {
    hint: "a range has a number, or a text between single quotes: 42, '2026-01-31'",
  })
}
