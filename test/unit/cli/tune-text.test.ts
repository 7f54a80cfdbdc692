import { describe, expect, it } from 'vitest'
import { renderTune } from '../../../src/cli/tune-text.ts'
import type { TuneReport } from '../../../src/devkit/tune.ts'
import { changesOf } from '../../../src/devkit/tune-save.ts'
import type { AxisValue, Point, TuneSetting } from '../../../src/devkit/tune-search.ts'
import { createPaint } from '../../../src/telemetry/format.ts'

const start: TuneSetting = { workers: 2, batchRows: 8000, batchBytes: 8_388_608, feed: 'paged', isolation: 'threads' }
const recommended: TuneSetting = { ...start, workers: 4 }

function point(value: AxisValue, low: number, median: number, high: number): Point {
  const runs = [low, median, high].map((rowsPerSecond) => ({ rowsPerSecond, peakRssBytes: 180_000_000 }))
  return { value, runs, speed: { low, median, high } }
}

const report: TuneReport = {
  table: 'users',
  rows: 200_000,
  bytes: 52_400_000,
  repeats: 3,
  now: start,
  start,
  leftOut: [{ axis: 'workers', value: 16, reason: 'the sample is too small' }],
  runs: 24,
  seconds: 70,
  curves: [
    {
      axis: 'workers',
      at: start,
      points: [
        point(1, 100_000, 110_000, 115_000),
        point(2, 140_000, 142_000, 144_000),
        point(4, 160_000, 170_000, 172_000),
        point(8, 159_000, 165_000, 174_000),
      ],
      best: 4,
      knee: 4,
      chosen: 4,
    },
    {
      axis: 'feed',
      at: recommended,
      points: [point('paged', 160_000, 166_000, 170_000), point('partitioned', 158_000, 162_000, 171_000)],
      best: 'paged',
      knee: 'paged',
      chosen: 'paged',
    },
  ],
  recommended,
  final: {
    before: { low: 141_000, median: 143_000, high: 144_000 },
    after: { low: 165_000, median: 169_000, high: 170_000 },
  },
  timeUp: true,
}

function render(change: Partial<TuneReport>): string {
  const changed = { ...report, ...change }
  return renderTune(changed, changesOf(changed.start, changed.recommended), createPaint(false))
}

describe('renderTune', () => {
  it('has a curve for each axis, with its spreads side by side, and what follows', () => {
    expect(render({})).toMatchInlineSnapshot(`
      "users: 200,000 rows (52.4 MB) a run, 3 runs of each value in turns, 24 runs in 1 min 10 s
      set now: 2 workers, batches of 8,000 rows or 8 MiB, paged feed, threads

      workers   rows/s           spread    memory
            1  110,000  100,000–115,000  180.0 MB  ├────●─┤
            2  142,000  140,000–144,000  180.0 MB                     ├●┤                began
            4  170,000  160,000–172,000  180.0 MB                              ├────●┤   knee, faster
            8  165,000  159,000–174,000  180.0 MB                              ├──●───┤
        4 is faster than 2 by more than the spread.

      feed          rows/s           spread    memory  with workers 4
      paged        166,000  160,000–170,000  180.0 MB       ├────────────────●─────────┤     began
      partitioned  162,000  158,000–171,000  180.0 MB  ├──────────●───────────────────────┤
        No value is faster than paged by more than the spread, so it stays.

      Faster: --workers 4
        169,000 rows/s (165,000–170,000) against 143,000 (141,000–144,000) as begun: 18 % more, measured in turns.
      The time was up before the search was at its end; not tried: batch-rows, batch-bytes, isolation.
      left out: workers 16: the sample is too small"
    `)
  })

  it('refuses to name a winner where the spread hides it', () => {
    const kept = render({ recommended: start, final: null, timeUp: false, leftOut: [] })
    expect(kept.split('\n').slice(-2)).toEqual([
      'Nothing is faster than what is set now by more than the spread of the runs: keep it.',
      '  2 workers, batches of 8,000 rows or 8 MiB, paged feed, threads',
    ])
    const before = { low: 160_000, median: 166_000, high: 170_000 }
    const lost = render({ recommended: start, final: { before, after: before } })
    expect(lost).toContain('What had looked faster was not when it was measured once more')
    expect(lost).toContain('Keep what is set now: 2 workers, batches of 8,000 rows')
    expect(lost).not.toContain('--workers')
  })

  it('says where it began, when that is not what is set now, and when there was nothing to compare', () => {
    const nothing = render({ now: recommended, curves: [], recommended: start, final: null, timeUp: false })
    expect(nothing).toContain('set now: 4 workers')
    expect(nothing).toContain('begun with: 2 workers')
    expect(nothing).toContain('Nothing was compared, so nothing is recommended')
  })
})
