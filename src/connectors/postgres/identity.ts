import { DroverError } from '../../core/errors.ts'
import type { Session } from './session.ts'

/** No two servers that run were started in the same microsecond with a database of the same number. */
const askIdentity = `
  select 'postgres:' || extract(epoch from pg_postmaster_start_time())::text || ':' || oid::text as identity
  from pg_database where datname = current_database()`

/** What tells the database of a session from every other one, whatever address it was reached by. */
export async function identityOf(session: Session): Promise<string> {
  const { rows } = await session.query<{ identity: string }>(askIdentity)
  const identity = rows[0]?.identity
  if (identity === undefined)
    throw new DroverError('unexpected', 'the server does not know the database of the session')
  return identity
}
