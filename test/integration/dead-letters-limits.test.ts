import { describe, expect, it } from 'vitest'
import type { MigrateOptions, MigrationResult } from '../../src/index.ts'
import { databases, type BothDatabases, type Keyed } from '../support/both-databases.ts'
import { exitCode, openLetters, retried, statusOf } from '../support/letters.ts'
import { migrate } from '../support/migrate.ts'

const ROWS = 1000
const POISONED: ReadonlySet<number> = new Set([150, 151, 777])

async function seeded(
  rows: number = ROWS,
  poisoned: (n: number) => boolean = (n) => POISONED.has(n),
): Promise<BothDatabases> {
  const both = await databases()
  const documents = Array.from({ length: rows }, (_, n) => ({ _id: n, n, note: poisoned(n) ? `a\0${n}` : `n${n}` }))
  await both.db.collection<Keyed>('things').insertMany(documents)
  return both
}

function copy({ from, to }: BothDatabases, options: Partial<MigrateOptions> = {}): Promise<MigrationResult> {
  return migrate({ from, to, batchRows: 100, workers: 1, ...options })
}

async function countIn({ sql }: BothDatabases, where: string = 'true'): Promise<unknown> {
  const [found] = await sql(`select count(*)::int as n from things where ${where}`)
  return found?.['n']
}

describe('dead letters that are allowed', () => {
  it('are no reason for another exit status, and those above the number are: 4', async () => {
    await using both = await seeded()
    const result = await copy(both, { maxDeadLetters: 3 })
    expect(result).toMatchObject({ state: 'done', totals: { read: ROWS, written: ROWS - 3, deadLetters: 3 } })
    expect(exitCode(result)).toBe(0)
    expect(await openLetters(both)).toHaveLength(3)
    const more = await copy(both, { maxDeadLetters: '0.29%', mode: 'recreate' })
    expect(more.error).toMatchObject({ message: '3 rows are dead letters, and 2 are allowed' })
    expect(exitCode(more)).toBe(4)
    // Finished but for those; what is too much remains so when there is nothing else to resume.
    for (const [maxDeadLetters, code] of [
      [2, 4],
      ['100%', 0],
      [0, 0],
    ] as const) {
      expect(exitCode(await copy(both, { resume: true, maxDeadLetters })), String(maxDeadLetters)).toBe(code)
      if (code === 0) await retried(both, { coerce: 'strip-nul' })
    }
  })
})

describe('--on-error stop', () => {
  it('stops at the first such row, with nothing of its batch; a resume without it buries the row', async () => {
    await using both = await seeded()
    const result = await copy(both, { onError: 'stop' })
    expect(result).toMatchObject({ state: 'stopped', error: { code: 'row-rejected' } })
    expect(result.error?.message).toMatch(/document 150 of table things, .*column note: .*U\+0000/)
    expect(result.error?.hint).toMatch(/repair the value in the source.*--on-error dead-letter$/)
    expect(exitCode(result)).toBe(4)
    expect(await countIn(both, '_id between 100 and 199')).toBe(0)
    expect(await countIn(both)).toBe(result.totals.written)
    expect(await openLetters(both)).toEqual([])
    const resumed = await copy(both, { resume: true, onError: 'dead-letter', maxDeadLetters: 3 })
    expect(resumed).toMatchObject({ state: 'done', totals: { read: ROWS, written: ROWS - 3, deadLetters: 3 } })
  })

  it('stops at a row that the target refuses, too', async () => {
    await using both = await seeded(ROWS, () => false)
    await both.sql('create table things (_id integer primary key, n integer check (n <> 333), note text)')
    const result = await copy(both, { onError: 'stop', mode: 'append' })
    expect(result).toMatchObject({ state: 'stopped', error: { code: 'row-rejected' } })
    expect(result.error?.message).toMatch(/document 333 of table things: .*things_n_check/)
    expect(await countIn(both, '_id between 300 and 399')).toBe(0)
    expect(await openLetters(both)).toEqual([])
  })
})

describe('rows that do not fit the planned table', () => {
  const drifting = (n: number): Keyed => ({
    _id: n,
    n: n === 500 ? 'five hundred' : n,
    note: n === 501 ? 'a\0' : 'n',
    ...(n === 502 ? { extra: true } : {}),
  })

  async function seededDrifting(): Promise<BothDatabases> {
    const both = await databases()
    await both.db.collection<Keyed>('things').insertMany(Array.from({ length: ROWS }, (_, n) => drifting(n)))
    return both
  }

  it('are dead letters with --on-drift dead-letter, and the table stays as it is', async () => {
    await using both = await seededDrifting()
    const result = await copy(both, { onDrift: 'dead-letter', sampleRows: 1 })
    expect(result.totals).toMatchObject({ read: ROWS, written: ROWS - 3, deadLetters: 3 })
    const letters = await openLetters(both)
    expect(letters.map(({ keyText, code, column }) => [keyText, code, column])).toEqual([
      ['500', 'schema-drift', 'n'],
      ['501', 'row-rejected', 'note'],
      ['502', 'schema-drift', 'extra'],
    ])
    const columns = await both.sql(
      `select count(*)::int as n from information_schema.columns where table_name = 'things'`,
    )
    expect(columns).toEqual([{ n: 3 }])
  })

  it('change the table, and a row of the same batch that fits nowhere is buried', async () => {
    await using both = await seededDrifting()
    const result = await copy(both, { sampleRows: 1 })
    expect(result.totals).toMatchObject({ read: ROWS, written: ROWS - 1, deadLetters: 1 })
    expect(await openLetters(both)).toMatchObject([{ keyText: '501', code: 'row-rejected', stage: 'encode' }])
    expect(await both.sql('select n, extra from things where _id in (500, 502) order by _id')).toEqual([
      { n: 'five hundred', extra: null },
      { n: 502, extra: true },
    ])
    expect(await retried(both, { coerce: 'strip-nul' })).toMatchObject({ resolved: 1, left: 0 })
    expect(await both.sql('select n, note, extra from things where _id = 501')).toEqual([
      { n: 501, note: 'a', extra: null },
    ])
  })
})

describe('F33 a flood', () => {
  it('stops early, and goes on from there once it is clear what to do', async () => {
    const rows = 16_000
    await using both = await seeded(rows, () => true)
    const result = await copy(both, { batchRows: 1000, maxDeadLetters: '100%' })
    expect(result).toMatchObject({ state: 'stopped', error: { code: 'dead-letter-flood' } })
    expect(exitCode(result)).toBe(4)
    // What was under way when the 10,000th came is kept.
    expect(result.totals.deadLetters).toBeGreaterThanOrEqual(10_000)
    expect(result.totals.deadLetters).toBeLessThan(rows)
    const kept = await both.sql('select count(*)::int as n from drover.letter')
    expect(kept).toEqual([{ n: result.totals.deadLetters }])
    expect((await statusOf(both)).state).toBe('stopped')

    // The rows behind are repaired in the source, those that were buried in their replay.
    await both.db
      .collection<Keyed>('things')
      .updateMany({}, [{ $set: { note: { $concat: ['n', { $toString: '$_id' }] } } }])
    const resumed = await copy(both, { resume: true, batchRows: 1000, maxDeadLetters: '100%' })
    expect(resumed).toMatchObject({ error: null, totals: { read: rows, deadLetters: result.totals.deadLetters } })
    expect(await retried(both, { coerce: 'strip-nul' })).toMatchObject({ resolved: result.totals.deadLetters, left: 0 })
    expect(await countIn(both)).toBe(rows)
    expect(await countIn(both, `note ~ '^[na]'`)).toBe(rows)
  })
})
