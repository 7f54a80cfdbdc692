import { describe, expect, it } from 'vitest'
import type { FaultClass } from '../../../src/core/fault.ts'
import { defaultRetry, withRetries, type RetryPolicy } from '../../../src/core/retry.ts'

const policy: RetryPolicy = { ...defaultRetry, baseMs: 1, capMs: 2, budgetMs: 60_000, maxRetries: 5 }
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

const hooks = (fault: FaultClass) => {
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

  it.each(['fatal', 'data', 'drift'] as const)('never repeats anything else: %s', async (fault) => {
    const { attempt, calls } = failing(1)
    await expect(withRetries(policy, hooks(fault), never, attempt)).rejects.toThrow('failure 1')
    expect(calls()).toBe(1)
  })

  it('repeats what the policy says', async () => {
    const { attempt, calls } = failing(1)
    expect(await withRetries({ ...policy, retries: ['data'] }, hooks('data'), never, attempt)).toBe('done')
    expect(calls()).toBe(2)
  })

  it('waits longer from try to try, by chance, and never longer than the cap', async () => {
    const pauses: number[] = []
    const patience = { ...policy, baseMs: 1, factor: 3, capMs: 5, maxRetries: 40 }
    const watching = { classify: () => 'transient' as const, onRetry: (_: unknown, ms: number) => void pauses.push(ms) }
    expect(await withRetries(patience, watching, never, failing(40).attempt)).toBe('done')
    expect(pauses[0]).toBeLessThanOrEqual(1)
    expect(pauses[1]).toBeLessThanOrEqual(3)
    expect(Math.max(...pauses)).toBeLessThanOrEqual(5)
    expect(Math.max(...pauses)).toBeGreaterThan(1)
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
