import { describe, expect, it } from 'vitest'
import { noCounts } from '../../../src/core/counts.ts'
import type { MigrationResult } from '../../../src/core/result.ts'
import { createPaint } from '../../../src/telemetry/format.ts'
import { renderSummary } from '../../../src/telemetry/summary.ts'

const counts = { ...noCounts, read: 1_000_000, written: 999_000, filtered: 1000 }
const result: MigrationResult = {
  migration: '20261121-0badcafe',
  state: 'done',
  tables: [
    { ...counts, source: 'users', target: 'public.users', seconds: 3, rowsPerSecond: 333_333, bytes: 260_000_000 },
    { ...noCounts, source: 'empty', target: 'public.empty', seconds: 0, rowsPerSecond: 0, bytes: 0 },
  ],
  totals: counts,
  seconds: 3.4,
  startSeconds: 0.2,
  copySeconds: 3,
  stages: { read: 0, transform: 0, encode: 0, write: 0, commit: 0, index: 0 },
  verification: { level: 'count', equal: true, differences: [], notes: ['users: 1 in the source', 'empty: 0'] },
  workers: 2,
  batchRows: 8000,
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

      999,000 rows written in 3.4 s: 2 workers (threads, paged feed), batches of 8,000 rows, 1 retry; migration 20261121-0badcafe
      verified by count: users: 1 in the source; empty: 0"
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

  it('shows what differs, and that a run stopped', () => {
    const difference = { table: 'users', key: null, column: null, source: '5 rows', target: '4 rows' }
    const verification = { level: 'count', equal: false, differences: [difference], notes: [] } as const
    const text = renderSummary({ ...result, state: 'stopped', verification }, createPaint(false))
    expect(text).toContain('stopped after 999,000 rows and 3.4 s')
    expect(text).toContain('verification by count found 1 difference:\n  users: 5 rows against 4 rows')
    const unverified = { level: 'none', equal: true, differences: [], notes: [] } as const
    expect(renderSummary({ ...result, verification: unverified }, createPaint(false))).toMatch(/\nnot verified$/)
  })
})
