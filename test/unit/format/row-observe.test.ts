import { Double, serialize } from 'bson'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RowError } from '../../../src/core/row-error.ts'
import type { FieldSample, Sample } from '../../../src/core/sample.ts'
import type { Pipeline } from '../../../src/core/transform.ts'
import { Decimal, Instant, Special, type Row, type Value } from '../../../src/core/value.ts'
import { createBsonDecoder } from '../../../src/format/bson-decoder.ts'
import { createBsonObserver } from '../../../src/format/bson-observe.ts'
import { tag } from '../../../src/format/bson-types.ts'
import type { Decoder, Observer } from '../../../src/format/codec.ts'
import { createRowObserver } from '../../../src/format/row-observe.ts'
import { joinScalars } from '../../../src/schema/lattice.ts'
import { keepsSize, observedRows, serialized } from './observed.ts'
import { batchOf, documentOf, planOf, rawDocument, rowOf } from './samples.ts'

/** A decoder that keeps the fields named. */
function decoderOf(fields: readonly string[]): Decoder {
  const types = Object.fromEntries(fields.map((field) => [field, 'json' as const]))
  return createBsonDecoder(planOf(types, { ignore: 'others' }), '_id')
}

function fieldOf({ fields }: { readonly fields: readonly FieldSample[] }, name: string): FieldSample {
  const found = fields.find(({ field }) => field === name)
  if (found === undefined) throw new Error(`no field ${name}`)
  return found
}

/** What is observed of five rows `{_id: 1 … 5, n: 0.5}` behind a pipeline. */
async function behind(apply: Pipeline['apply'], rows: number = 5): Promise<Sample> {
  const observer = createRowObserver(decoderOf(['_id', 'n']), { apply }, joinScalars)
  await observer.observe(batchOf(Array.from({ length: rows }, (_, n) => serialize({ _id: n + 1, n: new Double(0.5) }))))
  return observer.sample(true)
}

const withoutSizes = (sample: Sample): unknown => JSON.parse(JSON.stringify(sample, sizeless))

function sizeless(name: string, value: unknown): unknown {
  if (name === 'maxBytes') return undefined
  return value instanceof Map ? [...(value as Map<unknown, unknown>)] : value
}

describe('observing rows', () => {
  it('gives the sample that observing their bytes gives', () => {
    fc.assert(
      fc.property(observedRows, (rows) => {
        const batch = batchOf(serialized(rows))
        const names = [...new Set(rows.flatMap((row) => Object.keys(row)))]
        const observers: readonly Observer[] = [
          createBsonObserver('_id', joinScalars),
          createRowObserver(decoderOf(names), null, joinScalars),
        ]
        const [ofBytes, ofRows] = observers.map((observer) => {
          void observer.observe(batch)
          return observer.sample(true)
        }) as [Sample, Sample]
        expect(withoutSizes(ofRows)).toEqual(withoutSizes(ofBytes))
        expect(ofRows.rows).toBe(rows.length)
        if (rows.every(keepsSize)) expect(ofRows).toStrictEqual(ofBytes)
      }),
      { numRuns: 500 },
    )
  })

  it('counts damaged rows', () => {
    const observer = createRowObserver(decoderOf(['_id', 'o']), null, joinScalars)
    const inside = Buffer.from(serialize({ _id: 1, o: { b: true } }))
    inside[inside.length - 3] = 2
    void observer.observe(batchOf([serialize({ _id: 1 }), inside]))
    expect(observer.sample(false)).toMatchObject({ rows: 2, damaged: 1, failed: null, complete: false })
  })

  it('does not swallow what is no damage', () => {
    const decoder = createBsonDecoder(planOf({ _id: 'int32' }), '_id')
    const observer = createRowObserver(decoder, null, joinScalars)
    expect(() => observer.observe(batchOf([serialize({ _id: 1, unplanned: 1 })]))).toThrow(RowError)
  })

  it('tells undefined in documents from null', () => {
    const observer = createRowObserver(decoderOf(['o']), null, joinScalars)
    const inside = rawDocument([
      [tag.undefined, 'u', Buffer.alloc(0)],
      [tag.null, 'n', Buffer.alloc(0)],
    ])
    void observer.observe(batchOf([rawDocument([[tag.object, 'o', inside]])]))
    const { documents } = fieldOf(observer.sample(true), 'o')
    expect(documents?.fields.map(({ types }) => types[0]?.name)).toEqual(['undefined', 'null'])
  })
})

describe('observing what a pipeline makes of rows', () => {
  it('counts the rows that come out', async () => {
    const sample = await behind((row) => (row.key === 1 ? null : row.key === 2 ? [row, rowOf({ more: 'x' })] : row))
    expect(sample).toMatchObject({ rows: 5, damaged: 0, failed: null })
    expect(sample.bytes).toBe(5 * serialize({ _id: 1, n: new Double(0.5) }).length)
    expect(sample.fields.map(({ field, types }) => [field, types[0]?.count])).toEqual([
      ['_id', 4],
      ['n', 4],
      ['more', 1],
    ])
  })

  it('waits for asynchronous steps, one after the other', async () => {
    const order: Value[] = []
    const apply = async (row: Row): Promise<Row | null> => {
      order.push(row.key)
      await Promise.resolve()
      order.push(row.key)
      return row.key === 4 ? null : rowOf({ [`f${JSON.stringify(row.key)}`]: 1 })
    }
    const sample = await behind((row) => (row.key === 2 ? row : apply(row)))
    expect(order).toEqual([1, 1, 3, 3, 4, 4, 5, 5])
    expect(sample.fields.map(({ field }) => field)).toEqual(['f1', '_id', 'n', 'f3', 'f5'])
    expect(sample.rows).toBe(4)
  })

  it.each(['sync', 'async'])('counts rows that it cannot take, %s', async (kind) => {
    const sample = await behind((row) => {
      const error = new RowError({ code: 'transform-failed', message: `not ${JSON.stringify(row.key)}` })
      if (row.key === 1) return row
      if (kind === 'async') return Promise.reject(error)
      throw error
    })
    expect(sample).toMatchObject({ rows: 5, failed: { count: 4, message: 'not 2' } })
    expect(sample.fields[0]?.types).toEqual([{ name: 'int', type: 'int32', count: 1 }])
  })

  it('lets errors of ours escape', async () => {
    const broken = new TypeError('broken')
    const apply = (): never => {
      throw broken
    }
    await expect(behind(apply)).rejects.toBe(broken)
    await expect(behind(() => Promise.reject(broken))).rejects.toBe(broken)
  })

  it('refuses what is no value, and counts nothing of its row', async () => {
    let deep: Value = 1
    for (let depth = 0; depth < 201; depth++) deep = depth % 2 ? [deep] : documentOf({ deep })
    for (const value of [new Date(0), [new Map()], documentOf({ a: undefined as never }), deep] as Value[]) {
      const sample = await behind(() => [rowOf({ a: 1 }), rowOf({ b: value })], 1)
      expect(sample).toMatchObject({ rows: 1, fields: [], failed: { count: 1 } })
    }
    expect((await behind(() => rowOf({ a: { plain: 1 } }))).failed).toBeNull()
  })

  it('finds trouble in what it makes, by the key of the source row', async () => {
    const sample = await behind(
      () =>
        rowOf({
          text: '\ud800',
          'top\0': documentOf({ 'n\0': 1, 'l\udfff': 1 }),
          code: new Special('javascript', String.raw`{"$code":"\u0000"}`),
          number: [-0, Infinity],
          decimal: new Decimal('-0.0'),
          date: new Instant(-210_866_803_200_001n),
        }),
      2,
    )
    const trouble = ({ trouble }: Pick<FieldSample, 'trouble'>): string[] =>
      trouble.map(({ kind, count, key }) => `${kind} ${count} ${key}`)
    expect(trouble(fieldOf(sample, 'text'))).toEqual(['broken-text 2 1'])
    expect(trouble(fieldOf(sample, 'top\0'))).toEqual([])
    const inside = fieldOf(sample, 'top\0').documents
    expect(inside?.fields.map(trouble)).toEqual([['nul 2 1'], ['broken-text 2 1']])
    expect(trouble(fieldOf(sample, 'code'))).toEqual(['nul 2 1'])
    expect(fieldOf(sample, 'number').elements?.trouble).toEqual([{ kind: 'special-number', count: 4, key: '1' }])
    expect(trouble(fieldOf(sample, 'decimal'))).toEqual(['special-number 2 1'])
    expect(trouble(fieldOf(sample, 'date'))).toEqual(['date-range 2 1'])
  })

  it('types what no source gives: integers beyond int64', async () => {
    const sample = await behind(() => rowOf({ a: 2n ** 63n - 1n, b: 2n ** 63n, c: 2 ** 40, d: 7 }))
    expect(sample.fields.map(({ types }) => types[0]?.type)).toEqual(['int64', 'decimal', 'float64', 'int32'])
  })
})
