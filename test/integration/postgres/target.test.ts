import pg from 'pg'
import { describe, expect, it } from 'vitest'
import { openPostgresTarget } from '../../../src/connectors/postgres/connect.ts'
import type { MigrationId } from '../../../src/connectors/contract.ts'
import type { LogicalType } from '../../../src/core/logical-type.ts'
import { scalarTypes } from '../../../src/core/logical-type.ts'
import {
  batchId,
  beginMigration,
  commitRows,
  never,
  plannedOf,
  planOf,
  recordOf,
  tuple,
} from '../../support/migration.ts'
import { postgresUnderTest, type PostgresUnderTest } from './postgres-under-test.ts'

const users = planOf('users')

async function failure(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => null,
    (error: unknown) => error,
  )
}

describe('modes', () => {
  const begin = (under: PostgresUnderTest, ...planned: Parameters<typeof recordOf>[1][number][]) =>
    beginMigration(under.target, 'm', planned)

  it('create takes an empty table as it is', async () => {
    await using under = await postgresUnderTest()
    await under.sql(`create table users (n integer, _id varchar, note text default 'kept')`)
    await using begun = await begin(under, plannedOf(users, 'create', { exists: true }))
    await using writer = await begun.openWriter()
    await commitRows(writer, batchId('users', 1, 0), [tuple('a', 1)])
    expect(await under.sql('select * from users')).toEqual([{ n: 1, _id: 'a', note: 'kept' }])
  })

  it.each([
    ['holds rows', 'create table users (_id text, n integer); insert into users values (null, 1)', true],
    ['has appeared since', 'create table users (_id text, n integer)', false],
  ])('create refuses a table that %s', async (_, sql, exists) => {
    await using under = await postgresUnderTest()
    await under.sql(sql)
    const error = await failure(begin(under, plannedOf(users, 'create', { exists })))
    expect(error).toMatchObject({ code: 'target-not-empty' })
  })

  it.each(['create view users as select 1 as n', 'create sequence users'])(
    'refuses what is not a table: %s',
    async (sql) => {
      await using under = await postgresUnderTest()
      await under.sql(sql)
      expect(await failure(begin(under, plannedOf(users)))).toMatchObject({ code: 'target-incompatible' })
    },
  )

  it('append keeps the rows, and needs the table that was planned with', async () => {
    await using under = await postgresUnderTest()
    const planned = plannedOf(users, 'append', { exists: true })
    expect(await failure(begin(under, planned))).toMatchObject({ code: 'target-missing' })
    await under.sql(`create table users (_id text, n integer)`)
    await under.sql(`insert into users values ('kept', 0)`)
    await using begun = await begin(under, planned)
    await using writer = await begun.openWriter()
    await commitRows(writer, batchId('users', 1, 0), [tuple('a', 1)])
    expect(await under.sql('select _id from users order by n')).toEqual([{ _id: 'kept' }, { _id: 'a' }])
  })

  it('truncate keeps the table and removes the rows; a foreign key to it forbids that', async () => {
    await using under = await postgresUnderTest()
    await under.sql(`create table users (_id text primary key, n integer, note text)`)
    await under.sql(`insert into users values ('gone', 0)`)
    {
      await using _ = await begin(under, plannedOf(users, 'truncate', { exists: true }))
      expect(await under.target.count(users.target, never)).toBe(0)
      expect((await under.target.existing([users.target], never))[0]?.columns).toHaveLength(3)
    }
    await under.sql(`create table orders (of text references users)`)
    const error = await failure(beginMigration(under.target, 'm2', [plannedOf(users, 'truncate', { exists: true })]))
    expect(error).toMatchObject({ code: 'target-in-use', message: expect.stringContaining('users') })
  })

  it('recreate drops the table, but nothing that depends on it', async () => {
    await using under = await postgresUnderTest()
    await under.sql(`create table users (other text)`)
    await under.sql(`create view adults as select other from users`)
    const planned = plannedOf(users, 'recreate')
    expect(await failure(begin(under, planned))).toMatchObject({ code: 'target-in-use' })
    expect((await under.target.existing([users.target], never))[0]?.dependents).toEqual(['public.adults'])
    await under.sql('drop view adults')
    await using _ = await begin(under, planned)
    expect((await under.target.existing([users.target], never))[0]?.columns.map(({ name }) => name)).toEqual([
      '_id',
      'n',
    ])
  })

  it('recreate supersedes the unfinished migration of the table and fences its workers', async () => {
    await using under = await postgresUnderTest()
    await using old = await beginMigration(under.target, 'old', [plannedOf(users), plannedOf(planOf('others'))])
    await using writer = await old.openWriter()
    await commitRows(writer, batchId('users', 1, 0), [tuple('old', 1)])
    await old.lease[Symbol.asyncDispose]()
    await using _ = await beginMigration(under.target, 'new', [plannedOf(users, 'recreate')])
    expect(await under.target.count(users.target, never)).toBe(0)
    for (const [table, partition] of [
      ['users', 1],
      ['others', 2],
    ] as const) {
      const late = commitRows(writer, batchId(table, partition, 1), [tuple('late', 1)])
      expect(await failure(late)).toMatchObject({ code: 'lease-lost' })
    }
    expect(await old.ledger.unfinished([users.target])).toMatchObject([{ id: 'new' }])
  })

  it('creates the schema of the tables, whatever it is called', async () => {
    await using under = await postgresUnderTest()
    const name = `we"ird ☃ select`
    const column = `"; drop table x;--`
    const plan = planOf(name, {
      target: { schema: `My "Schema"`, name },
      columns: [
        { field: 'a', name: column, type: 'text', cast: false },
        { field: 'b', name: 'user', type: 'int32', cast: false },
      ],
      key: [column, 'user'],
    })
    await using begun = await begin(under, plannedOf(plan))
    await using writer = await begun.openWriter()
    await commitRows(writer, batchId(name, 1, 0), [tuple('x', 1)])
    await under.target.finish(plan, { buildKey: true }, never)
    expect(await under.target.count(plan.target, never)).toBe(1)
    expect(await under.target.existing([plan.target], never)).toMatchObject([{ key: [column, 'user'], empty: false }])
    const [table] = await under.target.existing([plan.target], never)
    expect(table?.columns.map(({ name: found }) => found)).toEqual([column, 'user'])
  })

  it('a kill in the middle leaves nothing', async () => {
    await using under = await postgresUnderTest()
    await under.sql('create table last (_id text, n integer)')
    const record = [plannedOf(users), plannedOf(planOf('last'), 'truncate', { exists: true })]
    {
      await using _ = await under.lock('last')
      const beginning = failure(begin(under, ...record))
      await under.untilSomebodyWaits()
      expect(await under.kill(`wait_event_type = 'Lock'`)).toBe(1)
      expect(under.target.classify(await beginning)).toBe('transient')
    }
    expect(await under.target.existing([users.target], never)).toEqual([])
    expect(await under.sql(`select to_regnamespace('drover') as ledger`)).toEqual([{ ledger: null }])
    await using begun = await begin(under, ...record)
    expect(begun.partitions).toHaveLength(2)
  })

  it('a lease that was lost cannot begin', async () => {
    await using under = await postgresUnderTest()
    await using ledger = await under.target.openLedger(never)
    await using lease = await ledger.lease('m' as MigrationId, [users.target], never)
    const lost = new Promise((resolve) => lease.lost.addEventListener('abort', resolve))
    await under.killLeases()
    await lost
    const beginning = ledger.begin(recordOf('m' as MigrationId, [plannedOf(users)]), lease, never)
    expect(await failure(beginning)).toMatchObject({ code: 'lease-lost' })
    expect(await under.target.existing([users.target], never)).toEqual([])
  })
})

describe('existing tables', () => {
  it('take back every type drover creates, and nothing that would change a value', async () => {
    await using under = await postgresUnderTest()
    const types: readonly LogicalType[] = [
      ...scalarTypes,
      ...scalarTypes.map((type): LogicalType => `${type}[]`),
      'json',
    ]
    const plan = planOf('all', {
      columns: types.map((type) => ({ field: type, name: type, type, cast: false })),
      key: [],
    })
    await using _ = await beginMigration(under.target, 'm', [plannedOf(plan)])
    const [table] = await under.target.existing([plan.target], never)
    for (const type of types) {
      expect(table?.columns.find(({ name }) => name === type)?.accepts, type).toContain(type)
    }
    await under.sql(`create domain word as text; create table other (a varchar(3), b numeric(10,2), c timestamp, d json,
      e char(3), f word, g varchar[], h int not null, i int not null default 1, j int generated always as identity,
      k int generated always as (h * 2) stored, l smallint, m real, n timestamptz(0))`)
    const [other] = await under.target.existing([{ schema: 'public', name: 'other' }], never)
    const takes = other?.columns.filter(({ accepts }) => accepts.length > 0).map(({ name }) => name)
    expect(takes).toEqual(['h', 'i', 'j'])
    expect(other?.columns.filter(({ required }) => required).map(({ name }) => name)).toEqual(['h'])
    expect(other?.columns.filter(({ generated }) => generated).map(({ name }) => name)).toEqual(['k'])
    expect(other?.columns.find(({ name }) => name === 'b')?.nativeType).toBe('numeric(10,2)')
  })

  it('varchar(n) is not among them, because it cuts spaces without a word', async () => {
    await using under = await postgresUnderTest()
    await under.sql('create table users (_id varchar(3), n integer)')
    await using begun = await beginMigration(under.target, 'm', [plannedOf(users, 'append')])
    await using writer = await begun.openWriter()
    await commitRows(writer, batchId('users', 1, 0), [tuple('abc   ', 1)])
    expect(await under.sql('select _id from users')).toEqual([{ _id: 'abc' }])
  })
})

describe('the primary key', () => {
  it.each([
    ['a key without a value', `values (null, 1)`, '_id'],
    [
      'a key that is too long for an index',
      `select string_agg(md5(i::text), ''), 1 from generate_series(1, 300) i`,
      'too long',
    ],
  ])('%s is told', async (_, rows, word) => {
    await using under = await postgresUnderTest()
    await under.sql('create table users (_id text, n integer)')
    await under.sql(`insert into users ${rows}`)
    const error = await failure(under.target.finish(users, { buildKey: true }, never))
    const hint = expect.stringContaining('--no-primary-key')
    expect(error).toMatchObject({ code: 'key-violation', message: expect.stringContaining(word), hint })
    expect(await under.target.count(users.target, never)).toBe(1)
  })

  it('another key than the planned one is refused', async () => {
    await using under = await postgresUnderTest()
    await under.sql('create table users (_id text, n integer primary key)')
    const error = await failure(under.target.finish(users, { buildKey: true }, never))
    expect(error).toMatchObject({ code: 'target-incompatible', message: expect.stringContaining('(n)') })
  })
})

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
      ...{ name, url: url.href },
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

  it('a table that may not be read is a missing right', async () => {
    await using under = await postgresUnderTest()
    await using role = await withRole(under, '')
    await under.sql('create table users (_id text)')
    await using target = await openPostgresTarget(role.url, { ledgerSchema: 'drover' })
    expect(await failure(target.count(users.target, never))).toMatchObject({ code: 'missing-right' })
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
