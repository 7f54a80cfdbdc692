import type { Feed, Isolation } from '../core/result.ts'
import { isAbove, spreadOf, type Spread } from './tune-spread.ts'

/** How a run is set: what is searched for. */
export interface TuneSetting {
  readonly workers: number
  readonly batchRows: number
  readonly batchBytes: number
  readonly feed: Feed
  readonly isolation: Isolation
}

/** One thing that is set; the others stay what they are while its values are tried. */
export type Axis = keyof TuneSetting
export type AxisValue = TuneSetting[Axis]

/** In the order they are searched. */
export const axisNames: readonly Axis[] = ['workers', 'batchRows', 'batchBytes', 'feed', 'isolation']

/** The values that may be tried, the smallest or cheapest first. */
export type Axes = { readonly [A in Axis]: readonly TuneSetting[A][] }

/** What one run came to. */
export interface TuneRun {
  readonly rowsPerSecond: number
  readonly peakRssBytes: number
}

/** A value of an axis and all runs with it. */
export interface Point {
  readonly value: AxisValue
  readonly runs: readonly TuneRun[]
  readonly speed: Spread
}

/** What an axis was seen to do, with the other four as `at` has them. */
export interface Curve {
  readonly axis: Axis
  readonly at: TuneSetting
  /** In the order of the axis; at least two. */
  readonly points: readonly Point[]
  /** The value with the highest median. */
  readonly best: AxisValue
  /** The smallest value whose median is within the spread of the best. */
  readonly knee: AxisValue
  /** Where the search went on from. Another value than the one in `at` only where it is faster beyond the spread. */
  readonly chosen: AxisValue
}

/** The speed of the setting the search began with and of the one it ended at, measured in turns. */
export interface FinalComparison {
  readonly before: Spread
  readonly after: Spread
}

export interface SearchResult {
  readonly curves: readonly Curve[]
  /** The setting to be taken: the one the search began with, unless another is faster beyond the spread. */
  readonly recommended: TuneSetting
  /** Null: the search ended where it began. */
  readonly final: FinalComparison | null
  /** Time ended the search before its end. */
  readonly timeUp: boolean
}

export interface Search {
  readonly axes: Axes
  readonly start: TuneSetting
  /** Runs of each setting, at least 3. */
  readonly repeats: number
  readonly measure: (setting: TuneSetting) => Promise<TuneRun>
  /** May this setting be tried? */
  readonly fits: (setting: TuneSetting) => boolean
  /** Settings with the same answer do the same, so only the first of them is measured. */
  readonly effect: (setting: TuneSetting) => string
  /** Is there time for so many runs? */
  readonly hasTime: (runs: number) => boolean
}

/**
 * Coordinate descent: one axis after the other, from the start, each step only as far as it is faster than the spread of
 * the repeats. A second round takes those axes once more whose others have changed since. Runs of one comparison take
 * turns, so that whatever slows the machine for a while slows all of them; hence the value an axis begins with is
 * measured again beside its rivals, and figures of different axes are never compared.
 */
export async function searchSettings(search: Search): Promise<SearchResult> {
  const { start } = search
  const curves: Curve[] = []
  let setting = start
  let timeUp = false
  for (const axis of [...axisNames, ...axisNames]) {
    if (curves.some((curve) => curve.axis === axis && sameBut(axis, curve.at, setting))) continue
    const walk = await walkAxis(search, axis, setting)
    timeUp ||= walk.timeUp
    if (walk.curve === null) continue
    curves.push(walk.curve)
    setting = withValue(setting, axis, walk.curve.chosen)
  }
  if (axisNames.every((axis) => setting[axis] === start[axis])) {
    return { curves, recommended: start, final: null, timeUp }
  }
  const final = onlyComparison(curves) ?? (await compareAgain(search, setting))
  return { curves, recommended: isAbove(final.after, final.before) ? setting : start, final, timeUp }
}

/** Among many comparisons chance wins one now and then, so the winner has to win again. */
async function compareAgain(search: Search, setting: TuneSetting): Promise<FinalComparison> {
  const [before = [], after = []] = await measureInTurns(search, [search.start, setting])
  return { before: speedOf(before), after: speedOf(after) }
}

/** Where two settings are all that was compared, they have been in turns already. */
function onlyComparison(curves: readonly Curve[]): FinalComparison | null {
  const [curve, another] = curves
  if (curve === undefined || another !== undefined || curve.points.length > 2) return null
  const before = curve.points.find(({ value }) => value === curve.at[curve.axis])
  const after = curve.points.find((point) => point !== before)
  return before === undefined || after === undefined ? null : { before: before.speed, after: after.speed }
}

interface Walk {
  /** Null: there was nothing to compare with. */
  readonly curve: Curve | null
  readonly timeUp: boolean
}

/** Tries what lies beside the value of now, and goes on in the direction that is faster. */
async function walkAxis(search: Search, axis: Axis, at: TuneSetting): Promise<Walk> {
  const { repeats } = search
  const values = distinctValues(search, axis, at)
  const runs = new Map<AxisValue, TuneRun[]>()
  const rivalsOf = (value: AxisValue): readonly AxisValue[] => {
    return besides(values, value).filter((rival) => !runs.has(rival) && search.fits(withValue(at, axis, rival)))
  }
  let current = at[axis]
  let rivals = rivalsOf(current)
  while (rivals.length > 0) {
    // Time for the final comparison is kept back.
    if (!search.hasTime((rivals.length + 1 + 2) * repeats)) break
    const group = [current, ...rivals]
    const measured = await measureInTurns(
      search,
      group.map((value) => withValue(at, axis, value)),
    )
    for (const [index, value] of group.entries()) {
      runs.set(value, [...(runs.get(value) ?? []), ...(measured[index] ?? [])])
    }
    const next = choose(pointsOf(values, runs), current)
    if (next === current) return { curve: curveOf(axis, at, pointsOf(values, runs)), timeUp: false }
    current = next
    rivals = rivalsOf(current)
  }
  const curve = runs.size === 0 ? null : curveOf(axis, at, pointsOf(values, runs))
  return { curve, timeUp: rivals.length > 0 }
}

/** The values of an axis of which no two do the same; the one of now is among them. */
function distinctValues({ axes, effect }: Search, axis: Axis, at: TuneSetting): readonly AxisValue[] {
  const seen = new Set([effect(at)])
  const values: readonly AxisValue[] = axes[axis]
  return values.filter((value) => {
    if (value === at[axis]) return true
    const does = effect(withValue(at, axis, value))
    const known = seen.has(does)
    seen.add(does)
    return !known
  })
}

/** Of numbers the next one on each side, of words all others. */
function besides(values: readonly AxisValue[], current: AxisValue): readonly AxisValue[] {
  const place = values.indexOf(current)
  return values.filter((value, index) => {
    return value !== current && (typeof value === 'string' || Math.abs(index - place) === 1)
  })
}

/** Forwards and backwards by turns, so that a machine that slows down steadily slows all alike. */
async function measureInTurns(
  { measure, repeats }: Search,
  settings: readonly TuneSetting[],
): Promise<readonly (readonly TuneRun[])[]> {
  const runs = settings.map((): TuneRun[] => [])
  for (let repeat = 0; repeat < repeats; repeat++) {
    const turn = [...settings.entries()]
    for (const [index, setting] of repeat % 2 === 0 ? turn : turn.toReversed()) {
      runs[index]?.push(await measure(setting))
    }
  }
  return runs
}

/**
 * The smallest value that is faster than `current`, as fast as the best, and slower than none, all by the spread;
 * `current` where none is faster.
 */
function choose(points: readonly Point[], current: AxisValue): AxisValue {
  const now = points.find(({ value }) => value === current)
  const best = bestOf(points)
  if (now === undefined || best === undefined) return current
  const chosen = points.find(({ speed }) => {
    const fast = speed.median >= best.speed.low && !points.some((other) => isAbove(other.speed, speed))
    return fast && isAbove(speed, now.speed)
  })
  return chosen?.value ?? current
}

/** The choice is made from all figures there are: a value that led the way may have fallen back since. */
function curveOf(axis: Axis, at: TuneSetting, points: readonly Point[]): Curve {
  const chosen = choose(points, at[axis])
  const best = bestOf(points)
  const knee = points.find(({ speed }) => best !== undefined && speed.median >= best.speed.low)
  return { axis, at, points, best: best?.value ?? chosen, knee: knee?.value ?? chosen, chosen }
}

function bestOf(points: readonly Point[]): Point | undefined {
  return points.toSorted((a, b) => b.speed.median - a.speed.median)[0]
}

function pointsOf(values: readonly AxisValue[], runs: ReadonlyMap<AxisValue, readonly TuneRun[]>): readonly Point[] {
  return values.flatMap((value) => {
    const own = runs.get(value)
    return own === undefined ? [] : [{ value, runs: own, speed: speedOf(own) }]
  })
}

function speedOf(runs: readonly TuneRun[]): Spread {
  return spreadOf(runs.map(({ rowsPerSecond }) => rowsPerSecond))
}

export function withValue(setting: TuneSetting, axis: Axis, value: AxisValue): TuneSetting {
  return { ...setting, [axis]: value }
}

function sameBut(axis: Axis, a: TuneSetting, b: TuneSetting): boolean {
  return axisNames.every((name) => name === axis || a[name] === b[name])
}
