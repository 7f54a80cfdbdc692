import type { ExistingColumn } from '../../core/existing-column.ts'
import type { ExistingTable } from '../contract.ts'
import type { TargetName } from '../../core/plan.ts'
import { qualified } from '../../core/plan.ts'
import type { Session } from './session.ts'
import { quoteTable } from './identifiers.ts'
import { acceptedTexts, type BaseType } from './accepted-texts.ts'
import { baseType, ownRows } from './relations.ts'
import { acceptedTypes, maxCharactersOf } from './types.ts'

interface Relation {
  readonly oid: number
  readonly schema: string
  readonly name: string
  readonly kind: string
}

/** Everything in the schema's name space is in the way of a table: views, sequences and indexes too. */
const findRelations = `
  select c.oid, n.nspname as schema, c.relname as name, c.relkind as kind
  from unnest($1::text[], $2::text[]) with ordinality as wanted (schema, name, place)
  join pg_namespace n on n.nspname = wanted.schema
  join pg_class c on c.relnamespace = n.oid and c.relname = wanted.name
  order by wanted.place`

/**
 * A type that is not one of PostgreSQL's own is written with its schema, whatever the search path: two texts are the same
 * where two types are. What a column takes depends on the type below its domains.
 */
const findColumns = `
  select a.attname as name,
    case when item.typnamespace <> 'pg_catalog'::regnamespace and pg_type_is_visible(item.oid)
      then item.typnamespace::regnamespace::text || '.' else '' end
      || format_type(a.atttypid, a.atttypmod) as native_type,
    (a.attnotnull or t.typnotnull) and not a.atthasdef and t.typdefault is null and a.attidentity = '' as required,
    a.attgenerated <> '' as generated,
    t.typtype = 'd' as domain,
    base.typname as type, base.typtype as kind, base.modifier,
    base.typnamespace = 'pg_catalog'::regnamespace as built_in,
    element.typname as element, element.typtype as element_kind,
    element.typnamespace = 'pg_catalog'::regnamespace as element_built_in
  from pg_attribute a
  join pg_type t on t.oid = a.atttypid
  join pg_type item on item.oid = case when t.typlen = -1 and t.typelem <> 0 and t.typstorage <> 'p' then t.typelem else t.oid end
  ${baseType}
  left join pg_type element on element.oid = base.typelem and base.typlen = -1 and base.typstorage <> 'p'
  where a.attrelid = $1 and a.attnum > 0 and not a.attisdropped
  order by a.attnum`

/** Triggers of users that fire in sessions like drover's (`session_replication_role` is origin), on partitions too. */
const findTriggers = `
  select g.tgname as name, bool_or(g.tgtype & 4 <> 0) as insert, bool_or(g.tgtype & 16 <> 0) as update
  from pg_trigger g
  where (g.tgrelid = $1 or g.tgrelid in (select relid from pg_partition_tree($1::oid::regclass)))
    and not g.tgisinternal and g.tgenabled in ('O', 'A') and g.tgtype & (4 | 16) <> 0
  group by g.tgname
  order by 1`

/** What `on conflict` is refused for, which is a rule for updates that is disabled too. Those of partitions do not count. */
const findRules = `
  select r.rulename as name
  from pg_rewrite r
  where r.ev_class = $1 and (r.ev_type = '2' or (r.ev_type = '3' and r.ev_enabled in ('O', 'A')))
  order by 1`

const findKey = `
  select a.attname as name
  from pg_constraint k
  cross join unnest(k.conkey) with ordinality as part (number, place)
  join pg_attribute a on a.attrelid = k.conrelid and a.attnum = part.number
  where k.conrelid = $1::regclass and k.contype = 'p'
  order by part.place`

/** Views over it, foreign keys to it, and tables that inherit from it. Partitions are part of it. */
const findDependents = `
  select distinct n.nspname || '.' || c.relname as name
  from (
    select r.ev_class as oid
    from pg_depend d join pg_rewrite r on r.oid = d.objid
    where d.classid = 'pg_rewrite'::regclass and d.refclassid = 'pg_class'::regclass and d.refobjid = $1
    union
    select conrelid from pg_constraint where contype = 'f' and confrelid = $1
    union
    select i.inhrelid from pg_inherits i join pg_class p on p.oid = i.inhparent where p.oid = $1 and p.relkind <> 'p'
  ) dependent
  join pg_class c on c.oid = dependent.oid
  join pg_namespace n on n.oid = c.relnamespace
  where c.oid <> $1
  order by 1`

/** What it or its partitions refer to, a partition as the table it is of. Servers before 18 have no references that are not enforced. */
const findReferred = `
  select distinct n.nspname as schema, c.relname as name
  from pg_constraint k
  join pg_class c on c.oid = coalesce(pg_partition_root(k.confrelid), k.confrelid)
  join pg_namespace n on n.oid = c.relnamespace
  where k.contype = 'f' and (k.conrelid = $1 or k.conrelid in (select relid from pg_partition_tree($1::oid::regclass)))
    and coalesce((to_jsonb(k) ->> 'conenforced')::boolean, true)
  order by 1, 2`

/** Those of the named tables that exist, in the order asked for. */
export async function findExisting(session: Session, names: readonly TargetName[]): Promise<readonly ExistingTable[]> {
  const { rows } = await session.query<Relation>(findRelations, [
    names.map(({ schema }) => schema),
    names.map(({ name }) => name),
  ])
  const asked = new Set(names.map(qualified))
  const tables: ExistingTable[] = []
  for (const relation of rows) {
    const table = await describe(session, relation)
    // Tables that are removed together do not stand in each other's way.
    tables.push({ ...table, dependents: table.dependents.filter((name) => !asked.has(name)) })
  }
  return tables
}

/** Whether a table has no rows that any transaction has committed. */
export async function isEmpty(session: Session, target: TargetName): Promise<boolean> {
  const { rows } = await session.query<{ empty: boolean }>(
    `select not exists (select from ${await ownRows(session, target)}) as empty`,
  )
  return rows[0]?.empty === true
}

/** Columns of a table's primary key in the order of the key; none: no key. */
export async function primaryKeyOf(session: Session, target: TargetName): Promise<readonly string[]> {
  const { rows } = await session.query<{ name: string }>(findKey, [quoteTable(target)])
  return rows.map(({ name }) => name)
}

async function describe(session: Session, { oid, schema, name, kind }: Relation): Promise<ExistingTable> {
  const target = { schema, name }
  const isTable = kind === 'r' || kind === 'p'
  const columns = await session.query<ColumnRow>(findColumns, [oid])
  const key = await session.query<{ name: string }>(findKey, [oid])
  const dependents = await session.query<{ name: string }>(findDependents, [oid])
  const referred = await session.query<TargetName>(findReferred, [oid])
  const triggers = await session.query<ExistingTable['triggers'][number]>(findTriggers, [oid])
  const rules = isTable ? await session.query<{ name: string }>(findRules, [oid]) : { rows: [] }
  return {
    target,
    kind: isTable ? 'table' : 'other',
    empty: isTable && (await isEmpty(session, target)),
    columns: columns.rows.map(columnOf),
    key: key.rows.map((row) => row.name),
    dependents: dependents.rows.map((row) => row.name),
    refersTo: referred.rows,
    triggers: triggers.rows,
    rules: rules.rows.map((row) => row.name),
  }
}

interface ColumnRow {
  readonly name: string
  readonly native_type: string
  readonly required: boolean
  readonly generated: boolean
  /** Its type is one. */
  readonly domain: boolean
  /** These are of the type below its domains. */
  readonly type: string
  readonly kind: string
  readonly modifier: number
  readonly built_in: boolean
  /** These are of its elements; null: it is no array. */
  readonly element: string | null
  readonly element_kind: string | null
  readonly element_built_in: boolean | null
}

function columnOf(row: ColumnRow): ExistingColumn {
  const base: BaseType = {
    name: row.type,
    isEnum: row.kind === 'e',
    builtIn: row.built_in,
    modifier: row.modifier,
    element:
      row.element === null
        ? null
        : { name: row.element, isEnum: row.element_kind === 'e', builtIn: row.element_built_in === true },
  }
  const type = { type: base.builtIn ? base.name : '', modifier: base.modifier }
  return {
    name: row.name,
    nativeType: row.native_type,
    accepts: row.generated ? [] : acceptedTypes(type),
    acceptsText: row.generated ? [] : acceptedTexts(base, { domain: row.domain }),
    maxCharacters: maxCharactersOf(type),
    required: row.required,
    generated: row.generated,
  }
}
