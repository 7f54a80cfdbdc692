import { describe, expect, it } from 'vitest'
import { plan, type StepOption } from '../../src/index.ts'
import type { Keyed } from '../support/both-databases.ts'
import { temporaryFolder } from '../support/dump.ts'
import { migrate } from '../support/migrate.ts'
import { droverHere } from '../support/run-here.ts'
import { sharedDatabases } from '../support/shared-databases.ts'

const ROWS = 900

const person = (n: number) => ({
  _id: n,
  Name: `  Ada ${n} `,
  zip: String(n).padStart(5, '0'),
  age: String(n % 60),
  left: n,
  right: `r${n}`,
  secret: 'x',
  ...(n % 3 === 0 ? { bonus: n } : {}),
})

const functions = `
  import type { TransformContext } from 'drover'

  interface Person { readonly age: number; [field: string]: unknown }

  export function adults({ age }: Person): boolean {
    return age >= 18
  }

  export const shout = (value: string): string => value.toUpperCase() + '!'

  export async function enrich(row: Person, { table, key }: TransformContext): Promise<object> {
    await Promise.resolve()
    return { ...row, origin: table + ':' + String(key), double: row.age * 2 }
  }
`

/** Every kind of step, each of which depends on one before it. */
const steps: readonly StepOption[] = [
  { rename: { zip: 'postcode' } },
  { rename: { left: 'right', right: 'left' } },
  { exclude: ['secret'] },
  { cast: { age: 'integer' } },
  { map: { Name: 'trim|lowercase|shout', label: "template('{postcode}/{left}')", bonus: 'default_value(7)' } },
  { set: { shop: 'north' } },
  { filter: 'adults' },
  { function: 'enrich' },
  { pick: ['_id', 'Name', 'postcode', 'label', 'left', 'right', 'bonus', 'age', 'double', 'shop', 'origin'] },
]

const yaml = `
    steps:
      - rename: {zip: postcode}
      - rename: {left: right, right: left}
      - exclude: [secret]
      - cast: {age: integer}
      - map: {Name: trim|lowercase|shout, label: "template('{postcode}/{left}')", bonus: default_value(7)}
      - set: {shop: north}
      - filter: adults
      - function: enrich
      - pick: [_id, Name, postcode, label, left, right, bonus, age, double, shop, origin]
`

/** The same, by hand. */
function expected(): readonly Record<string, unknown>[] {
  const people = Array.from({ length: ROWS }, (_, n) => n).filter((n) => n % 60 >= 18)
  return people.map((n) => {
    const postcode = String(n).padStart(5, '0')
    return {
      _id: n,
      name: `ADA ${n}!`,
      postcode,
      label: `${postcode}/r${n}`,
      left: `r${n}`,
      right: n,
      bonus: n % 3 === 0 ? n : 7,
      age: n % 60,
      double: (n % 60) * 2,
      shop: 'north',
      origin: `people:${n}`,
    }
  })
}

const seeded = sharedDatabases(({ db }) => {
  return db.collection<Keyed>('people').insertMany(Array.from({ length: ROWS }, (_, n) => person(n)))
})

const kept = expected().length
const done = {
  state: 'done',
  error: null,
  totals: { read: ROWS, written: kept, filtered: ROWS - kept, skipped: 0, derived: 0 },
  verification: { equal: true },
}

describe('a pipeline of every kind of step', () => {
  it.each([
    { isolation: 'threads', feed: 'partitioned' },
    { isolation: 'processes', feed: 'paged' },
    { isolation: 'inline', feed: 'paged' },
  ] as const)('gives the same rows in $isolation, $feed', async (way) => {
    const both = seeded()
    await using folder = temporaryFolder()
    const transform = await folder.write('mine.ts', functions)
    const { from, to } = both
    expect(await migrate({ from, to, ...way, steps, transform, batchRows: 70, workers: 2 })).toMatchObject(done)
    expect(await both.sql('select * from people order by _id')).toEqual(expected())
  })

  it('is read from a config file, whose own folder has the functions', async () => {
    const both = seeded()
    await using folder = temporaryFolder()
    await folder.write('mine.ts', functions)
    const { from, to } = both
    const tables = `tables:\n  people:\n    transform: ./mine.ts${yaml}`
    const config = await folder.write('drover.yaml', `from: ${from}\nto: ${to}\n${tables}`)
    const { code, stdout } = await droverHere(['migrate', '--config', config, '--json', '--workers', '2'])
    expect(JSON.parse(stdout)).toMatchObject({ totals: { read: ROWS, written: kept, filtered: ROWS - kept } })
    expect(code).toBe(0)
    expect(await both.sql('select * from people order by _id')).toEqual(expected())
  })

  it('is shown by a plan as the columns that come out of it', async () => {
    const both = seeded()
    await using folder = temporaryFolder()
    const transform = await folder.write('mine.ts', functions)
    const { from, to } = both
    const [table] = (await plan({ from, to, steps, transform })).tables
    expect(table?.planned.plan.columns.map(({ name, type }) => `${name} ${type}`)).toEqual([
      '_id int32',
      'name text',
      'postcode text',
      'label text',
      'left text',
      'right int32',
      'bonus int32',
      'age int32',
      'double int32',
      'shop text',
      'origin text',
    ])
    expect(await both.sql(`select 1 from information_schema.tables where table_name = 'people'`)).toEqual([])
  })
})

describe('the same by flags', () => {
  it('maps, filters, and calls the default function, in this order', async () => {
    const both = seeded()
    await using folder = temporaryFolder()
    const transform = await folder.write(
      'mine.ts',
      `export const even = (row: { left: number }): boolean => row.left % 2 === 0
       export default (row: Record<string, unknown>): object => ({ ...row, seen: row['Name'] })`,
    )
    const { from, to } = both
    const map = { Name: 'trim', age: 'type_cast(integer)', secret: "constant('gone')" }
    const flags = { map, filter: 'even', transform, rename: { seen: 'called' }, excludeColumns: ['zip'] }
    const result = await migrate({ from, to, ...flags, workers: 2, batchRows: 100 })
    expect(result).toMatchObject({ state: 'done', totals: { read: ROWS, written: ROWS / 2, filtered: ROWS / 2 } })
    const rows = await both.sql('select * from people order by _id limit 2')
    expect(rows).toEqual([
      { _id: 0, name: 'Ada 0', age: 0, left: 0, right: 'r0', secret: 'gone', bonus: 0, called: 'Ada 0' },
      { _id: 2, name: 'Ada 2', age: 2, left: 2, right: 'r2', secret: 'gone', bonus: null, called: 'Ada 2' },
    ])
  })

  it('works without a file, and without a filter', async () => {
    const both = seeded()
    const { from, to } = both
    const map = { zip: "regex_replace(/^0+(\\d)/, '$1')", extra: "default_value('new')" }
    const result = await migrate({ from, to, map, tables: ['people'], columns: ['_id', 'zip', 'extra'], workers: 2 })
    expect(result).toMatchObject({ state: 'done', totals: { written: ROWS } })
    expect(await both.sql('select * from people order by _id offset 100 limit 1')).toEqual([
      { _id: 100, zip: '100', extra: 'new' },
    ])
  })
})

describe('a mistake in a pipeline', () => {
  it.each([
    [{ map: { zip: 'lowrcase' } }, 'invalid-transform'],
    [{ filter: 'adults' }, 'missing-option'],
    [{ steps: [{ filter: 'adults' }] as const }, 'missing-option'],
    [{ transform: '/nowhere/mine.ts' }, 'invalid-transform'],
    [{ steps: [{ cast: { age: 'intger' } }] as const }, 'unknown-type'],
    [{ map: { zip: 'trim' }, steps: [{ set: { a: 1 } }] as const }, 'conflicting-options'],
    // A field of every row has that name already.
    [{ steps: [{ rename: { zip: 'secret' } }] as const }, 'invalid-transform'],
  ])('%j is refused before anything is written', async (options, code) => {
    const both = seeded()
    const { from, to } = both
    await expect(migrate({ from, to, ...options })).rejects.toMatchObject({ code, kind: 'usage' })
    expect(await both.sql(`select 1 from information_schema.tables where table_name = 'people'`)).toEqual([])
  })
})
