import type { ColumnStructure, IndexStructure, SqlText, TableStructure } from '../../structure.ts'
import type { Session } from '../session.ts'

/**
 * A column that takes its default from a sequence of its own numbers its rows, as an identity does. What a sequence has
 * reached is null where it has given nothing, or where the user may not know.
 */
const findColumns = `
  select a.attname as field, format_type(a.atttypid, a.atttypmod) as declared, a.attnotnull as required,
    pg_get_expr(d.adbin, d.adrelid) as expression, a.attgenerated <> '' as generated, a.attidentity as identity,
    s.oid is not null and (a.attidentity <> '' or pg_get_expr(d.adbin, d.adrelid) ~ '^nextval\\(') as numbered,
    case when s.oid is not null and has_sequence_privilege(s.oid, 'select') then pg_sequence_last_value(s.oid)::text end
      as reached,
    st.null_frac::float8 as "nullShare", st.avg_width as width
  from pg_attribute a
  left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
  left join lateral (
    select c.oid from pg_depend o join pg_class c on c.oid = o.objid and c.relkind = 'S'
    where o.classid = 'pg_class'::regclass and o.refclassid = 'pg_class'::regclass and o.refobjid = a.attrelid
      and o.refobjsubid = a.attnum and o.deptype in ('a', 'i')
    limit 1
  ) s on true
  left join pg_stats st on st.schemaname = $2 and st.tablename = $3 and st.attname = a.attname and st.inherited = $4
  where a.attrelid = $1::oid and a.attnum > 0 and not a.attisdropped
  order by a.attnum`

interface ColumnRow {
  readonly field: string
  readonly declared: string
  readonly required: boolean
  readonly expression: string | null
  readonly generated: boolean
  readonly identity: string
  readonly numbered: boolean
  readonly reached: string | null
  readonly nullShare: number | null
  readonly width: number | null
}

/** A column, and what the server has found in a sample of its own; null: it has not looked. */
export interface FoundColumn extends ColumnStructure {
  readonly nullShare: number | null
}

export async function readColumns(
  session: Session,
  { oid, schema, name, whole }: { oid: string; schema: string; name: string; whole: boolean },
): Promise<readonly FoundColumn[]> {
  const { rows } = await session.query<ColumnRow>(findColumns, [oid, schema, name, whole])
  return rows.map(({ field, declared, required, expression, generated, identity, numbered, reached, nullShare }) => {
    const text = expression === null ? null : sqlOf(expression)
    return {
      field,
      declared,
      required,
      default: generated || numbered ? null : text,
      identity: numbered ? { always: identity === 'a', reached } : null,
      generated: generated ? text : null,
      nullShare,
    }
  })
}

const findChecks = `
  select conname as name, pg_get_expr(conbin, conrelid) as expression
  from pg_constraint
  where conrelid = $1::oid and contype = 'c'
  order by conname`

export async function readChecks(session: Session, oid: string): Promise<TableStructure['checks']> {
  const { rows } = await session.query<{ name: string; expression: string }>(findChecks, [oid])
  return rows.map(({ name, expression }) => ({ name, expression: sqlOf(expression) }))
}

const findIndexes = `
  select c.relname as name, i.indisunique as unique, m.amname as method, pg_get_expr(i.indpred, i.indrelid) as "where",
    array(select pg_get_indexdef(i.indexrelid, place + 1, true) from generate_series(0, i.indnkeyatts - 1) as place
      order by place) as expressions,
    array(select (select a.attname::text from pg_attribute a where a.attrelid = i.indrelid and a.attnum = i.indkey[place])
      from generate_series(0, i.indnkeyatts - 1) as place order by place) as fields,
    array(select i.indoption[place] & 1 = 1 from generate_series(0, i.indnkeyatts - 1) as place order by place)
      as descending,
    array(select (select l.collname::text from pg_collation l
        where l.oid = i.indcollation[place] and l.collname not in ('C', 'POSIX'))
      from generate_series(0, i.indnkeyatts - 1) as place order by place) as collations,
    array(select quote_ident(a.attname) from generate_series(i.indnkeyatts, i.indnatts - 1) as place
      join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[place] order by place) as included,
    coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false) as "nullsAlike"
  from pg_index i join pg_class c on c.oid = i.indexrelid join pg_am m on m.oid = c.relam
  where i.indrelid = $1::oid and i.indisvalid and not i.indisprimary
  order by c.relname`

interface IndexRow {
  readonly name: string
  readonly unique: boolean
  readonly method: string
  readonly where: string | null
  readonly expressions: readonly string[]
  readonly fields: readonly (string | null)[]
  readonly descending: readonly boolean[]
  readonly collations: readonly (string | null)[]
  /** Columns that it only carries along. */
  readonly included: readonly string[]
  readonly nullsAlike: boolean
}

export async function readIndexes(session: Session, oid: string): Promise<readonly IndexStructure[]> {
  const { rows } = await session.query<IndexRow>(findIndexes, [oid])
  return rows.map(({ name, unique, method, where, expressions, fields, descending, collations, ...rest }) => ({
    name,
    unique,
    ...(method === 'btree' ? {} : { method }),
    own: ownOf(rest),
    parts: expressions.map((expression, place) => ({
      expression: sqlOf(expression),
      field: fields[place] ?? null,
      descending: descending[place] === true,
      collation: collations[place] ?? null,
    })),
    where: where === null ? null : sqlOf(where),
  }))
}

/** What is PostgreSQL's alone. */
function ownOf({ included, nullsAlike }: Pick<IndexRow, 'included' | 'nullsAlike'>): readonly string[] {
  return [
    ...(included.length === 0 ? [] : [`include (${included.join(', ')})`]),
    ...(nullsAlike ? ['nulls not distinct'] : []),
  ]
}

function sqlOf(sql: string): SqlText {
  return { dialect: 'postgres', sql }
}
