import { literal } from './native-columns.ts'
import { comment, type Definer } from './objects-define.ts'
import type { DatabaseObject } from './objects-catalogue.ts'

/** A column of a composite type as statements write it. */
const attribute = `quote_ident(a.attname) || ' ' || format_type(a.atttypid, a.atttypmod)
    || coalesce(' collate ' || (select format('%I.%I', s.nspname, l.collname)
      from pg_collation l join pg_namespace s on s.oid = l.collnamespace
      join pg_type b on b.oid = a.atttypid
      where l.oid = a.attcollation and a.attcollation <> b.typcollation), '')`

const attributes = `
    select string_agg(${attribute}, ', ' order by a.attnum)
    from pg_attribute a where a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped`

const labels = `select string_agg(quote_literal(e.enumlabel), ', ' order by e.enumsortorder) from pg_enum e where e.enumtypid = t.oid`

/** Checks of a domain, each as its own addition: one that is not valid cannot be told to a new domain. */
const checks = `
    select array_agg(format('alter domain %I.%I add constraint %I %s', n.nspname, t.typname, k.conname,
      pg_get_constraintdef(k.oid)) order by k.conname)
    from pg_constraint k where k.contypid = t.oid and k.contype = 'c'`

const checkComments = `
    select array_agg(format('comment on constraint %I on domain %I.%I is %L', k.conname, n.nspname, t.typname,
      obj_description(k.oid, 'pg_constraint')) order by k.conname)
    from pg_constraint k where k.contypid = t.oid and obj_description(k.oid, 'pg_constraint') is not null`

const domain = `format_type(t.typbasetype, t.typtypmod)
    || coalesce(' collate ' || (select format('%I.%I', s.nspname, l.collname)
      from pg_collation l join pg_namespace s on s.oid = l.collnamespace
      join pg_type b on b.oid = t.typbasetype
      where l.oid = t.typcollation and t.typcollation <> b.typcollation), '')
    || coalesce(' default ' || coalesce(pg_get_expr(t.typdefaultbin, 0), quote_literal(t.typdefault)), '')
    || case when t.typnotnull then ' not null' else '' end`

/** Options of a range type. Its multirange has a name since PostgreSQL 14, which older servers must not be told of. */
const range = `
    select concat_ws(', ',
      'subtype = ' || format_type(r.rngsubtype, null),
      (select format('subtype_opclass = %I.%I', s.nspname, o.opcname)
        from pg_opclass o join pg_namespace s on s.oid = o.opcnamespace where o.oid = r.rngsubopc and not o.opcdefault),
      (select format('collation = %I.%I', s.nspname, l.collname)
        from pg_collation l join pg_namespace s on s.oid = l.collnamespace
        join pg_type b on b.oid = r.rngsubtype
        where l.oid = r.rngcollation and r.rngcollation <> b.typcollation),
      case when r.rngcanonical <> 0 then 'canonical = ' || r.rngcanonical::regproc end,
      case when r.rngsubdiff <> 0 then 'subtype_diff = ' || r.rngsubdiff::regproc end,
      (select format('multirange_type_name = %I.%I', s.nspname, m.typname)
        from pg_type m join pg_namespace s on s.oid = m.typnamespace
        where m.oid = (to_jsonb(r) ->> 'rngmultitypid')::oid and (m.typnamespace <> t.typnamespace or m.typname <>
          case when t.typname like '%range%' then regexp_replace(t.typname, 'range', 'multirange') else t.typname || '_multirange' end)))
    from pg_range r where r.rngtypid = t.oid`

const findTypes = `
  select t.oid,
    array[
      'create ' || case t.typtype
        when 'e' then format('type %I.%I as enum (%s)', n.nspname, t.typname, (${labels}))
        when 'c' then format('type %I.%I as (%s)', n.nspname, t.typname, (${attributes}))
        when 'd' then format('domain %I.%I as %s', n.nspname, t.typname, ${domain})
        when 'r' then format('type %I.%I as range (%s)', n.nspname, t.typname, (${range}))
      end] || coalesce((${checks}), array[]::text[]) || coalesce((${checkComments}), array[]::text[]) || array[
      ${comment('pg_type', 't.oid', `format('%s %I.%I', case t.typtype when 'd' then 'domain' else 'type' end, n.nspname, t.typname)`)}]
    as sql
  from pg_type t join pg_namespace n on n.oid = t.typnamespace
  where t.oid = any ($1::oid[])`

/** All that makes a type what it is, comments apart. */
function look({ identity }: DatabaseObject): string {
  return `
    select concat_ws(' ', t.typtype, case t.typtype
      when 'e' then (${labels}) when 'c' then (${attributes}) when 'd' then ${domain} when 'r' then (${range}) end,
      array_to_string((${checks}), ' '))
    from pg_type t join pg_namespace n on n.oid = t.typnamespace
    where t.oid = to_regtype(${literal(identity)})`
}

/** Enums, composites, domains and ranges. */
export const types: Definer = {
  kind: 'type',
  query: findTypes,
  look,
  undo: ({ identity }) => `drop type ${identity}`,
}

/** Functions and procedures, whole: their bodies are code, into which nobody looks here. */
export const functions: Definer = routines('function')

export const procedures: Definer = routines('procedure')

function routines(kind: 'function' | 'procedure'): Definer {
  return {
    kind,
    query: `
      select p.oid, array[pg_get_functiondef(p.oid), ${comment('pg_proc', 'p.oid', `'${kind} ' || p.oid::regprocedure`)}] as sql
      from pg_proc p where p.oid = any ($1::oid[])`,
    look: ({ schema, name, identity }) => `
      select pg_get_functiondef(p.oid)
      from pg_proc p join pg_namespace n on n.oid = p.pronamespace
      cross join lateral pg_identify_object('pg_proc'::regclass, p.oid, 0) i
      where n.nspname = ${literal(schema ?? '')} and p.proname = ${literal(name)} and p.prokind <> 'a'
        and i.identity = ${literal(identity)}`,
    undo: ({ identity }) => `drop ${kind} ${identity}`,
  }
}

/** Without what it has reached. */
export const sequences: Definer = {
  kind: 'sequence',
  query: `
    select c.oid, array[
      format('create sequence %I.%I as %s increment by %s minvalue %s maxvalue %s start with %s cache %s%s', n.nspname,
        c.relname, format_type(q.seqtypid, null), q.seqincrement, q.seqmin, q.seqmax, q.seqstart, q.seqcache,
        case when q.seqcycle then ' cycle' else '' end),
      ${comment('pg_class', 'c.oid', `format('sequence %I.%I', n.nspname, c.relname)`)}] as sql
    from pg_sequence q join pg_class c on c.oid = q.seqrelid join pg_namespace n on n.oid = c.relnamespace
    where c.oid = any ($1::oid[])`,
  look: ({ identity }) => `
    select concat_ws(' ', format_type(seqtypid, null), seqincrement, seqmin, seqmax, seqstart, seqcache, seqcycle)
    from pg_sequence where seqrelid = to_regclass(${literal(identity)})`,
  undo: ({ identity }) => `drop sequence ${identity}`,
}
