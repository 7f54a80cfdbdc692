import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createDirectTranscoder } from '../../../../src/format/direct/direct-transcoder.ts'
import { batchOf } from '../samples.ts'
import { flatCases, nestedCases, type Case } from './arbitraries.ts'
import { BothWays } from './compare.ts'

/** Rows that were written, and those of them that did not go the direct way. */
interface Tally {
  written: number
  rejected: number
  left: number
}

function compareAll(cases: fc.Arbitrary<Case>, numRuns: number): Tally {
  const tally = { written: 0, rejected: 0, left: 0 }
  fc.assert(
    fc.property(cases, ({ plan, rows }) => {
      if (createDirectTranscoder(plan, '_id') === null) return
      const both = new BothWays(plan)
      const { written, rejected } = both.compare(rows)
      // The memory of the first is used again.
      both.compareBatch(batchOf(rows.toReversed()))
      tally.written += written
      tally.rejected += rejected.length
      tally.left += both.left / 2 - rejected.length
    }),
    { numRuns },
  )
  return tally
}

describe('the direct way gives what the general way gives', () => {
  it('for any types of columns and any values', () => {
    const { written, rejected, left } = compareAll(flatCases, 600)
    // It would say nothing if hardly any row were of one kind.
    expect(Math.min(written, rejected)).toBeGreaterThan(100)
    expect(left).toBeLessThan(written / 10)
  })

  it('for documents with columns of their own and for child tables', () => {
    const { written, rejected, left } = compareAll(nestedCases, 300)
    expect(Math.min(written, rejected)).toBeGreaterThan(50)
    expect(left).toBeLessThan(written / 10)
  })
})
