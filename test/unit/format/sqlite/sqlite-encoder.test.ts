import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Batch } from '../../../../src/core/batch.ts'
import type { LayoutColumn } from '../../../../src/core/layout.ts'
import { scalarTypes, type LogicalType } from '../../../../src/core/logical-type.ts'
import type { TablePlan } from '../../../../src/core/plan.ts'
import { Day, Decimal, Instant, minusInfinity, ObjectId, Uuid, type Value } from '../../../../src/core/value.ts'
import { castValue } from '../../../../src/format/cast-value.ts'
import { createSqliteDecoder } from '../../../../src/format/sqlite-decoder.ts'
import { createSqliteEncoder } from '../../../../src/format/sqlite-encoder.ts'
import { RecordReader, StoredText, type SqliteValue } from '../../../../src/format/sqlite-record.ts'
import { valuesOf } from '../../verify/value-arbitraries.ts'
import { batchOf, childOf, columnOf, documentOf, planOf, rowErrorOf, rowOf } from '../samples.ts'
import { laidOutPlan } from './records.ts'

function encoded(plan: TablePlan, rows: readonly { readonly [field: string]: Value }[]): readonly Batch[] {
  const encoding = createSqliteEncoder(plan).begin(rows.length)
  rows.forEach((row, index) => encoding.add(index, rowOf(row)))
  return encoding.end().parts.map((part) => ({ ...batchOf([]), ...part }))
}

/** The values of the records, texts as such. */
function storedRows({ bytes, offsets, rows }: Batch): readonly (readonly SqliteValue[])[] {
  const reader = new RecordReader()
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return Array.from({ length: rows }, (_, row) => {
    reader.open(buffer, offsets[row] ?? 0, offsets[row + 1] ?? 0)
    return Array.from({ length: reader.width }, (_place, place) => {
      const value = reader.value(place)
      return value instanceof StoredText ? Buffer.from(value.bytes).toString() : value
    })
  })
}

function stored(type: LogicalType, value: Value): SqliteValue {
  const [batch] = encoded(planOf({ a: type }), [{ a: value }])
  return (batch === undefined ? undefined : storedRows(batch)[0]?.[0]) ?? null
}

const forms: Readonly<Record<string, string>> = { decimal: 'digits', timestamp: 'iso', date: 'iso' }

describe('records of rows', () => {
  it.each<[LogicalType, Value, SqliteValue]>([
    ['bool', true, 1n],
    ['int32', 5, 5n],
    ['int64', -5, -5n],
    ['float64', 5, 5],
    ['float64', -0, -0],
    ['decimal', new Decimal('1.50'), '1.50'],
    ['decimal', 0.1, '0.1'],
    ['text', 'a\0b', 'a\0b'],
    ['objectid', new ObjectId('0123456789abcdef01234567'), '0123456789abcdef01234567'],
    ['uuid', new Uuid('00112233-4455-6677-8899-aabbccddeeff'), '00112233-4455-6677-8899-aabbccddeeff'],
    ['timestamp', new Instant(1_704_110_400_123n, 456), '2024-01-01T12:00:00.123456Z'],
    ['timestamp', new Instant(0n), '1970-01-01T00:00:00Z'],
    ['timestamp', minusInfinity, '-infinity'],
    ['date', new Day(19_782), '2024-02-29'],
    ['json', documentOf({ a: [1n, new Decimal('1.50')] }), '{"a":[1,1.50]}'],
    ['int64[]', [1n, null], '[1,null]'],
    ['json', 'null', '"null"'],
  ])('%s: %s', (type, value, expected) => {
    expect(stored(type, value)).toStrictEqual(expected)
  })

  it('bytes are BLOBs', () => {
    expect(Buffer.from(stored('bytes', new Uint8Array([0, 255])) as Uint8Array)).toStrictEqual(Buffer.of(0, 255))
  })

  it.each(scalarTypes.filter((type) => type !== 'objectid'))('%s values are read back as themselves', (type) => {
    const column: LayoutColumn = { field: 'a', type, form: forms[type] }
    const plan = laidOutPlan([column])
    const decoder = createSqliteDecoder(plan)
    fc.assert(
      fc.property(valuesOf(type), (value) => {
        fc.pre(!Number.isNaN(value) && !(value instanceof Decimal && /[aI]/.test(value.text)))
        const [batch] = encoded(plan, [{ a: value }])
        if (batch === undefined) throw new Error('there is no part')
        const read = decoder.decodeRow(batch, 0).fields['a'] ?? null
        expect(castValue(read, type, 'plain')).toStrictEqual(castValue(value, type, 'plain'))
      }),
    )
  })

  it('of child tables repeat the key and count', () => {
    const plan = planOf(
      { k: 'int32', items_count: 'int32' },
      {
        columns: [columnOf('k', 'int32')],
        children: [childOf(['items'], { columns: [columnOf('n', 'text')] })],
      },
    )
    const parts = encoded(plan, [{ k: 7, items: [documentOf({ n: 'a' }), documentOf({ n: null })] }, { k: 8 }])
    expect(parts.map((part) => [part.format, storedRows(part)])).toStrictEqual([
      ['sqlite', [[7n], [8n]]],
      ['sqlite', [[7n, 1n, 'a'], [7n, 2n, null]]], // prettier-ignore
    ])
  })

  it('refuse what SQLite would change, and take a refused row back', () => {
    const encoding = createSqliteEncoder(planOf({ a: 'text', b: 'float64' })).begin(2)
    const codes = [{ b: Number.NaN }, { a: '\ud800' }, { a: 1 }].map((row) => {
      return rowErrorOf(() => encoding.add(0, rowOf(row))).code
    })
    encoding.add(1, rowOf({ b: 0.5 }))
    const [part] = encoding.end().parts
    expect(codes).toStrictEqual(['row-rejected', 'row-rejected', 'schema-drift'])
    expect(part === undefined ? null : storedRows({ ...batchOf([]), ...part })).toStrictEqual([[null, 0.5]])
  })
})
