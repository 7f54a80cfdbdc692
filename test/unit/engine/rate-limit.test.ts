import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Rate } from '../../../src/core/rate.ts'
import { RateLimiter, type Clock } from '../../../src/engine/rate-limit.ts'

const never = new AbortController().signal
const rows = (amount: number): Rate => ({ amount, unit: 'rows' })

/** Sleeping takes no time. */
function fastClock(): Clock & { ms: number; slept: number } {
  return {
    ms: 0,
    slept: 0,
    now() {
      return this.ms
    },
    sleep(ms) {
      this.ms += ms
      this.slept++
      return Promise.resolve()
    },
  }
}

/** Sleeps until it is told to wake, or aborted. */
function stoppedClock(): Clock & { wake: () => void } {
  const waking = Promise.withResolvers<void>()
  return {
    now: () => 0,
    wake: waking.resolve,
    sleep: (_ms, signal) =>
      Promise.race([
        waking.promise,
        new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true })),
      ]),
  }
}

describe('a limited rate', () => {
  it('lets through what it allows, and one second or one batch more', async () => {
    const batches = fc.array(
      fc.record({ size: fc.integer({ min: 0, max: 5000 }), pause: fc.integer({ min: 0, max: 3000 }) }),
      { minLength: 1, maxLength: 40 },
    )
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 3000 }), batches, async (perSecond, works) => {
        const clock = fastClock()
        const limiter = new RateLimiter(rows(perSecond), false, clock)
        const passed: { readonly at: number; readonly size: number }[] = []
        for (const { size, pause } of works) {
          clock.ms += pause
          await limiter.take(size, 1, never)
          passed.push({ at: clock.ms, size })
        }
        for (const [from, start] of passed.entries()) {
          let [sum, largest] = [0, 0]
          for (const { at, size } of passed.slice(from)) {
            sum += size
            largest = Math.max(largest, size)
            const allowed = ((at - start.at) / 1000) * perSecond + Math.max(perSecond, largest)
            expect(sum).toBeLessThanOrEqual(allowed + 1e-6)
          }
        }
      }),
      { numRuns: 200 },
    )
  })

  it('is kept on average where there is always more to read', async () => {
    const clock = fastClock()
    const limiter = new RateLimiter(rows(1000), false, clock)
    for (let batch = 0; batch < 1000; batch++) await limiter.take(70, 1, never)
    expect(clock.ms).toBe(70_000)
    expect(limiter.waited).toBe(1000)
  })

  it('counts bytes where it is one of bytes, and sleeps no longer than timers can', async () => {
    const clock = fastClock()
    const limiter = new RateLimiter({ amount: 1, unit: 'bytes' }, false, clock)
    await limiter.take(1_000_000, 1, never)
    expect(clock.ms).toBe(1000)
    await limiter.take(1, 3_000_000, never)
    await limiter.take(1, 1, never)
    expect(clock.slept).toBeGreaterThan(3_000_000 / 60)
  })

  it('may change, and lets who waits go on by the new one, in turn', async () => {
    const limiter = new RateLimiter(rows(1), false, stoppedClock())
    const order: number[] = []
    const taking = [1, 2].map(async (number) => {
      expect(await limiter.take(1000, 1, never)).toBeNull()
      order.push(number)
    })
    await new Promise((resolve) => setImmediate(resolve))
    expect(order).toEqual([])
    limiter.set(null)
    await Promise.all(taking)
    expect(order).toEqual([1, 2])
    expect(limiter.waited).toBe(1)
  })

  it('is waited for no longer than the signal allows', async () => {
    const limiter = new RateLimiter(rows(1), false, stoppedClock())
    const stopping = new AbortController()
    const taking = limiter.take(1, 1, stopping.signal)
    stopping.abort(new Error('enough'))
    await expect(taking).rejects.toThrow('enough')
    limiter.set(null)
    expect(await limiter.take(1, 1, never)).toBeNull()
  })
})
