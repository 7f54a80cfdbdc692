import { DroverError } from '../../../core/errors.ts'
import type { NativeIndex, NativeStructure } from '../../structure.ts'
import type { Session } from '../session.ts'
import { namesIn, type ColumnNames } from './native-names.ts'

/** Of a table: checks, keys, unique and exclusion constraints, and of PostgreSQL 18 and later NOT NULL. */
export interface CatalogConstraint {
  readonly oid: number
  readonly name: string
  readonly kind: 'c' | 'n' | 'p' | 'u' | 'x'
  /** Behind `constraint name`. */
  readonly sql: string
  /** Rows that are there may breach it. */
  readonly late: boolean
  /** Also, or only, said by a table above. */
  readonly inherited: boolean
  /** Of a primary key or a unique constraint: in its order. */
  readonly columns: readonly string[]
  /** It is what it is by its columns alone; a primary key also has the name that it gets by itself. */
  readonly plain: boolean
  readonly comment: string | null
}

/** The server leaves the options of a constraint's index out of its text; they stand before when it is checked. */
const findConstraints = `
  select k.oid, k.conname as name, k.contype as kind,
    case when o.options is null then pg_get_constraintdef(k.oid)
      else left(pg_get_constraintdef(k.oid), -length(t.timing)) || ' with (' || o.options || ')' || t.timing
    end as sql,
    not k.convalidated as late,
    not k.conislocal or k.coninhcount > 0 or k.conparentid <> 0 as inherited,
    p.names as columns,
    o.options is null and case k.contype
      when 'p' then k.conname = c.relname || '_pkey' and pg_get_constraintdef(k.oid) = 'PRIMARY KEY (' || p.list || ')'
      else pg_get_constraintdef(k.oid) = 'UNIQUE (' || p.list || ')' end as plain,
    obj_description(k.oid, 'pg_constraint') as comment
  from pg_constraint k
  join pg_class c on c.oid = k.conrelid
  left join pg_class i on i.oid = k.conindid
  cross join lateral (
    select string_agg(quote_ident(p.option_name) || ' = ' || quote_literal(p.option_value), ', ') as options
    from pg_options_to_table(i.reloptions) p) o
  cross join lateral (
    select array_agg(a.attname::text order by part.place) as names,
      string_agg(quote_ident(a.attname), ', ' order by part.place) as list
    from unnest(case when k.contype in ('p', 'u') then k.conkey end) with ordinality as part (number, place)
    join pg_attribute a on a.attrelid = k.conrelid and a.attnum = part.number) p
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
export interface CatalogIndex extends Pick<NativeIndex, 'plain'> {
  readonly oid: number
  readonly name: string
  readonly unique: boolean
  /** Behind the name of the table. */
  readonly sql: string
  /** A part of an index of the table above, with which it is made. */
  readonly attached: boolean
}

/** SQL: an index `i` says no more than `create index on table (column, another desc)`. */
const isPlain = `(
    i.indexprs is null and i.indpred is null and i.indnatts = i.indnkeyatts and x.reloptions is null
    and not coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false)
    and (select m.amname from pg_am m where m.oid = x.relam) = 'btree'
    and not exists (
      select from generate_series(0, i.indnatts - 1) as place
      join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[place]
      join pg_opclass o on o.oid = i.indclass[place]
      where not o.opcdefault or i.indcollation[place] <> a.attcollation or i.indoption[place] not in (0, 3)))`

/** What stands before the name of the table's access method is known to the letter, so the rest can be cut off. */
const findIndexes = `
  select i.indexrelid as oid, x.relname as name, i.indisunique as unique, pg_get_indexdef(i.indexrelid) as text,
    array(select format('CREATE %sINDEX %s ON %s%s.%s ', case when i.indisunique then 'UNIQUE ' end,
        quote_ident(x.relname), word."only", quote_ident(n.nspname), quote_ident(c.relname))
      from (values (''), ('ONLY ')) as word ("only")) as beginnings,
    exists (select from pg_inherits h where h.inhrelid = i.indexrelid) as attached,
    case when ${isPlain} then (
      select json_agg(json_build_object('field', a.attname, 'descending', i.indoption[place] <> 0) order by place)
      from generate_series(0, i.indnatts - 1) as place
      join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[place]) end as plain
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
  return rows.map(({ text, beginnings, ...index }) => {
    const beginning = beginnings.find((known) => text.startsWith(known))
    if (beginning === undefined) throw new DroverError('unexpected', `the server writes an index as: ${text}`)
    return { ...index, sql: text.slice(beginning.length) }
  })
}

/** Those that the rows of a table have to meet as they are written; of what is late, rows may be there that do not. */
export function checksOf(
  constraints: readonly CatalogConstraint[],
  names: ColumnNames,
): NativeStructure['constraints'] {
  return constraints
    .filter(({ kind, late }) => kind === 'c' && !late)
    .map(({ oid, name, sql }) => ({ name, sql, fields: namesIn(names, `pg_constraint ${oid}`, sql) }))
}

/**
 * What is built, or begins to hold, once the rows are there; a primary key is among them where no plan has it, because the
 * target computes a part of it.
 */
export function indexesOf(
  constraints: readonly CatalogConstraint[],
  indexes: readonly CatalogIndex[],
  { names, computed }: { readonly names: ColumnNames; readonly computed: readonly string[] },
): readonly NativeIndex[] {
  const built = constraints.filter((one) => isBuilt(one) || one.late || isComputedKey(one, computed))
  return [
    ...built.map(({ oid, name, kind, sql, columns, plain }): NativeIndex => ({
      name,
      unique: kind === 'u' || kind === 'p',
      text: { kind: 'constraint', sql },
      fields: namesIn(names, `pg_constraint ${oid}`, sql),
      plain: kind === 'u' && plain ? columns.map((field) => ({ field, descending: false })) : null,
    })),
    ...indexes.map(({ oid, name, unique, sql, plain }): NativeIndex => {
      return { name, unique, text: { kind: 'index', sql }, fields: namesIn(names, `pg_class ${oid}`, sql), plain }
    }),
  ]
}

/** A primary key of which the target computes a column. */
export function isComputedKey(
  { kind, columns }: Pick<CatalogConstraint, 'kind' | 'columns'>,
  computed: readonly string[],
): boolean {
  return kind === 'p' && columns.some((column) => computed.includes(column))
}
