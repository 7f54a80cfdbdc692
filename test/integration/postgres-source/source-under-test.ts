import pg from 'pg'
import { openPostgresSource } from '../../../src/connectors/postgres/source/connect.ts'
import type { PostgresSource } from '../../../src/connectors/postgres/source/source.ts'
import { freshPostgres } from '../../support/databases.ts'

/** A database of its own with what `setUp` makes in it, drover's source on it, and a connection to change it by. */
export interface PostgresSourceUnderTest extends AsyncDisposable {
  readonly url: string
  readonly source: PostgresSource
  readonly sql: (text: string, values?: readonly unknown[]) => Promise<Record<string, unknown>[]>
  /** Another source, disposed with this one. */
  readonly open: (options?: {
    readonly shared?: string
    readonly user?: string
    readonly password?: string
  }) => Promise<PostgresSource>
}

export async function postgresSource(setUp: string, server?: string): Promise<PostgresSourceUnderTest> {
  await using stack = new AsyncDisposableStack()
  const url = server ?? stack.use(await freshPostgres()).url
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  stack.defer(() => client.end())
  await client.query(setUp)
  const resources = stack.move()
  const open: PostgresSourceUnderTest['open'] = async ({ shared = null, user, password } = {}) => {
    const as = new URL(url)
    if (user !== undefined) as.username = user
    if (password !== undefined) as.password = password
    return resources.use(await openPostgresSource(as.href, { environment: {}, shared }))
  }
  return {
    url,
    source: await open(),
    open,
    sql: async (text, values = []) => (await client.query<Record<string, unknown>, unknown[]>(text, [...values])).rows,
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  }
}
