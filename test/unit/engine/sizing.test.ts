import { describe, expect, it } from 'vitest'
import type { RowLayout } from '../../../src/core/layout.ts'
import { chooseFeed, chooseIsolation, choosePartitions, chooseWorkers } from '../../../src/engine/sizing.ts'

const free = (count: number) => ({ limit: 100, inUse: 100 - count, free: count })

describe('number of workers', () => {
  it('is what was asked where the server can serve it', () => {
    expect(chooseWorkers(90, 2, free(94), Infinity).count).toBe(90)
  })

  it('refuses more than the server can serve, and says how many it can', () => {
    expect(() => chooseWorkers(95, 2, free(94), Infinity)).toThrow(
      expect.objectContaining({ code: 'too-many-workers', hint: expect.stringContaining('--workers 94') }),
    )
  })

  it('is clamped by a target with few writers when left to drover, and says why', () => {
    expect(chooseWorkers('auto', 8, free(94), 1)).toEqual({ count: 1, reason: 'the target has 1 free connections' })
    expect(chooseWorkers('auto', 8, free(94), Infinity).count).toBe(8)
    expect(chooseWorkers('auto', 8, free(3), Infinity).count).toBe(3)
  })

  it('refuses to start without a free connection', () => {
    expect(() => chooseWorkers('auto', 8, free(0), Infinity)).toThrow(
      expect.objectContaining({ code: 'too-many-workers' }),
    )
  })
})

describe('isolation', () => {
  const layoutOf = (raw: boolean): { layout: RowLayout } => ({
    layout: { format: 'pgcopy', columns: [], key: [], raw },
  })

  it('is threads, and none where rows are only passed on', () => {
    expect(chooseIsolation('auto', [layoutOf(true), layoutOf(true)])).toBe('inline')
    expect(chooseIsolation('auto', [layoutOf(true), layoutOf(false)])).toBe('threads')
    expect(chooseIsolation('auto', [layoutOf(true), {}])).toBe('threads')
    expect(chooseIsolation('auto', [])).toBe('threads')
  })

  it('is what is asked for', () => {
    expect(chooseIsolation('processes', [layoutOf(true)])).toBe('processes')
  })
})

describe('feed', () => {
  const run = { workers: 2, cores: 2, isolation: 'threads', ordered: true, oneReader: null } as const

  it('is paged while one cursor can keep the busy workers fed', () => {
    expect(chooseFeed('auto', run).choice).toBe('paged')
    expect(chooseFeed('auto', { ...run, workers: 90 }).choice).toBe('paged')
    expect(chooseFeed('auto', { ...run, workers: 16, cores: 16, isolation: 'inline' }).choice).toBe('paged')
  })

  it('is partitioned where it cannot, but never for a table without key order', () => {
    expect(chooseFeed('auto', { ...run, workers: 16, cores: 16 }).choice).toBe('partitioned')
    expect(chooseFeed('auto', { ...run, workers: 16, cores: 16, ordered: false }).choice).toBe('paged')
  })

  it('is what was asked', () => {
    expect(chooseFeed('partitioned', run)).toEqual({ choice: 'partitioned', reason: 'as asked' })
  })
})

describe('number of partitions', () => {
  it('is one for a table of unknown size and for small ones', () => {
    expect(choosePartitions(null, 8000, 'partitioned', 8)).toBe(1)
    expect(choosePartitions(0, 8000, 'partitioned', 8)).toBe(1)
    expect(choosePartitions(8000, 8000, 'partitioned', 8)).toBe(1)
  })

  it('gives each worker several in the partitioned feed, but none without a batch of rows', () => {
    expect(choosePartitions(1_000_000, 8000, 'partitioned', 2)).toBe(8)
    expect(choosePartitions(24_000, 8000, 'partitioned', 8)).toBe(3)
  })

  it('is bounded for tables of billions of rows', () => {
    expect(choosePartitions(1e12, 1000, 'paged', 2)).toBe(4096)
  })
})
