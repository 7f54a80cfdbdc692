import { MongoClient } from 'mongodb'
import pg from 'pg'
import { describe, expect, it } from 'vitest'
import { migrate, type MigrateOptions, type MigrationResult } from '../../src/index.ts'
import { freshMongo, freshPostgres } from '../support/databases.ts'

const ROWS = 6000

/** A migration during which `strike` is run once, when a quarter of the rows is committed. */
async function struck(
  options: Partial<MigrateOptions>,
  strike: (client: pg.Client) => Promise<pg.QueryResult>,
): Promise<{ result: MigrationResult; ended: number; rows: number; ids: number }> {
  await using mongo = await freshMongo()
  await using postgres = await freshPostgres()
  await using driver = await MongoClient.connect(mongo.url)
  await driver
    .db()
    .collection('things')
    .insertMany(Array.from({ length: ROWS }, (_, n) => ({ n, text: 'x'.repeat(200) })))
  const client = new pg.Client({ connectionString: postgres.url })
  await client.connect()
  let blow: Promise<pg.QueryResult> | undefined
  try {
    const result = await migrate({
      from: mongo.url,
      to: postgres.url,
      // Nothing but the ledger keeps a batch from being written twice.
      primaryKey: false,
      workers: 2,
      batchRows: 50,
      progressIntervalMs: 2,
      onProgress: ({ totals }) => {
        if (totals.written >= ROWS / 4) blow ??= strike(client)
      },
      ...options,
    })
    const ended = (await blow)?.rowCount ?? 0
    const { rows } = await client.query<{ rows: number; ids: number }>(
      'select count(*)::int as rows, count(distinct _id)::int as ids from things',
    )
    return { result, ended, rows: rows[0]?.rows ?? -1, ids: rows[0]?.ids ?? -1 }
  } finally {
    await client.end()
  }
}

describe('a connection that the server ends in the middle', () => {
  it.each(['threads', 'processes'] as const)('costs a new connection and nothing else (%s)', async (isolation) => {
    // Every session but that of the lease.
    const strike = (client: pg.Client): Promise<pg.QueryResult> =>
      client.query(`select pg_terminate_backend(pid) from pg_stat_activity
          where datname = current_database() and application_name = 'drover'
            and pid not in (select pid from pg_locks where locktype = 'advisory' and mode = 'ExclusiveLock')`)
    const { result, ended, rows, ids } = await struck({ isolation }, strike)
    // Both workers' at the least.
    expect(ended).toBeGreaterThanOrEqual(2)
    expect(result).toMatchObject({ state: 'done', error: null, totals: { read: ROWS, written: ROWS } })
    expect({ rows, ids }).toEqual({ rows: ROWS, ids: ROWS })
  })

  it('costs a new connection where it held the lease, as long as no other run has taken it', async () => {
    const strike = (client: pg.Client): Promise<pg.QueryResult> =>
      client.query(`select pg_terminate_backend(pid) from pg_locks
        where locktype = 'advisory' and mode = 'ExclusiveLock'
          and database = (select oid from pg_database where datname = current_database())`)
    const { result, ended, rows, ids } = await struck({ isolation: 'inline' }, strike)
    expect(ended).toBeGreaterThan(0)
    expect(result).toMatchObject({ state: 'done', error: null, totals: { read: ROWS, written: ROWS } })
    expect({ rows, ids }).toEqual({ rows: ROWS, ids: ROWS })
  })
})
