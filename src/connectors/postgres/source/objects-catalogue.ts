import type { Session } from '../session.ts'
import { DependencyGraph, type Dependency } from './objects-graph.ts'

/** An object of the database. */
export interface DatabaseObject {
  readonly thing: string
  readonly oid: number
  /** As the server calls it: `table`, `view`, `function`, `operator class` … */
  readonly type: string
  /** Null: it is in none. */
  readonly schema: string | null
  readonly name: string
  /** As statements name it, arguments included. */
  readonly identity: string
  /** Of a relation: https://www.postgresql.org/docs/current/catalog-pg-class.html */
  readonly relationKind: string | null
  /** Of a type: https://www.postgresql.org/docs/current/catalog-pg-type.html */
  readonly typeKind: string | null
  /** Language of a function. */
  readonly language: string | null
}

/**
 * Of what users have made. Foreign keys, triggers, policies, rules other than a view's own, and tables above are no
 * part of a table here: none of them is needed to make it.
 */
const findDependencies = `
  select d.classid::regclass || ' ' || d.objid as "from", d.refclassid::regclass || ' ' || d.refobjid as "to",
    d.deptype as kind
  from pg_depend d
  left join pg_constraint k on d.classid = 'pg_constraint'::regclass and k.oid = d.objid
  left join pg_rewrite r on d.classid = 'pg_rewrite'::regclass and r.oid = d.objid
  left join pg_class c on d.classid = 'pg_class'::regclass and c.oid = d.objid
  left join pg_namespace n on n.oid = c.relnamespace
  where d.deptype <> 'p' and d.objid >= 16384
    and d.classid in ('pg_class'::regclass, 'pg_type'::regclass, 'pg_attrdef'::regclass, 'pg_constraint'::regclass,
      'pg_rewrite'::regclass, 'pg_proc'::regclass, 'pg_namespace'::regclass, 'pg_extension'::regclass,
      'pg_collation'::regclass, 'pg_statistic_ext'::regclass, 'pg_opclass'::regclass, 'pg_opfamily'::regclass,
      'pg_operator'::regclass, 'pg_language'::regclass, 'pg_foreign_server'::regclass,
      'pg_foreign_data_wrapper'::regclass, 'pg_ts_config'::regclass, 'pg_ts_dict'::regclass, 'pg_am'::regclass)
    and (k.oid is null or k.contype not in ('f', 't'))
    and (r.oid is null or r.rulename = '_RETURN')
    and not exists (
      select from pg_inherits h
      where c.oid = h.inhrelid and not c.relispartition and d.refclassid = 'pg_class'::regclass and d.refobjid = h.inhparent)
    and coalesce(n.nspname !~ '^pg_(toast|temp)', true)`

/** Sequences of a table's column that defaults of other tables draw from. */
const findShared = `
  select distinct 'pg_class ' || s.oid as thing
  from pg_class s
  join pg_depend o on o.classid = 'pg_class'::regclass and o.objid = s.oid and o.deptype = 'a'
    and o.refclassid = 'pg_class'::regclass
  join pg_depend d on d.classid = 'pg_attrdef'::regclass and d.refclassid = 'pg_class'::regclass and d.refobjid = s.oid
  join pg_attrdef f on f.oid = d.objid
  where s.relkind = 'S' and coalesce(pg_partition_root(f.adrelid), f.adrelid) <> coalesce(pg_partition_root(o.refobjid), o.refobjid)`

const findObjects = `
  select a.class || ' ' || a.oid as thing, a.oid, i.type, coalesce(s.nspname, i.schema) as schema,
    coalesce(c.relname, t.typname, p.proname, n.nspname, e.extname, l.collname, i.name, i.identity) as name,
    i.identity, c.relkind as "relationKind", t.typtype as "typeKind", g.lanname as language
  from unnest($1::text[], $2::oid[]) with ordinality as a (class, oid, place)
  cross join lateral pg_identify_object(a.class::regclass, a.oid, 0) i
  left join pg_class c on a.class = 'pg_class' and c.oid = a.oid
  left join pg_type t on a.class = 'pg_type' and t.oid = a.oid
  left join pg_proc p on a.class = 'pg_proc' and p.oid = a.oid
  left join pg_language g on g.oid = p.prolang
  left join pg_namespace n on a.class = 'pg_namespace' and n.oid = a.oid
  left join pg_extension e on a.class = 'pg_extension' and e.oid = a.oid
  left join pg_collation l on a.class = 'pg_collation' and l.oid = a.oid
  left join pg_namespace s on s.oid = coalesce(c.relnamespace, t.typnamespace, p.pronamespace, l.collnamespace)
  order by i.schema collate "C", i.identity collate "C", a.place`

/** Schemas that nothing is in depend on nothing. */
const findSchemas = `
  select 'pg_namespace ' || oid as thing from pg_namespace
  where nspname !~ '^pg_' and nspname <> 'information_schema'`

export async function readGraph(session: Session): Promise<DependencyGraph> {
  const dependencies = await session.query<Dependency>(findDependencies)
  const shared = await session.query<{ thing: string }>(findShared)
  return new DependencyGraph(dependencies.rows, new Set(shared.rows.map(({ thing }) => thing)))
}

/** By schema and name, in the order of their bytes. */
export async function readThings(session: Session, things: Iterable<string>): Promise<readonly DatabaseObject[]> {
  const split = [...things].map((thing) => thing.split(' '))
  const { rows } = await session.query<DatabaseObject>(findObjects, [
    split.map(([catalogue]) => catalogue),
    split.map(([, oid]) => oid),
  ])
  return rows
}

export async function readSchemas(session: Session): Promise<readonly string[]> {
  return (await session.query<{ thing: string }>(findSchemas)).rows.map(({ thing }) => thing)
}
