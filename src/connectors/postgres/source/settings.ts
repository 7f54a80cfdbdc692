import type { Session } from '../session.ts'

/**
 * What reading sessions have besides, whatever role, database or server say. Text forms do not depend on where the
 * server is or who asks, and names of what is not PostgreSQL's own come with their schema. Nothing ends a session that
 * waits, because the state it reads would go with it. Rows come in the order of the table where they have no other.
 */
const settings: readonly (readonly [name: string, setting: string])[] = [
  ['IntervalStyle', 'postgres'],
  ['lc_monetary', 'C'],
  ['xmloption', 'content'],
  ['idle_in_transaction_session_timeout', '0'],
  ['transaction_timeout', '0'],
  ['synchronize_seqscans', 'off'],
  ['jit', 'off'],
]

/** First of all: nothing that the database has is to be called in place of the server's own. */
const withoutPath = "set search_path = ''"

/** Where nobody knows what texts are written in they come as they are: the server would end at the first that is not UTF-8. */
const asStored = `
  select set_config('client_encoding', 'SQL_ASCII', false) where current_setting('server_encoding') = 'SQL_ASCII'`

/** Settings that the server does not know, being older, are left out by the join. */
const configure = `
  select count(set_config(s.name, s.setting, false))
  from unnest($1::text[], $2::text[]) as s (name, setting)
  join pg_catalog.pg_settings known on known.name = s.name`

export async function configureReading(session: Session): Promise<void> {
  await session.run(withoutPath)
  await session.query(configure, [settings.map(([name]) => name), settings.map(([, setting]) => setting)])
  await session.query(asStored)
}
