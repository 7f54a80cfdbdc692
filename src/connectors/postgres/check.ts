import type { ErrorCode } from '../../core/errors.ts'
import type { Connections, Finding } from '../contract.ts'
import type { Session } from './session.ts'

/** Version 12 as `server_version_num`: the oldest with generated columns in the catalog. */
const oldestVersion = 120_000

const lookAtServer = `
  select current_setting('server_version_num')::integer as version_number,
    current_setting('server_version') as version,
    pg_is_in_recovery() as standby,
    current_setting('default_transaction_read_only') = 'on' as read_only,
    current_setting('server_encoding') as encoding,
    current_user as "user",
    current_database() as database`

const lookAtSchemas = `
  select wanted.name, n.oid is not null as there,
    coalesce(has_schema_privilege(n.oid, 'create') and has_schema_privilege(n.oid, 'usage'), false) as may_use,
    has_database_privilege(current_database(), 'create') as may_create
  from unnest($1::text[]) as wanted (name)
  left join pg_namespace n on n.nspname = wanted.name`

interface Server {
  readonly version_number: number
  readonly version: string
  readonly standby: boolean
  readonly read_only: boolean
  readonly encoding: string
  readonly user: string
  readonly database: string
}

/** Version, encoding and rights: whether drover can create and fill tables in these schemas. */
export async function checkServer(session: Session, schemas: readonly string[]): Promise<readonly Finding[]> {
  const { rows } = await session.query<Server>(lookAtServer)
  const findings = rows.flatMap(findingsOfServer)
  const rights = await session.query<SchemaRow>(lookAtSchemas, [[...new Set(schemas)]])
  const [server] = rows
  for (const row of rights.rows) {
    const lacking = lackingRight(row, server?.database ?? '')
    if (lacking !== null) {
      const hint = `grant ${lacking.right} to ${JSON.stringify(server?.user ?? '')}`
      findings.push(finding('error', 'missing-right', lacking.message, hint))
    }
  }
  return findings
}

function findingsOfServer(server: Server): Finding[] {
  const findings: Finding[] = []
  if (server.version_number < oldestVersion) {
    const message = `the target is PostgreSQL ${server.version}, and drover needs 12 or newer`
    findings.push(finding('error', 'unsupported-version', message, 'upgrade the server'))
  }
  if (server.standby || server.read_only) {
    const message = server.standby
      ? 'the target is a standby, which takes no writes'
      : `the target is read-only for ${server.user}: default_transaction_read_only is on`
    findings.push(finding('error', 'missing-right', message, 'name the primary server, or a user that may write'))
  }
  if (server.encoding !== 'UTF8') {
    const message = `the target's encoding is ${server.encoding}: characters it lacks cannot be written`
    findings.push(finding('warning', 'target-incompatible', message, "use a database with encoding 'UTF8'"))
  }
  return findings
}

interface SchemaRow {
  readonly name: string
  readonly there: boolean
  readonly may_use: boolean
  readonly may_create: boolean
}

function lackingRight(row: SchemaRow, database: string): { readonly message: string; readonly right: string } | null {
  if (row.there ? row.may_use : row.may_create) return null
  return row.there
    ? {
        message: `the right to create tables in schema ${row.name} is missing`,
        right: `usage, create on schema ${JSON.stringify(row.name)}`,
      }
    : {
        message: `schema ${row.name} does not exist, and the right to create it is missing`,
        right: `create on database ${JSON.stringify(database)}`,
      }
}

function finding(level: Finding['level'], code: ErrorCode, message: string, hint: string): Finding {
  return { level, error: { code, message, hint } }
}

/**
 * The three bounds on connections: the server's, less what it keeps for others; the role's; the database's. `null` is
 * no bound. Sessions of others hide their kind from a user without rights, so one without a kind counts.
 */
const lookAtConnections = `
  with session as (
    select datname, usename from pg_stat_activity
    where datid is not null and coalesce(backend_type, 'client backend') = 'client backend'
  )
  select
    current_setting('max_connections')::integer
      - case when r.rolsuper then 0 else current_setting('superuser_reserved_connections')::integer end
      - case when r.rolsuper or coalesce(pg_has_role(current_user, reserved.oid, 'usage'), false) then 0
          else coalesce(current_setting('reserved_connections', true)::integer, 0) end as server_limit,
    (select count(*)::integer from session) as server_use,
    case when r.rolsuper or r.rolconnlimit < 0 then null else r.rolconnlimit end as role_limit,
    (select count(*)::integer from session where usename = current_user) as role_use,
    case when r.rolsuper or d.datconnlimit < 0 then null else d.datconnlimit end as database_limit,
    (select count(*)::integer from session where datname = current_database()) as database_use
  from pg_roles r
  join pg_database d on d.datname = current_database()
  left join pg_roles reserved on reserved.rolname = 'pg_use_reserved_connections'
  where r.rolname = current_user`

interface ConnectionsRow {
  readonly server_limit: number
  readonly server_use: number
  readonly role_limit: number | null
  readonly role_use: number
  readonly database_limit: number | null
  readonly database_use: number
}

export async function readConnections(session: Session): Promise<Connections> {
  const { rows } = await session.query<ConnectionsRow>(lookAtConnections)
  const [row] = rows
  if (row === undefined) throw new TypeError('the server knows no current user')
  return tightest([
    { limit: row.server_limit, inUse: row.server_use },
    { limit: row.role_limit, inUse: row.role_use },
    { limit: row.database_limit, inUse: row.database_use },
  ])
}

/** The bound that leaves the fewest connections; a limit of null does not bound. */
export function tightest(bounds: readonly { readonly limit: number | null; readonly inUse: number }[]): Connections {
  const connections = bounds.flatMap(({ limit, inUse }) =>
    limit === null ? [] : [{ limit, inUse, free: Math.max(0, limit - inUse) }],
  )
  return connections.reduce((a, b) => (b.free < a.free ? b : a))
}
