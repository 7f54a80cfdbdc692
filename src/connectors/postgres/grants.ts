import type { TargetName } from '../../core/plan.ts'
import type { Session } from './session.ts'
import { codeOf } from './errors.ts'
import { quoteColumn, quoteName, quoteTable } from './identifiers.ts'

/** A right that somebody has on a table or, where a column is named, on that. */
interface Grant {
  /** Null: everybody. */
  readonly grantee: string | null
  /** As SQL names it. */
  readonly privilege: string
  readonly grantable: boolean
  readonly column: string | null
}

/** Who owns a table, and who else may do what with it. */
export interface Access {
  readonly owner: string
  /** What a right shows depends on policies. */
  readonly rowSecurity: boolean
  readonly grants: readonly Grant[]
}

const findOwner = `
  select pg_get_userbyid(relowner)::text as owner, relrowsecurity as "rowSecurity"
  from pg_class where oid = $1::regclass`

const findGrants = `
  select pg_get_userbyid(nullif(a.grantee, 0))::text as grantee, a.privilege_type as privilege,
    a.is_grantable as grantable, held.column_name as column
  from pg_class c
  cross join lateral (
    select c.relacl as acl, null::text as column_name
    union all
    select attacl, attname::text from pg_attribute where attrelid = c.oid and attnum > 0 and not attisdropped
  ) held
  cross join lateral aclexplode(held.acl) a
  where c.oid = $1::regclass and a.grantee <> c.relowner
  order by 1 nulls first, 4 nulls first, 2`

export async function readAccess(session: Session, target: TargetName): Promise<Access> {
  const owners = await session.query<Omit<Access, 'grants'>>(findOwner, [quoteTable(target)])
  const [found] = owners.rows
  if (found === undefined) throw new TypeError('a lookup by regclass gave no row')
  const grants = await session.query<Grant>(findGrants, [quoteTable(target)])
  return { ...found, grants: grants.rows }
}

/**
 * Gives a table that replaces another the owner and the rights of that one, in place of those that every new table gets
 * here. Where policies hid rows from its readers nobody but the owner gets any, because the new table has no policies.
 * An owner that this user may not give tables to gets all rights instead. Within a transaction.
 */
export async function giveAccess(
  session: Session,
  target: TargetName,
  access: Access,
  columns: readonly string[],
): Promise<void> {
  const table = quoteTable(target)
  const present = await readAccess(session, target)
  for (const grantee of new Set(present.grants.map((grant) => granteeOf(grant)))) {
    await session.run(`revoke all on table ${table} from ${grantee}`)
  }
  for (const grant of access.rowSecurity ? [] : access.grants) {
    if (grant.column !== null && !columns.includes(grant.column)) continue
    const on = grant.column === null ? '' : ` (${quoteColumn(grant.column)})`
    const option = grant.grantable ? ' with grant option' : ''
    await session.run(`grant ${grant.privilege}${on} on table ${table} to ${granteeOf(grant)}${option}`)
  }
  if (present.owner !== access.owner) await giveTo(session, table, quoteName(access.owner))
}

async function giveTo(session: Session, table: string, owner: string): Promise<void> {
  await session.run('savepoint give_to')
  try {
    await session.run(`alter table ${table} owner to ${owner}; release savepoint give_to`)
  } catch (error) {
    if (codeOf(error) !== '42501') throw error
    await session.run(`rollback to savepoint give_to; grant all on table ${table} to ${owner}`)
  }
}

function granteeOf({ grantee }: Pick<Grant, 'grantee'>): string {
  return grantee === null ? 'public' : quoteName(grantee)
}
