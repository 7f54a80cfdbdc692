import { afterEach, describe, expect, it } from 'vitest'
import type { PlannedTable } from '../../../src/connectors/planned-table.ts'
import { inSchema } from '../../../src/core/plan.ts'
import { atOnce, beginMigration, never, plannedOf, planOf } from '../../support/migration.ts'
import { catalogOf } from './catalog.ts'
import { failure, postgresUnderTest } from './postgres-under-test.ts'
import { flat, idsOf, items, killAt, killNobody, orders, rollBack, stateOf, theirOrders, write } from './rollbacks.ts'

afterEach(killNobody)

describe('rollback of what a migration made', () => {
  it('leaves the target as it was, also where a table of the name was there, and finishes after a kill', async () => {
    await using under = await postgresUnderTest()
    await under.sql(`create schema theirs; create table theirs.orders (a integer primary key)`)
    const before = await catalogOf(under)
    const deep = { ...inSchema(orders, 'shop'), children: [items] }
    await using begun = await beginMigration(under.target, 'm', [plannedOf(deep), plannedOf(planOf('users'))])
    await write(begun, deep, ['a', 'b'])
    await under.target.finish(deep, { buildKey: true }, never)
    const after = await catalogOf(under)
    killAt(under, 'rollback.mid_drop')
    expect(await failure(rollBack(begun))).toMatchObject({ code: 'target-failed' })
    expect(await catalogOf(under)).toEqual(after)
    expect(await stateOf(begun)).toBe('copying')

    killNobody()
    expect(await rollBack(begun)).toEqual([
      'table shop.orders is dropped',
      'table public.items is dropped',
      'table public.users is dropped',
      'schema shop is dropped',
    ])
    expect(await catalogOf(under)).toEqual(before)
    expect(await stateOf(begun)).toBe('rolled-back')
    expect(await begun.ledger.unfinished([deep.target])).toEqual([])
    expect(await begun.ledger.entries(begun.id, 1)).toHaveLength(1)
    expect(await rollBack(begun)).toEqual([])
  })

  it('fences its workers', async () => {
    await using under = await postgresUnderTest()
    await using begun = await beginMigration(under.target, 'm', [plannedOf(flat)])
    await rollBack(begun)
    expect(await failure(write(begun, flat, ['a']))).toMatchObject({ code: 'lease-lost' })
  })

  it('is for the newest run alone', async () => {
    await using under = await postgresUnderTest()
    await using begun = await beginMigration(under.target, 'm', [plannedOf(flat)])
    await under.sql('update drover.migration set epoch = epoch + 1')
    expect(await failure(rollBack(begun))).toMatchObject({ code: 'lease-lost' })
    expect(await idsOf(under)).toEqual([])
  })

  it('keeps a table with rows of others, unless it is forced', async () => {
    await using under = await postgresUnderTest()
    await using begun = await beginMigration(under.target, 'm', [plannedOf(orders)])
    await write(begun, orders, ['a'])
    await under.sql(`insert into orders values ('theirs', 1)`)
    const message = expect.stringContaining('has 3 rows, and 2 were written')
    expect(await failure(rollBack(begun))).toMatchObject({ code: 'not-undoable', message })
    expect(await idsOf(under)).toEqual(['a', 'theirs'])
    // The ledger is as it was: the run may go on.
    await write(begun, orders, ['b'], 1)
    expect(await rollBack(begun, true)).toContain('table public.orders is dropped')
  })

  it('drops a table from which others have taken rows', async () => {
    await using under = await postgresUnderTest()
    await using begun = await beginMigration(under.target, 'm', [plannedOf(flat)])
    await write(begun, flat, ['a', 'b'])
    await under.sql(`delete from orders where _id = 'a'`)
    expect(await rollBack(begun)).toEqual(['table public.orders is dropped'])
  })

  it('never drops what depends on a table', async () => {
    await using under = await postgresUnderTest()
    await using begun = await beginMigration(under.target, 'm', [plannedOf(flat)])
    await under.sql('create view totals as select count(*) from orders')
    const inUse = { code: 'target-in-use', message: expect.stringContaining('view totals') }
    expect(await failure(rollBack(begun, true))).toMatchObject(inUse)
    expect(await stateOf(begun)).toBe('copying')
  })

  it('leaves another table that has got the name', async () => {
    await using under = await postgresUnderTest()
    await using begun = await beginMigration(under.target, 'm', [plannedOf(flat)])
    await under.sql('drop table orders; create table orders (_id text)')
    const before = await catalogOf(under)
    expect(await rollBack(begun)).toEqual([
      'what is public.orders now, if anything, is not the table it made, and stays',
    ])
    expect(await catalogOf(under)).toEqual(before)
  })

  it('leaves a schema that others use', async () => {
    await using under = await postgresUnderTest()
    const plan = inSchema(flat, 'shop')
    await using begun = await beginMigration(under.target, 'm', [plannedOf(plan)])
    await under.sql('create table shop.theirs (a integer)')
    expect(await rollBack(begun)).toContain('schema shop stays: something else is in it')
    expect(await catalogOf(under)).toContain('schema shop')
  })

  it('drops what was loaded beside a table, which stays', async () => {
    await using under = await postgresUnderTest()
    await theirOrders(under)
    const before = await catalogOf(under)
    const planned = plannedOf(inSchema(orders, 'drover_load_m'), 'recreate', { publishTo: 'public' })
    await using begun = await beginMigration(under.target, 'm', [planned])
    await write(begun, planned.plan, ['a'])
    await rollBack(begun)
    expect(await catalogOf(under)).toEqual(before)
    expect(await idsOf(under)).toEqual(['theirs'])
  })

  it.each(['at once', 'beside'])('says that a table is gone that was recreated %s', async (how) => {
    await using under = await postgresUnderTest()
    await under.sql('create table orders (_id text)')
    const planned: PlannedTable =
      how === 'at once'
        ? plannedOf(flat, 'recreate')
        : plannedOf(inSchema(flat, 'drover_load_m'), 'recreate', { publishTo: 'public' })
    await using begun = await beginMigration(under.target, 'm', [planned])
    await begun.ledger.publish(begun.id, begun.lease, never)
    const message = expect.stringContaining('the table public.orders that was there before is gone')
    expect(await failure(rollBack(begun))).toMatchObject({ code: 'not-undoable', message })
    expect(await idsOf(under)).toEqual([])
    expect(await rollBack(begun, true)).toEqual([
      'the table public.orders that was there before is gone',
      'table public.orders is dropped',
    ])
  })

  it('leaves a table to a later migration that writes to it', async () => {
    await using under = await postgresUnderTest()
    {
      await using begun = await beginMigration(under.target, 'm', [plannedOf(flat)])
      await begun.ledger.setState(begun.id, begun.lease, 'done', null)
    }
    {
      await using kept = new AsyncDisposableStack()
      kept.use(await beginMigration(under.target, 'n', [plannedOf(flat, 'append')]))
    }
    await using ledger = await under.target.openLedger(never)
    const { id } = (await ledger.migrations()).find((migration) => migration.id === 'm') ?? {}
    if (id === undefined) throw new Error('no migration')
    await using lease = await ledger.lease(id, [flat.target], atOnce, never)
    const refused = { code: 'not-undoable', message: expect.stringContaining('migration n') }
    expect(await failure(ledger.rollback(id, lease, { force: true }, never))).toMatchObject(refused)
  })

  it('refuses a migration that was superseded, or begun by an older drover', async () => {
    await using under = await postgresUnderTest()
    await using begun = await beginMigration(under.target, 'm', [plannedOf(flat)])
    await under.sql(`update drover."table" set planned = null`)
    const older = { code: 'not-undoable', message: expect.stringContaining('older drover') }
    expect(await failure(rollBack(begun, true))).toMatchObject(older)
    await under.sql(`update drover.migration set state = 'superseded'`)
    const superseded = { code: 'not-undoable', message: expect.stringContaining('superseded') }
    expect(await failure(rollBack(begun, true))).toMatchObject(superseded)
    expect(await idsOf(under)).toEqual([])
  })
})
