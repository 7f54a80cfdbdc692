import pg from 'pg'
import { describe, expect, it } from 'vitest'
import type { TableChange } from '../../../src/core/table-change.ts'
import type { LogicalType } from '../../../src/core/logical-type.ts'
import type { Begun } from '../../support/migration.ts'
import {
  atOnce,
  batchId,
  beginMigration,
  childOf,
  commitRows,
  never,
  plannedOf,
  planOf,
  tuple,
} from '../../support/migration.ts'
import { failure, postgresUnderTest } from './postgres-under-test.ts'

const users = planOf('users')
const wider = planOf('users', {
  schemaVersion: 2,
  columns: users.columns.map((column) => (column.name === 'n' ? { ...column, type: 'int64' } : column)),
})
const widenN: TableChange = widenOf('int64')

function widenOf(to: LogicalType): TableChange {
  return { kind: 'widen', target: users.target, column: 'n', from: 'int32', to, nestedJson: 'plain' }
}

function evolve({ ledger, id, lease }: Begun, signal: AbortSignal = never): Promise<void> {
  return ledger.evolve(id, lease, wider, [widenN], signal)
}

describe('evolve', () => {
  it('that ended between fence and change leaves the earlier plan to the next run', async () => {
    await using under = await postgresUnderTest()
    await using begun = await beginMigration(under.target, 'm', [plannedOf(users)])
    await using writer = await begun.openWriter()
    await commitRows(writer, batchId('users', 1, 0), [tuple('a', 1)])
    {
      await using kept = new AsyncDisposableStack()
      kept.use(await under.lock('users'))
      const reason = new Error('killed')
      const controller = new AbortController()
      const evolving = failure(evolve(begun, controller.signal))
      await under.untilSomebodyWaits()
      controller.abort(reason)
      expect(await evolving).toBe(reason)
    }
    const fenced = failure(commitRows(writer, batchId('users', 1, 1), [tuple('b', 2)]))
    expect(await fenced).toMatchObject({ code: 'schema-drift' })
    await begun.lease[Symbol.asyncDispose]()

    await using lease = await begun.ledger.lease(begun.id, [users.target], atOnce, never)
    const [partition] = begun.partitions
    if (partition === undefined) throw new Error('no partition')
    const [gap] = await begun.ledger.replan(begun.id, partition, lease, ({ upTo }, [first]) => [
      { after: first?.upTo ?? null, upTo },
    ])
    await using next = await begun.openWriter(lease.epoch)
    await commitRows(next, { ...batchId('users', gap?.id ?? 0, 1) }, [tuple('b', 2)])
    await evolve({ ...begun, lease })
    expect(await under.sql('select _id, n from users order by n')).toEqual([
      { _id: 'a', n: '1' },
      { _id: 'b', n: '2' },
    ])
  })

  it('a partition that is opened while the table is changed gets the new version', async () => {
    await using under = await postgresUnderTest()
    await using begun = await beginMigration(under.target, 'm', [plannedOf(users)])
    const [partition] = begun.partitions
    if (partition === undefined) throw new Error('no partition')
    let evolving: Promise<void>
    {
      await using kept = new AsyncDisposableStack()
      kept.use(await under.lock('users'))
      evolving = evolve(begun)
      await under.untilSomebodyWaits()
      // Another table's pace is not held up by the change, nor is this.
      await begun.ledger.replan(begun.id, partition, begun.lease, (bounds) => [bounds])
    }
    await evolving
    expect(await under.sql('select id, open, schema_version from drover.partition order by id')).toEqual([
      { id: 1, open: false, schema_version: 2 },
      { id: 2, open: true, schema_version: 2 },
    ])
  })

  it('a partition waits for a version that is about to be stored', async () => {
    await using under = await postgresUnderTest()
    await using begun = await beginMigration(under.target, 'm', [plannedOf(users)])
    const [partition] = begun.partitions
    if (partition === undefined) throw new Error('no partition')
    const other = new pg.Client({ connectionString: under.url })
    await other.connect()
    await using kept = new AsyncDisposableStack()
    kept.defer(() => other.end())
    await other.query(`begin; update drover.table set plan = plan || '{"schemaVersion": 2}'`)
    const planning = begun.ledger.replan(begun.id, partition, begun.lease, (bounds) => [bounds])
    await under.untilSomebodyWaits()
    await other.query('commit')
    await planning
    expect(await under.sql('select schema_version from drover.partition where open')).toEqual([{ schema_version: 2 }])
  })

  it('ends where a newer run takes over in the meantime', async () => {
    await using under = await postgresUnderTest()
    await using begun = await beginMigration(under.target, 'm', [plannedOf(users)])
    await using stack = new AsyncDisposableStack()
    let evolving: Promise<unknown>
    {
      await using kept = new AsyncDisposableStack()
      kept.use(await under.lock('users'))
      evolving = failure(evolve(begun))
      await under.untilSomebodyWaits()
      await begun.lease[Symbol.asyncDispose]()
      expect(stack.use(await begun.ledger.lease(begun.id, [users.target], atOnce, never)).epoch).toBe(2)
    }
    expect(await evolving).toMatchObject({ code: 'lease-lost' })
    expect((await under.target.existing([users.target], never))[0]?.columns[1]?.nativeType).toBe('integer')
  })

  it('names what stands in the way of a change, and says what to do', async () => {
    await using under = await postgresUnderTest()
    await using begun = await beginMigration(under.target, 'm', [plannedOf(users)])
    await under.sql('create view adults as select n from users')
    const error = await failure(evolve(begun))
    expect(error).toMatchObject({
      code: 'schema-drift',
      message: expect.stringContaining('adults'),
      hint: expect.stringContaining('--infer full'),
    })
    expect(await under.sql(`select plan -> 'schemaVersion' as version from drover.table`)).toEqual([{ version: 1 }])
  })

  it('alters parent and children together', async () => {
    await using under = await postgresUnderTest()
    const items = childOf('items')
    await using begun = await beginMigration(under.target, 'm', [plannedOf(planOf('users', { children: [items] }))])
    const add: TableChange = { kind: 'add', target: items.target, column: { name: 'price', type: 'decimal' } }
    await begun.ledger.evolve(begun.id, begun.lease, { ...wider, children: [items] }, [widenN, add], never)
    const tables = await under.target.existing([users.target, items.target], never)
    expect(tables.map(({ columns }) => columns.map(({ nativeType }) => nativeType))).toEqual([
      ['text', 'bigint'],
      ['text', 'integer', 'text', 'numeric'],
    ])
  })
})

describe('the cost of a change', () => {
  it('is what PostgreSQL writes anew', async () => {
    await using under = await postgresUnderTest()
    await under.sql(
      `create table users as select i::text as _id, i as n from generate_series(1, 20000) i; analyze users`,
    )
    const cost = await under.target.costOf(widenN, never)
    expect(cost?.rows).toBe(20_000)
    const [size] = await under.sql(`select pg_total_relation_size('users')::integer as bytes`)
    expect(cost?.bytes).toBe(size?.['bytes'])
    expect(
      await under.target.costOf({ kind: 'add', target: users.target, column: { name: 'x', type: 'text' } }, never),
    ).toBeNull()
  })

  it('of a table that is in partitions is that of all of them', async () => {
    await using under = await postgresUnderTest()
    await under.sql(`create table users (_id text, n integer) partition by list (n);
      create table users_1 partition of users for values in (1); insert into users select 'a', 1 from generate_series(1, 5000)`)
    expect((await under.target.costOf(widenOf('json'), never))?.bytes).toBeGreaterThan(100_000)
  })

  it('of a table that is gone is told', async () => {
    await using under = await postgresUnderTest()
    expect(await failure(under.target.costOf(widenN, never))).toMatchObject({ code: 'target-missing' })
  })
})
