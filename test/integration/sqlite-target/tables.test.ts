import { describe, expect, it } from 'vitest'
import type { IndexPlan } from '../../../src/core/index-plan.ts'
import type { TablePlan } from '../../../src/core/plan.ts'
import { batchId, beginMigration, never, plannedOf, planOf } from '../../support/migration.ts'
import { copy, encoded, nested, orders, tuple, users } from './copying.ts'
import { sqliteUnderTest } from './sqlite-under-test.ts'

describe('merging', () => {
  it('skips rows that are there, with their children', async () => {
    await using under = await sqliteUnderTest()
    const skip: TablePlan = { ...orders, onConflict: 'skip' }
    await copy(under, 'm1', plannedOf(skip), nested([['a', 1, 1]]))
    const counts = await copy(
      under,
      'm2',
      plannedOf(skip, 'append'),
      nested([
        ['a', 5, 2],
        ['b', 2, 1],
        ['b', 3, 3],
      ]),
    )
    expect(counts).toMatchObject({ read: 3, written: 1, skipped: 2, derived: 1 })
    expect(under.sql('select * from orders order by 1')).toEqual([
      { _id: 'a', n: 1 },
      { _id: 'b', n: 2 },
    ])
    expect(under.sql('select name from items order by 1')).toEqual([{ name: 'a0' }, { name: 'b0' }])
  })

  it('updates rows that are there, whose children are then those that came last', async () => {
    await using under = await sqliteUnderTest()
    const update: TablePlan = { ...orders, onConflict: 'update' }
    await copy(
      under,
      'm1',
      plannedOf(update, 'upsert'),
      nested([
        ['a', 1, 3],
        ['c', 1, 1],
      ]),
    )
    const planned = plannedOf(update, 'upsert', { exists: true })
    const counts = await copy(
      under,
      'm2',
      planned,
      nested([
        ['a', 5, 2],
        ['b', 2, 1],
        ['a', 6, 1],
      ]),
    )
    expect(counts).toMatchObject({ read: 3, written: 2, skipped: 1 })
    expect(under.sql('select n from orders order by _id')).toEqual([{ n: 6 }, { n: 2 }, { n: 1 }])
    expect(under.sql('select name from items order by 1')).toEqual([{ name: 'a0' }, { name: 'b0' }, { name: 'c0' }])
  })

  it('needs a key that something makes unique, and a value in it', async () => {
    await using under = await sqliteUnderTest()
    under.exec('create table users (_id text, n integer)')
    const skip: TablePlan = { ...users, onConflict: 'skip' }
    const keyless = copy(under, 'm', plannedOf(skip, 'append'), nested([['a', 1, 0]]).slice(0, 1))
    await expect(keyless).rejects.toMatchObject({ code: 'target-incompatible' })
    under.exec('create unique index users_id on users (_id)')
    await using begun = await beginMigration(under.target, 'm2', [plannedOf(skip, 'append')])
    await using writer = await begun.openWriter()
    const open = await writer.begin(batchId('users', 1, 0), skip, never)
    if ('committed' in open) throw new Error('committed already')
    const answer = await open.write([encoded([tuple('a', 1), tuple(null, 2)])])
    expect(answer).toMatchObject({ rejected: { index: 1 } })
  })
})

describe('tables that are there', () => {
  it('say what they take, by their types', async () => {
    await using under = await sqliteUnderTest()
    under.exec(`
      create table users (a int, b varchar(9) not null, c numeric, d "double precision" not null default 1, e, f datetime,
        g integer generated always as (a + 1));
      create view names as select b from users;
      create table refers (id integer primary key, a references users (a));
      create trigger watch after insert on users begin select 1; end;
      create trigger change before update of c on users begin select 1; end`)
    const [table] = await under.target.existing([users.target], never)
    const [view] = await under.target.existing([{ schema: 'main', name: 'NAMES' }], never)
    expect(table).toMatchObject({ kind: 'table', empty: true, dependents: ['refers', 'names'] })
    expect(table?.triggers).toEqual([
      { name: 'change', insert: false, update: true },
      { name: 'watch', insert: true, update: false },
    ])
    expect(table?.columns.map(({ name, accepts, required }) => [name, accepts[0], required])).toEqual([
      ['a', 'int64', false],
      ['b', 'text', true],
      ['c', 'int64', false],
      ['d', 'float64', false],
      ['e', 'text', false],
      ['f', 'timestamp', false],
      ['g', undefined, false],
    ])
    expect(view?.kind).toBe('other')
  })

  it('and leave rows out are found out, as is a trigger that rolls back', async () => {
    await using under = await sqliteUnderTest()
    under.exec(`create table users (_id text, n integer);
      create trigger ignoring before insert on users when new.n = 7 begin select raise(ignore); end;
      create trigger ending before insert on users when new.n = 8 begin select raise(rollback, 'no 8'); end;
      create trigger refusing before insert on users when new.n = 9 begin select raise(abort, 'no 9'); end`)
    await using begun = await beginMigration(under.target, 'm', [plannedOf(users, 'append')])
    await using writer = await begun.openWriter()
    const writing = async (n: number): Promise<unknown> => {
      const open = await writer.begin(batchId('users', 1, 0), users, never)
      if ('committed' in open) throw new Error('committed already')
      return open.write([encoded([tuple('a', 1), tuple('b', n)])])
    }
    await expect(writing(7)).rejects.toMatchObject({ code: 'conservation-broken' })
    await expect(writing(8)).rejects.toMatchObject({ code: 'row-rejected', hint: expect.stringContaining('ABORT') })
    const message = expect.stringContaining('no 9') as string
    expect(await writing(9)).toMatchObject({ rejected: { index: 1, error: { message } } })
    expect(await under.target.count(users.target, never)).toBe(0)
  })

  it('are known by names that differ in case', async () => {
    await using under = await sqliteUnderTest()
    under.exec('create table "Users" (x)')
    await expect(beginMigration(under.target, 'm', [plannedOf(users)])).rejects.toMatchObject({
      code: 'target-not-empty',
    })
    const alike = planOf('alike', { columns: [...users.columns, { field: 'N', name: 'N', type: 'text', cast: false }] })
    await expect(beginMigration(under.target, 'm', [plannedOf(alike)])).rejects.toMatchObject({
      code: 'name-collision',
    })
    const twice = [
      plannedOf(planOf('twice')),
      plannedOf(planOf('other', { target: { schema: 'main', name: 'Twice' } })),
    ]
    await expect(beginMigration(under.target, 'm', twice)).rejects.toMatchObject({ code: 'name-collision' })
  })
})

describe('finishing', () => {
  const index: IndexPlan = {
    name: 'users_n',
    source: 'n_1',
    target: users.target,
    unique: true,
    nullsNotDistinct: false,
    method: 'btree',
    parts: [{ column: 'n', type: 'int32', path: [], as: 'text', descending: false }],
    where: [{ column: 'n', type: 'int32', path: [], operator: '>', value: 0 }],
  }

  it('builds indexes once, and lists what violates them', async () => {
    await using under = await sqliteUnderTest()
    await copy(under, 'm', plannedOf(users), [encoded([tuple('a', 5), tuple('b', 5), tuple('c', 0), tuple('d', 0)])])
    await expect(under.target.buildIndex(index, never)).rejects.toMatchObject({
      code: 'key-violation',
      message: expect.stringContaining('"5" in 2 rows'),
    })
    under.exec(`update users set n = 6 where _id = 'b'`)
    for (let time = 0; time < 2; time++) await under.target.buildIndex(index, never)
    const other = under.target.buildIndex({ ...index, unique: false }, never)
    await expect(other).rejects.toMatchObject({ code: 'target-incompatible' })
  })

  it('looks at references, which the table was made with', async () => {
    await using under = await sqliteUnderTest()
    const reference = {
      name: 'users_group_fkey',
      target: users.target,
      columns: ['_id'],
      references: planOf('groups').target,
      referencedColumns: ['_id'],
    }
    const planned = plannedOf(users, 'create', { references: [reference] })
    await copy(under, 'm1', plannedOf(planOf('groups')), [encoded([tuple('a', 1)])])
    await copy(under, 'm2', planned, [encoded([tuple('a', 1), tuple('lonely', 1)])])
    await expect(under.target.addForeignKey(reference, never)).rejects.toMatchObject({
      code: 'key-violation',
      message: expect.stringContaining('"lonely" in 1 row'),
    })
    under.exec(`delete from users where _id = 'lonely'`)
    await under.target.addForeignKey(reference, never)
    const another = under.target.addForeignKey({ ...reference, columns: ['n'] }, never)
    await expect(another).rejects.toMatchObject({ code: 'target-incompatible' })
    expect(() => under.exec(`pragma foreign_keys = on; insert into users values ('new', 1)`)).toThrow(/FOREIGN KEY/)
  })

  it('is refused to a run that was taken over', async () => {
    await using under = await sqliteUnderTest()
    await using begun = await beginMigration(under.target, 'm', [plannedOf(users)])
    const run = { migration: begun.id, epoch: begun.lease.epoch + 1 }
    await expect(under.target.finish(users, { buildKey: true }, never, run)).rejects.toMatchObject({
      code: 'lease-lost',
    })
    await expect(under.target.buildIndex(index, never, run)).rejects.toMatchObject({ code: 'lease-lost' })
  })

  it('makes a table as another file has it', async () => {
    await using under = await sqliteUnderTest()
    const columns = [
      { field: 'id', name: 'id', type: 'int64', cast: false },
      { field: 'name', name: 'name', type: 'text', cast: false, native: 'varchar(9)' },
    ] as const
    const plan = planOf('users', {
      columns,
      key: ['id'],
      definition: {
        columns: [
          { name: 'id', type: null, clauses: 'primary key autoincrement' },
          { name: 'name', type: null, clauses: 'not null collate nocase' },
          { name: 'twice', type: 'text', clauses: 'generated always as (name || name)' },
        ],
        constraints: [{ name: 'short', sql: 'check (length(name) < 5)' }],
        suffix: '',
        statements: ['create trigger on_%s_users after delete on %t begin select 1; end'.replace('on_%s_', 'on_')],
        sequences: [{ column: 'id', reached: '900' }],
      },
    })
    await copy(under, 'm', plannedOf(plan), [encoded([tuple(1, 'a'), tuple(7, 'B')])])
    under.exec(`insert into users (name) values ('next')`)
    expect(under.sql('select id, twice from users order by id')).toEqual([
      { id: 1, twice: 'aa' },
      { id: 7, twice: 'BB' },
      { id: 901, twice: 'nextnext' },
    ])
    expect(under.sql(`select name from sqlite_schema where type = 'trigger'`)).toEqual([{ name: 'on_users' }])
  })
})

describe('checking', () => {
  it('tells what stands in the way, and makes nothing', async () => {
    await using under = await sqliteUnderTest()
    expect(await under.target.check(['public'], never)).toEqual([])
    expect(await under.target.existing([users.target], never)).toEqual([])
    expect(under.sql('pragma journal_mode')).toEqual([{ journal_mode: 'delete' }])
    under.exec(`pragma encoding = 'UTF-16'; create table t (a)`)
    expect(await under.target.check(['public'], never)).toMatchObject([{ error: { code: 'target-incompatible' } }])
  })
})
