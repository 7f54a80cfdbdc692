import { randomBytes } from 'node:crypto'
import { Binary, Decimal128, Double, Int32, Long, MinKey, ObjectId, UUID, type Document } from 'bson'
import { describe, expect, it } from 'vitest'
import { exitCodeOfResult } from '../../../src/cli/exit-codes.ts'
import { insertThings, move, moveAll, moved, whole } from './corpus.ts'

const hex = '0123456789abcdef01234567'

async function primaryKey(done: { texts: (sql: string) => Promise<readonly Record<string, string | null>[]> }) {
  const rows = await done.texts(
    `select pg_get_constraintdef(oid) as key from pg_constraint where conrelid = 'things'::regclass and contype = 'p'`,
  )
  return rows[0]?.['key'] ?? null
}

describe('keys', () => {
  it('M14 that look alike as text stay apart, in the table and in its child tables', async () => {
    const ids: readonly unknown[] = [
      new ObjectId(hex),
      hex,
      1,
      '1',
      { a: 1 },
      '{"a":1}',
      new Date(0),
      '1970-01-01T00:00:00.000Z',
      Long.fromString('9007199254740993'),
      '9007199254740993',
      new UUID('00112233-4455-6677-8899-aabbccddeeff'),
      '00112233-4455-6677-8899-aabbccddeeff',
      new Binary(Buffer.from('a')),
      'YQ==',
      true,
      'true',
    ]
    const things = ids.map((_id, n) => ({ _id, n, list: [n] }))
    await using done = await move(things, { nest: { list: 'table' } })
    expect(done.result).toMatchObject({ error: null, totals: { written: ids.length, derived: ids.length } })
    expect(await done.columns()).toMatchObject({ _id: 'jsonb' })
    expect(await primaryKey(done)).toBe('PRIMARY KEY (_id)')
    const joined = `select _id, n, value from things join things_list on things_id = _id order by n`
    const rows = await done.texts(joined)
    expect(rows.map(({ n, value }) => [n, value])).toEqual(ids.map((_, n) => [String(n), String(n)]))
    expect(rows.slice(0, 6).map(({ _id }) => _id)).toEqual([
      `{"$oid": "${hex}"}`,
      `"${hex}"`,
      '1',
      '"1"',
      '{"a": 1}',
      '"{\\"a\\":1}"',
    ])
  })

  it.each<[string, readonly unknown[], string, readonly string[]]>([
    ['ObjectId', [new ObjectId(hex)], 'text', [hex]],
    ['string, an empty one too', ['', 'a', ' '], 'text', ['', 'a', ' ']],
    ['int', [new Int32(-1)], 'integer', ['-1']],
    ['long', [Long.MAX_VALUE], 'bigint', ['9223372036854775807']],
    ['double', [new Double(0.5), new Double(-0)], 'double precision', ['0.5', '-0']],
    ['Decimal128', [Decimal128.fromString('1.10')], 'numeric', ['1.10']],
    ['bool', [true, false], 'boolean', ['t', 'f']],
    ['date', [new Date(-1)], 'timestamp with time zone', ['1969-12-31 23:59:59.999+00']],
    ['UUID', [new UUID('00112233-4455-6677-8899-aabbccddeeff')], 'uuid', ['00112233-4455-6677-8899-aabbccddeeff']],
    ['binary', [new Binary(Buffer.from([0, 255]))], 'bytea', ['\\x00ff']],
    [
      'the legacy UUID',
      [new Binary(Buffer.alloc(16), 3)],
      'jsonb',
      ['{"$binary": {"base64": "AAAAAAAAAAAAAAAAAAAAAA==", "subType": "03"}}'],
    ],
    ['MinKey', [new MinKey()], 'jsonb', ['{"$minKey": 1}']],
    [
      'document',
      [
        { a: new ObjectId(hex), b: new Date(0) },
        { a: hex, b: 1 },
      ],
      'jsonb',
      [`{"a": {"$oid": "${hex}"}, "b": {"$date": "1970-01-01T00:00:00Z"}}`, `{"a": "${hex}", "b": 1}`],
    ],
  ])('M15 of type %s', async (_, ids, type, texts) => {
    await using done = await moved(ids.map((_id, n) => ({ _id, n })))
    expect(await done.columns()).toEqual({ _id: type, n: 'integer' })
    expect((await done.texts('select _id from things order by n')).map(({ _id }) => _id)).toEqual(texts)
    expect(await primaryKey(done)).toBe('PRIMARY KEY (_id)')
  })

  it('M15 that are null are NULL, and the table has no primary key, which is said', async () => {
    await using done = await moved([
      { _id: null, n: 1 },
      { _id: 'a', n: 2 },
    ])
    expect(await done.texts('select * from things order by n')).toEqual([
      { _id: null, n: '1' },
      { _id: 'a', n: '2' },
    ])
    expect(await primaryKey(done)).toBeNull()
    expect(done.notices.join('\n')).toMatch(/no primary key is possible: "_id" is null or missing in 1 row/)
  })

  it('M15 documents that differ only in the order of their fields are named, and both kept', async () => {
    const swapped = new Map([
      ['b', 2],
      ['a', 1],
    ])
    await using done = await move([{ _id: { a: 1, b: 2 } }, { _id: swapped }])
    expect(done.result).toMatchObject({ state: 'stopped', error: { code: 'key-violation' } })
    expect(done.result.error?.message).toContain(String.raw`"{\"a\": 1, \"b\": 2}" in 2 rows`)
    expect(exitCodeOfResult(done.result, null)).toBe(5)
    expect(await done.texts('select count(*) as n from things')).toEqual([{ n: '2' }])
    await using merged = await move([{ _id: { a: 1, b: 2 } }, { _id: swapped }], { mode: 'upsert' })
    expect(merged.result.totals).toMatchObject({ read: 2, written: 1, skipped: 1 })
    expect(merged.notices.join('\n')).toMatch(/key "_id" holds documents.*order of their fields.*count as one/)
  })

  it('M01 with U+0000 stop the run and are named', async () => {
    await using done = await move([{ _id: 'a' }, { _id: 'b\0' }])
    expect(done.result.error).toMatchObject({ code: 'row-rejected' })
    expect(done.result.error?.message).toContain(String.raw`document "b\u0000" of table things`)
  })

  it('M16 longer than an index holds: the rows are kept, and what to do is said', async () => {
    const long = randomBytes(4000).toString('hex')
    const fits = randomBytes(1300).toString('hex')
    await using done = await move([{ _id: long }, { _id: fits }])
    expect(done.result).toMatchObject({ state: 'stopped', error: { code: 'key-violation' } })
    expect(done.result.error?.message).toMatch(/primary key \(_id\) of public\.things.*too long for an index/)
    expect(done.result.error?.hint).toMatch(/--no-primary-key.*hash/)
    expect(exitCodeOfResult(done.result, null)).toBe(5)
    expect(await done.texts('select _id from things order by length(_id)')).toEqual([{ _id: fits }, { _id: long }])
    await using without = await moved([{ _id: long }], { primaryKey: false })
    expect(await without.texts('select _id from things')).toEqual([{ _id: long }])
  })
})

describe('unique indexes', () => {
  const withIndex = (things: readonly Document[], indexes: readonly Document[]) =>
    moveAll(async ({ db }) => {
      await db.createCollection('things')
      await db.command({ createIndexes: 'things', indexes: [...indexes] })
      await insertThings(db, things)
    })
  const definitions = async (done: Awaited<ReturnType<typeof withIndex>>) =>
    (
      await done.texts(
        `select indexdef from pg_indexes where tablename = 'things' and indexname <> 'things_pkey' order by 1`,
      )
    ).map(({ indexdef }) => indexdef)
  const unique = (field: string, options: Document = {}): Document => ({
    key: { [field]: 1 },
    name: field,
    unique: true,
    ...options,
  })

  it('M17 tell apart what differs in case, trailing spaces and normal form, as the source does', async () => {
    const texts = ['a', 'A', 'a ', 'é', 'e\u0301', 'ß', 'ss', 'İ', 'i']
    await using done = await whole(
      await withIndex(
        texts.map((text, _id) => ({ _id, text })),
        [unique('text')],
      ),
    )
    expect((await done.texts('select text from things order by _id')).map(({ text }) => text)).toEqual(texts)
    expect(await definitions(done)).toEqual([
      'CREATE UNIQUE INDEX things_text ON public.things USING btree (text) NULLS NOT DISTINCT',
    ])
  })

  it('M17 bound to a collation are not built but told with a proposal', async () => {
    const collation = { locale: 'en', strength: 2 }
    await using done = await whole(await withIndex([{ _id: 1, text: 'a' }], [unique('text', { collation })]))
    expect(await definitions(done)).toEqual([])
    expect(done.notices.join('\n')).toMatch(/index "text" \(text\) of things is not built: .*collation/)
  })

  it('M17 that the target sees violated list the values, and the rows are kept', async () => {
    const swapped = new Map([
      ['b', 2],
      ['a', 1],
    ])
    await using done = await withIndex(
      [
        { _id: 1, doc: { a: 1, b: 2 } },
        { _id: 2, doc: swapped },
        { _id: 3, doc: { a: 1 } },
      ],
      [unique('doc')],
    )
    expect(done.result).toMatchObject({ state: 'stopped', error: { code: 'key-violation' } })
    expect(done.result.error?.message).toContain(String.raw`"{\"a\": 1, \"b\": 2}" in 2 rows`)
    expect(exitCodeOfResult(done.result, null)).toBe(5)
    expect(await done.texts('select count(*) as n from things')).toEqual([{ n: '3' }])
    expect(await primaryKey(done)).toBe('PRIMARY KEY (_id)')
  })

  it('M16 on values longer than an index holds are named, and the rows are kept', async () => {
    const text = randomBytes(4000).toString('hex')
    await using done = await withIndex([{ _id: 1, text }], [unique('text')])
    expect(done.result).toMatchObject({ state: 'stopped', error: { code: 'key-violation' } })
    expect(done.result.error?.message).toMatch(/unique index "things_text".*too long/)
    expect(done.result.error?.hint).toContain('hash')
    expect(await done.texts('select text from things')).toEqual([{ text }])
  })

  it('M18 take many rows without the field where they are sparse or partial, and one where they are not', async () => {
    const missing = [2, 3, 4].map((_id) => ({ _id, whole: _id }))
    const partial = unique('partial', { partialFilterExpression: { partial: { $exists: true } } })
    const adult = unique('age', { partialFilterExpression: { age: { $gte: 18 } } })
    await using done = await whole(
      await withIndex(
        [
          { _id: 1, sparse: 'a', partial: 'a', age: 17 },
          { _id: 5, sparse: 'b', partial: 'b', age: 17, whole: 5 },
          { _id: 6, age: 18, whole: 6 },
          ...missing,
        ],
        [unique('sparse', { sparse: true }), partial, adult, unique('whole')],
      ),
    )
    expect(await definitions(done)).toEqual([
      'CREATE UNIQUE INDEX things_age ON public.things USING btree (age) NULLS NOT DISTINCT WHERE (age >= 18)',
      'CREATE UNIQUE INDEX things_partial ON public.things USING btree (partial) NULLS NOT DISTINCT WHERE (partial IS NOT NULL)',
      'CREATE UNIQUE INDEX things_sparse ON public.things USING btree (sparse)',
      'CREATE UNIQUE INDEX things_whole ON public.things USING btree (whole) NULLS NOT DISTINCT',
    ])
    await done.sql(`insert into things (_id, whole, age) values (7, 7, 17), (8, 8, null)`)
    for (const [column, value] of [
      ['sparse', `'a'`],
      ['partial', `'b'`],
      ['age', '18'],
      ['whole', 'null'],
    ] as const) {
      const others = column === 'whole' ? '(_id' : '(_id, whole'
      const values = column === 'whole' ? '9' : '9, 9'
      await expect(done.sql(`insert into things ${others}, ${column}) values (${values}, ${value})`)).rejects.toThrow(
        `things_${column}`,
      )
    }
  })

  it('M18 of several fields count a row without all of them as one with nulls', async () => {
    const both = { key: { a: 1, b: -1 }, name: 'both', unique: true }
    await using done = await whole(
      await withIndex([{ _id: 1, a: 1 }, { _id: 2, b: 1 }, { _id: 3 }, { _id: 4, a: 1, b: 1 }], [both]),
    )
    expect(await definitions(done)).toEqual([
      'CREATE UNIQUE INDEX things_both ON public.things USING btree (a, b DESC) NULLS NOT DISTINCT',
    ])
    await expect(done.sql(`insert into things (_id, a) values (5, 1)`)).rejects.toThrow('things_both')
  })
})
