import type { FaultClass } from './fault.ts'

/** How faults that may pass are retried: full jitter between 0 and `base × factor^n`, capped, within a budget of elapsed time. */
export interface RetryPolicy {
  readonly baseMs: number
  readonly factor: number
  readonly capMs: number
  /** Elapsed time from the first try; by a clock that never jumps. */
  readonly budgetMs: number
  /** Retries after the first try; null: as many as the budget allows. */
  readonly maxRetries: number | null
  /** Which failures are worth another try. */
  readonly retries: readonly FaultClass[]
}

/** For work that no run, and so no policy of a user, stands behind. */
export const defaultRetry: RetryPolicy = {
  baseMs: 100,
  factor: 2,
  capMs: 30_000,
  budgetMs: 300_000,
  maxRetries: null,
  retries: ['transient', 'unknown'],
}

export interface RetryHooks {
  classify(error: unknown): FaultClass
  onRetry(error: unknown, pauseMs: number): void
}

/** Tries of one piece of work; its budget begins with this. Work that comes on in steps has another for each of them. */
export class Tries {
  readonly #policy: RetryPolicy
  readonly #hooks: RetryHooks
  readonly #startedAt = performance.now()
  #retries = 0

  constructor(policy: RetryPolicy, hooks: RetryHooks) {
    this.#policy = policy
    this.#hooks = hooks
  }

  /** After a try that failed: waits until the next one is due, or throws its error where there is none. */
  async failed(failure: unknown, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const { retries, maxRetries, capMs, baseMs, factor, budgetMs } = this.#policy
    if (!retries.includes(this.#hooks.classify(failure))) throw failure
    if (maxRetries !== null && this.#retries >= maxRetries) throw failure
    const pauseMs = Math.random() * Math.min(capMs, baseMs * factor ** this.#retries)
    if (performance.now() - this.#startedAt + pauseMs > budgetMs) throw failure
    this.#retries++
    this.#hooks.onRetry(failure, pauseMs)
    signal.throwIfAborted()
    await pause(pauseMs, signal)
    signal.throwIfAborted()
  }
}

/** Ends early when the signal aborts; it has not yet. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, ms)
  const wake = (): void => {
    clearTimeout(timer)
    resolve()
  }
  signal.addEventListener('abort', wake, { once: true })
  return promise.finally(() => signal.removeEventListener('abort', wake))
}

/**
 * Runs `attempt` until it succeeds, fails with something that the policy does not retry, or the budget is spent; then
 * throws the last error. Each attempt must be safe to repeat.
 */
export async function withRetries<T>(
  policy: RetryPolicy,
  hooks: RetryHooks,
  signal: AbortSignal,
  attempt: () => Promise<T>,
): Promise<T> {
  const tries = new Tries(policy, hooks)
  for (;;) {
    try {
      return await attempt()
    } catch (error) {
      await tries.failed(error, signal)
    }
  }
}
