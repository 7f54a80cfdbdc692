import type { ExistingColumn } from '../../core/existing-column.ts'
import type { ExistingTable } from '../contract.ts'
import type { TargetName } from '../../core/plan.ts'
import { qualified } from '../../core/plan.ts'
import type { Session } from './session.ts'
import { quoteTable } from './identifiers.ts'
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

/** The type's name only counts where it is one of PostgreSQL's own: domains and extensions take nothing. */
const findColumns = `
  select a.attname as name,
    format_type(a.atttypid, a.atttypmod) as native_type,
    case when t.typnamespace = 'pg_catalog'::regnamespace then t.typname else '' end as type,
    a.atttypmod as modifier,
    a.attnotnull and not a.atthasdef and a.attidentity = '' as required,
    a.attgenerated <> '' as generated
  from pg_attribute a
  join pg_type t on t.oid = a.atttypid
  where a.attrelid = $1 and a.attnum > 0 and not a.attisdropped
  order by a.attnum`

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
    `select not exists (select from ${quoteTable(target)}) as empty`,
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
  return {
    target,
    kind: isTable ? 'table' : 'other',
    empty: isTable && (await isEmpty(session, target)),
    columns: columns.rows.map(columnOf),
    key: key.rows.map((row) => row.name),
    dependents: dependents.rows.map((row) => row.name),
  }
}

interface ColumnRow {
  readonly name: string
  readonly native_type: string
  readonly type: string
  readonly modifier: number
  readonly required: boolean
  readonly generated: boolean
}

function columnOf(row: ColumnRow): ExistingColumn {
  return {
    name: row.name,
    nativeType: row.native_type,
    accepts: row.generated ? [] : acceptedTypes(row),
    acceptsText: [],
    maxCharacters: maxCharactersOf(row),
    required: row.required,
    generated: row.generated,
  }
}
