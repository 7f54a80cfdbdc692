import { describe, expect, it } from 'vitest'
import { noCounts } from '../../../src/core/counts.ts'
import type { MigrationResult } from '../../../src/core/result.ts'
import { createPaint } from '../../../src/telemetry/format.ts'
import { renderSummary } from '../../../src/telemetry/summary.ts'

const counts = { ...noCounts, read: 1_000_000, written: 999_000, filtered: 1000 }
const compared = { level: 'count', differing: null, rows: 0, columns: [] } as const

const result: MigrationResult = {
  migration: '20261121-0badcafe',
  state: 'done',
  tables: [
    {
      ...counts,
      source: 'users',
      target: 'public.users',
      seconds: 3,
      rowsPerSecond: 333_333,
      bytes: 260_000_000,
      coercions: [],
    },
    { ...noCounts, source: 'empty', target: 'public.empty', seconds: 0, rowsPerSecond: 0, bytes: 0, coercions: [] },
  ],
  totals: counts,
  seconds: 3.4,
  startSeconds: 0.2,
  copySeconds: 3,
  stages: { read: 1.2, transform: 0, encode: 0.5, write: 2.4, commit: 0.6, index: 0.5 },
  verification: { ...compared, equal: true, differences: [], notes: ['users: 1 in the source', 'empty: 0'] },
  workers: 2,
  batchRows: 8000,
  batchRowsReason: 'as asked',
  feed: 'paged',
  isolation: 'threads',
  retries: 1,
  peakRssBytes: 0,
  cpuSeconds: 0,
  error: null,
}

describe('renderSummary', () => {
  it('has a line for each table, one for all, and says how it was verified', () => {
    expect(renderSummary(result, createPaint(false))).toMatchInlineSnapshot(`
      "table  target             read  written  filtered  skipped  dead letters      size   time   rows/s
      users  public.users  1,000,000  999,000     1,000        0             0  260.0 MB  3.0 s  333,333
      empty  public.empty          0        0         0        0             0       0 B  0.0 s        0
      total                1,000,000  999,000     1,000        0             0  260.0 MB  3.4 s  333,333

      999,000 rows written in 3.4 s: 2 workers (threads, paged feed), batches of 8,000 rows (as asked), 1 retry; migration 20261121-0badcafe
      time by stage, added up: read 1.2 s, transform 0.0 s, encode 0.5 s, write 2.4 s, commit 0.6 s, index 0.5 s
      users: 1000000 read = 999000 written + 1000 filtered + 0 skipped + 0 dead letters
      all 2 tables: 1000000 read = 999000 written + 1000 filtered + 0 skipped + 0 dead letters
      verified by count:
        users: 1 in the source
        empty: 0"
    `)
  })

  it('counts derived rows where there are any', () => {
    const [titles = '', , , total = ''] = renderSummary(
      { ...result, totals: { ...counts, derived: 42 } },
      createPaint(false),
    ).split('\n')
    expect(titles).toMatch(/dead letters +derived +size/)
    expect(total).toMatch(/ 0 +42 +260.0 MB/)
  })

  it('says which values were changed, and how many', () => {
    const [users, ...others] = result.tables
    const uses = Array.from({ length: 12 }, (_, n) => ({ path: `f${n}`, name: 'strip-nul', uses: 1000 }) as const)
    const tables = users === undefined ? [] : [{ ...users, coercions: uses }, ...others]
    const text = renderSummary({ ...result, tables }, createPaint(false))
    expect(text).toMatch(
      /\nusers: values changed as --coerce allows: strip-nul in f0 \(1,000\), .* in f9 \(1,000\), and 2 more\n/,
    )
    expect(text).not.toContain('empty: values')
  })

  it('does not call a copy stopped that is complete but for its dead letters', () => {
    const error = { code: 'too-many-dead-letters', message: '7 rows are dead letters, and 0 are allowed' } as const
    const totals = { ...counts, read: 999_007, filtered: 0, deadLetters: 7 }
    const text = renderSummary({ ...result, state: 'stopped', totals, error }, createPaint(false))
    expect(text).toContain('\n999,000 rows written in 3.4 s, 7 dead letters: 2 workers')
  })

  it('shows what differs, and that a run stopped', () => {
    const difference = { table: 'users', key: null, column: null, source: '5 rows', target: '4 rows' }
    const verification = { ...compared, equal: false, differences: [difference], notes: [] }
    const text = renderSummary({ ...result, state: 'stopped', verification }, createPaint(false))
    expect(text).toContain('stopped after 999,000 rows and 3.4 s')
    expect(text).toContain(
      'verification by count found 1 difference:\n  users: 5 rows in the source, 4 rows in the target',
    )
    const unverified = { ...compared, level: 'none', equal: true, differences: [], notes: ['not verified'] } as const
    expect(renderSummary({ ...result, verification: unverified }, createPaint(false))).toMatch(/\nnot verified$/)
  })
})
