import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createBufferPool } from '../../../src/connectors/buffer-pool.ts'
import { copyHeader } from '../../../src/connectors/postgres/copy-header.ts'
import { TuplePacker } from '../../../src/connectors/postgres/tuple-packer.ts'
import type { PackedRows } from '../../../src/core/batch.ts'
import { tuple } from '../../support/migration.ts'

const trailer = Buffer.from('ffff', 'hex')

/** What comes of a stream that is cut anywhere. */
function packed(
  bytes: Uint8Array,
  cuts: readonly number[],
  limits: { rows: number; bytes: number },
): { readonly batches: readonly PackedRows[]; readonly ended: boolean } {
  const packer = new TuplePacker({ limits, pool: createBufferPool(2) })
  const batches: PackedRows[] = []
  const ends = [...new Set(cuts.map((cut) => cut % bytes.length))].toSorted((a, b) => a - b)
  let start = 0
  for (const end of [...ends, bytes.length]) {
    packer.add(bytes.subarray(start, end))
    start = end
    while (packer.isFull()) batches.push(packer.cut())
  }
  if (packer.rows > 0) batches.push(packer.cut())
  return { batches, ended: packer.ended }
}

const field = fc.oneof(fc.constant(null), fc.string(), fc.integer({ min: -5, max: 5 }))
const rows = fc.array(fc.array(field, { maxLength: 4 }), { maxLength: 30 })

describe('binary COPY from the server', () => {
  it('comes apart into its tuples, wherever the socket cuts it', () => {
    const cuts = fc.array(fc.nat(), { maxLength: 10 })
    const limits = fc.record({ rows: fc.integer({ min: 1, max: 9 }), bytes: fc.integer({ min: 1, max: 100 }) })
    fc.assert(
      fc.property(rows, cuts, limits, (values, where, most) => {
        const tuples = values.map((row) => tuple(...row))
        const { batches, ended } = packed(Buffer.concat([copyHeader, ...tuples, trailer]), where, most)
        expect(ended).toBe(true)
        const back = batches.flatMap(({ bytes, offsets, rows: count }) => {
          expect(count).toBeLessThanOrEqual(most.rows)
          // A tuple that is larger alone is a batch of its own.
          expect(count === 1 || bytes.length <= most.bytes).toBe(true)
          return Array.from({ length: count }, (_, row) => Buffer.from(bytes.subarray(offsets[row], offsets[row + 1])))
        })
        expect(back).toEqual(tuples)
      }),
    )
  })

  it('is not over before its trailer', () => {
    const bytes = Buffer.concat([copyHeader, tuple('a', 1)])
    expect(packed(bytes, [], { rows: 9, bytes: 100 }).ended).toBe(false)
  })

  it('has the header that is known, or is refused', () => {
    const other = Buffer.from(copyHeader)
    other[14] = 1
    expect(() => packed(other, [], { rows: 9, bytes: 100 })).toThrow('in a way that is not known')
  })
})
