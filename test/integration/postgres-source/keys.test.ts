import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Bounds, Format } from '../../../src/core/batch.ts'
import type { RowLayout } from '../../../src/core/layout.ts'
import type { Selection } from '../../../src/connectors/planned-table.ts'
import { samePosition } from '../../../src/core/batch.ts'
import { readRange, rowsOf } from '../../contract/source.ts'
import { postgresSource, type PostgresSourceUnderTest } from './source-under-test.ts'

const never = new AbortController().signal
const unlimited = { rows: Infinity, bytes: Infinity }
const open: Bounds = { after: null, upTo: null }

/** Tables by what their key is: columns, key, and values of row n, which are no two the same. */
const keys: Readonly<Record<string, readonly [columns: string, key: string, values: string]>> = {
  smallint: ['k smallint', 'primary key (k)', '(n * 7 % 311 - 150)::smallint'],
  uuid: ['k uuid', 'primary key (k)', 'md5(n::text)::uuid'],
  numeric: [
    'k numeric',
    'primary key (k)',
    "case when n = 1 then 'NaN' when n = 2 then '-Infinity' else (n * 1e-30 * (-1) ^ n)::numeric end",
  ],
  'numeric(9,2)': ['k numeric(9,2)', 'primary key (k)', 'n / 4.0'],
  float4: ['k real', 'primary key (k)', "case when n = 1 then 'NaN' else (n / 7.0 * (-1) ^ n)::real end"],
  float8: ['k double precision', 'primary key (k)', "case when n = 1 then 'infinity' else exp(n::float8) end"],
  text: ['k text', 'primary key (k)', `n || E' \\\\\\t\\n''"é😀\\\\.'`],
  'text by ICU': ['k text collate "en-x-icu"', 'primary key (k)', 'chr(65 + n % 58) || n'],
  'char(8)': ['k char(8)', 'primary key (k)', "'a' || n"],
  varchar: ['k varchar(20)', 'primary key (k)', "'ä' || n"],
  bytea: ['k bytea', 'primary key (k)', "decode(lpad(to_hex(n), 6, '0') || '00ff5c', 'hex')"],
  timestamptz: [
    'k timestamptz',
    'primary key (k)',
    "case when n = 1 then 'infinity' when n = 2 then '4000-01-01 BC' else now() + n * interval '1.000001 s' end",
  ],
  timestamp: ['k timestamp', 'primary key (k)', "timestamp '1999-12-31 23:59:59.999999' + n * interval '1 h'"],
  date: ['k date', 'primary key (k)', "case when n = 1 then '-infinity' else date '0044-03-15 BC' + n end"],
  time: ['k timetz', 'primary key (k)', "time '00:00' + n * interval '1 s'"],
  interval: ['k interval', 'primary key (k)', "n * interval '1 mon -1 d 00:00:00.000001'"],
  enum: ['k mood', 'primary key (k)', '(enum_range(null::mood))[n]'],
  domain: ['k posint', 'primary key (k)', 'n'],
  composite: ['k pair', 'primary key (k)', "row(n % 9, 'x,\"' || n)::pair"],
  array: ['k integer[]', 'primary key (k)', "case when n = 1 then '{}' else array[n % 9, null, n] end"],
  jsonb: ['k jsonb', 'primary key (k)', "jsonb_build_object('n', n)"],
  inet: ['k inet', 'primary key (k)', "'10.0.0.0'::inet + n"],
  bool: ['k boolean', 'primary key (k)', 'n = 1'],
  money: ['k money', 'primary key (k)', 'n::numeric::money'],
  range: ['k int4range', 'primary key (k)', 'int4range(n, n + 3)'],
  citext: ['k ext.citext', 'primary key (k)', 'chr(case n % 2 when 0 then 65 else 97 end + n % 26) || n'],
  'two columns': ['a text, b bigint', 'primary key (b, a)', "'x' || n % 5, n / 5"],
  'two columns of two schemas': [
    'a ext.citext, b bigint',
    'primary key (a, b)',
    'chr(case n % 2 when 0 then 65 else 97 end + n % 6), n / 3',
  ],
  'three columns': [
    'a uuid, b date, c text',
    'primary key (b, c, a)',
    "md5(n::text)::uuid, date '2026-01-01' + n % 3, n % 7",
  ],
  'unique and not null': ['a text, b bigint not null', 'unique (b)', 'null, n'],
  generated: ['a integer, b integer generated always as (-a) stored', 'primary key (b)', 'n'],
  'no key': ['a integer, b text', 'unique (b)', 'n, nullif(n, 3)'],
  'no columns': ['', '', ''],
}
const names = Object.keys(keys)

/** The name of a table of the list, which needs its quotes. */
const tableOf = (name: string): string => `Key "${name}" ключ`
const quoted = (name: string): string => `"${tableOf(name).replaceAll('"', '""')}"`

const setUp = `
  create schema ext;
  create extension citext schema ext;
  create type mood as enum (${Array.from({ length: 120 }, (_, n) => `'${(n * 37) % 120} it''s'`).join(', ')});
  create domain posint as integer check (value > 0);
  create type pair as (a integer, b text);
  ${names
    .map((name) => {
      const [columns = '', key = '', values = ''] = keys[name] ?? []
      const own = columns.replaceAll(/"en-x-icu"/g, 'pg_catalog."en-x-icu"')
      const rows = name === 'bool' ? 2 : 120
      const taken = name === 'generated' ? '(a) ' : ''
      return `create table ${quoted(name)} (${[own, key].filter((part) => part !== '').join(', ')});
      insert into ${quoted(name)} ${taken}select ${values} from generate_series(1, ${rows}) as n order by md5(n::text);`
    })
    .join('\n')}`

describe('rows by keys of every kind', () => {
  let under: PostgresSourceUnderTest
  beforeAll(async () => {
    under = await postgresSource(setUp)
  })
  afterAll(() => under[Symbol.asyncDispose]())

  /** As it is read decoded, and as it is in the source, in either form of COPY. */
  async function layoutsOf(table: string): Promise<readonly RowLayout[]> {
    const { layout } = await under.source.structure({ ...all(table), ...reading }, never)
    const raw = (format: Format): RowLayout => ({ ...layout, raw: true, format })
    return [layout, raw('pgcopy'), raw('pgtext')]
  }

  it.each(names)('%s: every row once, whatever the partitions, and again from any of them', async (name) => {
    const table = tableOf(name)
    const { source } = under
    const expected = name === 'bool' ? 2 : 120
    for (const layout of await layoutsOf(table)) {
      const selection: Selection = { ...all(table), layout }
      const whole = rowsOf(await readRange({ source, table }, open, unlimited, selection))
      expect(whole).toHaveLength(expected)
      const bounds = await source.partition(selection, 3, never)
      const read: string[] = []
      for (const range of bounds) {
        const batches = await readRange({ source, table }, range, { rows: 17, bytes: Infinity }, selection)
        expect(batches.every(({ format }) => format === layout.format)).toBe(true)
        read.push(...rowsOf(batches))
        const [first] = batches
        if (first === undefined || first.id.last || range !== bounds[1]) continue
        const again = await readRange({ source, table }, first.id, unlimited, selection)
        expect(rowsOf(again)).toEqual(rowsOf([first]))
        expect(samePosition(first.id.upTo, null)).toBe(false)
      }
      expect(read).toEqual(whole)
    }
  })

  it('reads a key beside rows that leave it out, and a column only for the key', async () => {
    const table = tableOf('two columns')
    const { source } = under
    const column = { field: 'a', type: 'text' } as const
    const without: RowLayout = { format: 'pgcopy', columns: [column], key: [], raw: false }
    const read = await readRange(
      { source, table },
      open,
      { rows: 50, bytes: Infinity },
      { ...all(table), layout: without },
    )
    expect(read.map(({ rows }) => rows)).toEqual([50, 50, 20])
    const [first] = rowsOf(read)
    expect(first).toBe('0001000000027831')
    const hidden: RowLayout = {
      ...without,
      columns: [column, { field: null, type: 'int64' }],
      key: [1, 0],
    }
    const [batch] = await readRange(
      { source, table },
      open,
      { rows: 50, bytes: Infinity },
      { ...all(table), layout: hidden },
    )
    expect(rowsOf(batch === undefined ? [] : [batch])[0]).toBe('0002000000027831000000080000000000000000')
    expect(samePosition(batch?.id.upTo ?? null, read[0]?.id.upTo ?? null)).toBe(true)
  })
})

const reading = { dateFormats: {}, timeZone: 'UTC', encoding: null, wanted: {}, wantedNative: {} } as const

function all(table: string): Selection {
  return { table, where: null, fields: null, limit: null }
}
