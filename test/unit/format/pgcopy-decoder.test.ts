import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Batch } from '../../../src/core/batch.ts'
import type { RowLayout } from '../../../src/core/layout.ts'
import { scalarTypes, type LogicalType } from '../../../src/core/logical-type.ts'
import type { TablePlan } from '../../../src/core/plan.ts'
import {
  Day,
  Decimal,
  Instant,
  minusInfinity,
  plusInfinity,
  Special,
  Uuid,
  type Value,
} from '../../../src/core/value.ts'
import { keyPosition } from '../../../src/connectors/postgres/source/position.ts'
import { layoutOf } from '../../../src/format/layout-fields.ts'
import { createPassThrough } from '../../../src/format/pass-through.ts'
import { createPgCopyDecoder, pgcopyKeys } from '../../../src/format/pgcopy-decoder.ts'
import { createPgCopyEncoder } from '../../../src/format/pgcopy-encoder.ts'
import { createPgTextEncoder } from '../../../src/format/pgtext-encoder.ts'
import { pgtextKeys } from '../../../src/format/pgtext-keys.ts'
import { valuesOf } from '../verify/value-arbitraries.ts'
import { now } from './direct/compare.ts'
import { batchOf, columnOf, documentOf, rowErrorOf, rowOf } from './samples.ts'
import { laidOutPlan } from './sqlite/records.ts'

const types: readonly LogicalType[] = [...scalarTypes, ...scalarTypes.map((type): LogicalType => `${type}[]`), 'json']

function planOf(columns: readonly LogicalType[], changes: Partial<TablePlan> = {}, raw = false): TablePlan {
  const fields = columns.map((type, place) => ({ field: `f${place}`, type }))
  return laidOutPlan(fields, changes, { format: 'pgcopy', key: [0], raw })
}

function laidOut(plan: TablePlan, changes: Partial<RowLayout>): TablePlan {
  return { ...plan, layout: { ...layoutOf(plan), ...changes } }
}

/** Rows of one plan as the encoder writes them. */
function tuplesOf(plan: TablePlan, rows: readonly (readonly Value[])[]): Batch {
  const encoding = createPgCopyEncoder(plan).begin(rows.length)
  rows.forEach((row, index) =>
    encoding.add(index, rowOf(Object.fromEntries(row.map((value, at) => [`f${at}`, value])))),
  )
  const part = encoding.end().parts[0]
  if (part === undefined) throw new Error('there are no tuples')
  return { ...batchOf([]), ...part }
}

function readBack(type: LogicalType, value: Value): Value {
  const plan = planOf([type])
  return createPgCopyDecoder(plan).decodeRow(tuplesOf(plan, [[value]]), 0).fields['f0'] ?? null
}

describe('tuples', () => {
  it.each(types)('%s: what is read back is written the same', (type) => {
    const plan = planOf([type])
    const decoder = createPgCopyDecoder(plan)
    fc.assert(
      fc.property(fc.array(valuesOf(type), { minLength: 1, maxLength: 8 }), (values) => {
        const batch = tuplesOf(plan, values.map((value) => [value])) // prettier-ignore
        const read = values.map((_value, row) => [decoder.decodeRow(batch, row).fields['f0'] ?? null])
        const again = tuplesOf(plan, read)
        if (type === 'json') {
          // Exponents and the order of names may be written otherwise.
          const reread = read.map((_value, row) => [decoder.decodeRow(again, row).fields['f0'] ?? null])
          expect(reread).toStrictEqual(read)
          return
        }
        expect(Buffer.from(again.bytes).equals(batch.bytes)).toBe(true)
        expect(again.offsets).toStrictEqual(batch.offsets)
      }),
      { numRuns: 40 },
    )
  })

  it.each<[LogicalType, Value[]]>([
    ['bool', [true, false, null]],
    ['int32', [-(2 ** 31), 5]],
    ['int64', [-(2n ** 63n), 5n]],
    ['float64', [-0, Number.NaN, 1e300]],
    ['decimal', ['-0.0010', '100000000', '12345.6789', 'NaN', '-Infinity', '0.00'].map((text) => new Decimal(text))],
    ['text', ['', 'aä😀']],
    ['uuid', [new Uuid('00112233-4455-6677-8899-aabbccddeeff')]],
    ['bytes', [new Uint8Array([0, 255])]],
    ['timestamp', [new Instant(-1n, 999), new Instant(9_224_318_015_999_999n, 1), minusInfinity, plusInfinity]],
    ['date', [new Day(-1), new Day(Infinity), new Day(-Infinity)]],
    ['json', [documentOf({ a: [1n, 0.5].map(Number) }), new Special('null', 'null')]],
    ['int32[]', [[], [1, null]]],
  ])('%s values are themselves', (type, values) => {
    for (const value of values) expect(readBack(type, value)).toStrictEqual(value)
  })

  it('have arrays of any dimension, and refuse places that do not count from 1', () => {
    const plan = planOf(['int32[]'])
    const arrayOf = (...words: readonly number[]): Batch => {
      const tuple = Buffer.alloc(6 + words.length * 4)
      tuple.writeInt16BE(1)
      ;[words.length * 4, ...words].forEach((word, at) => tuple.writeInt32BE(word, 2 + at * 4))
      return batchOf([tuple])
    }
    const decoder = createPgCopyDecoder(laidOut(plan, { key: [] }))
    const square = arrayOf(2, 1, 23, 2, 1, 2, 1, 4, 1, -1, 4, 3, 4, 4)
    expect(decoder.decodeRow(square, 0).fields['f0']).toStrictEqual([[1, null], [3, 4]]) // prettier-ignore
    const { code, message } = rowErrorOf(() => decoder.decodeRow(arrayOf(1, 0, 23, 1, 0, 4, 7), 0))
    expect([code, message]).toStrictEqual([
      'row-rejected',
      'row (no key) of table things, field f0, column c_f0: the places of the array count from 0, and only from 1 they could be kept',
    ])
  })

  it('have positions as the source has them, and keys as people read them', () => {
    const plan = laidOutPlan(
      [
        { field: 'f0', type: 'text' },
        { field: 'f1', type: 'int64' },
      ],
      {},
      { format: 'pgcopy', key: [1, 0] },
    )
    const batch = tuplesOf(plan, [['ä', 7n]])
    const fields = [Buffer.from('0000000000000007', 'hex'), Buffer.from('ä')]
    const decoder = createPgCopyDecoder(plan)
    expect([decoder.keyText(batch, 0), decoder.keyBytes(batch, 0)]).toStrictEqual([
      '(7, "ä")',
      keyPosition('cast', fields),
    ])
    expect(decoder.decodeRow(batch, 0).key).toStrictEqual([7n, 'ä'])
    const raw = pgcopyKeys(laidOut(plan, { raw: true }))
    expect(raw.keyBytes(batch, 0)).toStrictEqual(keyPosition('own', fields))
  })
})

describe('what is passed on', () => {
  const plan = planOf(['int64', 'text'], {}, true)
  const batch = tuplesOf(plan, [[1n, 'a'], [2n, null]]) // prettier-ignore

  it('is the very bytes, with the keys of their rows', () => {
    const way = createPassThrough(plan, pgcopyKeys)
    if (way === null) throw new Error('it is not passed on')
    const passed = now(way.transcode(batch))
    expect(passed.parts[0]?.bytes).toBe(batch.bytes)
    expect(passed.parts[0]?.offsets).toBe(batch.offsets)
    expect({ ...passed, parts: passed.parts.length }).toMatchObject({ parts: 1, written: 2, filtered: 0, rejected: [] })
    expect([passed.origin(0, 1), way.keyText(batch, 1)]).toStrictEqual([1, '2'])
  })

  it('may be lines of text', () => {
    const lines = laidOutPlan(
      [
        { field: 'f0', type: 'int64' },
        { field: 'f1', type: 'text' },
      ],
      {},
      { format: 'pgtext', key: [1, 0], raw: true },
    )
    const encoding = createPgTextEncoder(lines).begin(3)
    const texts = ['a\tb\\', '', '\\N']
    texts.forEach((text, row) => encoding.add(row, rowOf({ f0: BigInt(row), f1: text })))
    const sent: Batch = { ...batchOf([]), ...(encoding.end().parts[0] ?? batchOf([])) }
    const way = createPassThrough(lines, pgtextKeys)
    expect(texts.map((_text, row) => way?.keyText(sent, row))).toStrictEqual([
      '("a\\tb\\\\", 0)',
      '("", 1)',
      '("\\\\N", 2)',
    ])
    const fields = [Buffer.from('a\\tb\\\\'), Buffer.from('0')]
    expect(way?.keyBytes(sent, 0)).toStrictEqual(keyPosition('text', fields))
  })

  it('is what its plan does not change: rows without a key too, and decoded ones', () => {
    const decoded = planOf(['int64', 'text'])
    const keyless = createPassThrough(laidOut(plan, { key: [] }), pgcopyKeys)
    expect([keyless?.keyText(batch, 0), keyless?.keyBytes(batch, 0)]).toStrictEqual(['(no key)', null])
    expect(createPassThrough(decoded, pgcopyKeys)).not.toBeNull()
    const changes: Partial<TablePlan>[] = [
      { transform: { file: null, steps: [] } },
      { coerce: [{ path: null, name: 'strip-nul' }] },
      { overflow: 'others' },
      { columns: decoded.columns.toReversed() },
      { columns: decoded.columns.slice(1), ignore: ['f0'] },
      { columns: decoded.columns.map((column) => ({ ...column, cast: true })) },
      { columns: [columnOf('f0', 'decimal'), columnOf('f1', 'text')] },
      { columns: [columnOf('f0', 'int64'), columnOf('f1', 'text', { maxCharacters: 3 })] },
    ]
    for (const change of changes) {
      expect(createPassThrough({ ...decoded, ...change }, pgcopyKeys), JSON.stringify(change)).toBeNull()
    }
  })

  it('cannot be read', () => {
    expect(() => createPgCopyDecoder(plan)).toThrow('were passed on as PostgreSQL sent them')
  })
})
