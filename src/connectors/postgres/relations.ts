import type { TargetName } from '../../core/plan.ts'
import { quoteTable } from './identifiers.ts'
import type { Session } from './session.ts'

/** Whether a table is made of partitions, which have its rows. Throws what the server says of a table that is not there. */
export async function isPartitioned(session: Session, target: TargetName): Promise<boolean> {
  const { rows } = await session.query<{ partitioned: boolean }>(
    `select relkind = 'p' as partitioned from pg_catalog.pg_class where oid = $1::regclass`,
    [quoteTable(target)],
  )
  return rows[0]?.partitioned === true
}

/**
 * What to read for a table's own rows, as it stands behind `from`. Those of tables that inherit from it are not its own,
 * those of its partitions are.
 */
export async function ownRows(session: Session, target: TargetName): Promise<string> {
  return (await isPartitioned(session, target)) ? quoteTable(target) : `only ${quoteTable(target)}`
}

/**
 * Joined to columns `a` of `pg_attribute`: the type that values of a column are of, below all of its domains, as a row of
 * `pg_type` with the `modifier` that holds for them.
 */
export const baseType: string = `
  cross join lateral (
    with recursive below as (
      select t.oid, a.atttypmod as modifier from pg_catalog.pg_type t where t.oid = a.atttypid
      union all
      select d.typbasetype, d.typtypmod from below join pg_catalog.pg_type d on d.oid = below.oid and d.typtype = 'd'
    )
    select t.*, below.modifier
    from below join pg_catalog.pg_type t on t.oid = below.oid
    where t.typtype <> 'd'
  ) base`
