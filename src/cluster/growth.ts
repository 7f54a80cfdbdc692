import { setTimeout as delay } from 'node:timers/promises'
import type { DroverError } from '../core/errors.ts'

/** Pause before a missing worker is tried again, doubled as long as there is no room, halved at random. In milliseconds. */
const GROWTH_BASE_MS = 1000
const GROWTH_CAP_MS = 30_000

export interface GrowthHooks {
  /** Starts the worker of a number; answers the shortage that is still there. */
  open(number: number): Promise<DroverError | null>
  onGrown(number: number): void
  /** It failed, and not for want of room. */
  onFailed(number: number, error: unknown): void
}

/**
 * The workers that there was no room for. One of them is tried now and then, and the next at once where it found room: what
 * was short (connections, processes, open files) is mostly so for a while. Ends with the signal.
 */
export class Growth {
  readonly #hooks: GrowthHooks
  readonly #signal: AbortSignal
  readonly #missing: number[] = []
  #growing: Promise<void> | null = null

  constructor(hooks: GrowthHooks, signal: AbortSignal) {
    this.#hooks = hooks
    this.#signal = signal
  }

  /** Resolves when no try is under way any more; never rejects. */
  get ended(): Promise<void> {
    return this.#growing ?? Promise.resolve()
  }

  add(number: number): void {
    this.#missing.push(number)
    this.#growing ??= this.#grow()
  }

  async #grow(): Promise<void> {
    for (let longestMs = GROWTH_BASE_MS; this.#missing.length > 0 && (await this.#pause(longestMs));) {
      longestMs = Math.min(GROWTH_CAP_MS, longestMs * 2)
      if (await this.#openNext()) longestMs = GROWTH_BASE_MS
    }
    this.#growing = null
  }

  /** True: a worker more is there. */
  async #openNext(): Promise<boolean> {
    const [number] = this.#missing
    if (number === undefined) return false
    try {
      if ((await this.#hooks.open(number)) !== null) return false
    } catch (error) {
      if (!this.#signal.aborted) this.#hooks.onFailed(number, error)
      return false
    }
    this.#missing.shift()
    this.#hooks.onGrown(number)
    return true
  }

  /** Keeps no process alive. False: no worker is wanted any more. */
  async #pause(longestMs: number): Promise<boolean> {
    try {
      await delay(longestMs * (0.5 + Math.random() / 2), undefined, { signal: this.#signal, ref: false })
      return true
    } catch (error) {
      if (this.#signal.aborted) return false
      throw error
    }
  }
}
