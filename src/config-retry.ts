import { defaultRetry, type RetryPolicy } from './core/retry.ts'

/** How a run tries again: within the budget asked for, and otherwise as the caller says, or as is usual. */
export function retryPolicy(
  asked: { readonly budgetSeconds: number; readonly maxRetries: number | null },
  given: Partial<RetryPolicy> = {},
): RetryPolicy {
  const { budgetSeconds, maxRetries } = asked
  return Object.freeze({ ...defaultRetry, budgetMs: budgetSeconds * 1000, maxRetries, ...given })
}
