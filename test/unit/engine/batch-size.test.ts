import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BatchSize } from '../../../src/engine/batch-size.ts'

const first = { rows: 8000, bytes: 8 * 1024 * 1024, asked: { rows: false, bytes: false } }

/** A full batch of the present size, of rows of so many bytes, whose transaction took so long, a part of it whatever its rows. */
function commit(size: BatchSize, seconds: number, rowBytes = 100, { claim = 0, disk = 0 } = {}): void {
  const read = Math.max(1, Math.min(size.rows, Math.floor(size.bytes / rowBytes)))
  size.committed({
    counts: { read },
    bytes: read * rowBytes,
    stages: { write: seconds - disk, commit: disk },
    claimSeconds: claim,
  })
}

describe('the size of batches', () => {
  it('comes to rest where transactions take as long as they should, for every cost, and is never out of bounds', () => {
    const cost = fc.record({
      claim: fc.double({ min: 0, max: 0.5, noNaN: true }),
      disk: fc.double({ min: 0, max: 1, noNaN: true }),
      perRow: fc.double({ min: 1e-8, max: 1e-2, noNaN: true }),
      power: fc.double({ min: 0.5, max: 1.5, noNaN: true }),
    })
    fc.assert(
      fc.property(cost, fc.integer({ min: 1, max: 100_000 }), ({ claim, disk, perRow, power }, rows) => {
        const size = new BatchSize({ ...first, rows })
        const fixed = claim * 3 + disk
        const ofRows = (): number => perRow * size.rows ** power
        const seconds = (): number => fixed + ofRows()
        const next = (): void => commit(size, seconds(), 1, { claim, disk })
        for (let batch = 0; batch < 100; batch++) next()
        const rest = size.rows
        for (let batch = 0; batch < 50; batch++) {
          next()
          expect(size.rows).toBe(rest)
        }
        const isBounded = rest === rows || (rest >= 500 && rest <= 64_000)
        const isShort = rest <= 500 || seconds() <= 0.25 || ofRows() <= fixed * 1.000_001
        const isLong = rest >= 64_000 || (seconds() >= 0.05 && ofRows() >= fixed / 4.000_001)
        expect({ isBounded, isShort, isLong }).toEqual({ isBounded: true, isShort: true, isLong: true })
      }),
      { numRuns: 300 },
    )
  })

  it('changes after several batches, and not for one that took long', () => {
    const size = new BatchSize(first)
    for (const seconds of [0.1, 5, 0.1, 0.1, 5, 0.1, 0.1]) commit(size, seconds)
    expect(size.chosen).toEqual({ rows: 8000, reason: 'the default' })
    for (let batch = 0; batch < 4; batch++) commit(size, 0.4)
    expect(size.chosen).toEqual({ rows: 4000, reason: 'from 8,000: a transaction took 400 ms' })
  })

  it('does not make more round trips to a target far away, nor more commits to a slow disk', () => {
    for (const where of [{ claim: 0.2 }, { disk: 0.7 }]) {
      const far = new BatchSize(first)
      for (let batch = 0; batch < 20; batch++) commit(far, 0.95, 100, where)
      expect(far.rows).toBe(8000)
      for (let batch = 0; batch < 5; batch++) commit(far, 0.75, 100, where)
      const reason = 'from 8,000: a transaction took 750 ms, hardly any of them for rows'
      expect(far.chosen).toEqual({ rows: 16_000, reason })
    }
  })

  it('does not go by batches cut before it changed, nor by the small ones that end partitions', () => {
    const size = new BatchSize(first)
    for (let batch = 0; batch < 5; batch++) commit(size, 0.4)
    const before = { counts: { read: 8000 }, bytes: 1000, stages: { write: 0.4, commit: 0 }, claimSeconds: 0 }
    const end = { counts: { read: 7 }, bytes: 1000, stages: { write: 0.01, commit: 0 }, claimSeconds: 0 }
    for (let batch = 0; batch < 20; batch++) size.committed(batch % 2 === 0 ? before : end)
    expect(size.rows).toBe(4000)
  })

  it('does not grow where bytes are what fills a batch, and shrinks from the rows that it had', () => {
    const size = new BatchSize(first)
    for (let batch = 0; batch < 20; batch++) commit(size, 0.01, 4096)
    expect(size.rows).toBe(8000)
    for (let batch = 0; batch < 5; batch++) commit(size, 0.4, 4096)
    expect(size.rows).toBe(1024)
  })

  it('is halved once by one fault, however many batches it broke, and grows again', () => {
    const size = new BatchSize(first)
    for (let batch = 0; batch < 8; batch++) size.failed({ rows: 8000, bytes: 800_000 })
    expect(size.chosen).toEqual({ rows: 4000, reason: 'from 8,000: a transaction failed' })
    size.failed({ rows: 4000, bytes: 400_000 })
    expect(size.rows).toBe(2000)
    for (let batch = 0; batch < 10; batch++) commit(size, 0.03)
    expect(size.rows).toBe(8000)
  })

  it('stays what somebody has asked for', () => {
    const size = new BatchSize({ rows: 100_000, bytes: 10, asked: { rows: true, bytes: true } })
    for (let batch = 0; batch < 20; batch++) commit(size, 9)
    size.failed({ rows: 100_000, bytes: 10 })
    size.limitTo({ amount: 1, unit: 'rows' })
    expect([size.rows, size.bytes]).toEqual([100_000, 10])
    size.limitTo({ amount: 1, unit: 'bytes' })
    expect([size.rows, size.bytes]).toEqual([100_000, 10])
    expect(size.chosen).toEqual({ rows: 100_000, reason: 'as asked' })
  })

  it("is a second's worth of a limited rate at most, as long as it is limited", () => {
    const size = new BatchSize(first)
    size.limitTo({ amount: 100, unit: 'rows' })
    for (let batch = 0; batch < 20; batch++) commit(size, 0.001)
    expect(size.chosen).toEqual({ rows: 100, reason: 'a second at 100 rows/s' })
    size.limitTo({ amount: 1000, unit: 'bytes' })
    expect([size.rows, size.bytes]).toEqual([8000, 1000])
    size.limitTo(null)
    expect([size.rows, size.bytes]).toEqual([8000, first.bytes])
  })
})
