import { deepStrictEqual } from 'node:assert/strict'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Batch } from '../../../../src/core/batch.ts'
import type { LayoutColumn } from '../../../../src/core/layout.ts'
import type { LogicalType } from '../../../../src/core/logical-type.ts'
import type { TablePlan } from '../../../../src/core/plan.ts'
import type { Transcoded } from '../../../../src/format/codec.ts'
import { createPgCopyEncoder } from '../../../../src/format/pgcopy-encoder.ts'
import { createSqliteDecoder } from '../../../../src/format/sqlite-decoder.ts'
import { createSqliteTranscoder } from '../../../../src/format/sqlite-direct/sqlite-transcoder.ts'
import { StoredText, type SqliteValue } from '../../../../src/format/sqlite-record.ts'
import { composeTranscoder } from '../../../../src/format/transcode.ts'
import { columnOf } from '../samples.ts'
import { now, shown } from '../direct/compare.ts'
import { laidOutPlan, recordsOf } from './records.ts'

/** What refuses any difference between the ways, and answers what became of the rows and how many the direct way left. */
function comparing(plan: TablePlan): (batch: Batch) => { readonly direct: Transcoded; readonly left: number } {
  let left = 0
  const decoder = createSqliteDecoder(plan)
  const direct = createSqliteTranscoder(plan, {
    keyText: (batch, index) => decoder.keyText(batch, index),
    keyBytes: (batch, index) => decoder.keyBytes(batch, index),
    takeCoerced: () => decoder.takeCoerced(),
    decodeRow: (batch, index) => {
      left++
      return decoder.decodeRow(batch, index)
    },
  })
  if (direct === null) throw new Error('there is no direct way')
  const general = composeTranscoder(createSqliteDecoder(plan), createPgCopyEncoder(plan), null)
  return (batch) => {
    left = 0
    const [mine, theirs] = [now(direct.transcode(batch)), now(general.transcode(batch))]
    deepStrictEqual(shown(mine), shown(theirs))
    direct.recycle(mine)
    general.recycle(theirs)
    return { direct: mine, left }
  }
}

const columns: readonly LayoutColumn[] = (
  [
    ['bool'],
    ['bool', 'words'],
    ['int32'],
    ['int32', 'digits'],
    ['int64'],
    ['float64'],
    ['decimal'],
    ['decimal', 'digits'],
    ['text'],
    ['text', 'any@windows-1252'],
    ['uuid'],
    ['bytes'],
    ['bytes', 'any'],
    ['date', 'iso'],
    ['json'],
    ['timestamp'],
    ['timestamp', 'iso@America/New_York'],
    ['timestamp', 'epoch-s'],
    ['timestamp', 'epoch-ms'],
    ['timestamp', 'epoch-us'],
    ['timestamp', 'julian'],
  ] as const
).map(([type, form], place) => ({ field: `f${place}`, type, form }))

const two = fc.integer({ min: 0, max: 62 }).map((value) => String(value).padStart(2, '0'))
const dates = fc
  .tuple(fc.constantFrom('2024', '1999', '0000', '9999', '24', '10000'), fc.integer({ min: 0, max: 13 }), two)
  .map(([year, month, day]) => `${year}-${String(month).padStart(2, '0')}-${day}`)
const times = fc
  .tuple(dates, fc.constantFrom(' ', 'T', 't', '_', ''), fc.constantFrom('', '03:04', '23:59:59', '02:30:00', '24:00', '0304', '03:60', '03:04:0'))
  .chain(([date, mark, time]) => {
    const ends = fc.constantFrom('', '.', '.5', '.000001', '.1234567', '.1000000', 'Z', 'z', '+01', ' -05:30', ' BC', '.5Z', '.x')
    return ends.map((end) => (time === '' ? `${date}${end}` : `${date}${mark}${time}${end}`))
  }) // prettier-ignore
const json = fc.oneof(
  fc.json(),
  fc.json().map((text) => JSON.stringify(JSON.parse(text), null, 2)),
  fc.constantFrom('null', ' null', 'nul', '{"a":1,"a":2}', '{"1":1,"a":2}', '[1e5]', '[-0,01]', '"\\u0041"', '"\\/"', '"\t"', '[1.50,-0.0]'),
  fc.constantFrom('[', '{"a"}', '[1 2]', '"\\ud800"', '"\\u0000"', '"é\u007f\u2028"', '{"a":[{"a":1},{"a":2}],"b":{"a":1}}', '[tru]', '-', '[9007199254740993]'),
) // prettier-ignore
const texts: fc.Arbitrary<SqliteValue> = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ maxLength: 3 }).map((text) => text.repeat(500)),
  fc.constantFrom('true', 'F', 'yes', '0', '12', '-7', '007', '1.50', '1e3', '', 'infinity', '-infinity'),
  fc.uuid(),
  fc.uuid().map((id) => id.replaceAll('-', '').toUpperCase()),
  fc.uuid().map((id) => id.replace('-', '0')),
  fc.uint8Array({ maxLength: 40 }).map((bytes) => new StoredText(bytes)),
  dates,
  times,
  json,
)
const whole = fc.oneof(
  fc.constantFrom(0n, 1n, 2n),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.integer({ min: 0, max: 63 }).chain((bits) => fc.bigInt({ min: -(2n ** BigInt(bits)), max: 2n ** BigInt(bits) - 1n })),
) // prettier-ignore
const reals = fc.oneof(
  fc.double({ noNaN: true }),
  fc.double({ min: 0, max: 5_373_485, noNaN: true }),
  fc.integer().map((value) => value / 100),
)
const values: fc.Arbitrary<SqliteValue> = fc.oneof(
  fc.constant(null),
  texts,
  whole,
  reals,
  fc.uint8Array({ maxLength: 100 }),
  fc.uint8Array({ minLength: 16, maxLength: 16 }),
)

describe('the direct way from SQLite', () => {
  it('gives the same bytes, and refuses the same rows for the same reasons, as the general one', () => {
    const key = { field: null, type: 'int64' } as const
    const ways = columns.map((column) => comparing(laidOutPlan([column, key], {}, { key: [1] })))
    fc.assert(
      fc.property(fc.array(values, { minLength: 1, maxLength: 30 }), (column) => {
        const batch = recordsOf(column.map((value, row) => [value, BigInt(row)]))
        for (const compare of ways) compare(batch)
      }),
      { numRuns: 100 },
    )
  })

  it('agrees on what only looks right', () => {
    const days = ['2024-02-29', '2023-02-29', '2024-13-01', '2024-01-00', '20240-1-01', '2024/01/01', '2024-1-011']
    const clocks = ['24:00', '23:60', '23:59:60', '23:59:59.', '1:00:00', '03:04:05.1234567', '03:04:05,5', '03-04', '030405'] // prettier-ignore
    const uuids = ['g', '-', ' ', 'é'].map((mark) => `00112233-4455-6677-8899-aabbccddee${mark}f`)
    const numbers = [-(2n ** 62n), 2n ** 53n + 1n, 9_223_371_331_200_000n, 5_373_484.499_999_999, 5_373_484.5, -0, 1e21]
    const values = [...days, ...clocks.map((clock) => `2024-02-29 ${clock}`), ...uuids, ...numbers]
    const batch = recordsOf(values.map((value) => [value]))
    const left = columns.map((column) => comparing(laidOutPlan([column]))(batch).left)
    // A text is one as it is, and of the others some are asked about.
    expect(new Set(left.map((rows) => rows > 0))).toEqual(new Set([true, false]))
  })

  it('carries ordinary rows itself', () => {
    const laidOut: LayoutColumn[] = [
      { field: null, type: 'int64' },
      ...columns.filter(({ form }) => form !== 'epoch-us' && form !== 'julian'),
    ]
    const text = 'Grüße'
    const row: SqliteValue[] = [
      1n, 1n, 0n, 70_000n, -5n, 2n ** 40n, 0.5, 12n, 0.25, text, text, '00112233-4455-6677-8899-aabbccddeeff',
      new Uint8Array(3), new Uint8Array(200), '2024-02-29', '{"a": [1, {"b": null}], "é": "x\\n"}', '2024-01-02T03:04:05.678Z',
      '2024-07-01 12:00:00', 1_704_164_645n, 1_704_164_645_678n,
    ] // prettier-ignore
    const { direct, left } = comparing(laidOutPlan(laidOut))(recordsOf([row, row.map(() => null)]))
    expect({ left, written: direct.written }).toStrictEqual({ left: 0, written: 2 })
  })

  it('leaves what it does not carry to the general way, row by row', () => {
    const plan = laidOutPlan([
      { field: 'id', type: 'int64' },
      { field: 'n', type: 'int32' },
    ])
    const batch = recordsOf([[1n, 1n], [2n, 'x'], [3n, 2n ** 40n], [4n, 4n]]) // prettier-ignore
    const { direct, left } = comparing(plan)(batch)
    expect({ left, written: direct.written }).toStrictEqual({ left: 2, written: 2 })
    expect(direct.rejected.map(({ index, key }) => [index, key])).toStrictEqual([[1, '2'], [2, '3']]) // prettier-ignore
    expect(direct.parts.map((_part, part) => [0, 1].map((row) => direct.origin(part, row)))).toStrictEqual([[0, 3]])
  })

  it('writes columns of another type and of bounded length as the general way does', () => {
    const layout: LayoutColumn[] = [{ field: 'a', type: 'int64' }, { field: 'b', type: 'text' }, { field: 'c', type: 'json' }] // prettier-ignore
    const wanted: LogicalType[] = ['decimal', 'text', 'json']
    const columns = layout.map(({ field }, place) => {
      const changes = place === 1 ? { maxCharacters: 2 } : { nestedJson: 'extended' as const }
      return columnOf(field ?? '', wanted[place] ?? 'text', changes)
    })
    const rows = [[5n, 'éé', '{"a":1.50}'], [-1n, 'abc', '[]'], [1n, 'ab', '[1]']] // prettier-ignore
    const { direct } = comparing(laidOutPlan(layout, { columns }))(recordsOf(rows))
    expect([direct.written, direct.rejected.map(({ index }) => index)]).toStrictEqual([2, [1]])
  })

  it('is none where rows are wanted', () => {
    const plan = laidOutPlan([{ field: 'a', type: 'text' }])
    const changes: Partial<TablePlan>[] = [
      { transform: { file: null, steps: [] } },
      { coerce: [{ path: null, name: 'strip-nul' }] },
      { overflow: 'others' },
      { columns: [columnOf('a', 'int32', { cast: true })] },
      { columns: [columnOf('missing', 'text')], ignore: 'others' },
    ]
    for (const change of changes)
      expect(createSqliteTranscoder({ ...plan, ...change }), JSON.stringify(change)).toBeNull()
    expect(createSqliteTranscoder(plan)).not.toBeNull()
  })
})
