import { templateText, type StatementTemplate } from '../../../core/statement-template.ts'
import type { NativeStatement } from '../../structure.ts'
import type { Session } from '../session.ts'
import { quoteName } from '../identifiers.ts'

/** A column as the catalogue has it. Texts are the server's own, everything in them qualified. */
export interface CatalogColumn {
  readonly name: string
  /** Its place among all that the table has had. */
  readonly number: number
  readonly type: string
  readonly typeOid: number
  readonly required: boolean
  /**
   * PostgreSQL 18 and later. Null: it has the name that it gets by itself, and no table below has the same one, which
   * could be made first.
   */
  readonly requiredName: string | null
  readonly requiredHere: boolean
  /** Of the default, or of what computes it. */
  readonly expression: string | null
  readonly generated: '' | 's' | 'v'
  readonly identity: '' | 'a' | 'd'
  readonly collation: string | null
  /** These only where they are not what the type brings. */
  readonly storage: string | null
  readonly statistics: number | null
  readonly options: string | null
  readonly comment: string | null
}

/** How values are compressed stays the choice of the server that they come to: not every one is built for every way. */
const findColumns = `
  select a.attname as name, a.attnum::integer as number, format_type(a.atttypid, a.atttypmod) as type, a.atttypid as "typeOid",
    a.attnotnull and not coalesce(n.late, false) as required,
    case when n.conname <> c.relname || '_' || a.attname || '_not_null' or above.it then n.conname end as "requiredName",
    coalesce(n.connoinherit, false) as "requiredHere",
    pg_get_expr(d.adbin, d.adrelid) as expression,
    a.attgenerated as generated, a.attidentity as identity,
    case when a.attcollation <> t.typcollation then (
      select quote_ident(s.nspname) || '.' || quote_ident(l.collname)
      from pg_collation l join pg_namespace s on s.oid = l.collnamespace where l.oid = a.attcollation) end as collation,
    case when a.attstorage <> t.typstorage then
      case a.attstorage when 'p' then 'plain' when 'e' then 'external' when 'x' then 'extended' else 'main' end
    end as storage,
    case when a.attstattarget >= 0 then a.attstattarget end as statistics,
    (select string_agg(quote_ident(o.option_name) || ' = ' || quote_literal(o.option_value), ', ')
      from pg_options_to_table(a.attoptions) o) as options,
    col_description(a.attrelid, a.attnum) as comment
  from pg_attribute a
  join pg_class c on c.oid = a.attrelid
  join pg_type t on t.oid = a.atttypid
  left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
  left join lateral (
    select n.conname, n.connoinherit, not n.convalidated as late
    from pg_constraint n
    where n.conrelid = a.attrelid and n.contype = 'n' and n.conkey = array[a.attnum]) n on true
  cross join lateral (
    select exists (select from pg_inherits h where h.inhparent = c.oid) and c.relkind = 'r' as it) above
  where a.attrelid = $1 and a.attnum > 0 and not a.attisdropped
  order by a.attnum`

/** Those of a table in its order. */
export async function readColumns(session: Session, table: number): Promise<readonly CatalogColumn[]> {
  return (await session.query<CatalogColumn>(findColumns, [table])).rows
}

/** What stands behind the type, `filled` being how it gets its values where a row has none: default, identity … */
export function clausesOf(column: CatalogColumn, filled: string | null): string {
  const { collation } = column
  return [
    ...(collation === null ? [] : [`collate ${collation}`]),
    ...(filled === null ? [] : [filled]),
    ...notNull(column),
  ].join(' ')
}

export function computedText({ expression, generated }: CatalogColumn): string | null {
  return generated === '' ? null : `generated always as (${expression}) ${generated === 'v' ? 'virtual' : 'stored'}`
}

export function defaultText({ expression, generated }: CatalogColumn): string | null {
  return expression === null || generated !== '' ? null : `default ${expression}`
}

export function notNull({ required, requiredName, requiredHere }: CatalogColumn): readonly string[] {
  if (!required) return []
  const named = requiredName === null ? '' : `constraint ${quoteName(requiredName)} `
  return [`${named}not null${requiredHere ? ' no inherit' : ''}`]
}

/** What only `alter table` sets, where it differs from the parent's that it would have by itself, and its comment. */
export function columnStatements(
  { name, storage, statistics, options, comment }: CatalogColumn,
  place: { readonly table: StatementTemplate; readonly column: StatementTemplate },
  above?: CatalogColumn,
): readonly NativeStatement[] {
  const { table, column } = place
  const settings = [
    ...(storage === null || storage === above?.storage ? [] : [`set storage ${storage}`]),
    ...(statistics === null ? [] : [`set statistics ${statistics}`]),
    ...(options === null ? [] : [templateText(`set (${options})`)]),
  ].map((setting) => `alter column ${column} ${setting}`)
  const makes = `storage and statistics of column ${name}`
  const said = comment === null ? '' : `comment on column ${table}.${column} is ${templateText(literal(comment))}`
  return [
    ...(settings.length === 0 ? [] : [{ makes, sql: `alter table only ${table} ${settings.join(', ')}` }]),
    ...(comment === null ? [] : [{ makes: `comment on column ${name}`, sql: said }]),
  ]
}

/** A string literal of SQL, for sessions in which backslashes are nothing special, as they are in all of drover's. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
