import { setTimeout as sleep } from 'node:timers/promises'
import type { FaultClass } from '../connectors/contract.ts'

/** How transient faults are retried: full jitter between 0 and `base × 2^n`, capped, within a budget of elapsed time. */
export interface RetryPolicy {
  readonly baseMs: number
  readonly capMs: number
  readonly budgetMs: number
  /** Retries after the first try; null: as many as the budget allows. */
  readonly maxRetries: number | null
}

export interface RetryHooks {
  classify(error: unknown): FaultClass
  onRetry(error: unknown, pauseMs: number): void
}

/**
 * Runs `attempt` until it succeeds, fails with something that is not transient, or the budget is spent; then throws
 * the last error. Each attempt must be safe to repeat.
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
      if (hooks.classify(error) !== 'transient') throw error
      if (policy.maxRetries !== null && retries >= policy.maxRetries) throw error
      const pauseMs = Math.random() * Math.min(policy.capMs, policy.baseMs * 2 ** retries)
      if (performance.now() - startedAt + pauseMs > policy.budgetMs) throw error
      hooks.onRetry(error, pauseMs)
      await sleep(pauseMs, undefined, { signal }).catch(() => signal.throwIfAborted())
    }
  }
}
