import { describe, expect, it } from 'vitest'
import { partsOf, targetColumns, type TablePlan } from '../../../src/core/plan.ts'
import { RowError } from '../../../src/core/row-error.ts'
import { Decimal, Instant, type DocumentValue, type Row, type Value } from '../../../src/core/value.ts'
import { createPgCopyEncoder } from '../../../src/format/pgcopy-encoder.ts'
import { readTuples } from './copy-reader.ts'
import { childOf, columnOf, documentOf, planOf, rowErrorOf, rowOf, tuplesOf } from './samples.ts'

const transform = { file: null, steps: [] }
/** Cells as text: integers and ordinals as numbers, JSON as it is, everything else as UTF-8. */
function shownParts(plan: TablePlan, rows: readonly Row[]): (string | null)[][][] {
  const types = partsOf(plan).map((part) => targetColumns(part).map(({ type }) => type))
  return tuplesOf(plan, rows).map((tuples, part) =>
    tuples.map((tuple) =>
      tuple.map((cell, column) => {
        const type = types[part]?.[column]
        if (cell === null) return null
        if (type === 'int32') return String(cell.readInt32BE())
        return cell.subarray(type === 'json' ? 1 : 0).toString()
      }),
    ),
  )
}

function document(fields: Readonly<Record<string, Value>>): DocumentValue {
  return documentOf(fields)
}

function driftOf(plan: TablePlan, fields: Readonly<Record<string, Value>>): RowError['shape'] {
  const shape = rowErrorOf(() => tuplesOf(plan, [rowOf(fields)]))
  expect(shape.code).toBe('schema-drift')
  return shape
}

describe('flattened documents', () => {
  const columns = [
    columnOf('address', 'text', { within: ['city'] }),
    columnOf('address', 'float64', { within: ['geo', 'lat'] }),
    columnOf('address', 'json', { holds: 'others' }),
    columnOf('a', 'text'),
  ]
  const flattened = [{ path: ['address'], ignore: ['zip'] }]
  const plan = planOf({}, { columns: columns.filter(({ type }) => type !== 'float64'), flattened })

  it('fill the columns of their fields', () => {
    const address = document({ city: 'Paris', zip: '75001' })
    expect(shownParts(plan, [rowOf({ a: 'x', address })])).toStrictEqual([[['Paris', null, 'x']]])
  })

  it('that are missing, null or no documents leave them NULL', () => {
    const rows = [rowOf({}), rowOf({ address: null }), rowOf({ address: 'Paris' }), rowOf({ address: [1] })]
    const expected = [null, null, '"Paris"', '[1]']
    expect(shownParts(plan, rows)).toStrictEqual([expected.map((other) => [null, other, null])])
  })

  it('that are no documents are drift without a column for them', () => {
    const strict = planOf({}, { columns: columns.slice(0, 1), flattened })
    expect(shownParts(strict, [rowOf({ address: null })])).toStrictEqual([[[null]]])
    expect(driftOf(strict, { address: 'Paris' })).toStrictEqual({
      code: 'schema-drift',
      message:
        'document 7 of table things has in field address a value of type string, ' +
        'where the plan has columns for documents only',
      hint: '--on-drift evolve adds a column for it; otherwise leave the field out with --exclude-columns address',
    })
  })

  it('may lie within each other, and every one of them is looked through', () => {
    const deep = planOf({}, { columns, flattened })
    const geo = document({ lat: 1.5 })
    expect(tuplesOf(deep, [rowOf({ address: document({ geo }) })])[0]?.[0]?.[1]?.readDoubleBE()).toBe(1.5)
    const drift = driftOf(deep, { address: document({ geo: document({ lat: 1, lon: 2 }) }) })
    expect(drift.message).toBe(
      'document 7 of table things has the field address.geo.lon (int), which the plan has no column for',
    )
    expect(drift.hint).toContain('--on-drift evolve')
    expect(drift.hint).toContain('--cast address.geo.lon=jsonb')
    expect(drift.hint).toContain('--exclude-columns address.geo.lon')
    expect(driftOf(deep, { address: document({ geo: 5 }) }).message).toContain(
      'in field address.geo a value of type int',
    )
  })

  it('are not lost between columns that hold a part of the value each', () => {
    const others = planOf({}, { columns: [columnOf('a', 'json', { holds: 'others' })] })
    expect(shownParts(others, [rowOf({ a: [1] })])).toStrictEqual([[['[1]']]])
    expect(driftOf(others, { a: document({ b: 1 }) }).message).toContain('the field a.b (int)')
    const length = columnOf('a', 'int32', { holds: 'length' })
    const counted = planOf({}, { columns: [length, columnOf('a', 'text', { within: ['b'] })] })
    expect(driftOf(counted, { a: [1] }).message).toContain('in field a a value of type array of int')
  })

  it('are looked through although the plan ignores the other fields of the row', () => {
    const others = planOf({}, { columns, flattened, ignore: 'others' })
    expect(shownParts(others, [rowOf({ b: 1, address: document({}) })])[0]).toHaveLength(1)
    expect(driftOf(others, { b: 1, address: document({ b: 1 }) }).message).toContain('the field address.b (int)')
  })

  it('name path and column of a value that does not fit, and say when the column is pinned', () => {
    const typed = planOf({}, { columns, flattened })
    const misfit = driftOf(typed, { address: document({ city: 5 }) })
    expect(misfit.message).toBe(
      'document 7 of table things has in field address.city a value of type int, ' +
        'which does not fit column c_address of type text',
    )
    expect(misfit.hint).toBe(
      '--on-drift evolve widens the column; --cast address.city=jsonb makes a column that holds it',
    )
    const pinned = planOf({}, { columns: [columnOf('a', 'int32', { within: ['b'], pinned: true })] })
    const refused = driftOf(pinned, { a: document({ b: 1.5 }) })
    expect(refused.message).toContain('does not fit the pinned column c_a of type integer')
    expect(refused.hint).toBe(
      'a pinned column is not widened: unpin it, or repair the value in the source, ' +
        'or leave the field out with --exclude-columns a.b',
    )
  })

  it('hold what a cast refuses at a path', () => {
    const cast = planOf({}, { columns: [columnOf('a', 'int32', { within: ['b'], cast: true })] })
    const shape = rowErrorOf(() => tuplesOf(cast, [rowOf({ a: document({ b: '1.5' }) })]))
    expect(shape.code).toBe('row-rejected')
    expect(shape.message).toBe(
      'document 7 of table things, field a.b, column c_a: the string "\\"1.5\\"" has no exact form as integer',
    )
    expect(tuplesOf(cast, [rowOf({ a: document({ b: '12' }) })])[0]?.[0]?.[0]?.readInt32BE()).toBe(12)
  })

  it('that a transform made with a prototype show only their own fields', () => {
    const named = planOf({}, { columns: [columnOf('a', 'text', { within: ['constructor'] })], transform })
    expect(shownParts(named, [rowOf({ a: {} }), rowOf({ a: { constructor: 'x' } })])).toStrictEqual([[[null], ['x']]])
    expect(driftOf(named, { a: { ['__proto__']: 1 } }).message).toContain('the field a.__proto__ (int)')
  })
})

describe('fields that the plan does not know', () => {
  it('are found after a transform', () => {
    const plan = planOf({ a: 'int32' }, { ignore: ['c'], transform })
    expect(shownParts(plan, [rowOf({ a: 1, c: 2 })])).toStrictEqual([[['1']]])
    expect(driftOf(plan, { a: 1, b: true }).message).toContain('has the field b (bool)')
    expect(shownParts({ ...plan, ignore: 'others' }, [rowOf({ a: 1, b: 2 })])).toStrictEqual([[['1']]])
  })

  it('go to the overflow column as they lie in the row', () => {
    const columns = [columnOf('a', 'int32'), columnOf('d', 'text', { within: ['e', 'f'] })]
    const plan = planOf({}, { columns, ignore: ['skip'], overflow: 'other_fields' })
    const rows = [
      rowOf({ a: 1, skip: 1, d: document({ e: document({ f: 'x' }) }) }),
      rowOf({ b: new Instant(0n), a: 1, c: [new Decimal('1.10')] }),
      rowOf({ d: document({ g: null, e: document({ h: 1, ['__proto__']: document({}) }) }) }),
      rowOf({ d: 'text' }),
      rowOf({ d: document({ e: 5 }), ['__proto__']: 6 }),
    ]
    const [tuples] = shownParts(plan, rows)
    expect(tuples?.map((tuple) => tuple[2])).toStrictEqual([
      null,
      '{"b":"1970-01-01T00:00:00.000Z","c":[1.10]}',
      '{"d":{"g":null,"e":{"h":1,"__proto__":{}}}}',
      '{"d":"text"}',
      '{"__proto__":6,"d":{"e":5}}',
    ])
    expect(({} as Record<string, unknown>)['h']).toBe(undefined)
  })

  it('are named when the overflow column cannot hold them', () => {
    const plan = planOf({ a: 'int32' }, { overflow: 'other_fields' })
    const shape = rowErrorOf(() => tuplesOf(plan, [rowOf({ b: 1, c: document({ d: 'x\0' }), e: 2 })]))
    expect(shape).toStrictEqual({
      code: 'row-rejected',
      message: 'document 7 of table things, field c, column other_fields: the text "x\\u0000" contains U+0000',
      hint: 'repair the value in the source, or leave the field out with --exclude-columns c',
    })
  })
})

describe('child tables', () => {
  const items = childOf(['items'], { columns: [columnOf('sku', 'text')], value: columnOf('', 'json') })
  const columns = [columnOf('k', 'int32'), columnOf('items', 'int32', { holds: 'length' })]
  const plan = planOf({}, { columns, children: [items] })

  it('M30 tell empty, null, missing and lone values, and arrays of arrays, apart', () => {
    const values: Value[] = [[], null, document({ sku: 'x' }), 5, [[], [1, [2]], null, document({})]]
    const rows = [...values.map((value, k) => rowOf({ k, items: value })), rowOf({ k: 9 })]
    expect(shownParts(plan, rows)).toStrictEqual([
      [
        ['0', '0'],
        ['1', null],
        ['2', null],
        ['3', null],
        ['4', '4'],
        ['9', null],
      ],
      [
        ['2', '0', 'x', null],
        ['3', '0', null, '5'],
        ['4', '1', null, '[]'],
        ['4', '2', null, '[1,[2]]'],
        ['4', '3', null, 'null'],
        ['4', '4', null, null],
      ],
    ])
  })

  it('take null elements as NULL where the value column is not json', () => {
    const texts = planOf({ k: 'int32' }, { children: [childOf(['tags'], { value: columnOf('', 'text') })] })
    expect(shownParts(texts, [rowOf({ k: 1, tags: ['a', null, ''] })])[1]).toStrictEqual([
      ['1', '1', 'a'],
      ['1', '2', null],
      ['1', '3', ''],
    ])
    expect(driftOf(texts, { k: 1, tags: ['a', 5] }).message).toBe(
      'document 7 of table things (element 2 of tags) has in field tags a value of type int, ' +
        'which does not fit column c_ of type text',
    )
  })

  it('without a value column take elements that are no documents as drift', () => {
    const strict = planOf({ k: 'int32' }, { children: [{ ...items, value: null }] })
    for (const element of [null, 1, []]) {
      expect(driftOf(strict, { k: 1, items: [document({}), element] }).message).toContain(
        'document 7 of table things (element 2 of items) has in field items a value of type',
      )
    }
    expect(driftOf(strict, { k: 1, items: 'x' }).message).toContain('table things has in field items a value of type')
  })

  it('name path and place of what the plan does not know', () => {
    const drift = driftOf(plan, { k: 1, items: [document({ sku: 'x' }), document({ sku: 'y', extra: 'z' })] })
    expect(drift.message).toBe(
      'document 7 of table things (element 2 of items) has the field items.extra (string), ' +
        'which the plan has no column for',
    )
    const type = driftOf(plan, { k: 1, items: [document({ sku: 1 })] })
    expect(type.message).toContain('(element 1 of items) has in field items.sku a value of type int')
  })

  it('nest, with the places of their ancestors and the key of the row', () => {
    const keys = [columnOf('id', 'text', { within: ['a'] }), columnOf('id', 'int32', { within: ['b'] })]
    const inner = childOf(['more', 'parts'], {
      rowKey: keys,
      ordinals: ['item_ordinal', 'ordinal'],
      columns: [columnOf('n', 'int32')],
      overflow: 'other_fields',
    })
    const outer = childOf(['list'], { rowKey: keys, children: [inner] })
    const other = childOf(['tags'], { rowKey: keys, value: columnOf('', 'text') })
    const nested = planOf({}, { columns: keys, children: [outer, other] })
    const parts = (...numbers: number[]): DocumentValue =>
      document({ more: document({ parts: numbers.map((n) => document({ n, x: -n })) }) })
    const row = rowOf({
      id: document({ a: 'A', b: 2 }),
      tags: ['t'],
      list: [parts(5, 6), document({}), document({ more: document({ parts: document({ n: 7 }) }) })],
    })
    expect(shownParts(nested, [row])).toStrictEqual([
      [['A', '2']],
      [
        ['A', '2', '1'],
        ['A', '2', '2'],
        ['A', '2', '3'],
      ],
      [
        ['A', '2', '1', '1', '5', '{"x":-5}'],
        ['A', '2', '1', '2', '6', '{"x":-6}'],
        ['A', '2', '3', '0', '7', null],
      ],
      [['A', '2', '1', 't']],
    ])
    const bad = rowErrorOf(() => tuplesOf(nested, [rowOf({ list: [parts(1), parts(1, 1.5)] })]))
    expect(bad.message).toContain(
      '(element 2.2 of list.more.parts) has in field list.more.parts.n a value of type double',
    )
  })

  it('give back what they took of a row that fails, and say whose rows are whose', () => {
    const batch = createPgCopyEncoder(plan).begin(4)
    const add = (origin: number, elements: readonly Value[]): void =>
      batch.add(origin, rowOf({ k: origin, items: elements }))
    add(0, [1, 2])
    expect(() => add(1, [1, 'x\0'])).toThrow(RowError)
    add(2, [])
    expect(() => add(3, [1, document({ sku: 2 })])).toThrow(RowError)
    add(4, [3])
    const encoded = batch.end()
    const [rows, elements] = encoded.parts.map(({ bytes, offsets }) => readTuples(bytes, offsets))
    expect(rows?.map(([k]) => k?.readInt32BE())).toStrictEqual([0, 2, 4])
    expect(elements?.map(([k, , , value]) => `${k?.readInt32BE()}${value?.subarray(1).toString()}`)).toStrictEqual([
      '01',
      '02',
      '43',
    ])
    expect(encoded.parts.map(({ part, owners }) => [part, owners && [...owners]])).toStrictEqual([
      [0, null],
      [1, [0, 0, 2]],
    ])
    expect([0, 1, 2].map((index) => encoded.origin(0, index))).toStrictEqual([0, 2, 4])
    expect([0, 1, 2].map((index) => encoded.origin(1, index))).toStrictEqual([0, 0, 4])
    expect(() => encoded.origin(1, 3)).toThrow('part 1 has no row 3')
    expect(() => encoded.origin(2, 0)).toThrow('no part 2')
  })

  it('without rows take no memory', () => {
    const [, part] = createPgCopyEncoder(plan).begin(1).end().parts
    expect(part?.bytes.buffer.byteLength).toBe(0)
    expect([...(part?.offsets ?? [])]).toStrictEqual([0])
  })

  it('M27 hold an array of a hundred thousand elements', () => {
    const numbers = planOf({ k: 'int32' }, { children: [childOf(['list'], { value: columnOf('', 'int32') })] })
    const list = Array.from({ length: 100_000 }, (_, index) => index)
    const tuples = tuplesOf(numbers, [rowOf({ k: 1, list })])[1]
    expect(tuples).toHaveLength(list.length)
    expect(tuples?.[99_999]?.map((cell) => cell?.readInt32BE())).toStrictEqual([1, 100_000, 99_999])
  })
})
