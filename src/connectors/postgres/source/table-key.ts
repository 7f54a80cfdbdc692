import type { Session } from '../session.ts'

/** A column that rows are ordered by, with the operators of the index that has this order. */
export interface KeyColumn {
  readonly name: string
  /** As DDL writes it. */
  readonly declared: string
  /** With their schema, as SQL writes them. */
  readonly greater: string
  readonly atMost: string
  readonly equal: string
}

export interface TableKey {
  readonly columns: readonly KeyColumn[]
  readonly primary: boolean
}

/**
 * The primary key, or else the shortest unique index that lets no NULL in, is of whole columns and orders as the types
 * do: ascending, by their usual operators, in the collation of the column. That no NULL is in it has to be validated. Operators are taken from the index, because a
 * name alone may mean another: compared by name, citext is text.
 */
const findKey = `
  with candidate as (
    select i.* from pg_index i join pg_class c on c.oid = i.indexrelid join pg_am m on m.oid = c.relam
    where i.indrelid = $1::oid and m.amname = 'btree' and i.indisunique and i.indisvalid
      and i.indpred is null and i.indexprs is null
      and not exists (
        select from generate_series(0, i.indnkeyatts - 1) as place
        join pg_opclass o on o.oid = i.indclass[place]
        left join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[place]
        where a.attname is null or not a.attnotnull or exists (
            select from pg_constraint k where k.conrelid = i.indrelid and k.contype = 'n' and not k.convalidated
              and k.conkey[1] = a.attnum)
          or not o.opcdefault or i.indoption[place] <> 0
          or i.indcollation[place] <> a.attcollation)
    order by i.indisprimary desc, i.indnkeyatts, i.indexrelid
    limit 1
  )
  select a.attname as name, format_type(a.atttypid, a.atttypmod) as declared, i.indisprimary as primary,
    (select array_agg(format('operator(%I.%s)', n.nspname, op.oprname) order by am.amopstrategy)
      from pg_amop am join pg_operator op on op.oid = am.amopopr join pg_namespace n on n.oid = op.oprnamespace
      where am.amopfamily = o.opcfamily and am.amoplefttype = o.opcintype and am.amoprighttype = o.opcintype
        and am.amopstrategy in (2, 3, 5)) as operators
  from candidate i cross join generate_series(0, i.indnkeyatts - 1) as place
  join pg_opclass o on o.oid = i.indclass[place]
  join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[place]
  order by place`

interface KeyRow {
  readonly name: string
  readonly declared: string
  readonly primary: boolean
  /** `<=`, `=` and `>`: https://www.postgresql.org/docs/current/xindex.html#XINDEX-STRATEGIES */
  readonly operators: readonly string[] | null
}

export async function readKey(session: Session, oid: string): Promise<TableKey> {
  const { rows } = await session.query<KeyRow>(findKey, [oid])
  const columns = rows.flatMap(({ name, declared, operators }): KeyColumn[] => {
    const [atMost, equal, greater] = operators ?? []
    if (atMost === undefined || equal === undefined || greater === undefined) return []
    return [{ name, declared, atMost, equal, greater }]
  })
  // Without its operators a column orders nothing, and then all of them do not.
  if (columns.length < rows.length) return { columns: [], primary: false }
  return { columns, primary: rows[0]?.primary === true }
}
