import { literal } from './native-columns.ts'
import { comment, type Definer } from './objects-define.ts'
import type { DatabaseObject } from './objects-catalogue.ts'

/** A view may have no columns, which a list cannot say. */
const columnList = `coalesce((select ' (' || string_agg(quote_ident(a.attname), ', ' order by a.attnum) || ')'
      from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped), '')`

const options = `coalesce(' with (' || (
      select string_agg(quote_ident(o.option_name) || ' = ' || quote_literal(o.option_value), ', ')
      from pg_options_to_table(c.reloptions) o) || ')', '')`

/** What the server says of a view ends with a semicolon, behind which something may follow. */
const definition = `rtrim(pg_get_viewdef(c.oid), ' ;' || chr(10))`

const comments = `coalesce((
      select array_agg(format('comment on column %I.%I.%I is %L', n.nspname, c.relname, a.attname,
        col_description(c.oid, a.attnum)) order by a.attnum)
      from pg_attribute a
      where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and col_description(c.oid, a.attnum) is not null
    ), array[]::text[])`

const source = `
    from pg_class c join pg_namespace n on n.oid = c.relnamespace left join pg_am m on m.oid = c.relam
    where c.oid = any ($1::oid[])`

const defaults = `coalesce((
      select array_agg(format('alter view %I.%I alter column %I set default %s', n.nspname, c.relname, a.attname,
        pg_get_expr(d.adbin, d.adrelid)) order by a.attnum)
      from pg_attrdef d join pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum
      where d.adrelid = c.oid), array[]::text[])`

function look({ identity }: DatabaseObject): string {
  return `select concat_ws(' ', c.relkind, pg_get_viewdef(c.oid), c.reloptions::text) from pg_class c where c.oid = to_regclass(${literal(identity)})`
}

export const views: Definer = {
  kind: 'view',
  query: `
    select c.oid, array[
      format('create view %I.%I%s%s as%s%s', n.nspname, c.relname, ${columnList}, ${options}, chr(10), ${definition})]
      || ${defaults} || array[${comment('pg_class', 'c.oid', `format('view %I.%I', n.nspname, c.relname)`)}] || ${comments} as sql
    ${source}`,
  look,
  undo: ({ identity }) => `drop view ${identity}`,
}

/** With its rows only where the source's has them. */
export const materializedViews: Definer = {
  kind: 'materialized view',
  query: `
    select c.oid, array[
      format('create materialized view %I.%I%s%s%s as%s%s%swith no data', n.nspname, c.relname, ${columnList},
        case when m.amname <> 'heap' then ' using ' || quote_ident(m.amname) else '' end, ${options}, chr(10),
        ${definition}, chr(10))]
      || coalesce((select array_agg(pg_get_indexdef(i.indexrelid) order by i.indexrelid)
        from pg_index i where i.indrelid = c.oid and i.indisvalid), array[]::text[])
      || case when c.relispopulated then array[format('refresh materialized view %I.%I', n.nspname, c.relname)]
        else array[]::text[] end
      || array[${comment('pg_class', 'c.oid', `format('materialized view %I.%I', n.nspname, c.relname)`)}] || ${comments} as sql
    ${source}`,
  look,
  undo: ({ identity }) => `drop materialized view ${identity}`,
}
