import { cpus } from 'node:os'

/** What the coordinator is at while it feeds: waiting for the source, for the rate, or for a worker that has credit. */
export type Feeding = 'reading' | 'pacing' | 'dispatching'

/** Seconds and batches before anything is said of a run. */
const FIRST_SECONDS = 2
const FIRST_BATCHES = 20

/** Shares of the time, 0 … 1, beyond which the one side waits for the other. */
const STARVED = 0.3
const CROWDED = 0.5
const FREE_CPU = 0.25

/** Processor time of this machine, in any unit, since any point on. */
export interface CpuTimes {
  readonly idle: number
  readonly total: number
}

/**
 * Measures in the paged feed who waits for whom: how long each thing took that the coordinator did, and how much of the
 * time that it waited for the source the workers had nothing to do.
 */
export class FeedWatch {
  readonly #now: () => number
  readonly #cpu: () => CpuTimes
  readonly #cpuBefore: CpuTimes
  readonly #seconds: Record<Feeding, number> = { reading: 0, pacing: 0, dispatching: 0 }
  #idleSeconds = 0
  #batches = 0
  #feeding: Feeding | null = null
  #idleShare = 1
  #at = 0

  /** `now` is in milliseconds, by a clock that never jumps. */
  constructor(now: () => number, cpu: () => CpuTimes) {
    this.#now = now
    this.#cpu = cpu
    this.#cpuBefore = cpu()
  }

  /** Null: it feeds no more. */
  turnTo(feeding: Feeding | null): void {
    this.#advance()
    if (feeding === 'dispatching') this.#batches++
    this.#feeding = feeding
  }

  /** So many of the workers have work from now on. */
  workers(busy: number, size: number): void {
    this.#advance()
    this.#idleShare = size === 0 ? 0 : (size - busy) / size
  }

  seconds(feeding: Feeding): number {
    return this.#seconds[feeding]
  }

  /** Share of the time that the workers waited for the source; null: too little has been seen, or no more than usual. */
  get starved(): number | null {
    return this.#share(this.#idleSeconds, STARVED)
  }

  /** Share of the time that what was read waited for the workers; null: too little has been seen, or no more than usual. */
  get crowded(): number | null {
    return this.#share(this.#seconds.dispatching, CROWDED)
  }

  /** Share of the processors that nobody used. */
  get freeCpu(): number {
    const { idle, total } = this.#cpu()
    const passed = total - this.#cpuBefore.total
    return passed === 0 ? 0 : (idle - this.#cpuBefore.idle) / passed
  }

  /** What more cursors, or more workers, would need. */
  get hasFreeCpu(): boolean {
    return this.freeCpu > FREE_CPU
  }

  /** More cursors would help. Looked at now and then only, because asking for the processors takes its time. */
  get isStarving(): boolean {
    return this.#batches % FIRST_BATCHES === 0 && this.starved !== null && this.hasFreeCpu
  }

  /** A run that was held back by its rate says nothing of how fast it could be. */
  #share(seconds: number, least: number): number | null {
    const { reading, pacing, dispatching } = this.#seconds
    const all = reading + dispatching
    if (all < FIRST_SECONDS || this.#batches < FIRST_BATCHES || pacing > all / 10) return null
    return seconds / all > least ? seconds / all : null
  }

  #advance(): void {
    const now = this.#now()
    if (this.#feeding !== null) {
      const seconds = (now - this.#at) / 1000
      this.#seconds[this.#feeding] += seconds
      if (this.#feeding === 'reading') this.#idleSeconds += seconds * this.#idleShare
    }
    this.#at = now
  }
}

/** What a run that is over would have others do, one sentence each. */
export function adviceOf(
  watch: FeedWatch,
  run: { readonly mayBePartitioned: boolean; readonly workers: number },
): string[] {
  const { starved, crowded } = watch
  if (!watch.hasFreeCpu) return []
  const free = `${percent(watch.freeCpu)} of the processors were free`
  if (starved !== null && run.mayBePartitioned && run.workers > 1) {
    return [
      `the workers waited ${percent(starved)} of the time for the one cursor, and ${free}: --feed partitioned may be faster`,
    ]
  }
  if (crowded === null) return []
  const more = run.workers * 2
  return [
    `what was read waited ${percent(crowded)} of the time for the target, and ${free}: --workers ${more} may be faster`,
  ]
}

export function percent(share: number): string {
  return `${Math.round(share * 100)} %`
}

/** Of all processors of this machine. */
export function cpuTimes(): CpuTimes {
  const each = cpus().map(({ times: { user, nice, sys, idle, irq } }) => ({
    idle,
    total: user + nice + sys + idle + irq,
  }))
  return each.reduce((sum, { idle, total }) => ({ idle: sum.idle + idle, total: sum.total + total }), {
    idle: 0,
    total: 0,
  })
}
