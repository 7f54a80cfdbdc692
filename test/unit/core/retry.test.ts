import { describe, expect, it } from 'vitest'
import { withRetries, type RetryPolicy } from '../../../src/core/retry.ts'

const policy: RetryPolicy = { baseMs: 1, capMs: 2, budgetMs: 60_000, maxRetries: 5 }
const never = new AbortController().signal

function failing(times: number): { attempt: () => Promise<string>; calls: () => number } {
  let calls = 0
  const attempt = async (): Promise<string> => {
    calls++
    if (calls <= times) throw new Error(`failure ${calls}`)
    return 'done'
  }
  return { attempt, calls: () => calls }
}

const hooks = (fault: 'transient' | 'fatal') => {
  const seen: unknown[] = []
  return { classify: () => fault, onRetry: (error: unknown) => void seen.push(error), seen }
}

describe('retries', () => {
  it('repeats transient faults until one try succeeds, and tells of each', async () => {
    const { attempt, calls } = failing(3)
    const watching = hooks('transient')
    expect(await withRetries(policy, watching, never, attempt)).toBe('done')
    expect(calls()).toBe(4)
    expect(watching.seen).toHaveLength(3)
  })

  it('never repeats anything else', async () => {
    const { attempt, calls } = failing(1)
    await expect(withRetries(policy, hooks('fatal'), never, attempt)).rejects.toThrow('failure 1')
    expect(calls()).toBe(1)
  })

  it('gives up after so many tries with the last error', async () => {
    const { attempt, calls } = failing(100)
    await expect(withRetries(policy, hooks('transient'), never, attempt)).rejects.toThrow('failure 6')
    expect(calls()).toBe(6)
  })

  it('gives up when the budget of time is spent', async () => {
    const { attempt, calls } = failing(100)
    const broke = { ...policy, budgetMs: 0, baseMs: 1000, capMs: 1000, maxRetries: null }
    await expect(withRetries(broke, hooks('transient'), never, attempt)).rejects.toThrow('failure 1')
    expect(calls()).toBe(1)
  })

  it('stops with the reason of the signal', async () => {
    const stopping = new AbortController()
    const { attempt } = failing(100)
    const stop = { classify: () => 'transient' as const, onRetry: () => stopping.abort(new Error('stopped')) }
    const patient = { ...policy, baseMs: 60_000, capMs: 60_000, budgetMs: 1e9 }
    await expect(withRetries(patient, stop, stopping.signal, attempt)).rejects.toThrow('stopped')
  })
})
