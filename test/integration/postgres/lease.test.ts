import pg from 'pg'
import { describe, expect, it } from 'vitest'
import { openPostgresTarget } from '../../../src/connectors/postgres/connect.ts'
import { atOnce, beginMigration, never, plannedOf, planOf, type Begun } from '../../support/migration.ts'
import { failure, postgresUnderTest, type PostgresUnderTest } from './postgres-under-test.ts'

const users = planOf('users')

/** A session as a worker of an earlier run has it, which nobody in this process drives on. */
async function workerOf({ url }: PostgresUnderTest, migration: string): Promise<pg.Client & AsyncDisposable> {
  const client = new pg.Client({ connectionString: url })
  // The server may end it.
  client.on('error', () => undefined)
  await client.connect()
  const key = `drover:worker:${migration}`
  await client.query('select pg_advisory_lock_shared(hashtextextended($1, 0))', [key])
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end().catch(() => undefined) })
}

async function nextLease({ ledger, id }: Begun, takeOver = false): ReturnType<Begun['ledger']['lease']> {
  return ledger.lease(id, [users.target], { ...atOnce, takeOver }, never)
}

/** Whether whoever takes the lease of migration `m` has looked at the sessions of others, and does nothing now. */
async function hasLooked(under: PostgresUnderTest): Promise<boolean> {
  const rows = await under.sql(`select a.state, a.query from pg_locks l join pg_stat_activity a on a.pid = l.pid
    where l.locktype = 'advisory' and a.datname = current_database()
      and ((l.classid::bigint << 32) | l.objid::bigint) = hashtextextended('drover:migration:m', 0)`)
  return rows.some(({ state, query }) => state === 'idle' && String(query).includes('pg_stat_activity'))
}

describe('workers of an earlier run', () => {
  it('may end by themselves', async () => {
    await using under = await postgresUnderTest()
    await using begun = await beginMigration(under.target, 'm', [plannedOf(users)])
    await begun.lease[Symbol.asyncDispose]()
    await using worker = await workerOf(under, 'm')
    await using unconcerned = await workerOf(under, 'm2')
    const taken = new AbortController()
    const taking = nextLease(begun).finally(() => taken.abort())
    while (!taken.signal.aborted && !(await hasLooked(under)));
    await worker.query('select pg_advisory_unlock_all()')
    await using lease = await taking
    expect(lease.epoch).toBe(2)
    expect((await worker.query('select 1 as one')).rows).toEqual([{ one: 1 }])
    expect((await unconcerned.query('select 1 as one')).rows).toEqual([{ one: 1 }])
  })

  it('that were stopped in the middle of a batch are ended', async () => {
    await using under = await postgresUnderTest()
    await using begun = await beginMigration(under.target, 'm', [plannedOf(users)])
    await begun.lease[Symbol.asyncDispose]()
    await using worker = await workerOf(under, 'm')
    await worker.query('begin; select from drover.partition for share; create table leftover ()')
    await using lease = await nextLease(begun)
    expect(lease.epoch).toBe(2)
    expect(await failure(worker.query('commit'))).not.toBeNull()
    expect(await under.sql(`select to_regclass('leftover') as leftover`)).toEqual([{ leftover: null }])
  })

  it('of another migration of the table are ended as well', async () => {
    await using under = await postgresUnderTest()
    {
      await using kept = new AsyncDisposableStack()
      kept.use(await beginMigration(under.target, 'other', [plannedOf(users)]))
    }
    await using worker = await workerOf(under, 'other')
    await worker.query('begin; select from drover.partition for share')
    await using kept = new AsyncDisposableStack()
    kept.use(await beginMigration(under.target, 'm', [plannedOf(users, 'recreate')]))
    expect(await failure(worker.query('commit'))).not.toBeNull()
  })

  it('that nobody knows of are waited for by the epoch', async () => {
    await using under = await postgresUnderTest()
    await using begun = await beginMigration(under.target, 'm', [plannedOf(users)])
    await begun.lease[Symbol.asyncDispose]()
    await using worker = await workerOf(under, 'another')
    await worker.query('begin; select from drover.partition for share')
    const taking = nextLease(begun)
    await under.untilSomebodyWaits()
    await worker.query('commit')
    await using lease = await taking
    expect(lease.epoch).toBe(2)
    expect(await under.sql('select epoch from drover.partition')).toEqual([{ epoch: 2 }])
  })

  it('are found in the transactions of its coordinator too', async () => {
    await using under = await postgresUnderTest()
    await using begun = await beginMigration(under.target, 'm', [plannedOf(users)])
    const [partition] = begun.partitions
    if (partition === undefined) throw new Error('no partition')
    await using held = await workerOf(under, 'another')
    await held.query('begin; select from drover.partition for update')
    const replanning = failure(begun.ledger.replan(begun.id, partition, begun.lease, () => []))
    await under.untilSomebodyWaits()
    await begun.lease[Symbol.asyncDispose]()
    const taking = nextLease(begun)
    expect(await replanning).toMatchObject({ code: 'target-failed', cause: { code: '57P01' } })
    await held.query('rollback')
    await using lease = await taking
    expect(lease.epoch).toBe(2)
  })
})

describe('without the right to end the sessions of others', () => {
  /** Roles belong to the whole server. */
  async function asOwner(under: PostgresUnderTest): Promise<{ name: string; url: string } & AsyncDisposable> {
    const name = `drover_${crypto.randomUUID().replaceAll('-', '')}`
    await under.sql(`create role ${name} login password 'pw'`)
    for (const schema of ['public', 'drover']) await under.sql(`grant all on schema ${schema} to ${name}`)
    await under.sql(`grant all on all tables in schema drover to ${name}`)
    const url = Object.assign(new URL(under.url), { username: name, password: 'pw' }).href
    const drop = async (): Promise<void> => {
      await under.sql(`drop owned by ${name}`)
      await under.sql(`drop role ${name}`)
    }
    return { name, url, [Symbol.asyncDispose]: drop }
  }

  it('taking over is refused, and says who holds the lease', async () => {
    await using under = await postgresUnderTest()
    await using begun = await beginMigration(under.target, 'm', [plannedOf(users)])
    await using role = await asOwner(under)
    await using target = await openPostgresTarget(role.url, { ledgerSchema: 'drover' })
    await using ledger = await target.openLedger(never)
    const error = await failure(nextLease({ ...begun, ledger }, true))
    expect(error).toMatchObject({
      code: 'missing-right',
      message: expect.stringMatching(/\(drover, process \d+ of the server\) is missing/),
      hint: expect.stringContaining('pg_signal_backend'),
    })
    expect(begun.lease.lost.aborted).toBe(false)
    const held = await failure(nextLease({ ...begun, ledger }))
    expect(held).toMatchObject({ code: 'lease-held', hint: expect.stringContaining('--take-over') })
  })

  it('workers of an earlier run are fenced all the same', async () => {
    await using under = await postgresUnderTest()
    await using begun = await beginMigration(under.target, 'm', [plannedOf(users)])
    await begun.lease[Symbol.asyncDispose]()
    await using worker = await workerOf(under, 'm')
    await using role = await asOwner(under)
    await using target = await openPostgresTarget(role.url, { ledgerSchema: 'drover' })
    await using ledger = await target.openLedger(never)
    await using lease = await nextLease({ ...begun, ledger })
    expect(lease.epoch).toBe(2)
    expect((await worker.query('select epoch from drover.partition')).rows).toEqual([{ epoch: 2 }])
  })
})
