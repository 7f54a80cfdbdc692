import pg from 'pg'
import { openPostgresTarget } from '../../../src/connectors/postgres/connect.ts'
import type { Target } from '../../../src/connectors/contract.ts'
import { freshPostgres } from '../../support/databases.ts'

/** The reason of a promise that rejects, null for one that does not. */
export async function failure(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => null,
    (error: unknown) => error,
  )
}

/** A database of its own, drover's target in it, and a connection to look with. */
export interface PostgresUnderTest extends AsyncDisposable {
  readonly url: string
  readonly target: Target
  sql(text: string, values?: readonly unknown[]): Promise<Record<string, unknown>[]>
  /** Resolves once a session of this database waits for a lock. */
  untilSomebodyWaits(): Promise<void>
  /** Ends every session of drover that a condition on `pg_stat_activity` selects, and waits until it is gone. */
  kill(condition: string): Promise<number>
  killLeases(): Promise<void>
  /** Keeps everybody else out of a table until it is disposed. */
  lock(table: string): Promise<AsyncDisposable>
}

export async function postgresUnderTest(): Promise<PostgresUnderTest> {
  await using stack = new AsyncDisposableStack()
  const { url } = stack.use(await freshPostgres())
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  stack.defer(() => client.end())
  const target = stack.use(await openPostgresTarget(url, { ledgerSchema: 'drover' }))
  const resources = stack.move()
  const sql: PostgresUnderTest['sql'] = async (text, values = []) =>
    (await client.query<Record<string, unknown>, unknown[]>(text, [...values])).rows
  const waitFor = async (text: string): Promise<void> => {
    while ((await sql(text))[0]?.['reached'] !== true);
  }
  const kill = async (condition: string): Promise<number> => {
    const found = await sql(
      `select pid, pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and application_name = 'drover' and ${condition}`,
    )
    const pids = found.map(({ pid }) => Number(pid)).join(', ')
    if (found.length > 0)
      await waitFor(`select not exists (select from pg_stat_activity where pid in (${pids})) as reached`)
    return found.length
  }
  return {
    url,
    target,
    sql,
    kill,
    untilSomebodyWaits: () =>
      waitFor(
        `select exists (select from pg_stat_activity
         where datname = current_database() and wait_event_type = 'Lock') as reached`,
      ),
    killLeases: async () => {
      await kill(`pid in (select pid from pg_locks where locktype = 'advisory')`)
    },
    lock: async (table) => {
      // A session of its own: within a transaction, what the statistics views show stands still.
      const locking = new pg.Client({ connectionString: url })
      await locking.connect()
      await locking.query(`begin; lock table ${table} in access exclusive mode`)
      return { [Symbol.asyncDispose]: () => locking.end() }
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  }
}
