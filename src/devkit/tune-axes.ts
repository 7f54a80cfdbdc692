import { DroverError } from '../core/errors.ts'
import { formatCount } from '../telemetry/format.ts'
import { axisNames, withValue, type Axes, type Axis, type AxisValue, type TuneSetting } from './tune-search.ts'

/** Values that somebody wants tried, and no others; an axis left out has the usual ones. */
export type AskedAxes = { readonly [A in Axis]: readonly TuneSetting[A][] | null }

/** What bounds the values that can be tried. */
export interface Bounds {
  /** Rows of the sample and bytes of each, on average. */
  readonly rows: number
  readonly rowBytes: number
  readonly maxWorkers: number
}

/** A setting that was not tried, and why. */
export interface LeftOut {
  readonly axis: Axis
  readonly value: AxisValue
  readonly reason: string
}

/** Doubling shows a knee in few steps; the search takes only those that are worth it. */
const usual: Axes = {
  workers: [1, 2, 4, 8, 16, 32, 64],
  batchRows: [500, 1000, 2000, 4000, 8000, 16_000, 32_000, 64_000],
  batchBytes: [1, 2, 4, 8, 16, 32, 64].map((mebibytes) => mebibytes * 1024 * 1024),
  feed: ['paged', 'partitioned'],
  isolation: ['inline', 'threads', 'processes'],
}

/** Batches each worker gets of a sample at least. With fewer, the first and the last would be all that is measured. */
const BATCHES_PER_WORKER = 2

/** What can be tried on this machine with this sample: the values of each axis, and what speaks against some of them. */
export class TuneAxes {
  readonly axes: Axes
  /** Where the search begins: what is set now, or what of it fits the sample and the values asked for. */
  readonly start: TuneSetting
  readonly #bounds: Bounds
  readonly #leftOut = new Map<string, LeftOut>()

  /** Throws `invalid-value` where no setting fits the sample. */
  constructor(asked: AskedAxes, now: TuneSetting, bounds: Bounds) {
    this.#bounds = bounds
    this.axes = {
      workers: asked.workers === null ? numbers(usual.workers, now.workers) : numbers(asked.workers),
      batchRows: asked.batchRows === null ? numbers(usual.batchRows, now.batchRows) : numbers(asked.batchRows),
      batchBytes: asked.batchBytes === null ? numbers(usual.batchBytes, now.batchBytes) : numbers(asked.batchBytes),
      feed: usual.feed.filter((feed) => asked.feed?.includes(feed) ?? true),
      isolation: usual.isolation.filter((isolation) => asked.isolation?.includes(isolation) ?? true),
    }
    this.start = this.#startNear(now)
  }

  /** Settings that were asked about and did not fit. */
  get leftOut(): readonly LeftOut[] {
    return [...this.#leftOut.values()]
  }

  /** Notes what does not fit, as a value of the first axis that differs from the start. */
  fits(setting: TuneSetting): boolean {
    const reason = this.#obstacle(setting)
    const axis = axisNames.find((name) => setting[name] !== this.start[name])
    if (reason !== null && axis !== undefined) {
      this.#leftOut.set(`${axis} ${setting[axis]}`, { axis, value: setting[axis], reason })
    }
    return reason === null
  }

  /** Rows and bytes both end a batch: where rows are met first, more bytes change nothing. */
  effect(setting: TuneSetting): string {
    return [setting.workers, this.#rowsOfBatch(setting), setting.feed, setting.isolation].join(' ')
  }

  #startNear(now: TuneSetting): TuneSetting {
    let start = now
    for (const axis of axisNames) start = withValue(start, axis, nearest(this.axes[axis], now[axis]))
    // Smaller batches first: they change less than fewer workers do.
    for (const axis of ['batchRows', 'workers'] as const) {
      const smaller = this.axes[axis].filter((value) => value < start[axis])
      for (const value of smaller.toReversed()) {
        if (this.#obstacle(start) !== null) start = withValue(start, axis, value)
      }
    }
    const reason = this.#obstacle(start)
    if (reason === null) return start
    throw new DroverError('invalid-value', `the sample cannot be measured with: ${reason}`, {
      hint: 'take a larger sample (--rows) of a larger table, or try smaller --batch-rows and fewer --workers',
    })
  }

  #obstacle(setting: TuneSetting): string | null {
    const { rows, maxWorkers } = this.#bounds
    const { workers } = setting
    if (workers > maxWorkers) return `the target has connections for ${maxWorkers} ${workersWord(maxWorkers)} just now`
    const needed = this.#rowsOfBatch(setting) * workers * BATCHES_PER_WORKER
    if (needed < rows) return null
    const batches = `${workers} ${workersWord(workers)} with batches of ${formatCount(this.#rowsOfBatch(setting))} rows`
    return `${batches} need more than ${formatCount(needed)} rows, and the sample has ${formatCount(rows)}`
  }

  #rowsOfBatch({ batchRows, batchBytes }: TuneSetting): number {
    return Math.max(1, Math.min(batchRows, Math.floor(batchBytes / this.#bounds.rowBytes)))
  }
}

function workersWord(count: number): string {
  return count === 1 ? 'worker' : 'workers'
}

/** Ascending, each once. */
function numbers(values: readonly number[], ...more: readonly number[]): readonly number[] {
  return [...new Set([...values, ...more])].toSorted((a, b) => a - b)
}

/** The value itself; of numbers otherwise the largest below it, or else the smallest; of words the first. */
function nearest(values: readonly AxisValue[], wanted: AxisValue): AxisValue {
  if (values.includes(wanted)) return wanted
  return values.findLast((value) => typeof value === 'number' && value < Number(wanted)) ?? values[0] ?? wanted
}
