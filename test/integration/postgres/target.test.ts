import { describe, expect, it } from 'vitest'
import type { MigrationId } from '../../../src/connectors/ledger-contract.ts'
import type { LogicalType } from '../../../src/core/logical-type.ts'
import { scalarTypes } from '../../../src/core/logical-type.ts'
import {
  atOnce,
  batchId,
  beginMigration,
  commitRows,
  never,
  plannedOf,
  planOf,
  recordOf,
  tuple,
} from '../../support/migration.ts'
import { failure, postgresUnderTest, type PostgresUnderTest } from './postgres-under-test.ts'

const users = planOf('users')

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
      await using kept = new AsyncDisposableStack()
      kept.use(await begin(under, plannedOf(users, 'truncate', { exists: true })))
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
    await using kept = new AsyncDisposableStack()
    kept.use(await begin(under, planned))
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
    await using kept = new AsyncDisposableStack()
    kept.use(await beginMigration(under.target, 'new', [plannedOf(users, 'recreate')]))
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
    await commitRows(writer, batchId(name, 1, 0), [tuple('x', 1)], plan)
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
      await using kept = new AsyncDisposableStack()
      kept.use(await under.lock('last'))
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
    await using lease = await ledger.lease('m' as MigrationId, [users.target], atOnce, never)
    const lost = new Promise((resolve) => lease.lost.addEventListener('abort', resolve))
    const taking = { waitMs: 0, takeOver: true }
    await using _ = await ledger.lease('m2' as MigrationId, [users.target], taking, never)
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
    await using kept = new AsyncDisposableStack()
    kept.use(await beginMigration(under.target, 'm', [plannedOf(plan)]))
    const [table] = await under.target.existing([plan.target], never)
    for (const type of types) {
      expect(table?.columns.find(({ name }) => name === type)?.accepts, type).toContain(type)
    }
    await under.sql(`create domain word as text; create table other (a varchar(3), b numeric(10,2), c timestamp, d json,
      e char(3), f word, g varchar[], h int not null, i int not null default 1, j int generated always as identity,
      k int generated always as (h * 2) stored, l smallint, m real, n timestamptz(0))`)
    const [other] = await under.target.existing([{ schema: 'public', name: 'other' }], never)
    const takes = other?.columns.filter(({ accepts }) => accepts.length > 0).map(({ name }) => name)
    expect(takes).toEqual(['a', 'f', 'h', 'i', 'j'])
    expect(other?.columns.filter(({ required }) => required).map(({ name }) => name)).toEqual(['h'])
    expect(other?.columns.filter(({ generated }) => generated).map(({ name }) => name)).toEqual(['k'])
    expect(other?.columns.find(({ name }) => name === 'b')?.nativeType).toBe('numeric(10,2)')
  })

  it('say what they take as text, by the names of types that do not depend on a search path', async () => {
    await using under = await postgresUnderTest()
    await under.sql(`create schema "Odd one"; create type "Odd one".mood as enum ('sad'); create type mood as enum ('ok');
      create domain word as varchar(3) not null; create domain words as word; create domain price as numeric(6,2);
      create type pair as (a numeric(3,1)); create table other (
        a smallint, b integer, c bigint, d real, e numeric(10,2), f numeric, g char(3), h varchar(3), i timestamp(3),
        j timestamptz, k timestamptz(0), l json, m jsonb, n inet, o interval, p interval(0), q money, r point, s name,
        t mood, u "Odd one".mood, v mood[], w words, x price, y pair, z smallint[], aa numeric(3,1)[], bb varchar(3)[],
        cc time, dd oid, ee int2vector, ff xml, gg int generated always as (1) stored, hh word,
        ii word default 'a', jj date);
      create function note() returns trigger language plpgsql as 'begin return new; end';
      create trigger b before insert on other for each row execute function note();
      create trigger a after insert or delete on other for each statement execute function note();
      create trigger c before update on other for each row execute function note();
      create trigger d before insert on other for each row execute function note();
      alter table other disable trigger d`)
    const [other] = await under.target.existing([{ schema: 'public', name: 'other' }], never)
    const taken = other?.columns.map(({ nativeType, accepts, acceptsText }) => {
      return `${nativeType}: ${[...accepts, ...acceptsText.map((type) => `(${type})`)].join(' ')}`
    })
    expect(taken).toEqual([
      'smallint: (int32)',
      'integer: int32',
      'bigint: int64',
      'real: (float64)',
      'numeric(10,2): (decimal)',
      'numeric: decimal',
      'character(3): (text)',
      'character varying(3): text',
      'timestamp(3) without time zone: (timestamp)',
      'timestamp with time zone: timestamp',
      'timestamp(0) with time zone: (timestamp)',
      'json: (json)',
      'jsonb: json',
      'inet: (text)',
      'interval: (text)',
      'interval(0): ',
      'money: ',
      'point: ',
      'name: (text)',
      'public.mood: (text)',
      '"Odd one".mood: (text)',
      'public.mood[]: (text[])',
      'public.words: text',
      'public.price: ',
      'public.pair: ',
      'smallint[]: (int32[])',
      'numeric(3,1)[]: (decimal[])',
      'character varying(3)[]: (text[])',
      'time without time zone: ',
      'oid: ',
      'int2vector: ',
      'xml: (text)',
      'integer: ',
      'public.word: text',
      'public.word: text',
      'date: date (timestamp)',
    ])
    const named = (name: string) => other?.columns.find((column) => column.name === name)
    expect([named('g')?.maxCharacters, named('w')?.maxCharacters, named('e')?.maxCharacters]).toEqual([3, 3, null])
    expect(other?.columns.filter(({ required }) => required).map(({ name }) => name)).toEqual(['hh'])
    expect(other?.triggers).toEqual([
      { name: 'a', insert: true, update: false },
      { name: 'b', insert: true, update: false },
      { name: 'c', insert: false, update: true },
    ])
  })

  it('text columns of bounded length say how long, because the server cuts trailing spaces without a word', async () => {
    await using under = await postgresUnderTest()
    await under.sql('create table users (_id varchar(3), n integer)')
    const [table] = await under.target.existing([users.target], never)
    expect(table?.columns[0]).toMatchObject({ accepts: ['text'], maxCharacters: 3 })
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
