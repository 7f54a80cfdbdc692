import type { ErrorCode } from '../../../core/errors.ts'
import type { Finding } from '../../contract.ts'
import { checkPooling } from '../pooling.ts'
import type { Session } from '../session.ts'

/** Version 12 as `server_version_num`: the oldest with generated columns in the catalogue. */
const oldestVersion = 120_000

/** Names that are shown of those that are counted. */
const shown = 5

const lookAtServer = `
  select current_setting('server_version_num')::integer as version_number,
    current_setting('server_version') as version,
    current_setting('server_encoding') as encoding,
    pg_is_in_recovery() as standby,
    (select count(*) from pg_largeobject_metadata)::text as "largeObjects",
    array(select format('%I.%I', n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.relkind = 'r' and c.relpersistence = 'u' order by 1) as unlogged,
    array(select format('%I.%I', n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.relkind in ('r', 'p') and row_security_active(c.oid) order by 1) as secured,
    array(select distinct format('%I.%I', n.nspname, s.relname)
      from pg_class c join pg_depend o on o.refclassid = 'pg_class'::regclass and o.refobjid = c.oid
      join pg_class s on o.classid = 'pg_class'::regclass and s.oid = o.objid
      join pg_namespace n on n.oid = s.relnamespace
      where o.deptype in ('a', 'i') and has_any_column_privilege(c.oid, 'select')
        and case s.relkind when 'S' then not has_sequence_privilege(s.oid, 'select') end order by 1) as unread`

interface Server {
  readonly version_number: number
  readonly version: string
  readonly encoding: string
  readonly standby: boolean
  readonly largeObjects: string
  readonly unlogged: readonly string[]
  readonly secured: readonly string[]
  /** Sequences of tables that the user may read. */
  readonly unread: readonly string[]
}

/**
 * What may keep drover from reading, and what it does not carry. Which tables are wanted is not known here: one that
 * may not be read, or that a policy hides rows of, is refused when it is asked for.
 */
export async function checkSource(first: Session, second: Session, source: string): Promise<readonly Finding[]> {
  // A pooler may lend the connection to others later, so the empty path is that of a transaction.
  await first.run(`begin; set local search_path = ''`)
  const { rows } = await first.query<Server>(lookAtServer)
  await first.run('rollback')
  return [...rows.flatMap((server) => findingsOf(server, source)), ...(await checkPooling(first, second, 'source'))]
}

function findingsOf(server: Server, source: string): readonly Finding[] {
  const findings: Finding[] = []
  const found = (level: Finding['level'], code: ErrorCode, message: string, hint: string): void => {
    findings.push({ level, error: { code, message, hint } })
  }
  if (server.version_number < oldestVersion) {
    const message = `${source} runs PostgreSQL ${server.version}, and drover needs 12 or newer`
    found('error', 'unsupported-version', message, 'upgrade the server')
  }
  if (server.encoding === 'SQL_ASCII') {
    const message = `${source} has the encoding SQL_ASCII, so nobody knows what its texts are written in`
    found('warning', 'source-incompatible', message, 'rows with text that is not UTF-8 become dead letters')
  }
  if (server.standby) {
    const message = `${source} is a standby, which ends what reads for long when the primary removes old rows`
    found('info', 'source-incompatible', message, 'set hot_standby_feedback, or max_standby_streaming_delay to -1')
  }
  if (server.largeObjects !== '0') {
    const message = `${source} has ${server.largeObjects} large objects, which are not copied`
    found('warning', 'source-incompatible', message, 'copy them with pg_dump --large-objects')
  }
  if (server.unlogged.length > 0) {
    const message = `unlogged tables of ${source}: ${listed(server.unlogged)}`
    found('info', 'source-incompatible', message, 'they are empty after a crash of the source')
  }
  if (server.secured.length > 0) {
    const message = `row-level security may hide rows from this user: ${listed(server.secured)}`
    found(
      'warning',
      'missing-right',
      message,
      'use their owner, or a user with BYPASSRLS; they cannot be copied otherwise',
    )
  }
  if (server.unread.length > 0) {
    const message = `this user may not read the sequences of tables that it may read: ${listed(server.unread)}`
    found('info', 'missing-right', message, 'grant select on them; a new table of PostgreSQL is refused otherwise')
  }
  return findings
}

function listed(names: readonly string[]): string {
  const more = names.length - shown
  return more > 0 ? `${names.slice(0, shown).join(', ')} and ${more} more` : names.join(', ')
}
