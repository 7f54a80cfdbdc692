import type { Session } from './session.ts'

/** How many questions are asked at once. */
const AT_ONCE = 200

const settings: readonly (readonly [name: string, setting: string])[] = [
  ['search_path', ''],
  ['check_function_bodies', 'off'],
]

/**
 * Reads or runs text that defines things. With an empty search path the server names the schema of everything that is
 * not its own, and nothing that somebody has put into another schema can stand in for what is; the body of a function,
 * which may name what comes later, is not looked into. Where `work` throws, the session is of no more use.
 */
export async function asDefined<T>(session: Session, work: () => Promise<T>): Promise<T> {
  const names = settings.map(([name]) => name)
  const { rows } = await session.query<{ name: string; setting: string }>(
    `select name, current_setting(name) as setting from unnest($1::text[]) as name`,
    [names],
  )
  await setAll(session, settings)
  const result = await work()
  await setAll(
    session,
    rows.map(({ name, setting }) => [name, setting]),
  )
  return result
}

/** What a database answers to queries of one text each; null for one without a row. */
export async function answersTo(session: Session, queries: readonly string[]): Promise<readonly (string | null)[]> {
  const found: (string | null)[] = []
  for (let i = 0; i < queries.length; i += AT_ONCE) {
    const some = queries.slice(i, i + AT_ONCE).map((query) => `(${query})::text`)
    const { rows } = await session.query<{ found: readonly (string | null)[] }>(
      `select array[${some.join(', ')}] as found`,
    )
    found.push(...(rows[0]?.found ?? []))
  }
  return found
}

async function setAll(session: Session, values: readonly (readonly [name: string, setting: string])[]): Promise<void> {
  await session.query(
    `select set_config(s.name, s.setting, false) from unnest($1::text[], $2::text[]) as s (name, setting)`,
    [values.map(([name]) => name), values.map(([, setting]) => setting)],
  )
}
