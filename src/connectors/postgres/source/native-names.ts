import type { Session } from '../session.ts'

/** By what names columns of a table, the names of those it names. */
export type ColumnNames = ReadonlyMap<string, readonly string[]>

/** What the server has to look at before a column goes: constraints, indexes, statistics, defaults and what computes. */
const findNames = `
  select d.classid::regclass || ' ' || case d.classid
      when 'pg_attrdef'::regclass then (select f.adnum::integer from pg_attrdef f where f.oid = d.objid)::text
      else d.objid::text end as by,
    array_agg(distinct a.attname::text) as names
  from pg_depend d join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
  where d.refclassid = 'pg_class'::regclass and d.refobjid = $1 and d.refobjsubid > 0
    and d.classid in ('pg_constraint'::regclass, 'pg_class'::regclass, 'pg_attrdef'::regclass,
      'pg_statistic_ext'::regclass)
    and not (d.classid = 'pg_attrdef'::regclass and exists (
      select from pg_attrdef f where f.oid = d.objid and f.adnum = d.refobjsubid))
    and d.objsubid = 0
  group by 1
  union all
  -- Up to PostgreSQL 14 it is the column itself that depends on what it is computed from.
  select 'pg_attrdef ' || d.objsubid, array_agg(distinct a.attname::text)
  from pg_depend d join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
  where d.classid = 'pg_class'::regclass and d.objid = $1 and d.objsubid > 0
    and d.refclassid = 'pg_class'::regclass and d.refobjid = $1 and d.refobjsubid > 0
  group by d.objsubid`

export async function readNames(session: Session, table: number): Promise<ColumnNames> {
  const { rows } = await session.query<{ by: string; names: readonly string[] }>(findNames, [table])
  return new Map(rows.map(({ by, names }) => [by, names]))
}

/** Null: the text has whole rows in it, and so all columns. No dependency says that. */
export function namesIn(names: ColumnNames, by: string, text: string): readonly string[] | null {
  return text.includes('.*') ? null : (names.get(by) ?? [])
}
