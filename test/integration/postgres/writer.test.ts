import { describe, expect, it } from 'vitest'
import { openPostgresTarget } from '../../../src/connectors/postgres/connect.ts'
import type { OpenBatch, Writer } from '../../../src/connectors/contract.ts'
import type { MigrationId } from '../../../src/connectors/ledger-contract.ts'
import type { BatchId } from '../../../src/core/batch.ts'
import { armFailpoints } from '../../../src/core/failpoint.ts'
import { lossyProxy } from '../../support/lossy-proxy.ts'
import {
  allWritten,
  batchId,
  encoded,
  beginMigration,
  commitRows,
  never,
  plannedOf,
  planOf,
  tuple,
} from '../../support/migration.ts'
import { postgresUnderTest } from './postgres-under-test.ts'

const users = planOf('users')
const first = batchId('users', 1, 0)

async function claim(writer: Writer, id: BatchId): Promise<OpenBatch> {
  const opened = await writer.begin(id, users, never)
  if ('committed' in opened) throw new Error('committed already')
  return opened
}

describe('rows that PostgreSQL refuses', () => {
  it.each([
    ['NUL in text', () => tuple('a\0b', 1), '22021'],
    [
      'bytes that are not UTF-8',
      () => Buffer.concat([Buffer.from('000200000001ff', 'hex'), tuple('', 1).subarray(6)]),
      '22021',
    ],
  ])('%s: the row is named and nothing of the batch is written', async (_, bad, state) => {
    await using under = await postgresUnderTest()
    await using begun = await beginMigration(under.target, 'm', [plannedOf(users)])
    await using writer = await begun.openWriter()
    {
      await using open = await claim(writer, first)
      const answer = await open.write([encoded([tuple('a', 1), tuple('b', 2), bad(), tuple('d', 4)])])
      const message = expect.stringContaining(state)
      expect(answer).toEqual({
        rejected: { part: 0, index: 2, column: '_id', error: { code: 'row-rejected', message } },
      })
    }
    expect(await under.target.count(users.target, never)).toBe(0)
    await commitRows(writer, first, [tuple('a', 1), tuple('b', 2), tuple('d', 4)])
    expect(await under.target.count(users.target, never)).toBe(3)
  })

  it('a key that is there already is named by its row, far into a large batch', async () => {
    await using under = await postgresUnderTest()
    await under.sql(`create table users (_id text primary key, n integer check (n < 9000))`)
    await under.sql(`insert into users values ('k4321', 0)`)
    await using begun = await beginMigration(under.target, 'm', [plannedOf(users, 'append')])
    await using writer = await begun.openWriter()
    const rows = Array.from({ length: 9001 }, (_, i) => tuple(`k${i}`, i))
    const refused = async (tuples: readonly Buffer[]): Promise<unknown> => {
      await using open = await claim(writer, first)
      return await open.write([encoded(tuples)])
    }
    const rejected = (index: number) => ({ rejected: { part: 0, index, error: { code: 'row-rejected' } } })
    expect(await refused(rows)).toMatchObject(rejected(4321))
    expect(await refused(rows.toSpliced(4321, 1))).toMatchObject(rejected(8999))
    await commitRows(writer, first, rows.toSpliced(4321, 1).slice(0, -1))
    expect(await under.target.count(users.target, never)).toBe(9000)
  })

  it('bytes that are no tuples are a bug, not bad data', async () => {
    await using under = await postgresUnderTest()
    await using begun = await beginMigration(under.target, 'm', [plannedOf(users)])
    await using writer = await begun.openWriter()
    await using open = await claim(writer, first)
    const three = Buffer.concat([Buffer.from('0003', 'hex'), tuple('a', 1).subarray(2), Buffer.from('ffffffff', 'hex')])
    const error: unknown = await open.write([encoded([three])]).catch((failure: unknown) => failure)
    expect(error).toMatchObject({ code: 'unexpected' })
    expect(under.target.classify(error)).toBe('fatal')
  })

  it('a row count other than the batch’s breaks the law of conservation', async () => {
    await using under = await postgresUnderTest()
    await using begun = await beginMigration(under.target, 'm', [plannedOf(users)])
    await using writer = await begun.openWriter()
    await using open = await claim(writer, first)
    const two = encoded([Buffer.concat([tuple('a', 1), tuple('b', 2)])])
    await expect(open.write([two])).rejects.toMatchObject({ code: 'conservation-broken' })
    expect(await under.target.count(users.target, never)).toBe(0)
  })
})

describe('a table that somebody changes while it is copied', () => {
  it.each([
    ['drop table users'],
    ['alter table users drop column n'],
    ['alter table users rename column n to m'],
    ['drop table users; create view users as select 1 as _id, 2 as n'],
    ['drop schema public cascade'],
  ])('%s: is drift, and named', async (change) => {
    await using under = await postgresUnderTest()
    await using begun = await beginMigration(under.target, 'm', [plannedOf(users)])
    await using writer = await begun.openWriter()
    await commitRows(writer, first, [tuple('a', 1)])
    await under.sql(change)
    await using open = await claim(writer, batchId('users', 1, 1))
    const error: unknown = await open.write([encoded([tuple('b', 1)])]).catch((failure: unknown) => failure)
    const message = expect.stringContaining('table public.users was changed while it was copied')
    expect(error).toMatchObject({ code: 'schema-drift', message })
    expect(under.target.classify(error)).toBe('drift')
  })
})

describe('connections that break', () => {
  it('while idle: the next batch has a new one', async () => {
    await using under = await postgresUnderTest()
    await using begun = await beginMigration(under.target, 'm', [plannedOf(users)])
    await using writer = await begun.openWriter()
    expect(await under.kill(`pid not in (select pid from pg_locks where locktype = 'advisory')`)).toBeGreaterThan(0)
    const tries: unknown[] = []
    for (;;) {
      const committing = commitRows(writer, first, [tuple('a', 1)])
      const error: unknown = await committing.then(
        () => null,
        (failure: unknown) => failure,
      )
      if (error === null) break
      tries.push(error)
      expect(under.target.classify(error)).toBe('transient')
    }
    expect(tries.length).toBeLessThan(2)
    expect(await under.target.count(users.target, never)).toBe(1)
  })

  it('with a batch open: nothing is written, the fault is transient, and the batch can begin again', async () => {
    await using under = await postgresUnderTest()
    await using begun = await beginMigration(under.target, 'm', [plannedOf(users)])
    await using writer = await begun.openWriter()
    const open = await claim(writer, first)
    await open.write([encoded([tuple('a', 1)])])
    expect(await under.kill(`state = 'idle in transaction'`)).toBe(1)
    const error: unknown = await open.commit(allWritten(1), 1).catch((failure: unknown) => failure)
    expect(error).toMatchObject({ code: 'target-failed' })
    expect(under.target.classify(error)).toBe('transient')
    await open[Symbol.asyncDispose]()
    expect(await under.target.count(users.target, never)).toBe(0)
    await commitRows(writer, first, [tuple('b', 2)])
    expect(await under.sql('select _id from users')).toEqual([{ _id: 'b' }])
  })

  it('when the answer to COMMIT is lost, beginning again finds the batch committed', async () => {
    await using under = await postgresUnderTest()
    await using begun = await beginMigration(under.target, 'm', [plannedOf(users)])
    await using proxy = await lossyProxy(under.url)
    await using target = await openPostgresTarget(proxy.url, { ledgerSchema: 'drover' })
    const options = { migration: 'm' as MigrationId, epoch: begun.lease.epoch }
    await using writer = await target.openWriter(options, never)
    const open = await claim(writer, first)
    await open.write([encoded([tuple('a', 1)])])
    proxy.cutAnswerTo('commit')
    const error: unknown = await open.commit(allWritten(1), 7).catch((failure: unknown) => failure)
    expect(proxy.cuts).toBe(1)
    expect(target.classify(error)).toBe('unknown')
    expect(await writer.begin(first, users, never)).toEqual({ committed: allWritten(1) })
    expect(await under.target.count(users.target, never)).toBe(1)
    expect(await begun.ledger.entries(begun.id, 1)).toMatchObject([{ bytes: 7, counts: { written: 1 } }])
  })

  it('when COMMIT is lost on its way, beginning again takes the batch', async () => {
    await using under = await postgresUnderTest()
    await using begun = await beginMigration(under.target, 'm', [plannedOf(users)])
    await using proxy = await lossyProxy(under.url)
    await using target = await openPostgresTarget(proxy.url, { ledgerSchema: 'drover' })
    const options = { migration: 'm' as MigrationId, epoch: begun.lease.epoch }
    await using writer = await target.openWriter(options, never)
    const open = await claim(writer, first)
    await open.write([encoded([tuple('a', 1)])])
    proxy.cutInsteadOf('commit')
    const error: unknown = await open.commit(allWritten(1), 7).catch((failure: unknown) => failure)
    expect(proxy.cuts).toBe(1)
    expect(target.classify(error)).toBe('unknown')
    await commitRows(writer, first, [tuple('b', 1)])
    expect(await under.sql('select _id from users')).toEqual([{ _id: 'b' }])
  })

  it('when the answer to the claim is lost, beginning again takes the batch', async () => {
    await using under = await postgresUnderTest()
    await using begun = await beginMigration(under.target, 'm', [plannedOf(users)])
    await using proxy = await lossyProxy(under.url)
    await using target = await openPostgresTarget(proxy.url, { ledgerSchema: 'drover' })
    const options = { migration: 'm' as MigrationId, epoch: begun.lease.epoch }
    await using writer = await target.openWriter(options, never)
    proxy.cutAnswerTo('begin')
    const error: unknown = await writer.begin(first, users, never).catch((failure: unknown) => failure)
    expect(target.classify(error)).toBe('transient')
    await commitRows(writer, first, [tuple('a', 1)])
    expect(await under.target.count(users.target, never)).toBe(1)
  })

  it('a signal ends a COPY that waits', async () => {
    await using under = await postgresUnderTest()
    await using begun = await beginMigration(under.target, 'm', [plannedOf(users)])
    await using writer = await begun.openWriter()
    const controller = new AbortController()
    const opened = await writer.begin(first, users, controller.signal)
    if ('committed' in opened) throw new Error('committed already')
    await using kept = new AsyncDisposableStack()
    kept.use(await under.lock('users'))
    const writing = opened.write([encoded([tuple('a', 1)])])
    await under.untilSomebodyWaits()
    const reason = new Error('enough')
    controller.abort(reason)
    await expect(writing).rejects.toBe(reason)
  })
})

describe('a batch', () => {
  it('passes its failpoints in their order', async () => {
    await using under = await postgresUnderTest()
    await using begun = await beginMigration(under.target, 'm', [plannedOf(users)])
    await using writer = await begun.openWriter()
    const reached: string[] = []
    armFailpoints(async (name) => void reached.push(name))
    try {
      await using open = await claim(writer, first)
      await open.write([encoded([tuple('a', 1)])], { trial: true })
      await open.write([encoded([tuple('a', 1)])])
      await open.bury([])
      await open.commit(allWritten(1), 1)
    } finally {
      armFailpoints(async () => undefined)
    }
    expect(reached).toEqual([
      'chunk.claimed',
      'copy.mid_stream',
      'copy.mid_stream',
      'copy.done_before_ledger',
      'dlq.insert',
      'ledger.before_commit',
      'commit.sent',
    ])
  })
})

describe('the sessions of writers', () => {
  it('hold the lock by which a later run finds them, and do not exclude each other', async () => {
    await using under = await postgresUnderTest()
    await using begun = await beginMigration(under.target, 'm', [plannedOf(users)])
    const held = `select count(*)::integer as held from pg_locks
      where locktype = 'advisory' and mode = 'ShareLock' and granted
        and database = (select oid from pg_database where datname = current_database())
        and ((classid::bigint << 32) | objid::bigint) = hashtextextended('drover:worker:m', 0)`
    const one = await begun.openWriter()
    await using two = await begun.openWriter()
    expect(await under.sql(held)).toEqual([{ held: 2 }])
    // A session that replaces a lost one has it too.
    expect(
      await under.kill(`pid in (select pid from pg_locks where locktype = 'advisory' and mode = 'ShareLock')`),
    ).toBe(2)
    const tries = [await commitRows(two, first, [tuple('a', 1)]).catch(() => null)]
    if (tries[0] === null) await commitRows(two, first, [tuple('a', 1)])
    expect(await under.sql(held)).toEqual([{ held: 1 }])
    await one[Symbol.asyncDispose]()
  })
})

describe('what a session is set to', () => {
  it('does not depend on the role', async () => {
    await using under = await postgresUnderTest()
    const [role] = await under.sql('select current_database() as database')
    const database = String(role?.['database'])
    for (const setting of [
      `timezone = 'Asia/Kathmandu'`,
      `datestyle = 'SQL, DMY'`,
      `synchronous_commit = off`,
      `search_path = 'nowhere'`,
      `default_transaction_isolation = 'serializable'`,
      `client_encoding = 'LATIN1'`,
    ]) {
      await under.sql(`alter database "${database}" set ${setting}`)
    }
    const name = 'naïve ☃'
    const plan = planOf(name)
    await using begun = await beginMigration(under.target, 'm', [plannedOf(plan)])
    await using writer = await begun.openWriter()
    await commitRows(writer, batchId(name, 1, 0), [tuple('☃', 1)])
    expect(await under.sql(`select * from public."${name}"`)).toEqual([{ _id: '☃', n: 1 }])
    expect(await under.target.count(plan.target, never)).toBe(1)
  })

  it('keeps every commit durable, in its own words', async () => {
    await using under = await postgresUnderTest()
    const [row] = await under.sql('select current_database() as database')
    await under.sql(`alter database "${String(row?.['database'])}" set synchronous_commit = off`)
    await under.sql(`alter database "${String(row?.['database'])}" set statement_timeout = '1min'`)
    await under.sql(`alter database "${String(row?.['database'])}" set default_transaction_isolation = serializable`)
    await under.sql(`create function public.told() returns trigger language plpgsql as
      $$ begin new._id := concat_ws(' ', current_setting('synchronous_commit'), current_setting('application_name'),
        current_setting('timezone'), current_setting('statement_timeout'), current_setting('client_connection_check_interval'),
        current_setting('transaction_isolation')); return new; end $$`)
    await under.sql('create table users (_id text, n integer)')
    await under.sql('create trigger told before insert on users for each row execute function public.told()')
    await using begun = await beginMigration(under.target, 'm', [plannedOf(users, 'append')])
    await using writer = await begun.openWriter()
    await commitRows(writer, first, [tuple('a', 1)])
    expect(await under.sql('select _id from users')).toEqual([{ _id: 'on drover UTC 0 500ms read committed' }])
  })
})
