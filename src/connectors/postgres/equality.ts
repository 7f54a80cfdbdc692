import type { TargetName } from '../../core/plan.ts'
import { quoteTable } from './identifiers.ts'
import { baseType } from './relations.ts'
import type { Session } from './session.ts'

/**
 * What the type of a column is indexed by. Types of PostgreSQL's own, and all that is made of others (arrays, enums,
 * ranges, rows), share the server's.
 */
const findOperators = `
  select a.attname as name, coalesce((
      select format('operator(%I.%s)', n.nspname, op.oprname)
      from pg_catalog.pg_opclass o
      join pg_catalog.pg_am m on m.oid = o.opcmethod
      join pg_catalog.pg_amop am on am.amopfamily = o.opcfamily and am.amoplefttype = base.oid and am.amoprighttype = base.oid
        and am.amopstrategy = case m.amname when 'btree' then 3 else 1 end
      join pg_catalog.pg_operator op on op.oid = am.amopopr
      join pg_catalog.pg_namespace n on n.oid = op.oprnamespace
      where o.opcintype = base.oid and o.opcdefault and m.amname in ('btree', 'hash')
      order by m.amname limit 1), 'operator(pg_catalog.=)') as operator
  from pg_catalog.pg_attribute a
  ${baseType}
  where a.attrelid = $1::regclass and a.attnum > 0 and not a.attisdropped`

/**
 * By column of a table, the operator by which its keys are equal, with its schema: `=` alone is looked up in the search
 * path, where that of an extension may be missing, and then citext is compared as text.
 */
export async function readEquality(session: Session, target: TargetName): Promise<ReadonlyMap<string, string>> {
  const { rows } = await session.query<{ name: string; operator: string }>(findOperators, [quoteTable(target)])
  return new Map(rows.map(({ name, operator }) => [name, operator]))
}

/** A column is equal to another, both as SQL writes them; `operators` are of the column's table. */
export function equals(operators: ReadonlyMap<string, string>, name: string, column: string, other: string): string {
  return `${column} ${operators.get(name) ?? 'operator(pg_catalog.=)'} ${other}`
}
