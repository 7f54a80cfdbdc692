import { Binary, Decimal128, Long } from 'mongodb'
import { describe, expect, it } from 'vitest'
import { renderInspection } from '../../src/cli/inspect-text.ts'
import { inspectSource, type InspectReport } from '../../src/inspect.ts'
import type { ExampleStyle } from '../../src/inspect-examples.ts'
import { textWidth } from '../../src/telemetry/format.ts'
import { databases, type Keyed } from '../support/both-databases.ts'
import { insertRaw } from '../support/insert-raw.ts'
import { rawDocument, rawString } from '../unit/format/samples.ts'

const { signal } = new AbortController()
const rowCount = 60

function rowOf(n: number): Keyed {
  return {
    _id: n,
    status: ['open', 'shipped', 'Sent, late'][n % 3],
    note: n % 10 === 0 ? null : `Zoë wrote ${n}`,
    ...(n % 4 === 0 ? {} : { discount: n / 100 }),
    address: { city: `Town ${n}`, zip: 10000 + n },
    items: Array.from({ length: n % 4 }, (_, at) => ({ sku: `S${n}-${at}`, taxes: [{ rate: 0.1 }] })),
    mixed: n % 2 === 0 ? n : String(n),
    total: n % 2 === 0 ? Long.fromNumber(n) : Decimal128.fromString('1.10'),
    userID: n,
    userId: n,
    ctid: n,
    '': n,
    'esc\u001b[31m': `crimson\u001b[31m ${n}`,
    blob: new Binary(Buffer.alloc(3, n)),
  }
}

/** One row for each kind of trouble, all in the same table. */
function troubled(): Keyed[] {
  const rows = Array.from({ length: rowCount }, (_, n) => rowOf(n))
  const at = (n: number): Keyed => rows[n] ?? rowOf(n)
  at(5)['note'] = 'a\0b'
  at(6)['address'] = { city: 'c\0', zip: Number.NaN }
  at(7)['discount'] = -0
  at(8)['at'] = new Date(-8.64e15)
  return rows
}

async function inspected(examples: ExampleStyle = 'none'): Promise<InspectReport> {
  await using both = await databases()
  const orders = both.db.collection<Keyed>('orders')
  await orders.insertMany(troubled())
  await insertRaw(both.db, 'orders', [
    rawDocument([
      [0x10, '_id', Buffer.of(100, 0, 0, 0)],
      [0x10, 'twice', Buffer.of(1, 0, 0, 0)],
      [0x10, 'twice', Buffer.of(2, 0, 0, 0)],
      [0x06, 'note', Buffer.of()],
      [0x02, 'broken', rawString(Buffer.of(0x61, 0xff))],
    ]),
  ])
  await orders.createIndex({ status: 1, userID: -1 }, { partialFilterExpression: { status: 'open' } })
  await orders.createIndex({ userID: 1 }, { unique: true, sparse: true })
  await orders.createIndex({ expires: 1 }, { expireAfterSeconds: 2_000_000_000 })
  await orders.createIndex({ note: 'text', 'address.city': 'text' })
  await both.db.createCollection('Empty')
  return await inspectSource(both.from, { signal, examples })
}

describe('inspect', () => {
  it('tells what is in a table of MongoDB', async () => {
    const report = await inspected()
    const [empty, orders] = report.tables
    expect(empty).toMatchObject({ name: 'Empty', sample: { rows: 0, fields: [], averageBytes: null } })
    expect(orders).toMatchObject({ name: 'orders', estimatedRows: rowCount + 1, ordered: true })
    const fields = new Map(orders?.sample?.fields.map((field) => [field.field, field]))
    expect(fields.get('note')).toMatchObject({
      types: [{ name: 'string', type: 'text', count: 54 }],
      null: { count: 6 },
      undefined: { count: 1 },
      missing: { count: 0 },
      values: null,
      examples: [],
    })
    expect(fields.get('discount')).toMatchObject({ missing: { count: 16 } })
    expect(fields.get('status')?.values?.map(({ value, count }) => [value, count])).toEqual([
      ['open', 20],
      ['shipped', 20],
      ['Sent, late', 20],
    ])
    expect(fields.get('items')).toMatchObject({
      elements: { arrays: 60, items: 90, maxItems: 3, fields: [{ field: 'sku' }, { field: 'taxes' }] },
    })
    expect(fields.get('address')?.fields.map(({ field }) => field)).toEqual(['city', 'zip'])
    expect(orders?.trouble.toSorted((a, b) => a.place.localeCompare(b.place))).toEqual([
      { place: 'address.city', kind: 'nul', count: 1, key: '6' },
      { place: 'address.zip', kind: 'special-number', count: 1, key: '6' },
      { place: 'at', kind: 'date-range', count: 1, key: '8' },
      { place: 'broken', kind: 'broken-text', count: 1, key: '100' },
      { place: 'discount', kind: 'special-number', count: 1, key: '7' },
      { place: 'note', kind: 'nul', count: 1, key: '5' },
      { place: 'twice', kind: 'duplicate-field', count: 1, key: '100' },
    ])
    expect(orders?.indexes.map(({ name }) => name)).toHaveLength(4)
    expect(report.notes).toEqual([])
  })

  it('names what PostgreSQL changes, and what could become tables and columns', async () => {
    const { tables } = await inspected()
    const orders = tables.find(({ name }) => name === 'orders')
    expect(orders?.notes).toEqual([
      'names become snake_case: userID → user_id, userId → user_id, "" → _; --naming preserve keeps them',
      'field "userId" becomes "user_id_2", because "user_id" is taken by field "userID"',
      'field "ctid" becomes "ctid_", because the target keeps "ctid" for itself',
      expect.stringMatching(/^field "mixed" holds .*its column becomes jsonb/),
    ])
    expect(orders?.proposals.map(({ option }) => option)).toEqual([
      '--nest address=column',
      '--nest items=table',
      '--nest items=table,items.taxes=table',
    ])
  })

  it('is a page of 100 columns that no value can take over', async () => {
    const page = renderInspection(await inspected('plain'))
    expect(page).not.toMatch(/[^\n\P{Cc}]/u)
    expect(page.split('\n').filter((line) => textWidth(line) > 100)).toEqual([])
    expect(page).toContain('string 88.5 %, null 9.8 %, undefined 1.6 %')
    expect(page).toContain('values: open 33.3 %, shipped 33.3 %, "Sent, late" 33.3 %')
    expect(page).toContain('elements: 1.5 on average, 3 at most')
    expect(page).toContain('examples: "Zoë wrote 1", "Zoë wrote 2", "Zoë wrote 3"')
    expect(page).toMatch(/userID_1 +unique; on userID; sparse/)
    expect(page).toMatch(
      /status_1_userID_-1 +on status, userID \(descending\); partial: rows that match\s+\{"status":"open"\}/,
    )
    expect(page).toMatch(/twice +1 × a field that is there twice in one document.*; first in row 100/s)
  })

  it('shows no value of a row when they are masked', async () => {
    const plain = await inspected('plain')
    const masked = await inspected('masked')
    const shown = JSON.stringify(masked) + renderInspection(masked)
    for (const secret of ['Zoë', 'wrote', 'Town', 'open', 'shipped', 'Sent', 'crimson', 'S1-0', '1.10', '10001']) {
      expect(JSON.stringify(plain)).toContain(secret)
      expect(shown).not.toContain(secret)
    }
    expect(shown).toContain('Xxx xxxxx 9')
    expect(masked.tables[1]?.trouble.map(({ key }) => key)).toContain('999')
  })

  it('shows no value of a row unless asked to, but those that come again and again', async () => {
    const shown = JSON.stringify(await inspected())
    expect(shown).not.toMatch(/Zoë|Town|S1-0|1\.10|10001/)
    expect(shown).toContain('shipped')
  })
})
