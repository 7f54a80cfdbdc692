import type { Document } from 'bson'
import { Decimal128, Double, Int32, Long, ObjectId } from 'mongodb'
import { describe, expect, it } from 'vitest'
import type { MigrateOptions } from '../../src/index.ts'
import type { BothDatabases } from '../support/both-databases.ts'
import { migrate } from '../support/migrate.ts'
import { sharedDatabases } from '../support/shared-databases.ts'

const shared = sharedDatabases()

const ROWS = 1000
/** The first row of another shape: all in the middle of the key order, where no sample of a few rows looks. */
const TURN = 480
const END = 540

const keyOf = (n: number): ObjectId => new ObjectId(n.toString(16).padStart(24, '0'))
const big = (n: number): Long => Long.fromString(`${2n ** 53n + BigInt(n)}`)

/** Numbers as the driver does not turn them into others: `items` is a table, and `parts` within it one too. */
function plain(n: number): Document {
  return {
    _id: keyOf(n),
    address: { city: `c${n}`, geo: { lat: new Int32(n) } },
    items: [
      {
        sku: `s${n}`,
        price: new Int32(n),
        size: { w: new Int32(n) },
        parts: [{ no: new Int32(n) }, { no: new Int32(n + 1) }],
      },
      { sku: `t${n}`, price: new Int32(1), parts: [] },
    ],
  }
}

/** Wider numbers, new fields, others that are no documents, at every depth; a few of each kind only. */
function turned(n: number): Document {
  const { _id, address, items } = plain(n) as { _id: ObjectId; address: Document; items: Document[] }
  const [first, second] = items
  const kinds: readonly Document[] = [
    { _id, address: { ...address, postalCode: 'LV-1010', geo: { lat: new Double(n + 0.5), source: 'gps' } }, items },
    { _id, address, items: [{ ...first, price: big(n), discount: new Double(0.25) }, second] },
    { _id, address, items: [{ ...first, parts: [{ no: big(n), note: { text: `p${n}` } }] }, 'a lone word', null, [1]] },
    {
      _id,
      address: 'unknown',
      items: [
        { ...first, size: { w: 'wide', h: new Int32(n) } },
        { ...second, size: 'XL' },
      ],
    },
    { _id, address, items: 'none yet', extraField: { n: new Int32(n) } },
    {
      _id,
      address,
      items: [
        { ...first, parts: ['bare'] },
        { ...second, price: 'free' },
      ],
    },
  ]
  return kinds[n % kinds.length] as Document
}

const documents: readonly Document[] = Array.from({ length: ROWS }, (_, n) =>
  n >= TURN && n < END ? turned(n) : plain(n),
)

/** Looks at the first row and the last one only, so that the turn comes as a surprise. */
const blind: Partial<MigrateOptions> = {
  sampleRows: 1,
  batchRows: 40,
  nest: { address: 'column', items: 'table', 'items.size': 'column', 'items.parts': 'table' },
}

type Cells = Readonly<Record<string, string | null>>
type Place = readonly [number, unknown]

/** Columns that have become jsonb. */
const json = new Set(['price', 'size_w', 'value of items', 'note', 'extra_field'])

/** Rows of the three tables, every value as PostgreSQL writes it, made by the description of nesting alone. */
function expectedTables(): readonly (readonly Cells[])[] {
  const [rows, items, parts]: [Cells[], Cells[], Cells[]] = [[], [], []]
  for (const document of documents) {
    const { address, items: list } = document
    const _id = String(document['_id'])
    const { city, postalCode, geo } = fieldsOf(address)
    const { lat, source } = fieldsOf(geo)
    const flat = { address: other(address), address_city: city, address_geo_lat: lat, address_geo_source: source }
    const more = { items_count: countOf(list), address_postal_code: postalCode, extra_field: document['extraField'] }
    rows.push(cells({ _id, ...flat, ...more }, 'rows'))
    for (const [ordinal, item] of elementsOf(list)) {
      const { sku, price, discount, size, parts: inner } = fieldsOf(item)
      const { w, h } = fieldsOf(size)
      const own = { sku, price, discount, size: other(size), size_w: w, size_h: h, value: other(item) }
      items.push(cells({ turning_id: _id, ordinal, ...own, parts_count: countOf(inner) }, 'items'))
      for (const [place, part] of elementsOf(inner)) {
        const { no, note } = fieldsOf(part)
        const above = { turning_id: _id, items_ordinal: ordinal, ordinal: place }
        parts.push(cells({ ...above, no, note, value: other(part) }, 'parts'))
      }
    }
  }
  return [rows, items, parts]
}

function isDocument(value: unknown): value is Document {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
}

const fieldsOf = (value: unknown): Document => (isDocument(value) ? value : {})
const other = (value: unknown): unknown => (isDocument(value) ? undefined : value)
const countOf = (value: unknown): unknown => (Array.isArray(value) ? value.length : undefined)

function elementsOf(value: unknown): readonly Place[] {
  if (value === undefined) return []
  return Array.isArray(value) ? value.map((element: unknown, index): Place => [index + 1, element]) : [[0, value]]
}

function cells(row: Document, table: string): Cells {
  const columns = Object.entries(row).map(([name, value]: [string, unknown]) => {
    if (value === undefined) return [name, null]
    return [name, json.has(name) || json.has(`${name} of ${table}`) ? jsonText(value) : textOf(value)]
  })
  return Object.fromEntries(columns) as Cells
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : jsonText(value)
}

/** As jsonb is written. */
function jsonText(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(jsonText).join(', ')}]`
  if (!isDocument(value)) return String(value)
  return `{${Object.entries(value)
    .map(([name, inner]) => `${JSON.stringify(name)}: ${jsonText(inner)}`)
    .join(', ')}}`
}

async function tablesOf(both: BothDatabases): Promise<readonly (readonly Cells[])[]> {
  return [
    await both.texts('select * from turning order by _id'),
    await both.texts('select * from turning_items order by turning_id, ordinal'),
    await both.texts('select * from turning_items_parts order by turning_id, items_ordinal, ordinal'),
  ]
}

describe('documents within documents that change their shape while they are copied', () => {
  const ways = (['threads', 'processes', 'inline'] as const).map((isolation) => ({ isolation }))
  it.each(ways)('are all in the tables, every value equal ($isolation)', async (way) => {
    const both = shared()
    const { from, to, db, sql } = both
    await db.collection('turning').insertMany(documents.map((document) => ({ ...document })))
    const result = await migrate({ from, to, ...way, ...blind, workers: 2 })
    const expected = expectedTables()
    const [, items, parts] = expected.map(({ length }) => length)
    expect(result.error).toBeNull()
    expect(result).toMatchObject({ state: 'done', totals: { read: ROWS, written: ROWS } })
    expect(result.totals.derived).toBe((items ?? 0) + (parts ?? 0))
    const found = await tablesOf(both)
    found.forEach((rows, table) => expect(rows).toEqual(expected[table]))
    const references = await sql(
      `select 1 from pg_constraint where contype = 'f' and convalidated and connamespace = 'public'::regnamespace`,
    )
    expect(references).toHaveLength(2)
  })

  it('stop the run where drift is to stop it, and nothing of their batch is written', async () => {
    const both = shared()
    const { from, to, db, sql } = both
    await db.collection('turning').insertMany(documents.map((document) => ({ ...document })))
    const result = await migrate({ from, to, ...blind, workers: 2, onDrift: 'stop' })
    expect(result).toMatchObject({ state: 'stopped', error: { code: 'schema-drift' } })
    expect(result.error?.message).toMatch(new RegExp(`${keyOf(TURN).toHexString()}.*turning.*address`))
    const after = keyOf(TURN).toHexString()
    const [rows] = await sql(
      `select (select count(*) from turning where _id between '${after}' and '${keyOf(END - 1).toHexString()}')::int as rows,
         (select count(*) from turning)::int * 2 = (select count(*) from turning_items)::int as items,
         (select count(*) from turning)::int * 2 = (select count(*) from turning_items_parts)::int as parts`,
    )
    expect(rows).toEqual({ rows: 0, items: true, parts: true })
  })

  it('keep their row where it is its key that changes', async () => {
    const both = shared()
    const { from, to, db } = both
    const odd: Readonly<Record<number, Double | Decimal128>> = {
      400: new Double(400.5),
      600: Decimal128.fromString('600.25'),
    }
    const ids = Array.from({ length: 1000 }, (_, n) => odd[n] ?? new Int32(n))
    await db.command({ insert: 'rows', documents: ids.map((_id) => ({ _id, list: [{ of: String(_id), in: ['x'] }] })) })
    const nest = { list: 'table', 'list.in': 'table' }
    const result = await migrate({ from, to, sampleRows: 1, batchRows: 50, workers: 2, nest })
    expect(result).toMatchObject({ error: null, totals: { written: 1000, derived: 2000 } })
    const found = await both.texts(
      `select pg_typeof(inner_list.rows_id) as type, count(*) as rows, count(distinct list.of) as ids
       from rows join rows_list list on list.rows_id = _id and list.of = _id::text
       join rows_list_in inner_list on inner_list.rows_id = _id and list_ordinal = list.ordinal group by 1`,
    )
    expect(found).toEqual([{ type: 'numeric', rows: '1000', ids: '1000' }])
  })
})
