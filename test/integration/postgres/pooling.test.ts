import { describe, expect, it } from 'vitest'
import { openPostgresTarget } from '../../../src/connectors/postgres/connect.ts'
import { never } from '../../support/migration.ts'
import { transactionPooler } from '../../support/transaction-pooler.ts'
import { postgresUnderTest } from './postgres-under-test.ts'

describe('check', () => {
  it('refuses a pooler that lends connections for a transaction', async () => {
    await using under = await postgresUnderTest()
    await using pooler = await transactionPooler(under.url)
    await using target = await openPostgresTarget(pooler.url, { ledgerSchema: 'drover' })
    expect(await target.check(['public'], never)).toMatchObject([
      { level: 'error', error: { code: 'pooled-connection', hint: expect.stringContaining('session mode') } },
    ])
  })

  it('has nothing to say about the server itself, and leaves nothing there', async () => {
    await using under = await postgresUnderTest()
    expect(await under.target.check(['public'], never)).toEqual([])
    expect(
      await under.sql(`select count(*)::integer as locks from pg_locks where locktype = 'advisory'
      and database = (select oid from pg_database where datname = current_database())`),
    ).toEqual([{ locks: 0 }])
  })
})
