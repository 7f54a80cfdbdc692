import { describe, expect, it } from 'vitest'
import type { PlannedTable } from '../../../src/connectors/planned-table.ts'
import type { IndexPlan } from '../../../src/core/index-plan.ts'
import type { LogicalType } from '../../../src/core/logical-type.ts'
import { inSchema, type ColumnPlan, type TablePlan } from '../../../src/core/plan.ts'
import type { TableChange } from '../../../src/core/table-change.ts'
import { batchId, beginMigration, childOf, commitParts, never, plannedOf, planOf } from '../../support/migration.ts'
import { copy, encoded, nested, orders, rollBack, tuple, users } from './copying.ts'
import { sqliteUnderTest } from './sqlite-under-test.ts'

describe('tables that are loaded beside others', () => {
  const beside = (plan: TablePlan, mode: 'recreate' | 'append'): PlannedTable =>
    plannedOf(inSchema(plan, 'load_m'), mode, { publishTo: 'public' })

  it('take their place at the end, with what refers to them', async () => {
    await using under = await sqliteUnderTest()
    await copy(under, 'm1', plannedOf(orders), nested([['old', 1, 2]]))
    await copy(under, 'm2', beside(orders, 'recreate'), nested([['new', 2, 1]]))
    expect(under.sql('select * from orders')).toEqual([{ _id: 'new', n: 2 }])
    expect(under.sql(`select "table" from pragma_foreign_key_list('items')`)).toEqual([{ table: 'orders' }])
    expect(under.sql(`select name from sqlite_schema where name like 'load%'`)).toEqual([])
    await expect(rollBack(under, 'm2')).rejects.toMatchObject({ code: 'not-undoable' })
    expect(await rollBack(under, 'm2', true)).toContain('table public.orders is dropped')
    expect(under.sql(`select name from sqlite_schema where name in ('orders', 'items')`)).toEqual([])
  })

  it('have indexes of their own, which get their names with them', async () => {
    await using under = await sqliteUnderTest()
    const index: IndexPlan = {
      name: 'users_n',
      source: 'n_1',
      target: users.target,
      unique: false,
      nullsNotDistinct: false,
      method: 'btree',
      parts: [{ column: 'n', type: 'int32', path: [], as: 'text', descending: false }],
      where: [],
    }
    await copy(under, 'm1', plannedOf(users), [encoded([tuple('a', 1)])])
    await under.target.buildIndex(index, never)
    const loaded: IndexPlan = { ...index, target: { ...users.target, schema: 'load_m' } }
    await copy(under, 'm2', { ...beside(users, 'recreate'), indexes: [loaded] }, [encoded([tuple('b', 2)])], () =>
      under.target.buildIndex(loaded, never),
    )
    const found = under.sql(`select name, tbl_name from sqlite_schema where name like '%users_n'`)
    expect(found).toEqual([{ name: 'users_n', tbl_name: 'users' }])
    await under.target.buildIndex(index, never)
  })

  it('join those that stay, or do not', async () => {
    await using under = await sqliteUnderTest()
    await copy(under, 'm1', plannedOf(users), [encoded([tuple('a', 1)])])
    await copy(under, 'm2', beside(users, 'append'), [encoded([tuple('b', 2)])])
    expect(await under.target.count(users.target, never)).toBe(2)
    const again = copy(under, 'm3', beside(users, 'append'), [encoded([tuple('b', 2)])])
    await expect(again).rejects.toMatchObject({ code: 'key-violation' })
    expect(await under.target.count({ schema: 'load_m', name: 'users' }, never)).toBe(1)
  })

  it('do not replace one that something depends on', async () => {
    await using under = await sqliteUnderTest()
    await copy(under, 'm1', plannedOf(users), [encoded([tuple('a', 1)])])
    under.exec('create view names as select _id from users')
    const replacing = copy(under, 'm2', beside(users, 'recreate'), [encoded([tuple('b', 2)])])
    await expect(replacing).rejects.toMatchObject({ code: 'target-in-use', message: expect.stringContaining('names') })
    expect(under.sql('select * from names')).toEqual([{ _id: 'a' }])
  })
})

describe('widening', () => {
  const column = (name: string, type: LogicalType): ColumnPlan => ({ field: name, name, type, cast: false })
  const id = column('id', 'int32')
  const narrow = planOf('users', {
    columns: [id, column('a', 'int32'), column('b', 'float64'), column('c', 'text'), column('d', 'timestamp')],
    key: ['id'],
    children: [childOf('items', { rowKey: [{ ...id, name: 'row_id' }] })],
  })
  const widen = (name: string, from: LogicalType, to: LogicalType): TableChange => ({
    kind: 'widen',
    target: narrow.target,
    column: name,
    from,
    to,
    nestedJson: 'plain',
  })
  const changes: readonly TableChange[] = [
    { kind: 'add', target: narrow.target, column: { name: 'e', type: 'bool' } },
    widen('a', 'int32', 'float64'),
    widen('b', 'float64', 'decimal'),
    widen('c', 'text', 'json'),
    widen('d', 'timestamp', 'json'),
  ]
  const wide: TablePlan = {
    ...narrow,
    schemaVersion: 2,
    columns: [
      id,
      column('a', 'float64'),
      column('b', 'decimal'),
      column('c', 'json'),
      column('d', 'json'),
      column('e', 'bool'),
    ],
  }

  it('writes a table anew, with what is built on it and what refers to it', async () => {
    await using under = await sqliteUnderTest()
    await using begun = await beginMigration(under.target, 'm', [plannedOf(narrow)])
    await using writer = await begun.openWriter()
    const rows = [tuple(1, 5, '0.1', 'a"b', '2024-01-01T00:00:00.000Z'), tuple(2, null, null, null, null)]
    await commitParts(writer, batchId('users', 1, 0), narrow, [encoded(rows)])
    under.exec('create index users_a on users (a)')
    expect(await under.target.costOf(changes[1] ?? widen('', 'text', 'json'), never)).toMatchObject({ rows: 2 })
    for (let time = 0; time < 2; time++) await begun.ledger.evolve(begun.id, begun.lease, wide, changes, never)
    expect(under.sql('select *, typeof(a) as real from users order by id')).toEqual([
      { id: 1, a: 5, b: '0.1', c: '"a\\"b"', d: '"2024-01-01T00:00:00.000Z"', e: null, real: 'real' },
      { id: 2, a: null, b: null, c: null, d: null, e: null, real: 'null' },
    ])
    expect(under.sql(`select "table" from pragma_foreign_key_list('items')`)).toEqual([{ table: 'users' }])
    expect(under.sql(`select name from pragma_index_list('users')`)).toEqual([{ name: 'users_a' }])
    await begun.ledger.setState(begun.id, begun.lease, 'done', null)
    await begun.lease[Symbol.asyncDispose]()
    expect(await rollBack(under, 'm')).toContain('table public.users is dropped')
  })

  it('is refused for a table that was there', async () => {
    await using under = await sqliteUnderTest()
    under.exec('create table users (id integer primary key, a integer, b real, c text, d timestamp)')
    const plan: TablePlan = { ...narrow, children: [] }
    await using begun = await beginMigration(under.target, 'm', [plannedOf(plan, 'append')])
    const evolving = begun.ledger.evolve(begun.id, begun.lease, { ...wide, children: [] }, changes, never)
    await expect(evolving).rejects.toMatchObject({ code: 'schema-drift' })
    expect(under.sql(`select count(*) as columns from pragma_table_info('users')`)).toEqual([{ columns: 5 }])
  })
})

describe('rollback', () => {
  it('drops what the migration made, unless others have put rows there', async () => {
    await using under = await sqliteUnderTest()
    await copy(under, 'm', plannedOf(users), [encoded([tuple('a', 1)])])
    under.exec(`insert into users values ('other', 1)`)
    await expect(rollBack(under, 'm')).rejects.toMatchObject({ code: 'not-undoable' })
    under.exec(`delete from users where _id = 'other'; alter table users add column later text; vacuum`)
    expect(await rollBack(under, 'm')).toEqual(['table public.users is dropped'])
    expect(await rollBack(under, 'm')).toEqual([])
  })

  it('leaves a table of the same name that it did not make', async () => {
    await using under = await sqliteUnderTest()
    await copy(under, 'm', plannedOf(users), [encoded([tuple('a', 1)])])
    under.exec('drop table users; create table users (_id text, n integer); insert into users values (1, 1)')
    expect(await rollBack(under, 'm')).toMatchObject([expect.stringContaining('is not the table it made')])
    expect(await under.target.count(users.target, never)).toBe(1)
  })

  it('empties a table that was empty, and refuses one that had rows', async () => {
    await using under = await sqliteUnderTest()
    under.exec('create table users (_id text, n integer); create table others (_id text, n integer)')
    await copy(under, 'm', plannedOf(users, 'create', { exists: true }), [encoded([tuple('a', 1)])])
    expect(await rollBack(under, 'm')).toEqual(['1 row of public.users is deleted'])
    await copy(under, 'm2', plannedOf(planOf('others'), 'append'), [encoded([tuple('a', 1)])])
    await expect(rollBack(under, 'm2', true)).rejects.toMatchObject({ code: 'not-undoable' })
  })
})
