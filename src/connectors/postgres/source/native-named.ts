import type { TargetName } from '../../../core/plan.ts'
import type { NamedObject } from '../../structure.ts'
import { quoteName, quoteTable } from '../identifiers.ts'
import type { Session } from '../session.ts'

interface NamingColumn {
  readonly name: string
  readonly names: 'regclass' | 'regtype' | 'regproc' | 'regprocedure'
  readonly several: boolean
}

/** Whose values name objects that a user may have made, in whatever domains and arrays these are. */
const findColumns = `
  with recursive held (number, name, oid, several) as (
    select a.attnum, a.attname::text, a.atttypid, false from pg_attribute a
    where a.attrelid = $1 and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
      and has_column_privilege(a.attrelid, a.attnum, 'select')
    union all
    select held.number, held.name, case t.typtype when 'd' then t.typbasetype else t.typelem end,
      held.several or t.typtype <> 'd'
    from held join pg_type t on t.oid = held.oid
    where t.typtype = 'd' or t.typcategory = 'A' and t.typelem <> 0
  )
  select held.name, t.typname as names, held.several
  from held join pg_type t on t.oid = held.oid
  where t.typname in ('regclass', 'regtype', 'regproc', 'regprocedure') and t.typnamespace = 'pg_catalog'::regnamespace
  order by held.number`

/** Relations, and rows of them as types. What belongs to a table is made with it, or for it. */
const findRelations = (named: string, join: string): string => `
  with named (oid) as (${named})
  select format('%I.%I', n.nspname, c.relname) as name, c.relkind in ('i', 'I', 'v', 'm') as late,
    held.nspname as schema, holder.relname as "table"
  from named ${join}
  join pg_namespace n on n.oid = c.relnamespace
  left join pg_index i on i.indexrelid = c.oid
  left join pg_depend o on c.relkind = 'S' and o.classid = 'pg_class'::regclass and o.objid = c.oid
    and o.refclassid = 'pg_class'::regclass and o.deptype in ('a', 'i')
  left join pg_class part on part.oid = coalesce(i.indrelid, o.refobjid, c.oid) and part.relkind in ('r', 'p')
  left join pg_class holder on holder.oid = coalesce(pg_partition_root(part.oid), part.oid)
  left join pg_namespace held on held.oid = holder.relnamespace
  where n.nspname <> 'information_schema' and n.nspname !~ '^pg_'
  order by 1`

const findFunctions = (named: string): string => `
  with named (oid) as (${named})
  select p.oid::regprocedure::text as name, true as late, null as schema, null as "table"
  from named join pg_proc p on p.oid = named.oid join pg_namespace n on n.oid = p.pronamespace
  where n.nspname <> 'information_schema' and n.nspname !~ '^pg_'
  order by 1`

interface NamedRow {
  readonly name: string
  readonly late: boolean
  readonly schema: string | null
  readonly table: string | null
}

/** What values of a table name, which costs a look at all of its rows where it has such columns. */
export async function readNamed(
  session: Session,
  { oid, isParted, ...place }: TargetName & { readonly oid: number; readonly isParted: boolean },
): Promise<readonly NamedObject[]> {
  const columns = await session.query<NamingColumn>(findColumns, [oid])
  const found: NamedObject[] = []
  for (const column of columns.rows) {
    const own = quoteName(column.name)
    const value = column.several ? `unnest(${own})` : own
    const values = `select ${value} as value from ${isParted ? '' : 'only '}${quoteTable(place)}`
    const { rows } = await session.query<NamedRow>(
      queryOf(column, `select distinct value::oid from (${values}) as given`),
    )
    found.push(
      ...rows.map(({ name, late, schema, table }) => {
        return {
          field: column.name,
          name,
          late,
          table: schema === null || table === null ? null : { schema, name: table },
        }
      }),
    )
  }
  return found
}

function queryOf({ names }: NamingColumn, named: string): string {
  if (names === 'regclass') return findRelations(named, 'join pg_class c on c.oid = named.oid')
  if (names === 'regtype') {
    return findRelations(named, 'join pg_type t on t.oid = named.oid join pg_class c on c.oid = t.typrelid')
  }
  return findFunctions(named)
}
