import { describe, expect, it } from 'vitest'
import type { MigrateOptions, MigrationResult } from '../../src/index.ts'
import { databases, type BothDatabases, type Keyed } from '../support/both-databases.ts'
import { runDrover, startDrover } from '../support/chaos/run.ts'
import { temporaryFolder } from '../support/dump.ts'
import { fates, openLetters, retried, statusOf } from '../support/letters.ts'
import { migrate } from '../support/migrate.ts'
import { droverHere } from '../support/run-here.ts'
import { verified } from '../support/verification.ts'

const ROWS = 300
const POISONED = [7, 100, 250]

type Make = (n: number) => Keyed
const poisoned: Make = (n) => ({ _id: n, n, note: POISONED.includes(n) ? `a\0${n}` : `n${n}` })

async function copied(
  make: Make = poisoned,
  options: Partial<MigrateOptions> = {},
  rows: number = ROWS,
): Promise<BothDatabases & { readonly result: MigrationResult }> {
  await using stack = new AsyncDisposableStack()
  const both = stack.use(await databases())
  await both.db.collection<Keyed>('things').insertMany(Array.from({ length: rows }, (_, n) => make(n)))
  const result = await migrate({
    from: both.from,
    to: both.to,
    batchRows: 100,
    workers: 1,
    isolation: 'inline',
    ...options,
  })
  expect(result.error?.code).toBe('too-many-dead-letters')
  stack.move()
  return { ...both, result }
}

async function ids({ sql }: BothDatabases): Promise<readonly unknown[]> {
  return (await sql('select _id from things order by _id')).map(({ _id }) => _id)
}

const all = Array.from({ length: ROWS }, (_, n) => n)

describe('drover retry', () => {
  it.each([
    ['sync', 'export default (row: { note: string }): object => ({ ...row, note: row.note.replaceAll("\\0", "") })'],
    [
      'async',
      `export default async function (row: { note: string }): Promise<object> {
        await Promise.resolve()
        return { ...row, note: row.note.replaceAll("\\0", "") }
      }`,
    ],
  ])('repairs rows with a module (%s), and twice changes nothing', async (_, module) => {
    await using both = await copied()
    await using folder = temporaryFolder()
    const fix = await folder.write('fix.ts', module)
    expect(await retried(both)).toMatchObject({ resolved: 0, left: 3, error: { code: 'letters-left' } })
    expect(await retried(both, { fix })).toMatchObject({
      tables: [{ source: 'things', resolved: 3, left: 0 }],
      resolved: 3,
      left: 0,
      published: false,
      error: null,
    })
    const notes = 'select _id, n, note from things where _id in (7, 100, 250) order by _id'
    const repaired = POISONED.map((n) => ({ _id: n, n, note: `a${n}` }))
    expect(await both.sql(notes)).toEqual(repaired)
    // Neither with a migration named nor without one.
    for (const flags of [{ fix }, { fix, migration: both.result.migration }]) {
      expect(await retried(both, flags)).toMatchObject({ resolved: 0, left: 0, error: null })
    }
    expect(await ids(both)).toEqual(all)
    const status = await statusOf(both)
    expect(status).toMatchObject({ state: 'done', error: null, tables: [{ openLetters: 0 }] })
    expect(fates(status.tables.map(({ source, counts }) => ({ source, ...counts })))).toEqual({
      things: '300 = 300 + 0 + 0 + 0',
    })
    expect(await verified(both, 'count')).toMatchObject({ equal: true })
  })

  it('leaves what is still at fault where it is, with its reason; a row may also be filtered', async () => {
    await using both = await copied()
    await using folder = temporaryFolder()
    const fix = await folder.write(
      'fix.ts',
      `export default (row: { n: number; note: string }): object | null => {
        if (row.n === 100) throw new RangeError('not this one')
        return row.n === 7 ? null : { ...row, note: 'repaired' }
      }`,
    )
    expect(await retried(both, { fix })).toMatchObject({ resolved: 2, left: 1, error: { code: 'letters-left' } })
    expect(await openLetters(both)).toMatchObject([{ keyText: '100', reason: 'the text contains U+0000' }])
    expect(await both.sql('select _id, note from things where _id in (7, 100, 250)')).toEqual([
      { _id: 250, note: 'repaired' },
    ])
    const { tables } = await statusOf(both)
    expect(fates(tables.map(({ source, counts }) => ({ source, ...counts })))).toEqual({
      things: '300 = 298 + 1 + 0 + 1',
    })
    expect(await retried(both, { 'max-dead-letters': '1' })).toMatchObject({ resolved: 0, left: 1, error: null })
    expect(await verified(both, 'count')).toMatchObject({ equal: true })
  })

  it('casts values that had no place in the table', async () => {
    const make: Make = (n) => ({ _id: n, n: POISONED.includes(n) ? String(n) : n })
    await using both = await copied(make, { onDrift: 'dead-letter', sampleRows: 1 })
    expect(await openLetters(both)).toMatchObject(
      POISONED.map((n) => ({ keyText: `${n}`, code: 'schema-drift', column: 'n' })),
    )
    expect(await retried(both, { cast: 'n=integer' })).toMatchObject({ resolved: 3, left: 0 })
    expect(await both.sql('select sum(n)::int as n from things')).toEqual([{ n: (ROWS * (ROWS - 1)) / 2 }])
  })

  it('after coercions all levels of verification find both sides equal, and say what was changed', async () => {
    const items = (n: number) => [{ name: `i${n}` }, { name: n === 7 ? 'j\0' : 'j' }]
    const make: Make = (n) => ({ ...poisoned(n), items: items(n) })
    await using both = await copied(make, { nest: { items: 'table' } })
    expect(await both.sql('select 1 from things_items where things_id = 7')).toEqual([])
    expect(await retried(both, { coerce: 'strip-nul' })).toMatchObject({ resolved: 3, left: 0 })
    expect(await both.sql('select ordinal, name from things_items where things_id = 7 order by 1')).toEqual([
      { ordinal: 1, name: 'i7' },
      { ordinal: 2, name: 'j' },
    ])
    expect((await statusOf(both)).tables).toMatchObject([
      { counts: { read: 300, written: 300, derived: 600, deadLetters: 0 } },
    ])
    for (const level of ['count', 'checksum', 'full'] as const) {
      const verification = await verified(both, level)
      expect(verification.differences, level).toEqual([])
      expect(verification.equal).toBe(true)
      if (level === 'count') continue
      const coerced = verification.columns.filter(({ compared }) => compared === 'after-coercion')
      expect(coerced.map(({ column, note }) => [column, note])).toEqual([
        ['note', 'strip-nul on note: 3 values'],
        ['name', 'strip-nul on items.name: 1 value'],
      ])
    }
  })

  it('writes each row once where two of them come at once, and where one is killed in the middle', async () => {
    const rows = 2600
    await using both = await copied((n) => ({ _id: n, note: `a\0${n}` }), { primaryKey: false }, rows)
    const { to, sql } = both
    const environment = { DROVER_FAILPOINTS: 'replay.before_commit:kill9:2' }
    const killed = await runDrover(['retry', '--coerce', 'strip-nul'], { to, environment })
    expect(killed.signal).toBe('SIGKILL')
    // Letters are replayed in batches of 1,000.
    expect(await openLetters(both)).toHaveLength(1600)
    const results = await Promise.all([retried(both, { coerce: 'strip-nul' }), retried(both, { coerce: 'strip-nul' })])
    expect(results.map(({ resolved }) => resolved).toSorted((a, b) => a - b)).toEqual([0, 1600])
    expect(results.map(({ left, error }) => [left, error])).toEqual([
      [0, null],
      [0, null],
    ])
    const found = await sql('select count(*)::int as rows, count(distinct _id)::int as ids from things')
    expect(found).toEqual([{ rows, ids: rows }])
  })

  it('can take over from one that hangs, which then writes nothing', async () => {
    await using both = await copied()
    const { to, sql } = both
    const environment = { DROVER_FAILPOINTS: 'replay.before_commit:hang' }
    const hanging = startDrover(['retry', '--coerce', 'strip-nul'], { to, environment })
    try {
      const replays = 'select count(*)::int as n from drover.partition where replay'
      await expect.poll(() => sql(replays), { timeout: 30_000, interval: 50 }).toEqual([{ n: 1 }])
      const ended = await droverHere(['retry', '--coerce', 'replace-nul', '--take-over', '--json'], { DROVER_TO: to })
      expect(JSON.parse(ended.stdout)).toMatchObject({ resolved: 3, left: 0, exitCode: 0 })
    } finally {
      hanging.kill('group')
      await hanging.ended
    }
    expect(await ids(both)).toEqual(all)
    expect(await sql('select note from things where _id = 7')).toEqual([{ note: 'a\ufffd7' }])
  })

  it('publishes what a recreate has kept back for its letters', async () => {
    await using both = await databases()
    const { from, to, db, sql } = both
    await sql(`create table things (old text); insert into things values ('as it was')`)
    await db.collection<Keyed>('things').insertMany(all.map(poisoned))
    const result = await migrate({ from, to, mode: 'recreate', workers: 1, isolation: 'inline' })
    expect(result).toMatchObject({ state: 'stopped', error: { code: 'too-many-dead-letters' } })
    expect(await sql('select * from things')).toEqual([{ old: 'as it was' }])
    expect(await retried(both)).toMatchObject({ left: 3, published: false })
    expect(await sql('select * from things')).toEqual([{ old: 'as it was' }])
    expect(await retried(both, { coerce: 'strip-nul' })).toMatchObject({
      resolved: 3,
      left: 0,
      published: true,
      error: null,
    })
    expect(await ids(both)).toEqual(all)
    expect(await statusOf(both)).toMatchObject({ state: 'done', error: null })
    expect(await verified(both, 'full')).toMatchObject({ equal: true })
  })

  it('leaves the letters of a copy alone whose table has been made anew since', async () => {
    await using both = await copied(poisoned, { primaryKey: false })
    const { from, to } = both
    await both.sql('drop table things')
    const again = await migrate({ from, to, primaryKey: false, coerce: ['strip-nul'], workers: 1, isolation: 'inline' })
    expect(again).toMatchObject({ state: 'done', totals: { written: ROWS } })
    expect(await retried(both, { coerce: 'strip-nul' })).toMatchObject({
      migration: again.migration,
      resolved: 0,
      left: 0,
    })
    const { migration } = both.result
    expect(await retried(both, { coerce: 'strip-nul', migration })).toMatchObject({ migration, resolved: 0, left: 3 })
    expect(await ids(both)).toEqual(all)
  })

  it('refuses what means nothing: other tables, other migrations, none at all', async () => {
    await using both = await copied()
    await expect(retried(both, { tables: 'thinks' })).rejects.toMatchObject({ code: 'missing-table' })
    await expect(retried(both, { migration: '20000101-0badcafe' })).rejects.toMatchObject({ code: 'missing-migration' })
    await using empty = await databases()
    await expect(retried(empty)).rejects.toMatchObject({ code: 'missing-migration' })
    await expect(retried(both, { fix: '/no/such/module.ts' })).rejects.toMatchObject({ code: 'invalid-transform' })
    expect(await openLetters(both)).toHaveLength(3)
  })
})
