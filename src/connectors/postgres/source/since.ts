import pg from 'pg'
import { DroverError } from '../../../core/errors.ts'
import type { SinceRange } from '../../planned-table.ts'
import type { Session } from '../session.ts'
import { columnOf } from './bounds.ts'
import type { ReadTable } from './table.ts'

// A mark is a value as SQL writes it, with its type: 'text'::type.

/** Types that something can be higher in, by what a person may write for them. */
const kinds: ReadonlyMap<string, 'whole' | 'number' | 'day' | 'instant' | 'uuid' | 'text'> = new Map([
  ['smallint', 'whole'],
  ['integer', 'whole'],
  ['bigint', 'whole'],
  ['oid', 'whole'],
  ['real', 'number'],
  ['double precision', 'number'],
  ['numeric', 'number'],
  ['date', 'day'],
  ['timestamp without time zone', 'instant'],
  ['timestamp with time zone', 'instant'],
  ['uuid', 'uuid'],
  ['text', 'text'],
  ['character varying', 'text'],
])

/** By kind, what is allowed for people, and what PostgreSQL reads as such. */
const allowed: Readonly<Record<'whole' | 'number' | 'day' | 'instant' | 'uuid' | 'text', readonly [string, RegExp]>> = {
  whole: ['a whole number', /^-?\d{1,19}$/],
  number: ['a number', /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d{1,3})?$/],
  day: ['a date such as 2026-01-31, or a time ago such as -7d', /^\d{4,6}-\d\d-\d\d$/],
  instant: [
    'a date such as 2026-01-31 or 2026-01-31T12:00:00Z, or a time ago such as -1d, -12h, -30m',
    /^\d{4,6}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(?:Z|[+-]\d\d(?::?\d\d)?)?)?$/,
  ],
  uuid: ['a UUID', /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i],
  text: ['a text', /^[^\0]*$/],
}

const unitMs: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 }

interface Mark {
  readonly text: string
  readonly type: string
}

/** Conditions of a range; a value that is missing is below all others. */
export function sinceConditions(table: ReadTable, { field, from, upTo }: SinceRange): readonly string[] {
  const column = columnOf(table, sinceColumn(table, field).name)
  const highest = upTo === null ? null : `${column} <= ${written(parse(upTo))}`
  if (from !== null) return [`${column} >= ${written(parse(from))}`, ...(highest === null ? [] : [highest])]
  return highest === null ? [] : [`(${highest} or ${column} is null)`]
}

/** The highest value of a column among rows; null: no row has one. */
export async function highestMark(
  session: Session,
  table: ReadTable,
  field: string,
  conditions: readonly string[],
): Promise<string | null> {
  const { name, type } = sinceColumn(table, field)
  const column = columnOf(table, name)
  const all = [...conditions, `${column} is not null`].join(' and ')
  const { rows } = await session.query<{ text: string }>(
    `select format('%s', ${column}) as text from ${table.from} where ${all} order by ${column} desc limit 1`,
  )
  const [row] = rows
  return row === undefined ? null : written({ text: row.text, type })
}

/** A value that a person wrote, of the type of another mark. Throws `invalid-value`. */
export function parseMark(text: string, like: string, now: number): string {
  const { type } = parse(like)
  const kind = kinds.get(type) ?? 'text'
  const value = (kind === 'day' || kind === 'instant' ? timeAgo(text, kind, now) : null) ?? text
  const [words, pattern] = allowed[kind]
  if (pattern.test(value)) return written({ text: value, type })
  throw new DroverError(
    'invalid-value',
    `--since says ${JSON.stringify(text)}, and the field holds values such as ${like}`,
    {
      hint: `allowed is ${words}, or last`,
    },
  )
}

function sinceColumn(table: ReadTable, field: string): { readonly name: string; readonly type: string } {
  const column = table.columns.find(({ name }) => name === field)
  if (column === undefined) {
    throw new DroverError('unknown-column', `${table.name} has no column ${JSON.stringify(field)}`, {
      hint: `it has ${table.columns.map(({ name }) => name).join(', ')}`,
    })
  }
  const type = column.declared.replace(/\(\d+(?:,-?\d+)?\)/, '')
  if (kinds.has(type)) return { name: field, type }
  throw new DroverError(
    'invalid-value',
    `--since cannot go by ${field} of ${table.name}, which is ${column.declared}`,
    {
      hint: 'choose a column of dates, numbers, texts or ids that only grow',
    },
  )
}

/** In UTC, which a column without a zone is taken to be in. */
function timeAgo(text: string, kind: 'day' | 'instant', now: number): string | null {
  const [, count, unit] = /^-(\d{1,9})([smhdw])$/.exec(text) ?? []
  const ms = unit === undefined ? undefined : unitMs[unit]
  if (count === undefined || ms === undefined) return null
  const at = new Date(now - Number(count) * ms)
  if (Number.isNaN(at.getTime())) return null
  return kind === 'day' ? at.toISOString().slice(0, 10) : at.toISOString()
}

function written({ text, type }: Mark): string {
  return `${pg.escapeLiteral(text)}::${type}`
}

function parse(mark: string): Mark {
  const [, extended, quoted, type] = /^ ?(E?)'((?:[^'\\]|''|\\\\)*)'::([a-z ]+)$/s.exec(mark) ?? []
  if (quoted === undefined || type === undefined || !kinds.has(type)) {
    throw new DroverError('unexpected', `${mark} is no mark of this source`)
  }
  const text = quoted.replaceAll("''", "'")
  return { text: extended === 'E' ? text.replaceAll('\\\\', '\\') : text, type }
}
