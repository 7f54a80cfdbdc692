import { readFile, stat } from 'node:fs/promises'
import { DroverError } from '../core/errors.ts'
import { nearestRate, parseRate, rateForms, type Rate } from '../core/rate.ts'
import { formatRate } from '../telemetry/format.ts'
import type { Notice } from '../telemetry/progress.ts'
import type { RateLimiter } from './rate-limit.ts'

/** Watching a file misses changes on some file systems; looking at its time does not. */
const LOOK_MS = 1000

/** What is longer is no rate. */
const SHOWN_CHARACTERS = 40

export interface RateFileOptions {
  readonly path: string
  /** In force until the file is there. */
  readonly otherwise: Rate | null
  readonly notice: (notice: Notice) => void
}

/** Keeps a limiter at the rate that a file says. Disposing stops looking. */
export class RateFile implements Disposable {
  readonly #options: RateFileOptions
  readonly #limiter: RateLimiter
  readonly #looking: NodeJS.Timeout
  #seen: string
  #busy: Promise<void> = Promise.resolve()

  private constructor(options: RateFileOptions, limiter: RateLimiter, seen: string) {
    this.#options = options
    this.#limiter = limiter
    this.#seen = seen
    this.#looking = setInterval(() => void this.#look(), LOOK_MS).unref()
  }

  /** Throws `invalid-value` where the file is there and holds no rate: to go without a limit would be worse. */
  static async open(options: RateFileOptions, limiter: RateLimiter): Promise<RateFile> {
    const seen = await stampOf(options.path)
    limiter.set(seen === 'ENOENT' ? options.otherwise : await rateIn(options.path))
    return new RateFile(options, limiter, seen)
  }

  /** At once, and even where its time says that it has not changed. */
  reread(): Promise<void> {
    this.#busy = this.#busy.then(() => this.#read())
    return this.#busy
  }

  [Symbol.dispose](): void {
    clearInterval(this.#looking)
  }

  async #look(): Promise<void> {
    const stamp = await stampOf(this.#options.path)
    if (stamp === this.#seen) return
    this.#seen = stamp
    await this.reread()
  }

  /** Never rejects: a file that cannot be read or says nothing leaves the rate as it is. */
  async #read(): Promise<void> {
    const { path, notice } = this.#options
    const { rate: before } = this.#limiter
    try {
      const rate = await rateIn(path)
      if (rate?.amount === before?.amount && rate?.unit === before?.unit) return
      this.#limiter.set(rate)
      notice({ level: 'info', message: `${path}: ${inForce(rate)} from now on` })
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      notice({ level: 'warning', message: `${why}; still ${inForce(before)}` })
    }
  }
}

/** As in `limited to 5,000 rows/s`. */
export function inForce(rate: Rate | null): string {
  return rate === null ? 'not limited' : `limited to ${formatRate(rate)}`
}

/** Changes when the file does; `ENOENT`: there is none. */
async function stampOf(path: string): Promise<string> {
  try {
    const { mtimeNs, size, ino } = await stat(path, { bigint: true })
    return `${mtimeNs} ${size} ${ino}`
  } catch (error) {
    // Not swallowed: who reads the file because of it meets the same.
    return error instanceof Error && 'code' in error ? String(error.code) : String(error)
  }
}

/** Throws `invalid-value`. */
async function rateIn(path: string): Promise<Rate | null> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new DroverError('invalid-value', `cannot read the rate file: ${why}`, { cause: error })
  }
  const rate = parseRate(text)
  if (rate !== undefined) return rate
  const shown = text.trim().slice(0, SHOWN_CHARACTERS)
  const nearest = nearestRate(text)
  throw new DroverError('invalid-value', `${path} says ${JSON.stringify(shown)}; allowed is ${rateForms}`, {
    hint: nearest === undefined ? undefined : `did you mean ${nearest}?`,
  })
}
