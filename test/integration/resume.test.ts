import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { MigrateOptions } from '../../src/index.ts'
import { databases, type BothDatabases, type Keyed } from '../support/both-databases.ts'
import { startDrover } from '../support/chaos/run.ts'
import { at, killedAt, migrationsOf, stoppedAt } from '../support/interruption.ts'
import { migrate } from '../support/migrate.ts'
import { drover } from '../support/run-bin.ts'

const ROWS = 1200

async function seeded(rows = ROWS): Promise<BothDatabases> {
  const both = await databases()
  await both.db.collection<Keyed>('things').insertMany(Array.from({ length: rows }, (_, n) => ({ _id: n, n })))
  return both
}

const sums = `select count(*)::int as rows, count(distinct _id)::int as ids, sum(n)::int as sum from things`
const everyRow = [{ rows: ROWS, ids: ROWS, sum: (ROWS * (ROWS - 1)) / 2 }]

async function entriesOf({ sql }: BothDatabases): Promise<readonly unknown[]> {
  const rows = await sql(`select concat_ws('/', partition, seq, after, up_to, read, committed_at) as entry
    from drover.entry order by 1`)
  return rows.map(({ entry }) => entry)
}

describe('a run that was killed', () => {
  it('F05 is shown by status, finished by resume from an empty folder, and then there is nothing to resume', async () => {
    await using both = await seeded()
    const { from, to } = both
    const folder = mkdtempSync(join(tmpdir(), 'drover-empty-'))
    try {
      const first = ['--isolation', 'inline', '--workers', '2', '--batch-rows', '50', '--no-primary-key']
      await killedAt('ledger.before_commit:kill9:9', ['migrate', ...first], { from, to })
      const [migration] = await migrationsOf(both)
      const id = migration?.id ?? ''
      expect(migration).toMatchObject({ state: 'copying', running: false, error: null })
      const read = migration?.tables[0]?.counts.read ?? 0
      expect(read).toBeGreaterThan(0)
      const entries = await entriesOf(both)

      const shown = await drover(['status'], { DROVER_TO: to })
      expect(shown).toMatchObject({ code: 0, stderr: '' })
      expect(shown.stdout).toContain(`${id}  copying, not running`)
      expect(shown.stdout).toContain(`drover resume ${id}`)
      expect(shown.stdout).toContain(`drover rollback ${id}`)
      const asJson = await drover(['status', id, '--json'], { DROVER_TO: to })
      expect(JSON.parse(asJson.stdout)).toMatchObject({
        migrations: [
          {
            id,
            state: 'copying',
            running: false,
            error: null,
            tables: [
              { source: 'things', target: 'public.things', mode: 'create', read, written: read, openLetters: 0 },
            ],
            totals: { read, written: read, filtered: 0, skipped: 0, deadLetters: 0 },
          },
        ],
        exitCode: 0,
      })

      const otherwise = ['--isolation', 'processes', '--workers', '2', '--batch-rows', '37', '--feed', 'partitioned']
      const environment = { HOME: folder, TMPDIR: folder }
      const second = await startDrover(['resume', ...otherwise], { from, to, cwd: folder, environment }).ended
      expect(second.code, second.stderr).toBe(0)
      expect(second.result).toMatchObject({
        migration: id,
        state: 'done',
        totals: { read: ROWS },
        workers: 2,
        batchRows: 37,
      })
      expect(second.stderr).toContain(`resuming migration ${id}`)
      expect(await both.sql(sums)).toEqual(everyRow)
      expect(await entriesOf(both)).toEqual(expect.arrayContaining([...entries]))

      const notices: string[] = []
      const onNotice = ({ message }: { readonly message: string }): void => void notices.push(message)
      const third = await migrate({ from, to, resume: true, onNotice })
      expect(notices.join()).toContain(`migration ${id} is finished: there is nothing to resume`)
      expect(third).toMatchObject({ migration: id, state: 'done', totals: { read: ROWS } })
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it('before anything was stored leaves nothing, and right after it something to resume', async () => {
    await using both = await seeded(100)
    const { from, to } = both
    await killedAt('plan.saved:kill9:1', ['migrate', '--isolation', 'inline'], { from, to })
    expect(await both.sql('select count(*)::int as n from things')).toEqual([{ n: 0 }])
    await expect(migrate({ from, to })).rejects.toMatchObject({ code: 'unfinished-migration' })
    expect(await migrate({ from, to, resume: true })).toMatchObject({ state: 'done', totals: { written: 100 } })
  })
})

describe('a run that was interrupted is finished', () => {
  const ways: readonly (readonly [string, MigrateOptions['feed'], Partial<MigrateOptions>])[] = [
    ['by one worker that reads for itself', 'paged', { workers: 1, feed: 'partitioned', batchRows: 33 }],
    ['by the coordinator for more workers', 'partitioned', { workers: 4, feed: 'paged', batchRows: 200 }],
    ['by threads', 'paged', { workers: 2, isolation: 'threads' }],
    ['in small pieces', 'paged', { sequential: true, batchRows: 13 }],
  ]
  it.each(ways)('%s (%s feed before)', async (_, feed, change) => {
    await using both = await seeded()
    const { from, to, sql } = both
    await stoppedAt(11, { from, to, feed })
    const entries = await entriesOf(both)
    const result = await migrate({ from, to, ...change, resume: true })
    expect(result).toMatchObject({
      state: 'done',
      error: null,
      totals: { read: ROWS, written: ROWS },
      verification: { equal: true },
    })
    expect(await sql(sums)).toEqual(everyRow)
    expect(await entriesOf(both)).toEqual(expect.arrayContaining([...entries]))
    expect(
      await sql(`select conname from pg_constraint where contype = 'p' and connamespace = 'public'::regnamespace`),
    ).toEqual([{ conname: 'things_pkey' }])
  })

  it('also when it is interrupted again and again', async () => {
    await using both = await seeded()
    const { from, to, sql } = both
    await stoppedAt(5, { from, to })
    for (let i = 0; i < 3; i++) await stoppedAt(4, { from, to, resume: true, feed: i === 1 ? 'partitioned' : 'paged' })
    expect(await migrate({ from, to, resume: true })).toMatchObject({ state: 'done', totals: { read: ROWS } })
    expect(await sql(sums)).toEqual(everyRow)
    expect(await migrationsOf(both)).toMatchObject([{ tables: [{ counts: { read: ROWS }, openPartitions: 0 }] }])
  })

  it('with what was asked of it when it began, unless the resume says otherwise', async () => {
    await using both = await seeded()
    const { from, to, db } = both
    await db.collection<Keyed>('things').insertOne({ _id: ROWS, text: 'a\0b' })
    const notices: string[] = []
    const onNotice = ({ message }: { readonly message: string }): void => void notices.push(message)
    const asked = { maxDeadLetters: 1, verify: 'checksum', expect: ROWS + 5 } as const
    const stopped = await stoppedAt(5, { from, to, ...asked })
    const again = await migrate({ from, to, resume: true, onNotice })
    expect(again).toMatchObject({ error: { code: 'expectation-missed' }, verification: { level: 'checksum' } })
    expect(notices.join('\n')).toContain(`: ${stopped.totals.read} rows are done already`)
    await stoppedAt(5, { from, to, mode: 'recreate', ...asked })
    const otherwise = { resume: true, verify: 'count', expect: ROWS } as const
    expect(await migrate({ from, to, ...otherwise })).toMatchObject({
      state: 'done',
      totals: { deadLetters: 1 },
      verification: { level: 'count' },
    })
  })

  it('also when all rows were copied, and the key not built', async () => {
    await using both = await seeded()
    const { from, to } = both
    const stopping = new AbortController()
    const onProgress: MigrateOptions['onProgress'] = ({ phase }) => {
      if (phase === 'finish') stopping.abort()
    }
    const stopped = await migrate({ from, to, signal: stopping.signal, onProgress })
    expect(stopped).toMatchObject({ state: 'stopped', totals: { written: ROWS } })
    using _ = at('chunk.claimed', 1, () => Promise.reject(new Error('a batch was written again')))
    const inline = { isolation: 'inline', resume: true } as const
    expect(await migrate({ from, to, ...inline })).toMatchObject({ state: 'done', totals: { written: ROWS } })
    expect(await both.sql(`select 1 as built from pg_constraint where conname = 'things_pkey'`)).toEqual([{ built: 1 }])
  })
})
