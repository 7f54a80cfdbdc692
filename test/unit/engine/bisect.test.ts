import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { OpenBatch } from '../../../src/connectors/contract.ts'
import type { EncodedRows } from '../../../src/core/batch.ts'
import { findRefused, type Refusals } from '../../../src/engine/bisect.ts'
import { excerptOf, without } from '../../../src/engine/excerpt.ts'
import type { Transcoded } from '../../../src/format/codec.ts'

/** A batch whose row i gives `owns[i]` rows of the table itself and as many of a child table; each row's byte is its origin. */
function transcodedOf(owns: readonly number[]): Transcoded {
  const origins = owns.flatMap((count, row) => Array.from({ length: count }, () => row))
  const own = rowsOf(0, origins, null)
  const child = rowsOf(1, origins, Uint32Array.from(origins.keys()))
  return {
    parts: [own, child],
    origin: (_part, index) => origins[index] ?? -1,
    written: owns.filter((count) => count > 0).length,
    filtered: owns.filter((count) => count === 0).length,
    rejected: [],
    coerced: [],
    transformSeconds: 0,
  }
}

function rowsOf(part: number, origins: readonly number[], owners: Uint32Array | null): EncodedRows {
  const offsets = Uint32Array.from({ length: origins.length + 1 }, (_, index) => index)
  return { format: 'pgcopy', part, rows: origins.length, bytes: Uint8Array.from(origins), offsets, owners }
}

/** A target that refuses rows by their byte; `names` says whether it tells which. Counts its tries. */
function targetRefusing(
  bad: ReadonlySet<number>,
  names: boolean,
): { readonly open: OpenBatch; readonly tries: () => number } {
  let tries = 0
  const open: OpenBatch = {
    write(parts, options) {
      tries++
      expect(options).toEqual({ trial: true })
      for (const rows of parts) {
        for (let index = 0; index < rows.rows; index++) {
          if (!bad.has(rows.bytes[rows.offsets[index] ?? 0] ?? -1)) continue
          const error = { code: 'row-rejected', message: 'no' } as const
          return Promise.resolve({ rejected: { part: rows.part, index: names ? index : null, error } })
        }
      }
      return Promise.resolve({ written: 0, skipped: 0, left: [], derived: 0 })
    },
    bury: () => Promise.resolve(),
    resolve: () => Promise.resolve(0),
    coerced: () => Promise.resolve(),
    commit: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
  return { open, tries: () => tries }
}

const owning = fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 60 })

describe('findRefused', () => {
  it('finds exactly the rows that are refused, whether the target names them or not', async () => {
    await fc.assert(
      fc.asyncProperty(owning, fc.func(fc.boolean()), fc.boolean(), async (owns, isBad, names) => {
        const bad = new Set(owns.flatMap((count, row) => (count > 0 && isBad(row) ? [row] : [])))
        const found: Refusals = new Map()
        await findRefused(targetRefusing(bad, names).open, transcodedOf(owns), owns.length, found)
        expect(new Set(found.keys())).toEqual(bad)
      }),
    )
  })

  it('takes about log2 of the rows in tries for one bad row that is not named, and three where it is', async () => {
    const owns = Array.from({ length: 200 }, () => 1)
    const unnamed = targetRefusing(new Set([137]), false)
    await findRefused(unnamed.open, transcodedOf(owns), 200, new Map())
    expect(unnamed.tries()).toBeLessThanOrEqual(2 * 8 + 1)
    const named = targetRefusing(new Set([137]), true)
    await findRefused(named.open, transcodedOf(owns), 200, new Map())
    expect(named.tries()).toBe(3)
  })

  it('does not try rows again that are known', async () => {
    const found: Refusals = new Map([[2, { part: 0, error: { code: 'row-rejected', message: 'known' } }]])
    const target = targetRefusing(new Set([2]), true)
    await findRefused(target.open, transcodedOf([1, 1, 1, 1]), 4, found)
    expect([...found.values()].map(({ error }) => error.message)).toEqual(['known'])
    expect(target.tries()).toBe(2)
  })
})

describe('an excerpt', () => {
  it('has the rows of its origins, each child with its owner, and knows where they came from', () => {
    fc.assert(
      fc.property(owning, fc.func(fc.boolean()), (owns, isLeft) => {
        const left = new Set(owns.flatMap((_, row) => (isLeft(row) ? [row] : [])))
        const excerpt = without(transcodedOf(owns), left)
        const { parts } = excerpt
        const kept = owns.flatMap((count, row) => (left.has(row) ? [] : Array.from({ length: count }, () => row)))
        for (const rows of parts) {
          const bytes = Array.from({ length: rows.rows }, (_, index) => rows.bytes[rows.offsets[index] ?? 0])
          expect(bytes).toEqual(kept)
          expect(kept.map((_, index) => excerpt.origin(rows.part, index))).toEqual(kept)
        }
        const [own, child] = parts
        const owners = [...(child?.owners ?? [])].map((owner) => own?.bytes[own.offsets[owner] ?? 0])
        expect(owners).toEqual(kept)
      }),
    )
  })

  it('of a range shares the bytes', () => {
    const transcoded = transcodedOf([1, 2, 1, 1])
    const { parts } = excerptOf(transcoded, 1, 3)
    expect(parts[0]?.bytes.buffer).toBe(transcoded.parts[0]?.bytes.buffer)
    expect(parts[0]?.rows).toBe(3)
  })
})
