import { Decimal128, Double, Long, type Document } from 'mongodb'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { armFailpoints } from '../../src/core/failpoint.ts'
import type { Verification } from '../../src/core/result.ts'
import type { Keyed } from '../support/both-databases.ts'
import { insertThings, move, moveAll, moved, type Moved } from '../support/corpus.ts'
import { migrate } from '../support/migrate.ts'
import { verified } from '../support/verification.ts'

const ROWS = 600

/** More rows than a bucket has, with a value of each kind that can be written in more ways than one. */
const rows: readonly Document[] = Array.from({ length: ROWS }, (_, n) => ({
  _id: n,
  name: n % 10 === 0 ? null : `name ${n}`,
  price: Decimal128.fromString(`${n}.10`),
  big: Long.fromNumber(2 ** 53).add(n),
  weight: new Double([-0, -47_947_236_776_083_456, Number.NaN, Infinity, 1e300, n][n % 6] ?? 0),
  at: new Date(1_700_000_000_000 + n),
  tags: n % 3 === 0 ? [] : [`a${n}`, '', 'NULL'],
  blob: Buffer.from([n & 255, 0]),
  meta: { z: n, a: { price: Decimal128.fromString('1.10'), list: [1, Decimal128.fromString('1E+3')] }, n: null },
}))

/** Changes what the copy has made; `found` are the differences it makes, but for the table. */
type Tampering = readonly [
  name: string,
  change: readonly string[],
  found: readonly (readonly [key: string, column: string | null, source: string, target: string])[],
]

const tamperings: readonly Tampering[] = [
  ['one byte', [`update things set name = 'name 12E' where _id = 123`], [['123', 'name', 'name 123', 'name 12E']]],
  [
    'two values that change places',
    [`update things set name = case _id when 1 then 'name 2' else 'name 1' end where _id in (1, 2)`],
    [
      ['1', 'name', 'name 1', 'name 2'],
      ['2', 'name', 'name 2', 'name 1'],
    ],
  ],
  ['a row that is gone', ['delete from things where _id = 77'], [['77', null, 'found', 'missing']]],
  [
    'a row too many',
    ['insert into things select 4711, name, price, big, weight, at, tags, blob, meta from things where _id = 5'],
    [['4711', null, 'missing', 'extra']],
  ],
  [
    'a row that is there twice',
    [
      'alter table things drop constraint if exists things_pkey',
      'insert into things select * from things where _id = 9',
    ],
    [['9', null, 'once', 'twice']],
  ],
  [
    'a number with fewer digits',
    ['update things set price = trim_scale(price) where _id = 41'],
    [['41', 'price', '41.10', '41.1']],
  ],
  ['an empty text for NULL', [`update things set name = '' where _id = 50`], [['50', 'name', 'NULL', '""']]],
]

/** A copy of the rows that tests change in turn; each finds both sides as the copy left them. */
function fixture(options: Parameters<typeof moved>[1] = {}): () => Moved {
  let done: Moved
  let isChanged = false
  beforeAll(async () => {
    done = await moved(rows, options)
    await done.sql('create table kept as table things')
  })
  beforeEach(async () => {
    if (isChanged) await restore(done, options.primaryKey ?? true)
    isChanged = true
  })
  afterAll(() => done[Symbol.asyncDispose]())
  return () => done
}

async function restore({ db, sql }: Moved, primaryKey: boolean): Promise<void> {
  await sql(`alter table things drop constraint if exists things_pkey; truncate things; insert into things table kept;
    ${primaryKey ? 'alter table things add primary key (_id)' : ''}`)
  await db.collection('things').deleteMany({})
  await insertThings(db, rows)
}

function expectFound(verification: Verification, tampered: readonly Tampering[], name: string): void {
  const found = tampered.flatMap(([, , differences]) => differences)
  expect(verification, name).toMatchObject({ level: 'checksum', equal: false, differing: found.length })
  const differences = found.map(([row, column, source, target]) => {
    return { table: 'things', key: row, column, source, target }
  })
  expect(verification.differences.toSorted(byKey), name).toEqual(differences.toSorted(byKey))
}

describe('checksums', () => {
  const copied = fixture({ verify: 'checksum' })

  it('are equal after a copy, whatever the workers are', async () => {
    const { from, to } = copied()
    for (const isolation of ['inline', 'threads', 'processes'] as const) {
      const way = { from, to, isolation, workers: 1, mode: 'recreate', verify: 'checksum' } as const
      const { verification } = isolation === 'inline' ? copied().result : await migrate(way)
      expect(verification).toMatchObject({ level: 'checksum', equal: true, differing: 0, rows: ROWS, differences: [] })
      expect(verification.columns.map(({ column, compared }) => [column, compared])).toEqual(
        Object.keys(await copied().columns()).map((column) => [column, 'exactly']),
      )
    }
  })

  it('name what was tampered with, and nothing else', async () => {
    const done = copied()
    for (const tampering of tamperings) {
      const [name, statements] = tampering
      await done.sql(statements.join(';'))
      expectFound(await verified(done, 'checksum'), [tampering], name)
      await restore(done, true)
    }
    expect(await verified(done, 'checksum')).toMatchObject({ equal: true, differing: 0, rows: ROWS })
  })

  it('compare child tables and flattened columns, and name a row of a child table by its places', async () => {
    const carts: readonly Document[] = Array.from({ length: 600 }, (_, n) => ({
      _id: n,
      who: { name: `w${n}`, home: { city: `c${n % 9}` } },
      items: Array.from({ length: n % 4 }, (__, place) => ({ sku: `${n}-${place}`, price: new Double(place / 7) })),
    }))
    const options = { nest: { items: 'table', who: 'column' }, workers: 2 } as const
    await using done = await moved(carts, { ...options, verify: 'checksum' })
    expect(done.result.verification).toMatchObject({ equal: true, rows: 600 + 900 })
    await done.sql(`update things_items set sku = 'other' where things_id = 7 and ordinal = 2`)
    await done.sql(`delete from things_items where things_id = 11 and ordinal = 3`)
    await done.sql(`update things set who_home_city = null where _id = 3`)
    const { differences, differing } = await verified(done, 'checksum', options)
    expect(differing).toBe(3)
    expect(differences.toSorted(byKey)).toEqual([
      { table: 'public.things_items', key: '11, 3', column: null, source: 'found', target: 'missing' },
      { table: 'things', key: '3', column: 'who_home_city', source: 'c3', target: 'NULL' },
      { table: 'public.things_items', key: '7, 2', column: 'sku', source: '7-1', target: 'other' },
    ])
  })

  it('compare JSON by its content', async () => {
    const done = copied()
    await done.sql(`update things set meta = (meta::json::text)::jsonb`)
    expect(await verified(done, 'checksum')).toMatchObject({ equal: true })
    await done.sql(`update things set meta = jsonb_set(meta, '{a,price}', '1.1') where _id = 6`)
    expect((await verified(done, 'checksum')).differences).toMatchObject([{ key: '6', column: 'meta' }])
  })

  it('compare the rows selected, as the transforms make them', async () => {
    const options = { where: '{"_id":{"$lt":550}}', map: { name: 'uppercase' }, rename: { price: 'cost' } }
    await using done = await moved(rows, { ...options, verify: 'checksum' })
    expect(done.result.verification).toMatchObject({ equal: true, rows: 550 })
    await done.sql(`update things set name = lower(name) where _id = 3`)
    const { differences } = await verified(done, 'checksum')
    expect(differences).toEqual([{ table: 'things', key: '3', column: 'name', source: 'NAME 3', target: 'name 3' }])
  })

  it('count what differs where it is more than is named', async () => {
    const done = copied()
    await done.sql(`update things set name = 'x' where _id % 5 = 1`)
    const verification = await verified(done, 'checksum')
    expect(verification).toMatchObject({ equal: false, differing: 120 })
    expect(verification.differences).toHaveLength(100)
  })

  it('of a sample are of a share of both sides, and find what is wrong in it', async () => {
    const done = copied()
    const { rows: compared, notes, equal } = await verified(done, 'checksum', { sample: 150 })
    expect(equal).toBe(true)
    expect(compared).toBeGreaterThan(75)
    expect(compared).toBeLessThan(250)
    expect(notes.join()).toContain(`${compared} of about ${ROWS} rows`)
    await done.sql(`update things set name = 'x'`)
    const found = await verified(done, 'checksum', { sample: 150 })
    expect(found.differing).toBe(compared)
  })

  it('say what they do not compare', async () => {
    await using done = await moveAll(
      async ({ db, sql }) => {
        await db.collection('things').insertMany(rows.slice(0, 20).map(({ _id, name }) => ({ _id, name })))
        await sql('create table things (_id integer primary key, name text, note text)')
      },
      { mode: 'append', verify: 'checksum' },
    )
    expect(done.result.verification).toMatchObject({ equal: true, rows: 20 })
    expect(done.result.verification.columns.map(({ column, compared }) => [column, compared])).toEqual([
      ['_id', 'exactly'],
      ['name', 'exactly'],
      ['note', 'not'],
    ])
  })

  it('say what was compared after a coercion', async () => {
    const things = [...rows.slice(0, 20), { _id: 9999, name: 'a\0b', meta: { list: ['\0', '\0'] } }]
    await using done = await move(things, { coerce: ['name=strip-nul', 'meta=replace-nul'], verify: 'checksum' })
    expect(done.result).toMatchObject({ state: 'done', verification: { equal: true, rows: 21 } })
    const { columns } = await verified(done, 'checksum')
    expect(columns.filter(({ compared }) => compared !== 'exactly')).toEqual([
      { ...of('name'), compared: 'after-coercion', note: 'strip-nul on name: 1 value' },
      {
        ...of('meta'),
        compared: 'after-coercion',
        note: expect.stringMatching(/^replace-nul on meta[.\w]*: 2 values$/),
      },
    ])
  })

  it('leave rows out that are dead letters, and find one that is in the target all the same', async () => {
    const bad = { _id: 9999, name: 'a\0b' }
    await using done = await move([...rows, bad], { maxDeadLetters: 1, verify: 'checksum' })
    expect(done.result).toMatchObject({ state: 'done', totals: { deadLetters: 1 }, verification: { equal: true } })
    await done.sql(`insert into things (_id, name) values (9999, 'ab')`)
    const { differences } = await verified(done, 'checksum')
    expect(differences).toEqual([{ table: 'things', key: '9999', column: null, source: 'missing', target: 'extra' }])
  })
})

describe('checksums without a primary key', () => {
  const copied = fixture({ primaryKey: false })

  it('name what was tampered with, and nothing else', async () => {
    const done = copied()
    await done.sql(tamperings.flatMap(([, statements]) => statements).join(';'))
    expectFound(await verified(done, 'checksum'), tamperings, 'all at once')
    await restore(done, false)
    expect(await verified(done, 'checksum')).toMatchObject({ equal: true, differing: 0, rows: ROWS })
  })
})

describe('a check that is run again', () => {
  const copied = fixture()

  /** Runs a check whose first piece, which is of the source, is kept; then `then` happens, before the check goes on or ends. */
  async function interrupted(done: Moved, then: () => Promise<unknown>): Promise<unknown> {
    let pieces = 0
    armFailpoints(async (name) => {
      if (name === 'verify.mid' && ++pieces === 1) await then()
    })
    try {
      return await verified(done, 'checksum', { workers: 1 }).catch((error: unknown) => error)
    } finally {
      armFailpoints(() => Promise.resolve())
    }
  }
  const killed = new Error('killed')
  const kill = (): Promise<never> => Promise.reject(killed)
  const rename = ({ db }: Moved, _id: number, name: string): Promise<unknown> =>
    db.collection<Keyed>('things').updateOne({ _id }, { $set: { name } })

  it('does not read what it has read', async () => {
    const done = copied()
    expect(await interrupted(done, kill)).toBe(killed)
    await rename(done, 4, 'another')
    // As it was when it was read.
    expect(await verified(done, 'checksum', { workers: 1 })).toMatchObject({ equal: true, rows: ROWS })
    // That check is over, and this is another.
    expect(await verified(done, 'checksum', { workers: 1 })).toMatchObject({
      equal: false,
      differences: [{ key: '4', column: 'name', source: 'another', target: 'name 4' }],
    })
  })

  it('reports nothing by what it kept: where that differs, all is read', async () => {
    const done = copied()
    expect(await interrupted(done, kill)).toBe(killed)
    for (const n of [11, 12, 13, 14, 15, 16, 17, 18]) await rename(done, n, 'another')
    await done.sql(`update things set name = 'x' where _id = 21`)
    expect(await verified(done, 'checksum', { workers: 1 })).toMatchObject({ equal: false, differing: 9 })
    expect(await done.sql('select count(*)::integer as kept from drover.checked')).toEqual([{ kept: 0 }])
  })

  it('looks again at what differs, and reports nothing that has only changed meanwhile', async () => {
    const done = copied()
    await done.sql(`update things set name = case _id when 4 then 'another' else 'x' end where _id in (4, 5)`)
    const sourceFollows = (): Promise<unknown> => rename(done, 4, 'another')
    expect(await interrupted(done, sourceFollows)).toMatchObject({
      equal: false,
      differing: 1,
      differences: [{ key: '5', column: 'name' }],
    })
  })
})

function of(column: string): object {
  return { table: 'things', target: 'public.things', column }
}

function byKey(a: { readonly key: string | null }, b: { readonly key: string | null }): number {
  return String(a.key) < String(b.key) ? -1 : 1
}
