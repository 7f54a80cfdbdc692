import { setTimeout as delay } from 'node:timers/promises'
import type { Rate } from '../core/rate.ts'

/** Timers take no more; who waits longer looks again in between. In milliseconds. */
const LONGEST_SLEEP_MS = 60_000

/** Time, in milliseconds from any point on. */
export interface Clock {
  now(): number
  /** Resolves early when the signal aborts. */
  sleep(ms: number, signal: AbortSignal): Promise<void>
}

/**
 * A token bucket (https://en.wikipedia.org/wiki/Token_bucket) that holds one second's worth and is empty at first. What
 * is larger than that is let through by a full bucket, which then has a debt to make up for. So in any time span passes
 * what the rate allows for it, and beyond that one second's worth or one batch, whichever is more.
 */
export class TokenBucket {
  readonly #perSecond: number
  #level = 0
  #filledAt: number

  constructor(perSecond: number, now: number) {
    this.#perSecond = perSecond
    this.#filledAt = now
  }

  /** Milliseconds until `amount` may be taken; 0: now. */
  waitMs(amount: number, now: number): number {
    this.#level = Math.min(this.#perSecond, this.#level + ((now - this.#filledAt) / 1000) * this.#perSecond)
    this.#filledAt = now
    const missing = Math.min(amount, this.#perSecond) - this.#level
    return missing <= 0 ? 0 : Math.ceil((missing / this.#perSecond) * 1000)
  }

  take(amount: number): void {
    this.#level -= amount
  }
}

/** Lets batches through one after the other, no faster than the rate in force, which may change at any time. */
export class RateLimiter {
  /** Who reads has to ask: there is a rate, or there may be one later. */
  readonly mayHold: boolean
  readonly #clock: Clock
  #rate: Rate | null
  #bucket: TokenBucket | null
  #changing = new AbortController()
  /** Settles, never rejects, when the one before has its turn behind it. */
  #previous: Promise<void> = Promise.resolve()
  #waited = 0

  /** `changeable`: a rate may come later. */
  constructor(rate: Rate | null, changeable: boolean, clock: Clock = systemClock) {
    this.mayHold = rate !== null || changeable
    this.#clock = clock
    this.#rate = rate
    this.#bucket = this.#fresh()
  }

  get rate(): Rate | null {
    return this.#rate
  }

  /** How many batches had to wait. */
  get waited(): number {
    return this.#waited
  }

  /** Who waits goes on by the new rate, with nothing saved up. */
  set(rate: Rate | null): void {
    this.#rate = rate
    this.#bucket = this.#fresh()
    this.#changing.abort()
    this.#changing = new AbortController()
  }

  /** Resolves when a batch may pass, first come, first served, with the rate in force then; rejects when the signal aborts. */
  async take(rows: number, bytes: number, signal: AbortSignal): Promise<Rate | null> {
    const turn = Promise.withResolvers<void>()
    const previous = this.#previous
    this.#previous = turn.promise
    try {
      await previous
      await this.#pass({ rows, bytes }, signal)
      return this.#rate
    } finally {
      turn.resolve()
    }
  }

  async #pass(amounts: Readonly<Record<Rate['unit'], number>>, signal: AbortSignal): Promise<void> {
    for (let waits = 0; ; waits++) {
      signal.throwIfAborted()
      if (this.#rate === null || this.#bucket === null) return
      const amount = amounts[this.#rate.unit]
      const waitMs = this.#bucket.waitMs(amount, this.#clock.now())
      if (waitMs === 0) return this.#bucket.take(amount)
      if (waits === 0) this.#waited++
      const woken = AbortSignal.any([signal, this.#changing.signal])
      await this.#clock.sleep(Math.min(waitMs, LONGEST_SLEEP_MS), woken)
    }
  }

  #fresh(): TokenBucket | null {
    return this.#rate === null ? null : new TokenBucket(this.#rate.amount, this.#clock.now())
  }
}

const systemClock: Clock = {
  now: () => performance.now(),
  sleep: async (ms, signal) => {
    try {
      await delay(ms, undefined, { signal })
    } catch (error) {
      if (!signal.aborted) throw error
    }
  },
}
