import { describe, expect, it } from 'vitest'
import { atOnce, beginMigration, never, plannedOf, planOf, recordOf } from '../../support/migration.ts'
import { failure, postgresUnderTest } from './postgres-under-test.ts'

const users = planOf('users')
const source = 'mongodb://source'

/** Takes back what versions 3 and 4 have changed. */
const version2 = `
  alter table drover.migration drop constraint migration_state_check;
  alter table drover.migration add constraint migration_state_check check
    (state in ('copying', 'finishing', 'verifying', 'done', 'stopped', 'superseded'));
  alter table drover.table drop column planned;
  alter table drover.partition drop column replay;
  alter table drover.entry drop column transaction;
  alter table drover.mark drop constraint mark_pkey;
  alter table drover.mark drop column number;
  alter table drover.mark add primary key (source, source_table, target_schema, target_name, field);
  drop table drover.letter, drover.coercion, drover.object, drover.checked, drover.carried;
  update drover.version set number = 2`
/** Version 2 has only added to it. */
const version1 = `${version2}; drop table drover.mark, drover.part; update drover.version set number = 1`

describe.each([
  [1, version1],
  [2, version2],
])('a ledger of version %i', (version, downgrade) => {
  it('is read as it is', async () => {
    await using under = await postgresUnderTest()
    await using begun = await beginMigration(under.target, 'old', [plannedOf(users, 'append', { exists: false })])
    const { ledger, id } = begun
    await begun.lease[Symbol.asyncDispose]()
    await under.sql(downgrade)
    expect(await ledger.unfinished([users.target])).toMatchObject([{ id: 'old' }])
    expect(await ledger.childTables(users.target)).toEqual([])
    expect(await ledger.mark(source, 'users', users.target, 'n')).toBeNull()
    // What an older drover did not store is not made up.
    const { ordered, ...planned } = plannedOf(users, 'append', { exists: false })
    expect(ordered).toBe(true)
    const record = recordOf(id, [{ ...planned, ordered: false }])
    expect(await ledger.load(id)).toMatchObject({ ...record, state: 'copying' })
    expect(await ledger.migrations()).toMatchObject([
      { id: 'old', running: false, tables: [{ source: 'users', openLetters: 0, partitions: 1, openPartitions: 1 }] },
    ])
    const limits = { rows: 1, bytes: 1 }
    expect(await ledger.letters(id, { open: true, table: null, after: 0, limits }, never)).toEqual([])
    expect(await ledger.coercions(id)).toEqual(new Map())
    expect(await ledger.unbalanced(id)).toEqual([])
    expect(await ledger.checked('c')).toEqual(new Map())
    await ledger.forgetChecked('c')
    expect(await under.sql('select number from drover.version')).toEqual([{ number: version }])
  })

  it('is brought up to date by the next lease, and what it began is not resumed', async () => {
    await using under = await postgresUnderTest()
    await using begun = await beginMigration(under.target, 'old', [plannedOf(users)])
    await begun.lease[Symbol.asyncDispose]()
    await under.sql(downgrade)
    await using lease = await begun.ledger.lease(begun.id, [users.target], atOnce, never)
    expect(lease.epoch).toBe(2)
    expect(await under.sql('select number from drover.version')).toEqual([{ number: 4 }])
    expect(await under.sql('select migration, source, number, target_name from drover.part')).toEqual([
      { migration: 'old', source: 'users', number: 0, target_name: 'users' },
    ])
    expect(await failure(begun.ledger.resume(begun.id, lease))).toMatchObject({
      code: 'unsupported-version',
      hint: expect.stringContaining('recreate'),
    })
    expect(await begun.ledger.load(begun.id)).toMatchObject({ state: 'copying', tables: [{ ordered: false }] })
    const mark = { table: 'users', field: 'n', value: '1' }
    await begun.ledger.setState(begun.id, lease, 'done', null, [mark])
    expect(await begun.ledger.mark(source, 'users', users.target, 'n')).toEqual(mark)
  })

  it('is brought up to date by the next migration, which supersedes the old one', async () => {
    await using under = await postgresUnderTest()
    await using begun = await beginMigration(under.target, 'old', [plannedOf(users)])
    await begun.lease[Symbol.asyncDispose]()
    await under.sql(downgrade)
    await using kept = new AsyncDisposableStack()
    kept.use(await beginMigration(under.target, 'new', [plannedOf(users, 'recreate')]))
    expect(await begun.ledger.unfinished([users.target])).toMatchObject([{ id: 'new' }])
  })

  it('is brought up to date by a check that keeps something', async () => {
    await using under = await postgresUnderTest()
    await using begun = await beginMigration(under.target, 'old', [plannedOf(users)])
    await under.sql(downgrade)
    await begun.ledger.saveChecked('c', 'users/1', Uint8Array.of(1))
    expect(await begun.ledger.checked('c')).toEqual(new Map([['users/1', Uint8Array.of(1)]]))
  })
})

describe('unbalanced', () => {
  it('names the batches whose rows have not one fate each', async () => {
    await using under = await postgresUnderTest()
    await using begun = await beginMigration(under.target, 'm', [plannedOf(users)])
    await under.sql(`insert into drover.entry (migration, partition, seq, last, read, written, filtered, skipped, dead_letters, epoch)
      values ('m', 1, 0, false, 10, 4, 3, 2, 1, 1), ('m', 1, 1, false, 10, 4, 3, 2, 0, 1), ('m', 1, 2, false, 0, 2, 0, 0, -2, 1)`)
    const named =
      'batch 1 of partition 1 of users has read 10 rows, which are not 4 written + 3 filtered + 2 skipped + 0 dead letters'
    expect(await begun.ledger.unbalanced(begun.id)).toEqual([named])
    await under.sql(`insert into drover.entry (migration, partition, seq, last, read, epoch)
      select 'm', 1, 10 + n, false, 1, 1 from generate_series(1, 30) n`)
    const all = await begun.ledger.unbalanced(begun.id)
    expect([all.length, all[0], all[20]]).toEqual([21, named, 'so have 11 batches more'])
  })
})
