import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { BothDatabases, Keyed } from '../support/both-databases.ts'
import { temporaryFolder, type TemporaryFolder } from '../support/dump.ts'
import { migrate } from '../support/migrate.ts'
import { droverHere } from '../support/run-here.ts'
import { sharedDatabases } from '../support/shared-databases.ts'

const shared = sharedDatabases()

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

const nest = {
  address: 'column',
  profile: 'jsonb',
  notes: 'text',
  secret: 'skip',
  pets: 'table',
  'pets.chip': 'column',
  'pets.toys': 'table',
  'pets.toys.parts': 'table',
  car: 'column',
  'car.seats': 'table',
} as const

/** Everything that nesting has a word for, tables in tables and below columns included. */
const people: readonly Keyed[] = [
  {
    _id: 1,
    address: { city: 'Riga', homeGeo: { lat: 1.5, lon: 2 } },
    profile: { a: 1, b: [1, { c: 2 }] },
    notes: { b: [1, 'x'] },
    secret: { pin: 1 },
    pets: [
      {
        name: 'Rex',
        chip: { no: 5, at: { city: 'Oslo' } },
        toys: [{ t: 'ball', parts: ['skin', 'air'] }, { t: 'bone' }],
      },
      { name: 'Tom', toys: [] },
    ],
    car: { plate: 'X', seats: [{ n: 1 }, { n: 2 }] },
  },
  { _id: 2, address: { city: 'Oslo' }, pets: [], profile: { a: 2 }, car: { seats: [] } },
  { _id: 3 },
]

const tables = {
  people: [
    {
      _id: 1,
      address_city: 'Riga',
      address_home_geo_lat: 1.5,
      address_home_geo_lon: 2,
      profile: { a: 1, b: [1, { c: 2 }] },
      notes: '{"b":[1,"x"]}',
      pets_count: 2,
      car_plate: 'X',
      car_seats_count: 2,
    },
    { _id: 2, address_city: 'Oslo', profile: { a: 2 }, pets_count: 0, car_seats_count: 0 },
    { _id: 3 },
  ],
  people_car_seats: [
    { people_id: 1, ordinal: 1, n: 1 },
    { people_id: 1, ordinal: 2, n: 2 },
  ],
  people_pets: [
    { people_id: 1, ordinal: 1, name: 'Rex', chip_no: 5, chip_at_city: 'Oslo', toys_count: 2 },
    { people_id: 1, ordinal: 2, name: 'Tom', toys_count: 0 },
  ],
  people_pets_toys: [
    { people_id: 1, pets_ordinal: 1, ordinal: 1, t: 'ball', parts_count: 2 },
    { people_id: 1, pets_ordinal: 1, ordinal: 2, t: 'bone' },
  ],
  people_pets_toys_parts: [
    { people_id: 1, pets_ordinal: 1, toys_ordinal: 1, ordinal: 1, value: 'skin' },
    { people_id: 1, pets_ordinal: 1, toys_ordinal: 1, ordinal: 2, value: 'air' },
  ],
}

/** Every table of `public` in the order of its rows, without the columns that are NULL. */
async function contents({ sql }: BothDatabases): Promise<Record<string, readonly unknown[]>> {
  const names = await sql(`select tablename as name from pg_tables where schemaname = 'public' order by 1`)
  const read: Record<string, readonly unknown[]> = {}
  for (const { name } of names) {
    const table = String(name)
    const rows = await sql(`select json_strip_nulls(to_json(one)) as json from "${table}" one order by one`)
    read[table] = rows.map(({ json }) => json)
  }
  return read
}

/** Foreign keys of `public` that are validated, as PostgreSQL writes them. */
async function references({ sql }: BothDatabases): Promise<readonly unknown[]> {
  const found = await sql(
    `select conrelid::regclass || ' ' || pg_get_constraintdef(oid) as text from pg_constraint
     where connamespace = 'public'::regnamespace and contype = 'f' and convalidated order by 1`,
  )
  return found.map(({ text }) => text)
}

describe('documents and arrays within documents', () => {
  const ways: readonly [string, (both: BothDatabases, folder: TemporaryFolder) => Promise<unknown>][] = [
    ['the library', async ({ from, to }) => migrate({ from, to, nest })],
    [
      'the command line',
      async ({ from, to }) => {
        const words = Object.entries(nest).map((pair) => pair.join('='))
        const first = words.slice(0, 4).join(',')
        const flags = words.slice(4).flatMap((word) => ['--nest', word])
        const { stdout } = await droverHere([
          'migrate',
          '--json',
          '--from',
          from,
          '--to',
          to,
          '--nest',
          first,
          ...flags,
        ])
        return JSON.parse(stdout) as unknown
      },
    ],
    [
      'a config file',
      async ({ from, to }, folder) => {
        const words = Object.entries(nest).map(([path, word]) => `      ${path}: ${word}\n`)
        const text = `from: ${from}\nto: ${to}\ntables:\n  people:\n    nest:\n${words.join('')}`
        const config = await folder.write('drover.yaml', text)
        const { stdout } = await droverHere(['migrate', '--json', '--config', config])
        return JSON.parse(stdout) as unknown
      },
    ],
  ]
  it.each(ways)('become what is asked for by %s', async (_, run) => {
    const both = shared()
    await using folder = temporaryFolder()
    await both.db.collection<Keyed>('people').insertMany([...people])
    const result = await run(both, folder)
    const derived = Object.values(tables).reduce((sum, rows) => sum + rows.length, 0) - people.length
    expect(result).toMatchObject({ state: 'done', totals: { read: 3, written: 3, derived } })
    expect(await contents(both)).toEqual(tables)
    expect(await references(both)).toEqual([
      'people_car_seats FOREIGN KEY (people_id) REFERENCES people(_id)',
      'people_pets FOREIGN KEY (people_id) REFERENCES people(_id)',
      'people_pets_toys FOREIGN KEY (people_id, pets_ordinal) REFERENCES people_pets(people_id, ordinal)',
      'people_pets_toys_parts FOREIGN KEY (people_id, pets_ordinal, toys_ordinal) REFERENCES people_pets_toys(people_id, pets_ordinal, ordinal)',
    ])
  })

  it('that are empty, null, missing, no array, or arrays of arrays are told apart', async () => {
    const both = shared()
    const { from, to, db, sql } = both
    const values: readonly unknown[] = [[], null, 'lone', { a: 1 }, [null], [[]], [[1, 2], 3], [{}, { a: null }]]
    await db.collection<Keyed>('rows').insertMany([...values.map((list, _id) => ({ _id, list })), { _id: 99 }])
    const result = await migrate({ from, to, nest: { list: 'table' } })
    expect(result).toMatchObject({ state: 'done', totals: { written: 9, derived: 8 } })
    const counts = await sql('select list_count as n from rows order by _id')
    expect(counts.map(({ n }) => n)).toEqual([0, null, null, null, 1, 1, 2, 2, null])
    // A lone value has the place 0; a null among elements is not a document without fields.
    expect(await both.texts('select * from rows_list order by rows_id, ordinal')).toEqual([
      { rows_id: '2', ordinal: '0', a: null, value: '"lone"' },
      { rows_id: '3', ordinal: '0', a: '1', value: null },
      { rows_id: '4', ordinal: '1', a: null, value: 'null' },
      { rows_id: '5', ordinal: '1', a: null, value: '[]' },
      { rows_id: '6', ordinal: '1', a: null, value: '[1, 2]' },
      { rows_id: '6', ordinal: '2', a: null, value: '3' },
      { rows_id: '7', ordinal: '1', a: null, value: null },
      { rows_id: '7', ordinal: '2', a: null, value: null },
    ])
  })

  it('get names that clash with nothing and fit the target', async () => {
    const both = shared()
    const { from, to, db, sql } = both
    const long = 'x'.repeat(50)
    await db.collection<Keyed>('rows').insertMany([
      { _id: 1, a: { b: 1 }, a_b: 2, items: [{ ordinal: 7, rows_id: 8, value: 9 }, 'text'], items_count: 10 },
      { _id: 2, [long]: [{ [long]: [{ n: 1 }] }] },
    ])
    await db.collection<Keyed>('rows_items').insertOne({ _id: 3, a: 'no document', items: [], [long]: [{ [long]: 1 }] })
    const way = { a: 'column', items: 'table', [long]: 'table', [`${long}.${long}`]: 'table' }
    const result = await migrate({ from, to, nest: way })
    expect(result).toMatchObject({ state: 'done', totals: { written: 3, derived: 6 } })
    const columns = await sql(
      `select table_name as name, string_agg(column_name, ' ' order by ordinal_position) as columns
       from information_schema.columns where table_schema = 'public' group by 1`,
    )
    const hashed = (name: string): string => `${name.slice(0, 54)}_${sha256(name).slice(0, 8)}`
    expect(Object.fromEntries(columns.map(({ name, columns: names }) => [name, names]))).toEqual({
      rows: `_id a_b a_b_2 items_count_2 items_count ${long}_count`,
      // A collection's own name comes before that of a child table.
      rows_items: `_id a items_count ${long}_count`,
      rows_items_2: 'rows_id_2 ordinal_2 ordinal rows_id value value_2',
      rows_items_items: 'rows_items_id ordinal',
      [`rows_${long}`]: `rows_id ordinal ${long}_count`,
      [hashed(`rows_${long}_${long}`)]: `rows_id ${long}_ordinal ordinal n`,
      [`rows_items_${long}`]: `rows_items_id ordinal ${long}_count`,
      [hashed(`rows_items_${long}_${long}`)]: `rows_items_id ${long}_ordinal ordinal value`,
    })
    expect(await references(both)).toHaveLength(6)
  })

  it('become an empty table where none of them was seen, and their fields columns where they come late', async () => {
    const both = shared()
    const { from, to, db } = both
    const late = { _id: 500, items: [{ n: 1 }, 'x'], address: { city: 'Riga' } }
    const documents = Array.from({ length: 1000 }, (_, n) => (n === late._id ? late : { _id: n, name: `n${n}` }))
    await db.collection<Keyed>('rows').insertMany(documents)
    const result = await migrate({
      from,
      to,
      nest: { items: 'table', address: 'column' },
      sampleRows: 1,
      batchRows: 100,
    })
    expect(result).toMatchObject({ state: 'done', totals: { written: 1000, derived: 2 } })
    expect(await both.texts('select * from rows_items order by ordinal')).toEqual([
      { rows_id: '500', ordinal: '1', n: '1', value: null },
      { rows_id: '500', ordinal: '2', n: null, value: 'x' },
    ])
    expect(await both.texts('select * from rows where items_count is not null')).toEqual([
      { _id: '500', name: null, items_count: '2', address_city: 'Riga' },
    ])
  })
})

describe('an element that its table cannot hold', () => {
  const bad = 500
  async function seedBad({ db }: BothDatabases, items: readonly unknown[]): Promise<void> {
    const documents = Array.from({ length: 1000 }, (_, _id) => ({ _id, items: [{ n: _id }, { n: _id, text: 'fine' }] }))
    await db.collection<Keyed>('rows').insertMany(documents)
    await db.collection<Keyed>('rows').updateOne({ _id: bad }, { $set: { items: [...items] } })
  }
  /** Of rows from one to another, and whether all rows have all their items. */
  const counts = (first: number, last: number): string => `
    select (select count(*) from rows where _id between ${first} and ${last})::int as rows,
      (select count(*) from rows_items where rows_id between ${first} and ${last})::int as items,
      (select count(*) from rows)::int * 2 = (select count(*) from rows_items)::int as even`

  // A worker that reads for itself begins its batches where its partition does.
  it.each([
    ['paged', 480, 519],
    ['partitioned', bad, bad],
  ] as const)('stops the run with the key of its row (%s)', async (feed, first, last) => {
    const both = shared()
    const { from, to, sql } = both
    await seedBad(both, [{ n: 1 }, { n: 2, text: 'a\0b' }])
    const way = { nest: { items: 'table' }, workers: 2, batchRows: 40, feed, onError: 'stop' } as const
    const result = await migrate({ from, to, ...way })
    expect(result).toMatchObject({ state: 'stopped', error: { code: 'row-rejected' } })
    expect(result.error?.message).toMatch(/document 500 of table rows.*items.text/)
    expect(await sql(counts(first, last))).toEqual([{ rows: 0, items: 0, even: true }])
    expect(result.totals.derived).toBe(result.totals.written * 2)
  })

  it('stops the run where only the target knows', async () => {
    const both = shared()
    const { from, to, sql } = both
    await sql('create table rows (_id integer, items_count integer)')
    await sql('create table rows_items (rows_id integer, ordinal integer, n integer check (n <> -7), text text)')
    await seedBad(both, [{ n: 1 }, { n: -7 }])
    const way = { nest: { items: 'table' }, workers: 2, batchRows: 40, onError: 'stop' } as const
    const result = await migrate({ from, to, ...way })
    expect(result).toMatchObject({ state: 'stopped', error: { code: 'row-rejected' } })
    expect(result.error?.message).toMatch(/document 500 of table rows/)
    expect(await sql(counts(bad, bad))).toEqual([{ rows: 0, items: 0, even: true }])
  })
})
