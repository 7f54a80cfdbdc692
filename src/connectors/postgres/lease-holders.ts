import { DroverError } from '../../core/errors.ts'
import type { Session } from './session.ts'
import { codeOf } from './errors.ts'

/**
 * Advisory locks that sessions of this database hold, by process and key: those with a key of 64 bits, whose halves are
 * `classid` and `objid` (https://www.postgresql.org/docs/current/view-pg-locks.html).
 */
export const advisoryLocks = `
  select l.pid, (l.classid::bigint << 32) | l.objid::bigint as key
  from pg_locks l
  where l.locktype = 'advisory' and l.granted and l.objsubid = 1
    and l.database = (select oid from pg_database where datname = current_database())`

/** Lock of a migration, as SQL, of the SQL of its id. */
export function migrationLock(id: string): string {
  return `'drover:migration:' || ${id}`
}

/** Held in share mode by each session that writes for a migration. */
export function workerLock(migration: string): string {
  return `drover:worker:${migration}`
}

/** A session of the server that holds a lock. */
export interface Holder {
  readonly pid: number
  readonly application: string
  /** Null where the server does not tell this user. */
  readonly since: string | null
  readonly user: string | null
}

/** Other sessions that hold any of these advisory locks. */
export async function findHolders(session: Session, keys: readonly string[]): Promise<readonly Holder[]> {
  const { rows } = await session.query<Holder>(
    `select distinct a.pid, a.application_name as application, a.backend_start::text as since, a.usename as "user"
     from (${advisoryLocks}) held join pg_stat_activity a on a.pid = held.pid
     where held.pid <> pg_backend_pid()
       and held.key in (select hashtextextended(wanted.key, 0) from unnest($1::text[]) as wanted (key))
     order by a.pid`,
    [keys],
  )
  return rows
}

/** Ends sessions; how soon they are gone is the server's matter. Throws `missing-right`. */
export async function endHolders(session: Session, holders: readonly Holder[]): Promise<void> {
  for (const holder of holders) {
    try {
      await session.query('select pg_terminate_backend($1)', [holder.pid])
    } catch (error) {
      if (codeOf(error) !== '42501') throw error
      throw new DroverError('missing-right', `the right to end the other run${nameOf(holder)} is missing`, {
        hint: `grant pg_signal_backend, or name ${holder.user === null ? 'its user' : `user ${holder.user}`} in --to`,
        cause: error,
      })
    }
  }
}

/** For people, with a space before it. */
export function nameOf({ pid, application, since }: Holder): string {
  return ` (${application}, process ${pid} of the server${since === null ? '' : `, since ${since}`})`
}
