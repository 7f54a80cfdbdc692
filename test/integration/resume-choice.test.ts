import { describe, expect, it } from 'vitest'
import { plan, type MigrateOptions } from '../../src/index.ts'
import { databases, type BothDatabases, type Keyed } from '../support/both-databases.ts'
import { temporaryFolder } from '../support/dump.ts'
import { migrationsOf, rolledBack, stoppedAt } from '../support/interruption.ts'
import { migrate } from '../support/migrate.ts'
import { drover } from '../support/run-bin.ts'

const ROWS = 500

async function seeded(...tables: readonly string[]): Promise<BothDatabases> {
  const both = await databases()
  for (const table of tables) {
    const rows = Array.from({ length: ROWS }, (_, n) => ({ _id: n, n, name: `name ${n}` }))
    await both.db.collection<Keyed>(table).insertMany(rows)
  }
  return both
}

describe('which migration a resume is about', () => {
  it('none: refused, and says how to see and to begin one', async () => {
    await using both = await seeded('things')
    const { from, to } = both
    const none = {
      code: 'missing-migration',
      kind: 'preflight',
      message: expect.stringMatching(/^there is no migration from mongodb:.* to resume$/) as unknown,
      hint: 'drover status lists the migrations; drover migrate begins one',
    }
    await expect(migrate({ from, to, resume: true })).rejects.toMatchObject(none)
    await migrate({ from, to })
    await using others = await seeded('things')
    await expect(migrate({ from: others.from, to, resume: true })).rejects.toMatchObject(none)
  })

  it('several: exit 2 with their ids, tables and states; one of them by its id, or by a table', async () => {
    await using both = await seeded('a', 'b', 'c')
    const { from, to } = both
    for (const table of ['a', 'b', 'c']) await stoppedAt(3, { from, to, tables: [table] })
    const ids = new Map((await migrationsOf(both)).map(({ id, tables }) => [tables[0]?.source, String(id)]))
    const refused = await drover(['resume'], { DROVER_FROM: from, DROVER_TO: to })
    expect(refused).toMatchObject({ code: 2, stdout: '' })
    for (const [table, id] of ids) expect(refused.stderr).toContain(`${id} (stopped, ${table}, begun `)
    expect(refused.stderr).toContain('[several-migrations]')
    await expect(migrate({ from, to, resume: true, migration: '20990101-00000000' })).rejects.toMatchObject({
      code: 'missing-migration',
      hint: expect.stringContaining(ids.get('c') ?? '') as unknown,
    })
    const byId = await migrate({ from, to, resume: true, migration: ids.get('b') })
    expect(byId).toMatchObject({ migration: ids.get('b'), state: 'done', totals: { read: ROWS } })
    const byTable = await migrate({ from, to, resume: true, tables: ['c'] })
    expect(byTable).toMatchObject({ migration: ids.get('c'), state: 'done' })
    // One is left, so it is meant; and then all are finished.
    expect(await migrate({ from, to, resume: true })).toMatchObject({ migration: ids.get('a'), state: 'done' })
    const again = await migrate({ from, to, resume: true, tables: ['b'] })
    expect(again).toMatchObject({
      migration: ids.get('b'),
      state: 'done',
      totals: { read: ROWS },
      tables: [{ source: 'b' }],
    })
  })

  it('one that was superseded or rolled back cannot be resumed', async () => {
    await using both = await seeded('things')
    const { from, to } = both
    const { migration } = await stoppedAt(3, { from, to })
    await migrate({ from, to, mode: 'recreate' })
    await expect(migrate({ from, to, resume: true, migration })).rejects.toMatchObject({
      code: 'missing-migration',
      message: `migration ${migration} is superseded and cannot be resumed`,
    })
  })
})

describe('a resume with another plan', () => {
  const rows = 'export default ({ n, ...row }: { n: number }) => ({ n: n + 1, ...row })\n'

  it('is refused with every difference, and nothing is written', async () => {
    await using both = await seeded('things', 'others')
    await using folder = temporaryFolder()
    const { from, to, sql } = both
    const transform = await folder.write('mine.ts', rows)
    const { totals } = await stoppedAt(3, { from, to, tables: ['things'], transform, cast: { name: 'text' } })
    const refuse = async (change: Partial<MigrateOptions>, ...words: readonly string[]): Promise<void> => {
      const error: unknown = await migrate({ from, to, resume: true, ...change }).catch((error: unknown) => error)
      expect(error).toMatchObject({ code: 'plan-changed', kind: 'preflight', hint: expect.any(String) as unknown })
      const message = error instanceof Error ? error.message : ''
      for (const word of words) expect(message).toContain(word)
    }
    await refuse(
      { columns: ['_id', 'n'], rename: { n: 'm' } },
      'things: --columns is "_id,n" and was not given; things: --rename is "n=m" and was not given',
    )
    await refuse({ cast: { name: 'json' } }, '--cast is "name=json" and was "name=text"')
    await refuse({ where: '{"n":1}', limit: 3 }, '--where is', '--limit is "3" and was not given')
    await refuse({ mode: 'upsert' }, '--mode is "upsert" and was "create"')
    await refuse({ targetSchema: 'elsewhere' }, '--target-schema is "elsewhere" and was "public"')
    await refuse({ tables: ['things', 'others'] }, '--tables names others, which is not in the migration')
    await refuse({ coerce: ['strip-nul'] }, '--coerce is "strip-nul" and was not given')
    await using elsewhere = await seeded('things')
    const { migration } = (await migrationsOf(both)).map(({ id }) => ({ migration: id }))[0] ?? {}
    await refuse({ from: elsewhere.from, migration }, 'the source is mongodb:', 'and was mongodb:')
    await folder.write('mine.ts', rows.replace('n + 1', 'n + 2'))
    await refuse({}, 'mine.ts has other contents than when the migration began')
    await folder.write('mine.ts', rows)
    expect(await sql('select count(*)::int as n from things')).toEqual([{ n: totals.written }])

    // What is said again in the same words is no change.
    const same = { tables: ['things'], transform, cast: { name: 'text' }, mode: 'create' } as const
    expect(await migrate({ from, to, resume: true, ...same })).toMatchObject({
      state: 'done',
      totals: { written: ROWS },
    })
    expect(await sql('select count(*)::int as n from things where n = _id + 1')).toEqual([{ n: ROWS }])
  })

  it('of a file goes on with what the file said, and takes no other', async () => {
    await using both = await seeded('things')
    await using folder = temporaryFolder()
    const { from, to, db, sql } = both
    await db.collection('things').createIndex({ n: 1 })
    await db.collection<Keyed>('things').updateOne({ _id: 10 }, { $set: { late: 1 } })
    const saved = `${folder.path}/plan.yaml`
    const planning = ['plan', '--save', saved, '--sample-rows', '1', '--no-indexes', '--progress', 'none']
    expect(await drover(planning, { DROVER_FROM: from, DROVER_TO: to })).toMatchObject({ code: 0 })
    await stoppedAt(3, { from, to, plan: saved, sampleRows: 1 })
    await expect(migrate({ from, to, plan: saved, resume: true })).rejects.toMatchObject({
      code: 'conflicting-options',
    })
    expect(await migrate({ from, to, resume: true })).toMatchObject({ state: 'done', totals: { written: ROWS } })
    // Drift has changed the table, and the plan has no index all the same.
    expect(await sql('select count(late)::int as n from things')).toEqual([{ n: 1 }])
    expect(await sql(`select indexname from pg_indexes where schemaname = 'public'`)).toEqual([
      { indexname: 'things_pkey' },
    ])
  })
})

/** What the ledger of the version before lacks. */
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
  update drover.migration set options = '{}';
  update drover.version set number = 2`

describe('a ledger that an older drover has written', () => {
  it('is listed; what it began is refused by resume and rollback in words, and can be had anew', async () => {
    await using both = await seeded('things', 'others')
    const { from, to, sql } = both
    await migrate({ from, to, tables: ['others'] })
    const { migration } = await stoppedAt(3, { from, to, tables: ['things'] })
    await sql(version2)
    expect(await migrationsOf(both)).toMatchObject([{ id: migration, state: 'stopped' }, { state: 'done' }])
    expect(await sql('select number from drover.version')).toEqual([{ number: 2 }])
    await expect(plan({ from, to, tables: ['things'] })).rejects.toMatchObject({ code: 'unfinished-migration' })
    await expect(migrate({ from, to, resume: true, migration })).rejects.toMatchObject({
      code: 'unsupported-version',
      message: `migration ${migration} was begun by an older drover, which kept too little of it`,
      hint: expect.stringContaining('--mode recreate') as unknown,
    })
    await expect(rolledBack(both, { migration })).rejects.toMatchObject({
      kind: 'preflight',
      message: expect.stringContaining('was begun by an older drover') as unknown,
    })
    expect(await migrate({ from, to, tables: ['things'], mode: 'recreate' })).toMatchObject({ state: 'done' })
    expect(await sql('select number from drover.version')).toEqual([{ number: 4 }])
    expect(await migrationsOf(both)).toMatchObject([{ state: 'done' }, { state: 'superseded' }, { state: 'done' }])
  })
})
