import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createRowDecoder } from '../../../src/catalog.ts'
import type { Batch, Format } from '../../../src/core/batch.ts'
import type { AllowedCoercion } from '../../../src/core/coercion.ts'
import type { LayoutColumn } from '../../../src/core/layout.ts'
import { scalarTypes, type LogicalType } from '../../../src/core/logical-type.ts'
import type { TablePlan } from '../../../src/core/plan.ts'
import { RowError } from '../../../src/core/row-error.ts'
import { ByteWriter } from '../../../src/format/byte-writer.ts'
import { createPgCopyEncoder } from '../../../src/format/pgcopy-encoder.ts'
import { appendRecord, StoredText, type SqliteValue } from '../../../src/format/sqlite-record.ts'
import { rowReader } from '../../../src/verify/full-rows.ts'
import { planOf } from '../../support/migration.ts'
import { columnOf } from '../format/samples.ts'
import { valuesOf } from './value-arbitraries.ts'

function batchOf(format: Format, bytes: Uint8Array): Batch {
  const id = { table: 't', partition: 0, seq: 0, last: true, after: null, upTo: null }
  return { id, format, rows: 1, bytes, offsets: Uint32Array.of(0, bytes.length) }
}

function recordOf(values: readonly SqliteValue[]): Batch {
  const out = new ByteWriter(new ArrayBuffer(1024))
  appendRecord(out, values, [])
  return batchOf('sqlite', Uint8Array.from(out.bytes.subarray(0, out.at)))
}

function planWith(column: LayoutColumn, format: Format, coerce?: readonly AllowedCoercion[]): TablePlan {
  const layout = { format, columns: [column, { field: null, type: 'int64' as const }], key: [1], raw: false }
  return planOf('t', { layout, transform: { file: null, steps: [] }, coerce })
}

/** The value on the road of its own, and on that of the copy; null: refused. */
function bothRoads(column: LayoutColumn, batch: Batch): readonly [unknown, unknown] {
  const plan = planWith(column, batch.format)
  const decoder = createRowDecoder(batch.format, '', { table: 't', layout: plan.layout })
  return [valueOr(() => rowReader(plan, '', 'pgcopy').row(batch, 0)), valueOr(() => decoder.decodeRow(batch, 0))]
}

function valueOr(read: () => unknown): unknown {
  try {
    return read()
  } catch (error) {
    if (error instanceof RowError) return 'refused'
    throw error
  }
}

const empty = new Uint8Array()

/** With its length before it, as hex. */
function sized(hex: string): string {
  return (hex.length / 2).toString(16).padStart(8, '0') + hex
}

const forms: readonly (readonly [LogicalType, string | undefined])[] = [
  ['bool', undefined],
  ['bool', 'words'],
  ['int32', undefined],
  ['int32', 'digits'],
  ['int64', undefined],
  ['int64', 'digits'],
  ['float64', undefined],
  ['decimal', undefined],
  ['decimal', 'digits'],
  ['text', undefined],
  ['text', 'any'],
  ['text', '@windows-1252'],
  ['text', 'any@shift_jis'],
  ['uuid', undefined],
  ['bytes', undefined],
  ['bytes', 'any'],
  ['json', undefined],
  ['date', 'iso'],
  ['timestamp', undefined],
  ['timestamp', 'iso'],
  ['timestamp', 'iso@Europe/Berlin'],
  ['timestamp', 'iso@America/New_York'],
  ['timestamp', 'iso@Asia/Kathmandu'],
  ['timestamp', 'epoch-s'],
  ['timestamp', 'epoch-ms'],
  ['timestamp', 'epoch-us'],
  ['timestamp', 'julian'],
]

/** Texts that look like values of one type or another, and some that only seem to. */
const telling = [
  '', '0', '1', '-0', '-1', '007', '+5', '1.0', '1e3', '.5', '5.', '1E-400', '9223372036854775807', '9223372036854775808',
  'true', 'YES', 'off', 'null', 'NaN', 'infinity', '-infinity', 'Inf', ' 1', '1 ', '0x10', '1.50', '-12.3400e+2',
  '2024-02-29', '2023-02-29', '0044-03-15 BC', '0000-01-01 BC', '10000-01-01', '02024-01-01', '5874898-01-01',
  '2024-03-31 02:30:00', '2024-10-27 02:30:00', '2024-10-27T02:30:00+02:00', '2024-03-31 03:00', '1890-01-01 00:00:00',
  '2024-01-01T24:00:00Z', '2024-01-01 10:00:00.1234567', '2024-01-01 10:00:00.1234560Z', '2024-01-01 10:00 +0530',
  '2024-01-01 10:00:00 -03', '2024-01-01T', '2024-1-1', '9999-12-31 23:59:59.999999', '300000-01-01 00:00',
  '00112233-4455-6677-8899-AABBCCDDEEFF', '00112233445566778899aabbccddeeff', '0011223344556677-8899aabbccddeeff',
  '{"a":1,"b":[1.0,1.50,1e2,-0,12345678901234567890]}', '{"a":1,"a":2}', '[1,]', '{"a" 1}', '"\\ud800"', '"\\u00e9\t"',
  '[[[[]]]]', '{}', ' [ ] ', '"a" x', 'tru', '01', '"\\x"', '{"__proto__":{"a":null}}', '\u{1f418}', 'a\0b',
] // prettier-ignore

const wholes = [
  0n,
  1n,
  -1n,
  2n,
  255n,
  -32_769n,
  2n ** 31n - 1n,
  2n ** 31n,
  2n ** 53n,
  2n ** 53n + 1n,
  -(2n ** 63n),
  1_700_000_000n,
]
const reals = [
  0,
  0.5,
  -0,
  1e17,
  1e16,
  0.0001,
  0.00001,
  1e-7,
  123.456,
  1e300,
  Infinity,
  -Infinity,
  2460000.5,
  5373484.5,
  1700000000.25,
  1 / 3,
]

const storedValues: fc.Arbitrary<SqliteValue> = fc.oneof(
  fc.constantFrom(...wholes, ...reals),
  fc.constantFrom(...telling),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.double({ noNaN: true }),
  fc.json(),
  fc.string({ unit: 'binary' }).map((text) => text.toWellFormed()),
  fc
    .date({ min: new Date('1850-01-01'), max: new Date('2100-01-01'), noInvalidDate: true })
    .map((date) => date.toISOString().slice(0, 19).replace('T', ' ')),
  fc.uint8Array({ maxLength: 20 }),
  fc.uint8Array({ maxLength: 20 }).map((bytes) => new StoredText(bytes)),
)

describe('rows that a layout names', () => {
  it('are read from SQLite as the copy reads them, whatever is stored', () => {
    const columns = fc.constantFrom(...forms).map(([type, form]): LayoutColumn => ({ field: 'v', type, form }))
    fc.assert(
      fc.property(columns, storedValues, (column, value) => {
        const [own, other] = bothRoads(column, recordOf([value, 7n]))
        expect(own).toEqual(other)
      }),
      { numRuns: 1500 },
    )
    for (const [type, form] of forms) {
      for (const value of [...telling, ...wholes, ...reals, null]) {
        const [own, other] = bothRoads({ field: 'v', type, form }, recordOf([value, 7n]))
        expect(own, `${type} ${form} ${String(value)}`).toEqual(other)
      }
    }
  })

  it('are read from tuples as the copy reads them', () => {
    const types = [...scalarTypes, ...scalarTypes.map((type): LogicalType => `${type}[]`), 'json' as const]
    for (const type of types) {
      const columns = [columnOf('v', type), columnOf('k', 'int64')]
      const encoder = createPgCopyEncoder({ ...planWith({ field: 'v', type }, 'pgcopy'), columns })
      fc.assert(
        fc.property(valuesOf(type), (value) => {
          const encoding = encoder.begin(1)
          encoding.add(0, { key: null, fields: { v: value, k: 7n } })
          const [own, other] = bothRoads(
            { field: 'v', type },
            batchOf('pgcopy', encoding.end().parts[0]?.bytes ?? empty),
          )
          expect(own, type).toEqual(other)
        }),
        { numRuns: 25 },
      )
    }
  })

  it('show arrays of several dimensions as PostgreSQL does, where nothing is to be made of them', () => {
    const items = ['61', '62', null, '222c'].map((hex) => (hex === null ? 'ffffffff' : sized(hex))).join('')
    const dimensions = (firsts: readonly string[]): Uint8Array => {
      const field = `000000020000000100000019${firsts.map((first) => `00000002${first}`).join('')}${items}`
      return Buffer.from(`0001${sized(field)}`, 'hex')
    }
    const layout = { format: 'pgcopy', columns: [{ field: 'v', type: 'text[]' }], key: [], raw: false } as const
    const reader = rowReader(planOf('t', { layout, columns: [columnOf('v', 'text[]')], key: [] }), '', 'pgcopy')
    const [plain, shifted] = [
      ['00000001', '00000001'],
      ['00000000', 'fffffffe'],
    ].map((firsts) => {
      return batchOf('pgcopy', dimensions(firsts))
    }) as [Batch, Batch]
    expect(reader.cells?.(plain, 0)).toEqual(['{{a,b},{NULL,"\\","}}'])
    expect(reader.cells?.(shifted, 0)).toEqual(['[0:1][-2:-1]={{a,b},{NULL,"\\","}}'])
    expect(reader.row(plain, 0).fields).toEqual({
      v: [
        ['a', 'b'],
        [null, '",'],
      ],
    })
    expect(() => reader.row(shifted, 0)).toThrow(RowError)
  })

  it('may have broken texts and names twice where that is allowed', () => {
    const broken = recordOf([new StoredText(Uint8Array.of(0x61, 0xff)), 7n])
    const twins = recordOf(['{"a":1,"a":2}', 7n])
    const read = (type: LogicalType, batch: Batch, name: AllowedCoercion['name']): unknown => {
      return rowReader(planWith({ field: 'v', type }, 'sqlite', [{ path: null, name }]), '', 'pgcopy').row(batch, 0)
        .fields['v']
    }
    expect(read('text', broken, 'replace-utf8')).toBe('a\ufffd')
    expect(read('json', twins, 'last-wins')).toEqual({ a: 2 })
    expect(() => read('text', broken, 'last-wins')).toThrow(RowError)
    expect(() => read('json', twins, 'replace-utf8')).toThrow(RowError)
  })

  it('are known by their key, however damaged the rest', () => {
    const plan = planWith({ field: 'v', type: 'int32' }, 'sqlite')
    expect(rowReader(plan, '', 'pgcopy').known(recordOf(['x', 7n]), 0)).toEqual({ key: 7n, fields: {} })
    const byField = { ...plan, layout: plan.layout && { ...plan.layout, key: [0, 1] } }
    expect(rowReader(byField, '', 'pgcopy').known(recordOf(['x', 7n]), 0)).toEqual({
      key: [null, 7n],
      fields: { v: null },
    })
  })
})
