import { serialize } from 'bson'
import fc from 'fast-check'
import { deserialize as clone, serialize as serializeForProcess } from 'node:v8'
import { describe, expect, it } from 'vitest'
import type { Sample } from '../../../src/core/sample.ts'
import { createBsonObserver } from '../../../src/format/bson-observe.ts'
import { mergeSamples } from '../../../src/format/merge-samples.ts'
import { joinScalars } from '../../../src/schema/lattice.ts'
import { observedRows, serialized } from './observed.ts'
import { batchOf } from './samples.ts'

function sampleOf(documents: readonly Uint8Array[], complete: boolean = true): Sample {
  const observer = createBsonObserver('_id', joinScalars)
  void observer.observe(batchOf(documents))
  return observer.sample(complete)
}

const damaged = Buffer.of(5, 0, 0, 0, 1)
const documents = fc
  .tuple(observedRows, fc.boolean())
  .map(([rows, damage]) => [...serialized(rows), ...(damage ? [damaged] : [])])

describe('merging samples', () => {
  it('gives the sample of all the rows, wherever they are cut', () => {
    fc.assert(
      fc.property(documents, fc.nat({ max: 30 }), (rows, cut) => {
        const merged = mergeSamples(sampleOf(rows.slice(0, cut)), sampleOf(rows.slice(cut)))
        expect(merged).toStrictEqual(sampleOf(rows))
      }),
    )
  })

  it('is associative, and the empty sample changes nothing', () => {
    fc.assert(
      fc.property(documents, documents, documents, (...parts) => {
        const [a, b, c] = parts.map((rows) => sampleOf(rows)) as [Sample, Sample, Sample]
        expect(mergeSamples(mergeSamples(a, b), c)).toStrictEqual(mergeSamples(a, mergeSamples(b, c)))
        expect(mergeSamples(a, sampleOf([]))).toStrictEqual(a)
        expect(mergeSamples(sampleOf([]), a)).toStrictEqual(a)
      }),
    )
  })

  it('of samples that crossed to another thread or process is the same', () => {
    fc.assert(
      fc.property(documents, (rows) => {
        const sample = sampleOf(rows)
        expect(structuredClone(sample)).toStrictEqual(sample)
        expect(clone(serializeForProcess(sample))).toStrictEqual(sample)
      }),
    )
  })

  it('lists distinct values until there are too many', () => {
    const numbers = (from: number, to: number): Sample =>
      sampleOf(Array.from({ length: to - from }, (_, n) => serialize({ a: from + n })))
    const distinct = (to: number): number | undefined =>
      mergeSamples(numbers(0, 15), numbers(10, to)).fields[0]?.distinct?.size
    expect(distinct(20)).toBe(20)
    expect(distinct(21)).toBeUndefined()
  })

  it('is complete where both are, and keeps the first failure', () => {
    const row = [serialize({ _id: 1 })]
    expect(mergeSamples(sampleOf(row), sampleOf(row, false)).complete).toBe(false)
    const failed = (count: number, message: string): Sample => ({ ...sampleOf(row), failed: { count, message } })
    expect(mergeSamples(failed(1, 'first'), failed(2, 'second')).failed).toEqual({ count: 3, message: 'first' })
    expect(mergeSamples(sampleOf(row), failed(2, 'second')).failed).toEqual({ count: 2, message: 'second' })
  })

  it('keeps no more fields than one sample does, and says so', () => {
    const wide = (from: number): Record<string, number> =>
      Object.fromEntries(Array.from({ length: 600 }, (_, n) => [`f${from + n}`, 1]))
    const [a, b] = [sampleOf([serialize({ o: wide(0) })]), sampleOf([serialize({ o: wide(500) })])]
    expect(a.fields[0]?.documents?.more).toBe(false)
    const merged = mergeSamples(a, b).fields[0]?.documents
    expect(merged?.fields).toHaveLength(1000)
    expect(merged?.more).toBe(true)
    expect(merged?.fields[550]?.types).toEqual([{ name: 'int', type: 'int32', count: 2 }])
  })
})
