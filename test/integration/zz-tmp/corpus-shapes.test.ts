import { Decimal128, Double, Int32, Long, ObjectId, type Document } from 'bson'
import { describe, expect, it } from 'vitest'
import { expectRefused, insertThings, move, moveAll, moved, whole } from './corpus.ts'
import { databases } from '../../support/both-databases.ts'
import { temporaryFolder } from '../../support/dump.ts'
import { migrate } from './index.ts'
import { rawDocument, rawString } from '../../unit/format/samples.ts'

const tag = { string: 0x02, document: 0x03, array: 0x04, undefined: 0x06, null: 0x0a, int32: 0x10 } as const
const none = Buffer.alloc(0)
const int = (n: number): Buffer => Buffer.of(n, 0, 0, 0)

describe('one field, several types', () => {
  const int32 = new Int32(1)
  const double = new Double(1.5)
  const long = Long.fromString('9007199254740993')
  const decimal = Decimal128.fromString('1.10')
  it.each<[string, readonly unknown[], string, readonly (string | null)[]]>([
    ['int and long', [int32, long], 'bigint', ['1', '9007199254740993']],
    ['int and double', [int32, double, new Double(1)], 'double precision', ['1', '1.5', '1']],
    ['long and double', [long, double], 'numeric', ['9007199254740993', '1.5']],
    ['int, double and Decimal128', [int32, double, decimal], 'numeric', ['1', '1.5', '1.10']],
    ['int and string', [int32, '1'], 'jsonb', ['1', '"1"']],
    ['date and string', [new Date(0), '1970'], 'jsonb', ['"1970-01-01T00:00:00.000Z"', '"1970"']],
    ['bool and int', [true, int32], 'jsonb', ['true', '1']],
    [
      'string and ObjectId',
      ['a', new ObjectId('0123456789abcdef01234567')],
      'jsonb',
      ['"a"', '"0123456789abcdef01234567"'],
    ],
    ['document and array', [{ a: 1 }, [1]], 'jsonb', ['{"a": 1}', '[1]']],
    ['an array and its element', [['a'], 'a'], 'jsonb', ['["a"]', '"a"']],
    ['arrays of int and double', [[int32], [double]], 'double precision[]', ['{1}', '{1.5}']],
    ['arrays of int and string', [[int32], ['1']], 'jsonb', ['[1]', '["1"]']],
    ['only null', [null, null], 'jsonb', [null, null]],
  ])('M10 %s', async (_, values, type, texts) => {
    await using done = await moved(values.map((x, _id) => ({ _id, x })))
    expect(await done.columns()).toEqual({ _id: 'integer', x: type })
    expect(await done.texts('select x from things order by _id')).toEqual(texts.map((x) => ({ x })))
  })

  it('M10 all of them, missing and null included, keep apart what is told apart', async () => {
    const values = [int32, long, double, decimal, '1', null, { a: 1 }, [1], true]
    await using done = await moved([...values.map((x, _id) => ({ _id, x })), { _id: 99 }])
    const rows = await done.texts('select x from things order by _id')
    const json = ['1', '9007199254740993', '1.5', '1.10', '"1"', null, '{"a": 1}', '[1]', 'true', null]
    expect(rows).toEqual(json.map((x) => ({ x })))
    expect(done.notices.join('\n')).toMatch(/field "x" holds .*its column becomes jsonb/)
  })

  it('M11 missing, null and undefined are NULL in a column, and told apart inside jsonb and arrays', async () => {
    const elements = [[], [[tag.null, 'x', none]], [[tag.undefined, 'x', none]]] as const
    const inner = (list: (typeof elements)[number]) => list.map(([type, , bytes]) => [type, '0', bytes] as const)
    await using done = await moved(
      elements.map((list, n) =>
        rawDocument([
          [tag.int32, '_id', int(n)],
          ...list,
          [tag.document, 'nested', rawDocument(list)],
          [tag.array, 'list', rawDocument([...inner(list), [tag.string, '1', rawString(Buffer.from('a'))]])],
        ]),
      ),
    )
    expect(await done.texts('select x, nested, list from things order by _id')).toEqual([
      { x: null, nested: '{}', list: '["a"]' },
      { x: null, nested: '{"x": null}', list: '[null, "a"]' },
      { x: null, nested: '{"x": {"$undefined": true}}', list: '[{"$undefined": true}, "a"]' },
    ])
  })
})

describe('documents of an odd shape', () => {
  it('M24 all fields of a document are there, whatever their order', async () => {
    const ordered = new Map<string, number>([
      ['b', 1],
      ['2', 2],
      ['1', 3],
    ])
    await using done = await moved([{ _id: 1, nested: ordered, 7: 'seven', 3: 'three' }])
    expect(await done.texts('select nested, "7", "3" from things')).toEqual([
      { nested: '{"1": 3, "2": 2, "b": 1}', 7: 'seven', 3: 'three' },
    ])
  })

  const twice = [1, 2].map((n) => [tag.int32, 'a', int(n)] as const)
  it('M25 a field that occurs twice stops the run and names its row', async () => {
    const key = [tag.int32, '_id', int(250)] as const
    await expectRefused(rawDocument([key, ...twice]), /"?a"? ?.*twice/)
    await expectRefused(rawDocument([key, [tag.document, 'nested', rawDocument(twice)]]), /nested.*twice/)
    const list = rawDocument([[tag.document, '0', rawDocument(twice)]])
    await expectRefused(
      rawDocument([key, [tag.document, 'nested', rawDocument([[tag.array, 'list', list]])]]),
      /nested.*twice/,
    )
  })

  it('M26 a hundred levels are exact', async () => {
    let nested: Document = { leaf: 'here' }
    for (let level = 0; level < 98; level++) nested = level % 2 === 0 ? { a: nested } : { a: [nested] }
    await using done = await moved([{ _id: 1, nested }])
    const [row] = await done.texts(`select nested from things`)
    expect(JSON.parse(row?.['nested'] ?? '')).toEqual(nested)
  })

  it('M26 twenty thousand levels, from a dump, stop the run, name their row, and nothing else happens', async () => {
    const levels = 20_000
    // Each level adds a length, a type, the name "a" and the end.
    const frame = 8
    const bytes = Buffer.alloc(levels * frame + 5)
    for (let level = 0; level <= levels; level++) {
      const at = level * 7
      bytes.writeInt32LE(bytes.length - level * frame, at)
      if (level < levels) bytes.set([tag.document, 0x61, 0], at + 4)
    }
    await using both = await databases()
    await using folder = temporaryFolder()
    const row = rawDocument([
      [tag.int32, '_id', int(1)],
      [tag.document, 'nested', bytes],
    ])
    const file = await folder.write('things.bson', Buffer.concat([rawDocument([[tag.int32, '_id', int(0)]]), row]))
    const result = await migrate({ from: `bson:${file}`, to: both.to, workers: 1, batchRows: 1 })
    expect(result).toMatchObject({ state: 'stopped', error: { code: 'row-rejected' } })
    expect(result.error?.message).toMatch(/document 1 of table things.*200 levels/)
    expect(await both.texts('select _id from things')).toEqual([{ _id: '0' }])
  })

  it('M27 a document of 16 MB and an array of a million elements', async () => {
    const million = 1_000_000
    const list = Array.from({ length: million }, (_, n) => n)
    const frame = 4 + 9 + 11 + 1
    const body = 'x'.repeat(16 * 1024 * 1024 - frame)
    await using done = await whole(
      await moveAll(async ({ db }) => {
        for (const row of [
          { _id: 1, list },
          { _id: 2, body },
        ])
          await insertThings(db, [row])
      }),
    )
    expect(await done.columns()).toEqual({ _id: 'integer', list: 'integer[]', body: 'text' })
    const [row] = await done.texts(
      `select (select count(*) from unnest(list) with ordinality as t(n, place) where n = place - 1) as elements
       from things where _id = 1`,
    )
    expect(row).toEqual({ elements: String(million) })
    expect(await done.texts(`select body = repeat('x', ${body.length}) as equal from things where _id = 2`)).toEqual([
      { equal: 't' },
    ])
  })

  it('M27 an array of a hundred thousand elements as a child table', async () => {
    const list = Array.from({ length: 100_000 }, (_, n) => ({ n }))
    await using done = await move([{ _id: 1, list }], { nest: { list: 'table' } })
    expect(done.result).toMatchObject({ error: null, totals: { read: 1, written: 1, derived: 100_000 } })
    const [row] = await done.texts(
      'select count(*) as rows, count(*) filter (where n = ordinal - 1) as right from things_list',
    )
    expect(row).toEqual({ rows: '100000', right: '100000' })
  })

  it('M28 of five thousand fields 399 have a column, and the rest share one', async () => {
    const wide = Object.fromEntries(Array.from({ length: 5000 }, (_, n) => [`f${n}`, `value ${n}`]))
    await using done = await moved([
      { _id: 1, ...wide },
      { _id: 2, f4999: 'frequent' },
    ])
    const columns = Object.keys(await done.columns())
    expect(columns).toHaveLength(400)
    expect(columns).toEqual(expect.arrayContaining(['_id', 'f4999', 'other_fields']))
    const rows = await done.texts(
      `select key, value from things, jsonb_each_text(to_jsonb(things) - 'other_fields' || other_fields) where _id = 1`,
    )
    const all = Object.fromEntries(rows.map(({ key, value }) => [key, value]))
    expect(all).toEqual({ _id: '1', ...wide })
    expect(await done.texts('select f4999, other_fields from things where _id = 2')).toEqual([
      { f4999: 'frequent', other_fields: null },
    ])
    expect(done.notices.join('\n')).toMatch(/4602 fields share the jsonb column "other_fields" of public\.things/)
  })
})

describe('empty is not null', () => {
  const documents: readonly Document[] = [
    { _id: 1, text: '', list: [], doc: {}, mixed: [], deep: [[]] },
    { _id: 2, text: null, list: null, doc: null, mixed: null, deep: null },
    { _id: 3, text: 'a', list: ['a', null, ''], doc: { a: [] }, mixed: [1, 'a', null, {}], deep: [[1], [], [[2]]] },
    { _id: 4 },
  ]

  it('M30 in columns', async () => {
    await using done = await moved(documents)
    const types = { text: 'text', list: 'text[]', doc: 'jsonb', mixed: 'jsonb', deep: 'jsonb' }
    expect(await done.columns()).toEqual({ _id: 'integer', ...types })
    const nothing = { text: null, list: null, doc: null, mixed: null, deep: null }
    expect(await done.texts('select text, list, doc, mixed, deep from things order by _id')).toEqual([
      { text: '', list: '{}', doc: '{}', mixed: '[]', deep: '[[]]' },
      nothing,
      { text: 'a', list: '{a,NULL,""}', doc: '{"a": []}', mixed: '[1, "a", null, {}]', deep: '[[1], [], [[2]]]' },
      nothing,
    ])
  })

  it('M30 in child tables, whose parents know how many elements there were', async () => {
    await using done = await move(documents, { nest: { list: 'table', mixed: 'table', deep: 'table', doc: 'column' } })
    expect(done.result).toMatchObject({ error: null, verification: { equal: true } })
    expect(await done.texts('select list_count, mixed_count, deep_count from things order by _id')).toEqual([
      { list_count: '0', mixed_count: '0', deep_count: '1' },
      { list_count: null, mixed_count: null, deep_count: null },
      { list_count: '3', mixed_count: '4', deep_count: '3' },
      { list_count: null, mixed_count: null, deep_count: null },
    ])
    const rows = (table: string) => done.texts(`select * from ${table} order by 1, 2`)
    expect(await rows('things_list')).toEqual(
      ['a', null, ''].map((value, at) => ({ things_id: '3', ordinal: String(at + 1), value })),
    )
    expect(await rows('things_mixed')).toEqual(
      ['1', '"a"', 'null', null].map((value, at) => ({ things_id: '3', ordinal: String(at + 1), value })),
    )
    expect(await rows('things_deep')).toEqual([
      { things_id: '1', ordinal: '1', value: '[]' },
      { things_id: '3', ordinal: '1', value: '[1]' },
      { things_id: '3', ordinal: '2', value: '[]' },
      { things_id: '3', ordinal: '3', value: '[[2]]' },
    ])
  })
})
