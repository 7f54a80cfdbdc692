import pg from 'pg'
import { describe, expect, it } from 'vitest'
import { openPostgresTarget } from '../../../src/connectors/postgres/connect.ts'
import { toErrorShape } from '../../../src/core/errors.ts'
import { batchId, beginMigration, commitRows, never, plannedOf, planOf, tuple } from '../../support/migration.ts'
import { failure, postgresUnderTest, type PostgresUnderTest } from './postgres-under-test.ts'

const users = planOf('users')

describe('who cannot get in', () => {
  const secret = 'canary-5ecret'
  const told = (error: unknown): string =>
    error instanceof Error ? JSON.stringify([error.message, error.stack, Object.entries(error), told(error.cause)]) : ''

  it('a wrong password, an unknown database and a dead port are told apart, without the password', async () => {
    await using under = await postgresUnderTest()
    const cases = [
      ['target-login-refused', (url: URL) => url],
      ['target-login-refused', (url: URL) => Object.assign(url, { username: 'nobody' })],
      ['target-unreachable', (url: URL) => Object.assign(url, { port: '1' })],
      ['target-unreachable', (url: URL) => Object.assign(url, { hostname: 'none.invalid' })],
    ] as const
    for (const [code, change] of cases) {
      const url = new URL(under.url)
      url.password = secret
      await using target = await openPostgresTarget(change(url).href, { ledgerSchema: 'drover' })
      const error = await failure(target.check(['public'], never))
      expect(error).toMatchObject({ code, hint: expect.any(String) })
      expect(told(error)).not.toContain(secret)
    }
    const url = new URL(under.url)
    url.pathname = '/not there'
    await using target = await openPostgresTarget(url.href, { ledgerSchema: 'drover' })
    const error = await failure(target.check(['public'], never))
    expect(error).toMatchObject({ code: 'target-login-refused', hint: expect.stringContaining('createdb "not there"') })
  })

  it.each(['prefer', 'allow'])('sslmode=%s connects, encrypted or not', async (mode) => {
    await using under = await postgresUnderTest()
    const url = new URL(under.url)
    url.searchParams.set('sslmode', mode)
    await using target = await openPostgresTarget(url.href, { ledgerSchema: 'drover' })
    expect(await target.check([], never)).toEqual([])
  })

  it('sslmode=require does without encryption never', async () => {
    await using under = await postgresUnderTest()
    const url = new URL(under.url)
    url.searchParams.set('sslmode', 'require')
    await using target = await openPostgresTarget(url.href, { ledgerSchema: 'drover' })
    const [row] = await under.sql('show ssl')
    const outcome = await target.check([], never).catch((error: unknown) => toErrorShape(error).code)
    expect(outcome).toEqual(row?.['ssl'] === 'on' ? [] : 'target-unreachable')
  })

  it('a password may come from the environment; none is told', async () => {
    await using under = await postgresUnderTest()
    const url = new URL(under.url)
    const password = decodeURIComponent(url.password)
    url.password = ''
    {
      const environment = { PGPASSWORD: password }
      await using target = await openPostgresTarget(url.href, { ledgerSchema: 'drover', environment })
      expect(await target.check([], never)).toEqual([])
    }
    await using target = await openPostgresTarget(url.href, { ledgerSchema: 'drover', environment: {} })
    const error = await failure(target.check([], never))
    expect(error).toMatchObject({ code: 'target-login-refused', hint: expect.stringContaining('PGPASSWORD') })
  })
})

describe('rights and limits', () => {
  /** A role that exists for one test; roles belong to the whole server. */
  async function withRole(
    under: PostgresUnderTest,
    options: string,
  ): Promise<{ name: string; url: string } & AsyncDisposable> {
    const name = `drover_${crypto.randomUUID().replaceAll('-', '')}`
    await under.sql(`create role ${name} login password 'pw' ${options}`)
    const url = new URL(under.url)
    url.username = name
    url.password = 'pw'
    return {
      name,
      url: url.href,
      [Symbol.asyncDispose]: async () => {
        await under.sql(`drop owned by ${name}`)
        await under.sql(`drop role ${name}`)
      },
    }
  }

  it('a missing right is found before anything is written', async () => {
    await using under = await postgresUnderTest()
    await using role = await withRole(under, '')
    await using target = await openPostgresTarget(role.url, { ledgerSchema: 'drover' })
    await under.sql('revoke create on schema public from public')
    const messages = (await target.check(['public'], never)).map(({ level, error }) => [
      level,
      error.code,
      error.message,
    ])
    expect(messages).toEqual([
      ['error', 'missing-right', 'the right to create tables in schema public is missing'],
      ['error', 'missing-right', 'schema drover does not exist, and the right to create it is missing'],
    ])
    await under.sql(`grant create, usage on schema public to ${role.name}`)
    await under.sql('create schema drover')
    await under.sql(`grant create, usage on schema drover to ${role.name}`)
    expect(await target.check(['public'], never)).toEqual([])
    // Nothing further is needed than what was asked for.
    await using begun = await beginMigration(target, 'm', [plannedOf(users)])
    await using writer = await begun.openWriter()
    await commitRows(writer, batchId('users', 1, 0), [tuple('a', 1)])
    await target.finish(users, { buildKey: true }, never)
    expect(await target.count(users.target, never)).toBe(1)
  })

  it('D-PG-14: a table that may not be read, or not all of it for a policy, is a missing right', async () => {
    await using under = await postgresUnderTest()
    await using role = await withRole(under, '')
    await under.sql('create table users (_id text)')
    await using target = await openPostgresTarget(role.url, { ledgerSchema: 'drover' })
    expect(await failure(target.count(users.target, never))).toMatchObject({ code: 'missing-right' })
    await under.sql(`grant select, insert on users to ${role.name}; alter table users enable row level security`)
    expect(await failure(target.existing([users.target], never))).toMatchObject({
      code: 'missing-right',
      message: expect.stringContaining('row-level security'),
    })
  })

  it('a server that takes no writes is told', async () => {
    await using under = await postgresUnderTest()
    await using role = await withRole(under, '')
    await under.sql(`alter role ${role.name} set default_transaction_read_only = on`)
    await using target = await openPostgresTarget(role.url, { ledgerSchema: 'drover' })
    const [finding] = await target.check([], never)
    expect(finding).toMatchObject({ level: 'error', error: { code: 'missing-right' } })
  })

  it('counts connections within the tightest limit', async () => {
    await using under = await postgresUnderTest()
    await using role = await withRole(under, 'connection limit 3')
    await using target = await openPostgresTarget(role.url, { ledgerSchema: 'drover' })
    expect(await target.connections(never)).toEqual({ limit: 3, inUse: 1, free: 2 })
    const others = [new pg.Client({ connectionString: role.url }), new pg.Client({ connectionString: role.url })]
    try {
      for (const other of others) await other.connect()
      expect(await target.connections(never)).toEqual({ limit: 3, inUse: 3, free: 0 })
      await using second = await openPostgresTarget(role.url, { ledgerSchema: 'drover' })
      const error = await failure(second.connections(never))
      expect(error).toMatchObject({
        code: 'target-unreachable',
        message: expect.stringContaining('too many connections'),
      })
      expect(second.classify(error)).toBe('transient')
    } finally {
      for (const other of others) await other.end()
    }
    const [row] = await under.sql('select current_database() as name')
    await under.sql(`alter role ${role.name} connection limit -1`)
    await under.sql(`alter database "${String(row?.['name'])}" connection limit 7`)
    expect(await target.connections(never)).toMatchObject({ limit: 7 })
    await under.sql(`alter database "${String(row?.['name'])}" connection limit -1`)
    const [server] = await under.sql(
      `select current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
         - current_setting('reserved_connections')::int as limit`,
    )
    expect(await target.connections(never)).toMatchObject({ limit: server?.['limit'] })
  })

  it('a ledger of a newer drover is refused', async () => {
    await using under = await postgresUnderTest()
    await using begun = await beginMigration(under.target, 'm', [plannedOf(users)])
    await under.sql('update drover.version set number = 99')
    expect(await failure(begun.ledger.unfinished([users.target]))).toMatchObject({ code: 'unsupported-version' })
  })

  it('two first migrations at once make one ledger', async () => {
    await using under = await postgresUnderTest()
    const both = [
      beginMigration(under.target, 'a', [plannedOf(users)]),
      beginMigration(under.target, 'b', [plannedOf(planOf('b'))]),
    ]
    for (const begun of await Promise.all(both)) await begun[Symbol.asyncDispose]()
    expect(await under.sql('select id from drover.migration order by id')).toEqual([{ id: 'a' }, { id: 'b' }])
  })
})
