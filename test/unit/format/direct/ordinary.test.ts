import { Decimal128, Double, Int32, Long, ObjectId, serialize, UUID, type Document } from 'bson'
import { describe, expect, it } from 'vitest'
import { createObserver } from '../../../../src/catalog.ts'
import type { Batch } from '../../../../src/core/batch.ts'
import type { TablePlan } from '../../../../src/core/plan.ts'
import { shapes } from '../../../../src/devkit/shapes/shapes.ts'
import type { Decoder } from '../../../../src/format/codec.ts'
import { createDirectTranscoder } from '../../../../src/format/direct/direct-transcoder.ts'
import { planTable } from '../../../../src/schema/plan-table.ts'
import { batchOf, childOf, columnOf, planOf } from '../samples.ts'
import { BothWays, now } from './compare.ts'

/** A decoder of the general way that nobody is to use. */
const unused: Decoder = {
  decodeRow: () => {
    throw new Error('a row went the general way')
  },
  keyText: () => '?',
  keyBytes: () => null,
  takeCoerced: () => [],
}

/** The plan that rows get when nothing is said about them. */
async function planFor(batch: Batch, nest: Readonly<Record<string, string>> = {}): Promise<TablePlan> {
  const observer = await createObserver('bson', '_id', { table: 'things' }, null)
  await observer.observe(batch)
  const target = { schema: 'public', name: 'things' }
  const { plan } = planTable({
    sample: observer.sample(true),
    source: 'things',
    keyField: '_id',
    target,
    childTarget: (path) => ({ schema: 'public', name: `things_${path}` }),
    options: {
      columns: null,
      excludeColumns: [],
      rename: {},
      cast: {},
      pin: [],
      nest,
      naming: 'preserve',
      nestedJson: 'plain',
      primaryKey: true,
      maxColumns: 1600,
      onDrift: 'evolve',
      onConflict: 'error',
    },
    transform: null,
    maxNameBytes: 63,
    reservedColumns: [],
    existing: null,
    existingChildren: new Map(),
  })
  return plan
}

/** Refuses a row that does not go the direct way, and any difference between the ways. */
function expectDirect(plan: TablePlan, batch: Batch): void {
  const transcoder = createDirectTranscoder(plan, '_id', unused)
  if (transcoder === null) throw new Error('there is no direct way')
  expect(now(transcoder.transcode(batch)).written).toBe(batch.rows)
  const both = new BothWays(plan)
  both.compareBatch(batch)
  expect(both.left).toBe(0)
}

describe('every row of ordinary data goes the direct way', () => {
  it.each(Object.values(shapes))('of test data: $name', async (shape) => {
    const rows = Math.min(500, Math.ceil(3_000_000 / shape.bytes))
    const batch = batchOf(Array.from({ length: rows }, (_, index) => serialize(shape.document(index, 42))))
    expectDirect(await planFor(batch), batch)
  })

  it('of test data, flattened or with child tables', async () => {
    const users = batchOf(Array.from({ length: 200 }, (_, index) => serialize(shapes.users.document(index, 7))))
    const usersPlan = await planFor(users, { address: 'column', tags: 'table' })
    expect(usersPlan.children).toHaveLength(1)
    expectDirect(usersPlan, users)
    const orders = batchOf(Array.from({ length: 200 }, (_, index) => serialize(shapes.orders.document(index, 7))))
    expectDirect(await planFor(orders, { items: 'table', shipping: 'column', 'shipping.address': 'column' }), orders)
  })

  it('with fields that are missing, null, in another order or written by another driver', async () => {
    const rows: Document[] = [
      { _id: 1, a: 'x', n: 0, d: new Date(0), list: [1, 2], o: { x: 1, y: 'a' } },
      { _id: 2, n: 0.5, a: null, o: { y: 'b', x: 2 } },
      { _id: 3, d: new Date(-1), a: '', list: [], n: Long.fromNumber(7) },
      { o: null, list: [null, 3], a: 'Zoë "the" 王\n', _id: 4 },
      { _id: 5, list: [new Double(4)], n: new Int32(3), o: {} },
      { _id: 6 },
    ]
    const batch = batchOf(rows.map((row) => serialize(row)))
    expectDirect(await planFor(batch), batch)
  })

  it('with documents whose names are data', async () => {
    const rows = Array.from({ length: 3000 }, (_, index) => ({
      _id: index,
      counts: { [`id${index}`]: index, [`id${index + 1}`]: { a: index, b: [{ c: 1 }] } },
      // By their names in the order that objects have, whatever the document says.
      years: { 2023: index, 2024: index + 1, total: 1 },
      other: index % 2 === 0 ? { a: 1, b: 2, c: 3 } : { a: 1, c: 3, d: { e: 4 } },
    }))
    const batch = batchOf(rows.map((row) => serialize(row)))
    expectDirect(await planFor(batch), batch)
  })

  it('of many columns, of which some share one', () => {
    const document = Object.fromEntries(Array.from({ length: 300 }, (_, field) => [`field${field}`, field]))
    const rows = [document, { ...document, field7: 'x', field9: { a: [1] } }].map((fields, _id) =>
      serialize({ _id, ...fields }),
    )
    const types = Object.fromEntries(
      Array.from({ length: 200 }, (_, field) => [`field${field + 100}`, 'int32' as const]),
    )
    expectDirect(planOf({ _id: 'int32', ...types }, { overflow: 'rest' }), batchOf(rows))
  })

  it('with types that people chose', () => {
    const types = { a: 'text', b: 'text', c: 'int64', d: 'bool', e: 'uuid', f: 'decimal' } as const
    const columns = Object.entries(types).map(([field, type]) => columnOf(field, type, { cast: true }))
    const id = new UUID()
    const rows = [
      { a: 1, b: new ObjectId(), c: '17', d: 'true', e: String(id), f: '1.50' },
      { a: { b: [1] }, b: new Date(0), c: new Double(3), d: 1, e: id, f: Decimal128.fromString('2E+3') },
    ]
    expectDirect(planOf({}, { columns }), batchOf(rows.map((row) => serialize(row))))
    const short = planOf({}, { columns: [columnOf('a', 'text', { maxCharacters: 3 })] })
    expectDirect(short, batchOf(['abc', 'äöü', '王王王', '😀😀😀', ''].map((a) => serialize({ a }))))
  })

  it('with child tables of child tables', () => {
    const rowKey = [columnOf('_id', 'int32')]
    const parts = childOf(['parts'], { rowKey, ordinals: ['o', 'p'], columns: [columnOf('n', 'int32')] })
    const items = childOf(['at', 'items'], { rowKey, columns: [columnOf('sku', 'text')], children: [parts] })
    const plan = planOf(
      {},
      {
        columns: [columnOf('_id', 'int32'), columnOf('at', 'json', { holds: 'others' })],
        children: [items],
      },
    )
    const rows = [
      {
        _id: 1,
        at: {
          items: [
            { sku: 'a', parts: [{ n: 1 }, { n: 2 }] },
            { sku: 'b', parts: { n: 3 } },
          ],
        },
      },
      { _id: 2, at: 'nowhere' },
      { _id: 3, at: { items: [] } },
      { _id: 4, at: { items: { sku: null } } },
    ]
    expectDirect(plan, batchOf(rows.map((row) => serialize(row))))
  })
})

describe('rows that are not direct', () => {
  it('go the general way alone, however many of them there are', () => {
    const plan = planOf({ _id: 'int32', a: 'int32' })
    const rows = Array.from({ length: 1000 }, (_, _id) => serialize({ _id, a: _id % 3 === 0 ? 'x' : _id }))
    const both = new BothWays(plan)
    expect(both.compare(rows).rejected).toHaveLength(334)
    expect(both.left).toBe(334)
  })

  it('are all rows of plans that make something of rows', () => {
    const transform = { file: null, steps: [] }
    expect(createDirectTranscoder(planOf({ a: 'text' }, { transform }), '_id')).toBeNull()
    const coerce = [{ path: null, name: 'last-wins' }] as const
    expect(createDirectTranscoder(planOf({ a: 'text' }, { coerce }), '_id')).toBeNull()
    expect(createDirectTranscoder(planOf({ a: 'text' }, { coerce: [] }), '_id')).not.toBeNull()
  })

  it('are all rows of plans with names that no document has, or a key that no column has', () => {
    expect(createDirectTranscoder(planOf({ 'a\0b': 'text' }), '_id')).toBeNull()
    expect(createDirectTranscoder(planOf({}, { ignore: ['\ud800'] }), '_id')).toBeNull()
    const children = [childOf(['a'], { rowKey: [columnOf('k', 'int32', { within: ['b'] })] })]
    expect(createDirectTranscoder(planOf({}, { children }), '_id')).toBeNull()
  })
})

describe('a direct transcoder', () => {
  it('shows keys as the general way does, and uses memory again', () => {
    const transcoder = createDirectTranscoder(planOf({ a: 'text' }, { ignore: ['_id'] }), '_id')
    if (transcoder === null) throw new Error('there is no direct way')
    const batch = batchOf([serialize({ _id: 5, a: 'x' })])
    expect(transcoder.keyText(batch, 0)).toBe('5')
    expect(transcoder.keyBytes(batch, 0)).toStrictEqual(new Uint8Array([0x10, 5, 0, 0, 0]))
    const first = now(transcoder.transcode(batch))
    transcoder.recycle(first)
    expect(now(transcoder.transcode(batch)).parts[0]?.bytes.buffer).toBe(first.parts[0]?.bytes.buffer)
  })
})
