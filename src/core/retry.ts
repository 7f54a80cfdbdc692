import { setTimeout as sleep } from 'node:timers/promises'
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

export interface RetryHooks {
  classify(error: unknown): FaultClass
  onRetry(error: unknown, pauseMs: number): void
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
  const startedAt = performance.now()
  for (let retries = 0; ; retries++) {
    try {
      return await attempt()
    } catch (error) {
      signal.throwIfAborted()
      if (!policy.retries.includes(hooks.classify(error))) throw error
      if (policy.maxRetries !== null && retries >= policy.maxRetries) throw error
      const pauseMs = Math.random() * Math.min(policy.capMs, policy.baseMs * policy.factor ** retries)
      if (performance.now() - startedAt + pauseMs > policy.budgetMs) throw error
      hooks.onRetry(error, pauseMs)
      await sleep(pauseMs, undefined, { signal }).catch(() => signal.throwIfAborted())
    }
  }
}
