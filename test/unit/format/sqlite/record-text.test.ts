import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { LogicalType } from '../../../../src/core/logical-type.ts'
import { recordText, recordValue } from '../../../../src/format/record-text.ts'
import { StoredText, type SqliteValue } from '../../../../src/format/sqlite-record.ts'

const loose = (...bytes: number[]): StoredText => new StoredText(Uint8Array.from(bytes))

describe('recordText', () => {
  it.each<[LogicalType, SqliteValue, string]>([
    ['bool', 1n, 'true'],
    ['bool', 2n, 'INTEGER 2'],
    ['int32', 7n, '7'],
    ['int64', 'seven', 'TEXT seven'],
    ['float64', -0, '-0'],
    ['float64', 7n, 'INTEGER 7'],
    ['decimal', '1.50', '1.50'],
    ['decimal', 1.5, 'REAL 1.5'],
    ['bytes', Uint8Array.of(0, 255), String.raw`\x00ff`],
    ['bytes', 'x', 'TEXT x'],
    ['text', Uint8Array.of(255), String.raw`BLOB \xff`],
    ['text', loose(0xff), "TEXT x'ff'"],
    ['text', loose(0x61), 'a'],
    ['timestamp', '2024-03-15T12:00:00.5Z', '2024-03-15 12:00:00.5+00'],
    ['timestamp', '0044-03-15T00:00:00Z BC', '0044-03-15 00:00:00+00 BC'],
    ['date', '2024-03-15', '2024-03-15'],
    ['text[]', '["a"]', '["a"]'],
  ])('%s %s', (type, value, text) => expect(recordText(value, { type })).toBe(text))

  it('leads back to the value of a column of its type', () => {
    const values = fc.oneof(
      fc.record({
        type: fc.constant<LogicalType>('int64'),
        value: fc.oneof(fc.bigInt({ min: -9n, max: 9n }), fc.string()),
      }),
      fc.record({
        type: fc.constant<LogicalType>('float64'),
        value: fc.oneof(fc.double({ noNaN: true }), fc.string()),
      }),
      fc.record({ type: fc.constant<LogicalType>('text'), value: fc.string() }),
      fc.record({ type: fc.constant<LogicalType>('bytes'), value: fc.uint8Array() }),
    )
    fc.assert(
      fc.property(values, ({ type, value }) => {
        const found = recordValue(recordText(value, { type }) ?? '', { type })
        return value instanceof Uint8Array ? Buffer.from(value).equals(found as Uint8Array) : Object.is(found, value)
      }),
    )
  })

  it('is one for each value of a column with a type of its own', () => {
    const column = { type: 'text', native: 'ANY' } as const
    const odd = ['5', '-1', '1.5', '1.0e+20', 'Inf', String.raw`\xff`, 'TEXT 5', 'INTEGER 5', "x'ff'", "TEXT x'ff'", '']
    const values: readonly SqliteValue[] = [...odd, 5n, -1n, 1.5, 1e20, Infinity, -0, 0, Uint8Array.of(255), loose(255)]
    const texts = values.map((value) => recordText(value, column) ?? '')
    expect(new Set(texts).size).toBe(values.length)
    expect(texts.map((text) => recordValue(text, column)).map(plain)).toEqual(values.map(plain))
    expect(recordText(null, column)).toBeNull()
  })
})

/** Buffers are arrays too. */
function plain(value: SqliteValue): unknown {
  if (value instanceof StoredText) return ['text', ...value.bytes]
  return value instanceof Uint8Array ? [...value] : value
}
