import { describe, expect, it } from 'vitest'
import { createBufferPool } from '../../../src/connectors/buffer-pool.ts'
import type { EncodedRows, PackedRows } from '../../../src/core/batch.ts'
import type { LogicalType } from '../../../src/core/logical-type.ts'
import type { ColumnPlan, TablePlan } from '../../../src/core/plan.ts'
import { ByteWriter } from '../../../src/format/byte-writer.ts'
import { appendRecord, RecordReader, StoredText, type SqliteValue } from '../../../src/format/sqlite-record.ts'
import { batchId, beginMigration, commitParts, encoded, never, plannedOf, planOf } from '../../support/migration.ts'
import { sqliteUnderTest } from './sqlite-under-test.ts'

function columnOf(name: string, type: LogicalType): ColumnPlan {
  return { field: name, name, type, cast: false }
}

const columns = [
  columnOf('id', 'int64'),
  columnOf('yes', 'bool'),
  columnOf('whole', 'int64'),
  columnOf('real', 'float64'),
  columnOf('exact', 'decimal'),
  columnOf('text', 'text'),
  columnOf('hex', 'objectid'),
  columnOf('uuid', 'uuid'),
  columnOf('bytes', 'bytes'),
  columnOf('time', 'timestamp'),
  columnOf('json', 'json'),
  columnOf('list', 'text[]'),
] as const
const values: TablePlan = planOf('values', { columns, key: ['id'] })

const notUtf8 = new StoredText(Buffer.from('caf\xe9\0\xff', 'latin1'))

const rows: readonly (readonly SqliteValue[])[] = [
  [
    1n,
    1n,
    2n ** 63n - 1n,
    0.1,
    '12345678901234567890.10',
    'a',
    '0'.repeat(24),
    'u',
    Buffer.of(0, 1),
    '2024-01-01T00:00:00Z',
    '{}',
    '[]',
  ],
  // Texts that look like numbers in each column that keeps texts; a whole double.
  [-5n, 0n, -(2n ** 63n), 5, '0012.50', '007', '123456789012345678901234', '12', Buffer.from('12'), '2024', '7', '1e3'],
  [2n ** 62n, null, null, Infinity, '1E+5', notUtf8, null, null, new Uint8Array(), '-infinity', 'null', null],
  [7n, null, null, null, null, '', null, null, null, null, null, null],
]

function records(
  table: readonly (readonly SqliteValue[])[],
  part = 0,
  owners: readonly number[] | null = null,
): EncodedRows {
  const out = new ByteWriter()
  const packed = table.map((row) => {
    out.at = 0
    appendRecord(out, row, [])
    return Buffer.from(out.bytes.subarray(0, out.at))
  })
  return encoded(packed, part, owners, 'sqlite')
}

function valuesOf({ bytes, offsets, rows: count }: PackedRows): readonly (readonly SqliteValue[])[] {
  const reader = new RecordReader()
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return Array.from({ length: count }, (_, row) => {
    reader.open(buffer, offsets[row] ?? 0, offsets[row + 1] ?? 0)
    return Array.from({ length: reader.width }, (_, column) => plain(reader.value(column)))
  })
}

function plain(value: SqliteValue): SqliteValue {
  if (typeof value === 'string') return new StoredText(new Uint8Array(Buffer.from(value)))
  if (value instanceof StoredText) return new StoredText(new Uint8Array(value.bytes))
  return value instanceof Uint8Array ? new Uint8Array(value) : value
}

const byId = (a: readonly SqliteValue[], b: readonly SqliteValue[]): number =>
  Number((a[0] as bigint) - (b[0] as bigint))

describe('values', () => {
  it('are stored as they come, whatever they look like, and read back byte by byte', async () => {
    await using under = await sqliteUnderTest()
    await using begun = await beginMigration(under.target, 'm', [plannedOf(values)])
    await using writer = await begun.openWriter()
    await commitParts(writer, batchId('values', 1, 0), values, [records(rows)])
    const classes = under.sql(`select typeof(exact) e, typeof(text) t, typeof(hex) h, typeof(uuid) u, typeof(time) d,
      typeof(json) j, typeof(list) l, typeof(bytes) b, typeof(real) r from "values" where id = -5`)
    const text = { e: 'text', t: 'text', h: 'text', u: 'text', d: 'text', j: 'text', l: 'text' }
    expect(classes).toEqual([{ ...text, b: 'blob', r: 'real' }])
    await using reader = await under.target.openReader(never)
    const slices = await under.target.slices(values.target, 3, never)
    expect(slices).toHaveLength(3)
    const options = { limits: { rows: 2, bytes: 1 << 16 }, pool: createBufferPool(2) }
    const found: (readonly SqliteValue[])[] = []
    for (const slice of slices) {
      for await (const page of reader.read(values.target, columns, slice, options, never)) found.push(...valuesOf(page))
    }
    expect(found.toSorted(byId)).toEqual(rows.map((row) => row.map(plain)).toSorted(byId))
    const [accepted] = await under.target.existing([values.target], never)
    columns.forEach(({ type }, i) => expect(accepted?.columns[i]?.accepts).toContain(type))
  })

  it('that SQLite would change without a word are refused', async () => {
    await using under = await sqliteUnderTest()
    await using begun = await beginMigration(under.target, 'm', [plannedOf(values)])
    await using writer = await begun.openWriter()
    const [good = []] = rows
    const open = await writer.begin(batchId('values', 1, 0), values, never)
    if ('committed' in open) throw new Error('committed already')
    for (const [place, value, reason] of [
      [3, NaN, 'NaN'],
      [3, -0, 'negative zero'],
      [0, null, 'no value in its key'],
    ] as const) {
      const answer = await open.write([records([good, good.with(place, value)])], { trial: true })
      expect(answer).toMatchObject({ rejected: { index: 1, error: { message: expect.stringContaining(reason) } } })
    }
    const twice = await open.write([records(Array.from({ length: 60 }, (_, i) => good.with(0, BigInt(i % 50))))])
    expect(twice).toMatchObject({ rejected: { index: 50, error: { hint: expect.stringContaining('--on-conflict') } } })
  })

  it('are read from a table whose rows have no numbers, in a page at least as large as a row', async () => {
    await using under = await sqliteUnderTest()
    under.exec(`create table "values" (a text primary key, b) without rowid;
      insert into "values" values ('x', cast(x'ff41' as text)), ('y', x'ff41')`)
    expect(await under.target.slices(values.target, 4, never)).toEqual([{ from: null, upTo: null }])
    await using reader = await under.target.openReader(never)
    const options = { limits: { rows: 1, bytes: 1 }, pool: createBufferPool(2) }
    const found: (readonly SqliteValue[])[] = []
    const both = [columnOf('b', 'text'), columnOf('a', 'text')]
    const pages = reader.read(values.target, both, { from: null, upTo: null }, options, never)
    for await (const page of pages) found.push(...valuesOf(page))
    expect(found).toEqual([
      [new StoredText(Uint8Array.of(0xff, 0x41)), plain('x')],
      [Uint8Array.of(0xff, 0x41), plain('y')],
    ])
  })

  it('are looked up by their texts', async () => {
    await using under = await sqliteUnderTest()
    await using begun = await beginMigration(under.target, 'm', [plannedOf(values)])
    await using writer = await begun.openWriter()
    await commitParts(writer, batchId('values', 1, 0), values, [records(rows)])
    await using reader = await under.target.openReader(never)
    const wanted = columns.slice(0, 4)
    const found = await reader.lookUp(
      values.target,
      wanted,
      ['id', 'yes'],
      [
        ['1', 'true'],
        ['7', null],
        ['8', null],
      ],
      never,
    )
    expect(found).toEqual([
      ['1', 'true', '9223372036854775807', '0.1'],
      ['7', null, null, null],
    ])
    const [byBytes] = await reader.lookUp(values.target, columns.slice(8, 9), ['bytes'], [['\\x0001']], never)
    expect(byBytes).toEqual(['\\x0001'])
    expect(await reader.isIndexed(values.target, ['id'], never)).toBe(true)
    expect(await reader.isIndexed(values.target, ['text'], never)).toBe(false)
  })
})
