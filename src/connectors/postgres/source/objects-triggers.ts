import type { Session } from '../session.ts'
import { literal } from './native-columns.ts'
import type { DefinedObject } from './objects-define.ts'

/** A trigger of a table, a partition or a view, its own and no copy of one of the table above. */
export interface CatalogTrigger extends DefinedObject {
  /** What it is of, and what it calls, as the graph knows them. */
  readonly table: string
  readonly calls: string
}

interface TriggerRow {
  readonly table: string
  readonly calls: string
  readonly trigger: string
  readonly relation: string
  readonly quoted: string
  readonly text: string
  readonly state: string | null
  /** Statements that set what partitions say of their copies of it. */
  readonly below: readonly string[]
  readonly comment: string | null
}

const stateOf = (trigger: string): string => `
  case ${trigger}.tgenabled when 'D' then 'disable' when 'R' then 'enable replica' when 'A' then 'enable always' end`

/** SQL for the copies that partitions have of a trigger `t`, each with a state of its own. */
const copies = `
  from pg_partition_tree(t.tgrelid) tree
  join pg_class part on part.oid = tree.relid and part.oid <> t.tgrelid
  join pg_namespace place on place.oid = part.relnamespace
  join pg_trigger own on own.tgrelid = part.oid and own.tgname = t.tgname`

/** Whether `alter table` reaches partitions depends on the version, so each state is set by itself unless all are as made. */
const findTriggers = `
  select 'pg_class ' || t.tgrelid as table, 'pg_proc ' || t.tgfoid as calls,
    t.tgname as trigger, format('%I.%I', n.nspname, c.relname) as relation, quote_ident(t.tgname) as quoted,
    pg_get_triggerdef(t.oid) as text,
    ${stateOf('t')} as state,
    array(select format('alter table only %I.%I %s trigger %I', place.nspname, part.relname,
        coalesce(${stateOf('own')}, 'enable'), t.tgname)
      ${copies} where t.tgenabled <> 'O' or own.tgenabled <> 'O' order by place.nspname, part.relname) as below,
    obj_description(t.oid, 'pg_trigger') as comment
  from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace
  where not t.tgisinternal and coalesce((to_jsonb(t) ->> 'tgparentid')::oid, 0) = 0
    and not exists (select from pg_depend d where d.classid = 'pg_trigger'::regclass and d.objid = t.oid and d.deptype = 'e')
  order by 4, t.tgname`

export async function readTriggers(session: Session): Promise<readonly CatalogTrigger[]> {
  const { rows } = await session.query<TriggerRow>(findTriggers)
  return rows.map(({ table, calls, trigger, relation, quoted, text, state, below, comment }) => ({
    table,
    calls,
    kind: 'trigger',
    name: `${quoted} on ${relation}`,
    sql: [
      text,
      ...(state === null ? [] : [`alter table ${relation} ${state} trigger ${quoted}`]),
      ...below,
      ...(comment === null ? [] : [`comment on trigger ${quoted} on ${relation} is ${literal(comment)}`]),
    ],
    look: `select concat_ws(' ', pg_get_triggerdef(t.oid), t.tgenabled, (
        select string_agg(format('%I.%I %s', place.nspname, part.relname, own.tgenabled), ', '
          order by place.nspname, part.relname) ${copies} where own.tgenabled <> t.tgenabled))
      from pg_trigger t where tgrelid = to_regclass(${literal(relation)}) and tgname = ${literal(trigger)}`,
    undo: `drop trigger ${quoted} on ${relation}`,
  }))
}
