import { DroverError } from '../../../core/errors.ts'
import type { Session } from '../session.ts'

/**
 * Types of the server itself whose binary form is the same in every version and means the same on every server. Left out:
 * `oid` and the `reg…` types, which number things of one server; `money`, whose scale is a setting; `xml`, whose form
 * names an encoding; `tsquery`, and what is no type of columns.
 */
const stable: ReadonlySet<string> = new Set([
  'bool',
  'bytea',
  'char',
  'name',
  'text',
  'varchar',
  'bpchar',
  'json',
  'jsonb',
  'jsonpath',
  'uuid',
  'int2',
  'int4',
  'int8',
  'float4',
  'float8',
  'numeric',
  'bit',
  'varbit',
  'pg_lsn',
  'tsvector',
  'date',
  'time',
  'timetz',
  'timestamp',
  'timestamptz',
  'interval',
  'inet',
  'cidr',
  'macaddr',
  'macaddr8',
  'point',
  'line',
  'lseg',
  'path',
  'box',
  'polygon',
  'circle',
])

/** The types of a table's columns, and those that they are made of. */
const findTypes = `
  with recursive reached as (
    select a.atttypid as oid from pg_attribute a where a.attrelid = $1 and a.attnum > 0 and not a.attisdropped
    union
    select part.oid
    from reached
    join pg_type t on t.oid = reached.oid
    left join pg_range r on r.rngtypid = t.oid or to_jsonb(r) ->> 'rngmultitypid' = t.oid::text
    cross join lateral (values (t.typelem), (t.typbasetype), (r.rngsubtype)) as part (oid)
    where part.oid <> 0
  )
  select t.oid, t.typname as name, t.typtype as kind, t.typnamespace = 'pg_catalog'::regnamespace as own,
    case when t.typcategory = 'A' then t.typelem else 0 end as element,
    t.typbasetype as base,
    coalesce((select r.rngsubtype from pg_range r
      where r.rngtypid = t.oid or to_jsonb(r) ->> 'rngmultitypid' = t.oid::text), 0) as subtype
  from pg_type t where t.oid in (select oid from reached)`

interface TypeRow {
  readonly oid: number
  readonly name: string
  readonly kind: string
  /** Of the server itself, so it has the same number everywhere. */
  readonly own: boolean
  /** What it is made of; 0: nothing. */
  readonly element: number
  readonly base: number
  readonly subtype: number
}

/** Of the types that a table's columns have, by their numbers, those whose values can go elsewhere in binary form. */
export async function readBinaryTypes(session: Session, table: number): Promise<ReadonlySet<number>> {
  const { rows } = await session.query<TypeRow>(findTypes, [table])
  const types = new Map(rows.map((row) => [row.oid, row]))
  return new Set(rows.filter((row) => isBinary(row, types)).map(({ oid }) => oid))
}

/**
 * An array and a composite hold the numbers of the types in them, which for a user's own differ from server to server;
 * a range does not, and an enum's value is its label.
 */
function isBinary(type: TypeRow, types: ReadonlyMap<number, TypeRow>): boolean {
  const found = (oid: number): TypeRow => {
    const of = types.get(oid)
    if (of === undefined) throw new DroverError('unexpected', `type ${type.name} is made of an unknown one, ${oid}`)
    return of
  }
  if (type.element !== 0) {
    const element = found(type.element)
    return element.own && isBinary(element, types)
  }
  if (type.kind === 'e') return true
  if (type.kind === 'd') return isBinary(found(type.base), types)
  if (type.kind === 'r' || type.kind === 'm') return isBinary(found(type.subtype), types)
  return type.own && type.kind === 'b' && stable.has(type.name)
}
