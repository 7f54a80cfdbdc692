import { DroverError } from '../../../core/errors.ts'
import type { NativeStructure } from '../../structure.ts'
import type { Session } from '../session.ts'

/** Of a table: checks, keys, unique and exclusion constraints, and of PostgreSQL 18 and later NOT NULL. */
export interface CatalogConstraint {
  readonly name: string
  readonly kind: 'c' | 'n' | 'p' | 'u' | 'x'
  /** Behind `constraint name`. */
  readonly sql: string
  /** Rows that are there may breach it. */
  readonly late: boolean
  /** Also, or only, said by a table above. */
  readonly inherited: boolean
  /** Of a primary key: what it is by its columns alone, and under the name that it gets by itself. */
  readonly plain: boolean
  readonly comment: string | null
  readonly fields: readonly string[]
}

/** SQL: columns of a table that an object of the catalogue names; of one that names the row as a whole, see {@link fieldsOf}. */
export function columnsNamedBy(catalogue: string, oid: string, table: string): string {
  return `select a.attname::text from pg_attribute a
    where a.attrelid = ${table} and a.attnum > 0 and not a.attisdropped and exists (
      select from pg_depend named
      where named.classid = ${catalogue} and named.objid = ${oid} and named.refclassid = 'pg_class'::regclass
        and named.refobjid = ${table} and named.refobjsubid = a.attnum)
    order by a.attnum`
}

/** The server leaves the options of a constraint's index out of its text; they stand before when it is checked. */
const findConstraints = `
  select k.conname as name, k.contype as kind,
    case when o.options is null then pg_get_constraintdef(k.oid)
      else left(pg_get_constraintdef(k.oid), -length(t.timing)) || ' with (' || o.options || ')' || t.timing
    end as sql,
    not k.convalidated as late,
    not k.conislocal or k.coninhcount > 0 or k.conparentid <> 0 as inherited,
    k.conname = c.relname || '_pkey' and o.options is null and pg_get_constraintdef(k.oid) = 'PRIMARY KEY (' || (
      select string_agg(quote_ident(a.attname), ', ' order by part.place)
      from unnest(k.conkey) with ordinality as part (number, place)
      join pg_attribute a on a.attrelid = k.conrelid and a.attnum = part.number) || ')' as plain,
    obj_description(k.oid, 'pg_constraint') as comment,
    array(${columnsNamedBy(`'pg_constraint'::regclass`, 'k.oid', '$1')}) as fields
  from pg_constraint k
  join pg_class c on c.oid = k.conrelid
  left join pg_class i on i.oid = k.conindid
  cross join lateral (
    select string_agg(quote_ident(p.option_name) || ' = ' || quote_literal(p.option_value), ', ') as options
    from pg_options_to_table(i.reloptions) p) o
  cross join lateral (
    select case when k.condeferrable then ' DEFERRABLE' else '' end
      || case when k.condeferred then ' INITIALLY DEFERRED' else '' end as timing) t
  where k.conrelid = $1 and k.contype in ('c', 'n', 'p', 'u', 'x')
  order by k.contype, k.conname`

export async function readConstraints(session: Session, table: number): Promise<readonly CatalogConstraint[]> {
  return (await session.query<CatalogConstraint>(findConstraints, [table])).rows
}

export function isBuilt({ kind }: CatalogConstraint): boolean {
  return kind === 'u' || kind === 'x'
}

/** An index that is no constraint's. */
export interface CatalogIndex {
  readonly oid: number
  readonly name: string
  readonly unique: boolean
  /** Behind the name of the table. */
  readonly sql: string
  /** A part of an index of the table above, with which it is made. */
  readonly attached: boolean
  readonly fields: readonly string[]
}

/** What stands before the name of the table's access method is known to the letter, so the rest can be cut off. */
const findIndexes = `
  select i.indexrelid as oid, x.relname as name, i.indisunique as unique, pg_get_indexdef(i.indexrelid) as text,
    array(select format('CREATE %sINDEX %s ON %s%s.%s ', case when i.indisunique then 'UNIQUE ' end,
        quote_ident(x.relname), word."only", quote_ident(n.nspname), quote_ident(c.relname))
      from (values (''), ('ONLY ')) as word ("only")) as beginnings,
    exists (select from pg_inherits h where h.inhrelid = i.indexrelid) as attached,
    array(${columnsNamedBy(`'pg_class'::regclass`, 'i.indexrelid', '$1')}) as fields
  from pg_index i
  join pg_class x on x.oid = i.indexrelid
  join pg_class c on c.oid = i.indrelid
  join pg_namespace n on n.oid = c.relnamespace
  where i.indrelid = $1 and (i.indisvalid or c.relkind = 'p')
    and not exists (select from pg_constraint k where k.conindid = i.indexrelid and k.contype in ('p', 'u', 'x'))
  order by x.relname`

interface IndexRow extends Omit<CatalogIndex, 'sql'> {
  readonly text: string
  readonly beginnings: readonly string[]
}

export async function readIndexes(session: Session, table: number): Promise<readonly CatalogIndex[]> {
  const { rows } = await session.query<IndexRow>(findIndexes, [table])
  return rows.map(({ oid, name, unique, text, beginnings, attached, fields }) => {
    const beginning = beginnings.find((known) => text.startsWith(known))
    if (beginning === undefined) throw new DroverError('unexpected', `the server writes an index as: ${text}`)
    return { oid, name, unique, sql: text.slice(beginning.length), attached, fields }
  })
}

/** To the catalogue the row as a whole is the table, which all else of it depends on too; its text has `.*`. */
export function fieldsOf(named: readonly string[], sql: string, all: readonly string[]): readonly string[] {
  return named.length === 0 || sql.includes('.*') ? all : named
}

/** Those that the rows of a table have to meet as they are written; of what is late, rows may be there that do not. */
export function checksOf(
  constraints: readonly CatalogConstraint[],
  all: readonly string[],
): NativeStructure['constraints'] {
  const checks = constraints.filter(({ kind, late }) => kind === 'c' && !late)
  return checks.map(({ name, sql, fields }) => ({ name, sql, fields: fieldsOf(fields, sql, all) }))
}

/**
 * What is built, or begins to hold, once the rows are there; a primary key is among them where no plan has it, because the
 * target computes a part of it.
 */
export function indexesOf(
  constraints: readonly CatalogConstraint[],
  indexes: readonly CatalogIndex[],
  { all, computed }: { readonly all: readonly string[]; readonly computed: readonly string[] },
): NativeStructure['indexes'] {
  const isOfTarget = ({ kind, fields }: CatalogConstraint): boolean =>
    kind === 'p' && fields.some((field) => computed.includes(field))
  const built = constraints.filter((one) => isBuilt(one) || one.late || isOfTarget(one))
  return [
    ...built.map(({ name, kind, sql, fields }) => {
      const text = { kind: 'constraint' as const, sql }
      return { name, unique: kind === 'u' || kind === 'p', text, fields: fieldsOf(fields, sql, all) }
    }),
    ...indexes.map(({ name, unique, sql, fields }) => {
      const text = { kind: 'index' as const, sql }
      return { name, unique, text, fields: fieldsOf(fields, sql, all) }
    }),
  ]
}
