import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { samePosition, type Bounds, type Position } from '../../../src/core/batch.ts'
import { gapsOf } from '../../../src/engine/gaps.ts'

/** Keys of the tests are numbers; their bytes are compared for equality only, so any injective form will do. */
function at(key: number | null): Position | null {
  return key === null ? null : (new Uint8Array([key >> 8, key & 255]) as Position)
}

function keyOf(position: Position | null): number | null {
  return position === null ? null : ((position[0] ?? 0) << 8) | (position[1] ?? 0)
}

interface Entry extends Bounds {
  readonly seq: number
  readonly last: boolean
}

/** Cuts `(0, rows]` into batches of the given sizes, numbered from 0; the last one closes the partition. */
function cut(first: number, end: number, sizes: readonly number[]): Entry[] {
  const entries: Entry[] = []
  let after = first
  for (let seq = 0; after < end; seq++) {
    const upTo = Math.min(end, after + (sizes[seq % sizes.length] ?? 1))
    entries.push({ seq, after: at(after), upTo: at(upTo), last: upTo === end })
    after = upTo
  }
  return entries
}

describe('gaps of a partition', () => {
  it('is the whole partition when nothing is committed', () => {
    expect(gapsOf({ after: null, upTo: null }, [])).toEqual([{ after: null, upTo: null }])
  })

  it('is nothing when the closing entry and all before it are there', () => {
    expect(gapsOf({ after: at(0), upTo: at(20) }, cut(0, 20, [7]))).toEqual([])
  })

  it('keeps open ends open', () => {
    const entries: Entry[] = [
      { seq: 1, after: at(7), upTo: at(14), last: false },
      { seq: 3, after: at(21), upTo: null, last: true },
    ]
    expect(gapsOf({ after: null, upTo: null }, entries)).toEqual([
      { after: null, upTo: at(7) },
      { after: at(14), upTo: at(21) },
    ])
  })

  it('leaves an empty closing entry to be written when only that is missing', () => {
    const entries = [{ seq: 0, after: null, upTo: at(9), last: false }]
    expect(gapsOf({ after: null, upTo: null }, entries)).toEqual([{ after: at(9), upTo: null }])
  })

  it('is exactly what is not committed, whatever the order and the sizes of later runs', () => {
    const scenario = fc.record({
      rows: fc.integer({ min: 1, max: 300 }),
      runs: fc.array(
        fc.record({
          sizes: fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 }),
          // Which batches of the run commit before it dies.
          survives: fc.array(fc.boolean(), { minLength: 1, maxLength: 20 }),
        }),
        { minLength: 1, maxLength: 6 },
      ),
    })
    fc.assert(
      fc.property(scenario, ({ rows, runs }) => {
        const times = new Map<number, number>()
        let partitions: Bounds[] = [{ after: at(0), upTo: at(rows) }]
        const everything = { sizes: [11], survives: [true] }
        for (const { sizes, survives } of [...runs, everything]) {
          const next: Bounds[] = []
          for (const partition of partitions) {
            const batches = cut(keyOf(partition.after) ?? 0, keyOf(partition.upTo) ?? 0, sizes)
            const committed = batches.filter(({ seq }) => survives[seq % survives.length])
            for (const batch of committed) {
              for (let key = (keyOf(batch.after) ?? 0) + 1; key <= (keyOf(batch.upTo) ?? 0); key++) {
                times.set(key, (times.get(key) ?? 0) + 1)
              }
            }
            // The ledger answers in no particular order.
            next.push(...gapsOf(partition, committed.toReversed()))
          }
          partitions = next
        }
        expect(partitions).toEqual([])
        expect([...times.values()].every((count) => count === 1)).toBe(true)
        expect(times.size).toBe(rows)
      }),
    )
  })
})

describe('positions', () => {
  it('are equal only byte for byte, and open ends only to each other', () => {
    expect(samePosition(at(1), at(1))).toBe(true)
    expect(samePosition(at(1), at(2))).toBe(false)
    expect(samePosition(null, at(0))).toBe(false)
    expect(samePosition(null, null)).toBe(true)
  })
})
