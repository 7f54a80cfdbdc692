import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  axisNames,
  searchSettings,
  type Axes,
  type Curve,
  type Search,
  type SearchResult,
  type TuneSetting,
} from '../../../src/devkit/tune-search.ts'
import { isAbove, spreadOf } from '../../../src/devkit/tune-spread.ts'

const axes: Axes = {
  workers: [1, 2, 4, 8],
  batchRows: [1000, 2000, 4000, 8000, 16_000],
  batchBytes: [1, 2, 4],
  feed: ['paged', 'partitioned'],
  isolation: ['inline', 'threads', 'processes'],
}
const start: TuneSetting = { workers: 2, batchRows: 4000, batchBytes: 2, feed: 'paged', isolation: 'threads' }

/** The same speed in every run, but for what `noise` makes of it. */
type Speed = (setting: TuneSetting) => number

interface Searched extends SearchResult {
  /** Every run, in order. */
  readonly measured: readonly TuneSetting[]
}

async function search(
  speed: Speed,
  noise: (run: number, nth: number) => number,
  change: Partial<Search> = {},
): Promise<Searched> {
  const measured: TuneSetting[] = []
  const result = await searchSettings({
    axes,
    start,
    repeats: 3,
    fits: () => true,
    effect: (setting) => JSON.stringify(setting),
    hasTime: () => true,
    measure: async (setting) => {
      const nth = measured.filter((other) => isDeepStrictEqual(other, setting)).length
      measured.push(setting)
      return { rowsPerSecond: speed(setting) * noise(measured.length, nth), peakRssBytes: setting.workers }
    },
    ...change,
  })
  return { ...result, measured }
}

const quiet = (): number => 1

/** The runs of each setting are faster by nothing, half of it, and all of it in turn. */
function unsteady(by: number): (run: number, nth: number) => number {
  return (_, nth) => 1 + (by * (nth % 3)) / 2
}

/** Speeds by value, of the axes that matter; what is not named is as fast as anything. */
function product(factors: Readonly<Record<string, number>>): Speed {
  return (setting) => axisNames.reduce((speed, axis) => speed * (factors[`${axis} ${setting[axis]}`] ?? 1), 1000)
}

function curveOf(curves: readonly Curve[], axis: string): Curve {
  const found = curves.findLast((curve) => curve.axis === axis)
  if (found === undefined) throw new Error(`no curve of ${axis}`)
  return found
}

describe('a spread', () => {
  it('is all of few figures, and of more what holds the median three times in four', () => {
    expect(spreadOf([3, 1, 2])).toEqual({ low: 1, median: 2, high: 3 })
    expect(spreadOf([4, 1, 2, 9])).toEqual({ low: 1, median: 3, high: 9 })
    expect(spreadOf([1, 2, 3, 4, 5])).toMatchObject({ low: 1, high: 5 })
    expect(spreadOf([100, 2, 3, 4, 5, -100])).toEqual({ low: 2, median: 3.5, high: 5 })
    expect(spreadOf([1, 2, 3, 4, 5, 6, 7, 8, 9])).toEqual({ low: 3, median: 5, high: 7 })
  })

  it('holds the true median at least three times in four, whatever the number of repeats', () => {
    for (let count = 3; count <= 40; count++) {
      const figures = Array.from({ length: count }, (_, index) => index)
      const left = spreadOf(figures).low
      // Of all ways to lie above or below, those with no more than `left` on one side miss it.
      let ways = 1
      let missed = 1
      for (let side = 1; side <= left; side++) {
        ways = (ways * (count - side + 1)) / side
        missed += ways
      }
      expect((2 * missed) / 2 ** count).toBeLessThanOrEqual(1 / 4)
      expect((2 * (missed + (ways * (count - left)) / (left + 1))) / 2 ** count).toBeGreaterThan(1 / 4)
    }
  })
})

describe('the search', () => {
  it('climbs each axis as far as it is worth it, and wins once more at the end', async () => {
    const speed = product({ 'workers 1': 0.5, 'workers 4': 1.5, 'workers 8': 1.503, 'feed partitioned': 1.2 })
    const { recommended, final, curves } = await search(speed, unsteady(0.01))
    expect(recommended).toEqual({ ...start, workers: 4, feed: 'partitioned' })
    expect(final?.after.median).toBeCloseTo((final?.before.median ?? 0) * 1.8, -2)
    const [workers] = curves
    expect(workers?.points.map(({ value, runs }) => [value, runs.length])).toEqual([
      [1, 3],
      [2, 3],
      [4, 6],
      [8, 3],
    ])
    expect(workers).toMatchObject({ best: 8, knee: 4, chosen: 4 })
  })

  it('tries values in turns, forwards and backwards', async () => {
    const { measured } = await search(product({}), quiet)
    expect(measured.slice(0, 9).map(({ workers }) => workers)).toEqual([2, 1, 4, 4, 1, 2, 2, 1, 4])
  })

  it('keeps what is set where the spread hides the difference, and names the knee', async () => {
    const { recommended, final, curves } = await search(product({ 'workers 4': 1.02 }), unsteady(0.2))
    expect({ recommended, final }).toEqual({ recommended: start, final: null })
    expect(curveOf(curves, 'workers')).toMatchObject({ chosen: 2, knee: 1 })
  })

  it('is not deceived by a machine that slows down, nor by one win that does not come again', async () => {
    expect((await search(product({}), (run) => 1 - run / 200)).recommended).toEqual(start)
    // While the first axis is tried, and only then, four workers look faster.
    const lucky = await search(product({}), quiet, {
      measure: luckyFor(15, (setting) => (setting.workers === 4 ? 2000 : 1000)),
    })
    expect(curveOf(lucky.curves, 'workers').at).toEqual(start)
    expect(lucky.recommended).toEqual(start)
    expect(lucky.final).not.toBeNull()
  })

  it('does not measure again what was the only comparison there is', async () => {
    const two: Axes = {
      ...axes,
      workers: [2, 4],
      batchRows: [4000],
      batchBytes: [2],
      feed: ['paged'],
      isolation: ['threads'],
    }
    const { recommended, final, measured } = await search(product({ 'workers 4': 2 }), quiet, { axes: two })
    expect(recommended.workers).toBe(4)
    expect(final).toMatchObject({ before: { median: 1000 }, after: { median: 2000 } })
    expect(measured).toHaveLength(6)
  })

  it('chooses no value that another one is faster than by more than the spread, however unsteady the best is', async () => {
    const figures = new Map([
      [1, [1, 1, 1]],
      [2, [90, 92, 95]],
      [4, [104, 105, 106]],
      [8, [130, 135, 140]],
      [16, [100, 150, 200]],
    ])
    const { curves } = await search(product({}), quiet, {
      axes: { ...axes, workers: [1, 2, 4, 8, 16] },
      measure: takingTurns(({ workers }) => figures.get(workers) ?? []),
    })
    expect(curves[0]).toMatchObject({ best: 16, knee: 4, chosen: 8 })
  })

  it('takes an axis again only where another has changed since', async () => {
    const { curves } = await search(product({ 'batchRows 8000': 2 }), quiet)
    expect(curves.map(({ axis }) => axis)).toEqual([...axisNames, 'workers'])
    expect(curveOf(curves, 'workers').at).toEqual({ ...start, batchRows: 8000 })
  })

  it('leaves out what does not fit, and what does the same', async () => {
    const asked: TuneSetting[] = []
    const { measured } = await search(product({ 'workers 4': 2, 'workers 8': 4 }), quiet, {
      fits: (setting) => {
        asked.push(setting)
        return setting.workers < 8
      },
      effect: ({ workers, feed }) => `${workers} ${feed}`,
    })
    expect(new Set(measured.map(({ workers }) => workers))).toEqual(new Set([1, 2, 4]))
    expect(new Set(measured.map(({ batchRows }) => batchRows))).toEqual(new Set([4000]))
    expect(new Set(asked.map(({ workers }) => workers))).toEqual(new Set([1, 4, 8]))
  })

  it('begins no comparison that there is no time for, and keeps time to compare at the end', async () => {
    const before: number[] = []
    const speed = product({ 'workers 4': 2, 'workers 8': 4 })
    const { recommended, timeUp, measured, curves } = await search(speed, quiet, {
      hasTime: (runs) => before.push(runs) <= 1,
    })
    expect({ recommended, timeUp }).toEqual({ recommended: { ...start, workers: 4 }, timeUp: true })
    expect(before[0]).toBe(15)
    expect(measured).toHaveLength(9 + 6)
    expect(curves.map(({ axis }) => axis)).toEqual(['workers'])
    expect(await search(speed, quiet, { hasTime: () => false })).toMatchObject({
      curves: [],
      measured: [],
      final: null,
    })
  })
})

/** The first runs are as `first` says, all others are alike. */
function luckyFor(runs: number, first: Speed): Search['measure'] {
  let seen = 0
  return async (setting) => ({ rowsPerSecond: seen++ < runs ? first(setting) : 1000, peakRssBytes: 1 })
}

/** Each setting has its own figures, one after the other, over and over. */
function takingTurns(figures: (setting: TuneSetting) => readonly number[]): Search['measure'] {
  const seen = new Map<string, number>()
  return async (setting) => {
    const own = figures(setting)
    const nth = seen.get(JSON.stringify(setting)) ?? 0
    seen.set(JSON.stringify(setting), nth + 1)
    return { rowsPerSecond: own[nth % own.length] ?? 1, peakRssBytes: 1 }
  }
}

const factors = fc.dictionary(
  fc.constantFrom(...axisNames.flatMap((axis) => axes[axis].map((value) => `${axis} ${value}`))),
  fc.double({ min: 0.2, max: 5, noNaN: true }),
)

describe('whatever the speeds are', () => {
  it('without noise the recommended setting is the fastest of all that were measured', async () => {
    await fc.assert(
      fc.asyncProperty(factors, async (factors) => {
        const speed = product(factors)
        const { recommended, measured } = await search(speed, quiet)
        expect(speed(recommended)).toBeCloseTo(Math.max(...measured.map(speed)), 6)
      }),
    )
  })

  it('with noise nothing is recommended that the figures speak against, and no run is for nothing', async () => {
    const noises = fc.array(fc.double({ min: 0.9, max: 1.1, noNaN: true }), { minLength: 1, maxLength: 200 })
    await fc.assert(
      fc.asyncProperty(factors, noises, fc.integer({ min: 3, max: 5 }), async (factors, noises, repeats) => {
        const speed = product(factors)
        const noise = (run: number): number => noises[run % noises.length] ?? 1
        const { recommended, measured, curves, final } = await search(speed, noise, { repeats })
        for (const { points, chosen, at, axis } of curves) {
          const own = points.find(({ value }) => value === chosen)
          const began = points.find(({ value }) => value === at[axis])
          if (own === undefined || began === undefined) throw new Error('a value without runs')
          expect(points.filter((other) => isAbove(other.speed, own.speed))).toEqual([])
          expect(own === began || isAbove(own.speed, began.speed)).toBe(true)
        }
        const moved = recommended !== start
        expect(moved && (final === null || !isAbove(final.after, final.before))).toBe(false)
        expect(speed(recommended)).toBeGreaterThan((speed(start) * 0.9 - 1e-6) / 1.1)
        const counts = Map.groupBy(measured, (setting) => JSON.stringify(setting))
        const incumbents = new Set(
          curves.flatMap(({ axis, at, points }) => {
            // Those that the search went through, and began an axis with, are measured beside each of their rivals.
            const passed = points.filter(({ runs }) => runs.length > repeats).map(({ value }) => value)
            return [at, ...passed.map((value) => ({ ...at, [axis]: value }))].map((setting) => JSON.stringify(setting))
          }),
        )
        for (const [key, runs] of counts) {
          if (incumbents.has(key) || key === JSON.stringify(recommended)) continue
          expect(runs).toHaveLength(
            repeats * curves.filter((curve) => hasPoint(curve, key)).length + finals(key, final, curves, repeats),
          )
        }
        const values = axisNames.reduce((sum, axis) => sum + axes[axis].length, 0)
        expect(counts.size).toBeLessThanOrEqual(2 * values)
      }),
    )
  })
})

function hasPoint({ axis, at, points }: Curve, key: string): boolean {
  return points.some(({ value }) => JSON.stringify({ ...at, [axis]: value }) === key)
}

/** Runs of the last comparison. */
function finals(key: string, final: SearchResult['final'], curves: readonly Curve[], repeats: number): number {
  const last = curves.at(-1)
  const ended = last === undefined ? start : { ...last.at, [last.axis]: last.chosen }
  return final !== null && (key === JSON.stringify(ended) || key === JSON.stringify(start)) ? repeats : 0
}
