import pg from 'pg'
import { quoteColumn, quoteTable } from '../connectors/postgres/identifiers.ts'
import { DroverError } from '../core/errors.ts'

/** A table of a PostgreSQL source, as far as bare programs copy it. */
export interface BareTable {
  readonly schema: string
  readonly name: string
  readonly columns: readonly { readonly name: string; readonly type: string; readonly required: boolean }[]
  /** Columns of its primary key; empty: none. */
  readonly key: readonly string[]
  /** Conditions that part it into about equal ranges of its key. */
  readonly ranges: readonly string[]
}

const findColumns = `
  select attname as name, format_type(atttypid, atttypmod) as type, attnotnull as required,
    coalesce(array_position((select indkey::int2[] from pg_catalog.pg_index where indrelid = attrelid and indisprimary), attnum), -1) as place
  from pg_catalog.pg_attribute
  where attrelid = to_regclass($1) and attnum > 0 and not attisdropped and attgenerated = ''
  order by attnum`

/** `table`: its name, or schema and name with a dot between; without one, `public`. Throws `missing-table`. */
export async function bareTableOf(source: pg.Client, table: string): Promise<BareTable> {
  const dot = table.indexOf('.')
  const place = { schema: dot < 0 ? 'public' : table.slice(0, dot), name: table.slice(dot + 1) }
  const found = await source.query<{ name: string; type: string; required: boolean; place: number }>(findColumns, [
    quoteTable(place),
  ])
  if (found.rows.length === 0) throw new DroverError('missing-table', `the source has no table ${table}`)
  const columns = found.rows
  const key = columns.filter((column) => column.place >= 0).toSorted((a, b) => a.place - b.place)
  const [first] = key
  const ranges = first === undefined ? ['true'] : await halvesOf(source, quoteTable(place), first)
  return { ...place, columns, key: key.map(({ name }) => name), ranges }
}

async function halvesOf(
  source: pg.Client,
  from: string,
  { name, type }: { readonly name: string; readonly type: string },
): Promise<readonly string[]> {
  const column = quoteColumn(name)
  const { rows } = await source.query<{ middle: string }>(
    `select ${column}::text as middle from ${from} order by ${column} offset (select count(*) / 2 from ${from}) limit 1`,
  )
  const middle = rows[0]?.middle
  if (middle === undefined) return ['true']
  const bound = `${pg.escapeLiteral(middle)}::${type}`
  return [`${column} < ${bound}`, `${column} >= ${bound}`]
}

/** The table with its columns, and nothing else of it. */
export function createBare({ columns, ...place }: BareTable): string {
  const written = columns.map(
    ({ name, type, required }) => `${quoteColumn(name)} ${type}${required ? ' not null' : ''}`,
  )
  return `create table ${quoteTable(place)} (${written.join(', ')})`
}

/** Builds its key with what a server takes for it when it is told to hurry; null: it has none. */
export function buildBareKey({ key, ...place }: BareTable): string | null {
  if (key.length === 0) return null
  const settings = "set max_parallel_maintenance_workers = 2; set maintenance_work_mem = '256MB'"
  return `${settings}; alter table ${quoteTable(place)} add primary key (${key.map(quoteColumn).join(', ')})`
}

/** One for each of its ranges: what one connection sends, and what takes it in another. */
export function bareCopies(table: BareTable): readonly { readonly out: string; readonly into: string }[] {
  const columns = table.columns.map(({ name }) => quoteColumn(name)).join(', ')
  return table.ranges.map((range) => ({
    out: `copy (select ${columns} from ${quoteTable(table)} where ${range}) to stdout (format binary)`,
    into: `copy ${quoteTable(table)} (${columns}) from stdin (format binary)`,
  }))
}
