import pg from 'pg'
import { DroverError } from '../../core/errors.ts'
import { qualified, type TargetColumn, type TargetName } from '../../core/plan.ts'
import { classifyFault } from './errors.ts'
import { equals, readEquality } from './equality.ts'
import { quoteName, quoteTable } from './identifiers.ts'
import { ownRows } from './relations.ts'
import type { Session } from './session.ts'
import { columnType, readAs } from './types.ts'

/** Without the length: a cast to `varchar(5)` would cut a longer text without a word, and find another row. */
const findTypes = `
  select a.attname as name, format_type(a.atttypid, null) as type
  from pg_attribute a
  where a.attrelid = $1::regclass and a.attnum > 0 and not a.attisdropped`

/** An index that holds all rows, and whose first column is one of those asked for. */
const findIndex = `
  select exists (
    select
    from pg_index i
    join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
    join pg_class c on c.oid = i.indexrelid
    join pg_am m on m.oid = c.relam
    where i.indrelid = $1::regclass and i.indisvalid and i.indpred is null
      and m.amname in ('btree', 'hash') and a.attname = any($2::text[])
  ) as found`

/**
 * The rows whose key is one of `keys`, in no order, each as the text forms of `columns`. Sessions pin what a text form
 * depends on, so it loses nothing: time zone, style of dates, form of bytes, digits of doubles.
 */
export async function lookUpRows(
  session: Session,
  target: TargetName,
  columns: readonly TargetColumn[],
  key: readonly string[],
  keys: readonly (readonly (string | null)[])[],
): Promise<readonly (readonly (string | null)[])[]> {
  if (key.length === 0) throw new DroverError('unexpected', `rows of ${qualified(target)} were looked up by no key`)
  const types = await typesOf(session, target, key)
  const operators = await readEquality(session, target)
  const own = await ownRows(session, target)
  const shown = columns.map((column) => `${readAs(`t.${quoteName(column.name)}`, column)}::text`).join(', ')
  const found: (readonly (string | null)[])[] = []
  for (const group of groupByNulls(keys)) {
    const { condition, values } = matching(key, { types, operators }, group)
    const text = `select ${shown} from ${own} t where ${condition}`
    const { rows } = await session.client.query<(string | null)[]>({ text, values, rowMode: 'array' })
    for (const row of rows) found.push(row)
  }
  return found
}

/** Whether an index serves {@link lookUpRows}; without one the whole table is read each time. */
export async function isIndexed(session: Session, target: TargetName, key: readonly string[]): Promise<boolean> {
  const { rows } = await session.query<{ found: boolean }>(findIndex, [quoteTable(target), [...key]])
  return rows[0]?.found === true
}

/**
 * What a column shows of values that it was given as these texts; null for one that it does not take. A refusal names no
 * text, so the list is halved until what is refused is alone.
 */
export async function restate(
  session: Session,
  column: Pick<TargetColumn, 'type' | 'native'>,
  texts: readonly string[],
): Promise<readonly (string | null)[]> {
  const shown = `${readAs(`given.text::${columnType(column)}`, column)}::text`
  const text = `select ${shown} from unnest($1::text[]) with ordinality as given (text, place) order by given.place`
  try {
    const { rows } = await session.client.query<[string | null]>({ text, values: [[...texts]], rowMode: 'array' })
    return rows.map(([found]) => found)
  } catch (error) {
    if (!(error instanceof pg.DatabaseError) || classifyFault(error) !== 'data') throw error
    if (texts.length <= 1) return texts.map(() => null)
    const middle = Math.ceil(texts.length / 2)
    const first = await restate(session, column, texts.slice(0, middle))
    return [...first, ...(await restate(session, column, texts.slice(middle)))]
  }
}

async function typesOf(session: Session, target: TargetName, key: readonly string[]): Promise<readonly string[]> {
  const { rows } = await session.query<{ name: string; type: string }>(findTypes, [quoteTable(target)])
  const types = new Map(rows.map(({ name, type }) => [name, type]))
  return key.map((column) => {
    const type = types.get(column)
    if (type !== undefined) return type
    throw new DroverError('target-incompatible', `${qualified(target)} has no column ${JSON.stringify(column)}`)
  })
}

/** Keys that are null in the same columns; `=` never finds a null. */
function groupByNulls(
  keys: readonly (readonly (string | null)[])[],
): Iterable<readonly (readonly (string | null)[])[]> {
  return Map.groupBy(keys, (key) => key.map((value) => (value === null ? '0' : '1')).join('')).values()
}

function matching(
  key: readonly string[],
  { types, operators }: { readonly types: readonly string[]; readonly operators: ReadonlyMap<string, string> },
  keys: readonly (readonly (string | null)[])[],
): { readonly condition: string; readonly values: (string | null)[][] } {
  const [first = []] = keys
  const conditions = key.flatMap((column, index) => (first[index] === null ? [`t.${quoteName(column)} is null`] : []))
  const given = key.flatMap((column, index) =>
    first[index] === null ? [] : [{ name: column, type: types[index] ?? 'text', index }],
  )
  const values = given.map(({ index }) => keys.map((one) => one[index] ?? null))
  const [only] = given
  if (only !== undefined) {
    const any = `any($1::text[]::${only.type}[])`
    const one = equals(operators, only.name, `t.${quoteName(only.name)}`, any)
    conditions.push(given.length === 1 ? one : oneOf(given, operators))
  }
  return { condition: conditions.join(' and '), values }
}

function oneOf(
  given: readonly { readonly name: string; readonly type: string }[],
  operators: ReadonlyMap<string, string>,
): string {
  const casts = given.map(({ type }, place) => `k${place}::${type} as k${place}`).join(', ')
  const arrays = given.map((_, place) => `$${place + 1}::text[]`).join(', ')
  const names = given.map((_, place) => `k${place}`).join(', ')
  const same = given.map(({ name }, place) => equals(operators, name, `t.${quoteName(name)}`, `v.k${place}`))
  return `exists (select from (select ${casts} from unnest(${arrays}) as g (${names})) v where ${same.join(' and ')})`
}
