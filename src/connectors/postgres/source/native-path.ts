import type { Session } from '../session.ts'

/**
 * Reads with an empty search path: text that the server makes names the schema of everything that is not its own, so it
 * means the same on another server, whatever search path that has.
 */
export async function withEmptyPath<T>(session: Session, read: () => Promise<T>): Promise<T> {
  const { rows } = await session.query<{ path: string }>(`select current_setting('search_path') as path`)
  const [{ path = '' } = {}] = rows
  await setPath(session, '')
  const result = await read()
  await setPath(session, path)
  return result
}

async function setPath(session: Session, path: string): Promise<void> {
  await session.query(`select set_config('search_path', $1, false)`, [path])
}
