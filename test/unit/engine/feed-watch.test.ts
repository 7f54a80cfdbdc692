import { describe, expect, it } from 'vitest'
import { adviceOf, FeedWatch, type Feeding } from '../../../src/engine/feed-watch.ts'

/** A run of batches, each of which the coordinator was so many milliseconds at each thing for; half the processors are free. */
function watched(
  batches: number,
  ms: Readonly<Record<Feeding, number>>,
  run: { busy: number; free?: number },
): FeedWatch {
  let [now, cpu] = [0, 0]
  const watch = new FeedWatch(
    () => now,
    () => ({ idle: cpu * (run.free ?? 0.5), total: cpu }),
  )
  for (let batch = 0; batch < batches; batch++) {
    for (const feeding of ['reading', 'pacing', 'dispatching'] as const) {
      watch.turnTo(feeding)
      now += ms[feeding]
    }
    watch.workers(run.busy, 4)
  }
  watch.turnTo(null)
  now += 1e6
  cpu = 100
  return watch
}

describe('who waits for whom while the coordinator reads', () => {
  it('is the workers, where they have nothing to do while it waits for the source', () => {
    const watch = watched(100, { reading: 90, pacing: 0, dispatching: 10 }, { busy: 1 })
    expect(watch.seconds('reading')).toBeCloseTo(9)
    expect(watch.starved).toBeCloseTo(0.68, 2)
    expect(watch.crowded).toBeNull()
    expect(watch.isStarving).toBe(true)
    expect(adviceOf(watch, { mayBePartitioned: true, workers: 4 })).toEqual([
      'the workers waited 68 % of the time for the one cursor, and 50 % of the processors were free: --feed partitioned may be faster',
    ])
    expect(adviceOf(watch, { mayBePartitioned: false, workers: 4 })).toEqual([])
  })

  it('is the source, where what was read waits for a worker', () => {
    const watch = watched(100, { reading: 20, pacing: 0, dispatching: 80 }, { busy: 4 })
    expect([watch.starved, watch.crowded]).toEqual([null, expect.closeTo(0.8)])
    expect(adviceOf(watch, { mayBePartitioned: true, workers: 4 })).toEqual([
      'what was read waited 80 % of the time for the target, and 50 % of the processors were free: --workers 8 may be faster',
    ])
  })

  it.each([
    ['short', watched(19, { reading: 900, pacing: 0, dispatching: 0 }, { busy: 0 })],
    ['quick', watched(100, { reading: 19, pacing: 0, dispatching: 0 }, { busy: 0 })],
    ['held back by its rate', watched(100, { reading: 90, pacing: 50, dispatching: 0 }, { busy: 0 })],
    [
      'on a machine that has no more to give',
      watched(100, { reading: 90, pacing: 0, dispatching: 0 }, { busy: 0, free: 0.1 }),
    ],
    ['even', watched(100, { reading: 50, pacing: 0, dispatching: 45 }, { busy: 2 })],
  ])('is not said of a run that was %s', (_what, watch) => {
    expect(watch.isStarving).toBe(false)
    expect(adviceOf(watch, { mayBePartitioned: true, workers: 4 })).toEqual([])
  })
})
