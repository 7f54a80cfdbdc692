import type { ListedObject } from '../../../core/carried-object.ts'
import type { ObjectsTable } from '../../structure.ts'
import type { Session } from '../session.ts'
import { isAlone } from './native-partitions.ts'
import type { DefinedObject } from './objects-define.ts'

/** Tables of the source and their names in the target, as `asked`; partitions by the table that they belong to. */
const asked = `
  with asked as (
    select c.oid, a.from_schema, a.to_schema, a.to_name, format('%I.%I', a.from_schema, a.from_name) as source,
      format('%I.%I', a.to_schema, a.to_name) as target
    from unnest($1::text[], $2::text[], $3::text[], $4::text[]) as a (from_schema, from_name, to_schema, to_name)
    join pg_namespace n on n.nspname = a.from_schema
    join pg_class c on c.relnamespace = n.oid and c.relname = a.from_name
  ), relation as (
    select oid, source, target, from_schema, to_schema, false as part from asked
    union all
    select c.oid, format('%I.%I', n.nspname, c.relname),
      format('%I.%I', case when n.nspname = a.from_schema then a.to_schema else n.nspname end, c.relname),
      a.from_schema, a.to_schema, true
    from asked a cross join lateral pg_partition_tree(a.oid) p
    join pg_class c on c.oid = p.relid and c.oid <> a.oid
    join pg_namespace n on n.oid = c.relnamespace
  )`

/** Of partitions that were made in the schema of their table. */
const partitionSchemas = `${asked}
  select format('schema of partition %I of %s', c.relname, r.target) as name,
    array[format('alter table %I.%I set schema %I', r.to_schema, c.relname, n.nspname)] as sql,
    format('select n.nspname from pg_partition_tree(to_regclass(%L)) t join pg_class c on c.oid = t.relid
      join pg_namespace n on n.oid = c.relnamespace where c.relname = %L', r.target, c.relname) as look,
    format('select %L', n.nspname) as ask
  from asked r cross join lateral pg_partition_tree(r.oid) t
  join pg_class c on c.oid = t.relid and c.oid <> r.oid
  join pg_namespace n on n.oid = c.relnamespace
  where n.nspname <> r.from_schema and ${isAlone('r.oid', 'r.from_schema')}
  order by r.target, c.relname`

const inheritance = `${asked}
  select child.target || ' inherits ' || parent.target as name,
    array[format('alter table %s inherit %s', child.target, parent.target)] as sql,
    format('select ''inherits'' from pg_inherits where inhrelid = to_regclass(%L) and inhparent = to_regclass(%L)',
      child.target, parent.target) as look,
    format('select ''inherits'' from pg_inherits where inhrelid = to_regclass(%L) and inhparent = to_regclass(%L)',
      child.source, parent.source) as ask
  from asked child join pg_inherits h on h.inhrelid = child.oid join asked parent on parent.oid = h.inhparent
  order by child.target, h.inhseqno`

/** What is said of an index of a table, by its name: by which one rows are told apart, and in whose order they lie. */
const indexRoles = `${asked}
  select role.title || ' of ' || r.target as name, array[format(role.statement, r.target, x.relname)] as sql,
    format('select %L from pg_index i join pg_class x on x.oid = i.indexrelid
      where i.indrelid = to_regclass(%L) and x.relname = %L and i.%I', role.title, r.target, x.relname, role.flag) as look,
    format('select %L from pg_index i join pg_class x on x.oid = i.indexrelid
      where i.indrelid = to_regclass(%L) and x.relname = %L and i.%I', role.title, r.source, x.relname, role.flag) as ask
  from relation r
  join pg_index i on i.indrelid = r.oid
  join pg_class x on x.oid = i.indexrelid
  join (values ('replica identity', 'alter table only %s replica identity using index %I', 'indisreplident'),
    ('order', 'alter table only %s cluster on %I', 'indisclustered')) as role (title, statement, flag)
    on (to_jsonb(i) ->> role.flag)::boolean
  where not r.part
  order by r.target, role.title`

/** Of constraints that are built after the load, and of indexes. A constraint's index has the comment of neither. */
const comments = `${asked}
  select said.subject as name, array[format('comment on %s is %L', said.subject, said.comment)] as sql,
    format(said.query, r.target) as look, format(said.query, r.source) as ask
  from relation r
  cross join lateral (
    select format('constraint %I on %s', k.conname, r.target) as subject,
      obj_description(k.oid, 'pg_constraint') as comment,
      'select obj_description(oid, ''pg_constraint'') from pg_constraint where conrelid = to_regclass(%L) and conname = '
        || replace(quote_literal(k.conname), '%', '%%') as query
    from pg_constraint k where k.conrelid = r.oid and (k.contype <> 'c' or not k.convalidated)
    union all
    select format('index %I.%I', r.to_schema, x.relname), obj_description(x.oid, 'pg_class'),
      'select obj_description(x.oid, ''pg_class'') from pg_index i join pg_class x on x.oid = i.indexrelid
        where i.indrelid = to_regclass(%L) and x.relname = ' || replace(quote_literal(x.relname), '%', '%%')
    from pg_index i join pg_class x on x.oid = i.indexrelid where i.indrelid = r.oid
  ) said
  where not r.part and said.comment is not null
  order by said.subject`

/** Sequences that other tables draw from, too, are made before the table whose column owns them. */
const ownedSequences = `${asked}
  select format('owner of %I.%I', n.nspname, s.relname) as name,
    array[format('alter sequence %I.%I owned by %s.%I', n.nspname, s.relname, r.target, a.attname)] as sql,
    format('select a.attname from pg_depend d join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
      where d.classid = ''pg_class''::regclass and d.objid = to_regclass(%L) and d.deptype = ''a''
        and d.refobjid = to_regclass(%L)', format('%I.%I', n.nspname, s.relname), r.target) as look,
    format('select %L', a.attname) as ask
  from asked r
  join pg_depend o on o.refclassid = 'pg_class'::regclass and o.refobjid = r.oid and o.deptype = 'a'
    and o.classid = 'pg_class'::regclass
  join pg_class s on s.oid = o.objid and s.relkind = 'S'
  join pg_namespace n on n.oid = s.relnamespace
  join pg_attribute a on a.attrelid = o.refobjid and a.attnum = o.refobjsubid
  where exists (
      select from pg_depend d join pg_attrdef f on f.oid = d.objid
      where d.classid = 'pg_attrdef'::regclass and d.refclassid = 'pg_class'::regclass and d.refobjid = s.oid
        and coalesce(pg_partition_root(f.adrelid), f.adrelid) <> r.oid)
  order by n.nspname, s.relname`

/** Partitions' own constraints that hold once the rows are there: references, and what rows may breach. */
const constraints = `${asked}
  select format('%I on %s', k.conname, r.target) as name,
    array[format('alter table %s add constraint %I %s', r.target, k.conname, pg_get_constraintdef(k.oid))] as sql,
    format('select pg_get_constraintdef(oid) from pg_constraint where conrelid = to_regclass(%L) and conname = %L',
      r.target, k.conname) as look,
    format('select pg_get_constraintdef(oid) from pg_constraint where conrelid = to_regclass(%L) and conname = %L',
      r.source, k.conname) as ask
  from relation r
  join pg_constraint k on k.conrelid = r.oid and k.conparentid = 0 and k.coninhcount = 0
  where r.part and (k.contype = 'f' or k.contype in ('c', 'n') and not k.convalidated)
    and (k.confrelid = 0 or exists (select from relation to_that where to_that.oid = k.confrelid and to_that.target = to_that.source))
  order by r.target, k.conname`

/** References of partitions to tables that are not copied, or get another name. */
const leftOut = `${asked}
  select 'constraint' as kind, format('%I on %s', k.conname, r.source) as name,
    'it refers to ' || k.confrelid::regclass || ', which is not copied under that name' as reason
  from relation r join pg_constraint k on k.conrelid = r.oid and k.conparentid = 0 and k.contype = 'f'
  where r.part and not exists (
    select from relation referred where referred.oid = k.confrelid and referred.target = referred.source)
  order by 2`

interface SettingRow {
  readonly name: string
  readonly sql: readonly string[]
  readonly look: string
  readonly ask: string
}

export interface TableSettings {
  /** What others build upon. */
  readonly first: readonly DefinedObject[]
  readonly last: readonly DefinedObject[]
  readonly listed: readonly ListedObject[]
}

/** What tables have of each other, or of indexes, and so only once all of them are complete. */
export async function readSettings(session: Session, tables: readonly ObjectsTable[]): Promise<TableSettings> {
  const all = await settingsOf(session, tables, tables)
  if (tables.every(({ sameIndexes }) => sameIndexes)) return all
  const possible = await settingsOf(
    session,
    tables.filter(({ sameColumns }) => sameColumns),
    tables.filter(({ sameIndexes }) => sameIndexes),
  )
  const kept = new Set([...possible.first, ...possible.last].map(({ name }) => name))
  const left = [...all.first, ...all.last].filter(({ name }) => !kept.has(name))
  const reason = 'not all columns and indexes that it is about are in the target as they are here'
  return { ...possible, listed: [...all.listed, ...left.map(({ kind, name }) => ({ kind, name, reason }))] }
}

async function settingsOf(
  session: Session,
  tables: readonly ObjectsTable[],
  indexed: readonly ObjectsTable[],
): Promise<TableSettings> {
  const read = async (
    kind: 'constraint' | 'setting',
    query: string,
    of = tables,
  ): Promise<readonly DefinedObject[]> => {
    const { rows } = await session.query<SettingRow>(query, namesOf(of))
    return rows.map((row) => ({ kind, ...row, undo: null }))
  }
  const { rows: listed } = await session.query<ListedObject>(leftOut, namesOf(tables))
  return {
    first: [...(await read('setting', partitionSchemas)), ...(await read('constraint', constraints))],
    last: [
      ...(await read('setting', inheritance)),
      ...(await read('setting', ownedSequences)),
      ...(await read('setting', indexRoles, indexed)),
      ...(await read('setting', comments, indexed)),
    ],
    listed,
  }
}

function namesOf(tables: readonly ObjectsTable[]): readonly (readonly string[])[] {
  return [
    tables.map(({ from }) => from.schema),
    tables.map(({ from }) => from.name),
    tables.map(({ to }) => to.schema),
    tables.map(({ to }) => to.name),
  ]
}
