import { Binary, Decimal128, Double, Int32, Long, ObjectId, Timestamp, type Document } from 'bson'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { MigrateOptions } from '../../src/index.ts'
import { armFailpoints } from '../../src/core/failpoint.ts'
import type { Difference } from '../../src/core/result.ts'
import { databases, type BothDatabases } from '../support/both-databases.ts'
import { insertThings, move, moved } from '../support/corpus.ts'
import { migrate } from '../support/migrate.ts'
import { sharedDatabases } from '../support/shared-databases.ts'
import { verified } from '../support/verification.ts'

const people: readonly Document[] = Array.from({ length: 60 }, (_, _id) => ({
  _id,
  name: `person ${_id}`,
  note: _id % 3 === 0 ? null : `note ${_id}`,
  price: Decimal128.fromString(`${_id}.10`),
  score: new Double(_id / 7),
  born: new Date(Date.UTC(1950 + _id, 1, 3, 4, 5, 6, 7)),
  tags: [`a${_id}`, 'b "quoted", \\ and {braces}', 'NULL', ''],
  address: { city: `c${_id}`, pin: new Double(1.1), deep: { n: Long.fromNumber(2 ** 53 - 1) } },
}))

function objectId(n: number): ObjectId {
  return new ObjectId(n.toString(16).padStart(24, '0'))
}

/** Copies of one migration that tests tamper with in turn; each finds the target as the copy left it. */
function fixture(documents: readonly Document[], options: Partial<MigrateOptions>, tables: readonly string[]): Tamper {
  let both: BothDatabases
  beforeAll(async () => {
    both = await moved(documents, options)
    await both.sql(tables.map((table) => `create table kept_${table} as table ${table};`).join(''))
  })
  afterAll(() => both[Symbol.asyncDispose]())
  return async (sql) => {
    await both.sql(sql)
    const { equal, differences, differing } = await verified(both, 'full', { tables: ['things'] })
    await both.sql(`truncate ${tables.join(', ')}`)
    await both.sql(tables.map((table) => `insert into ${table} table kept_${table};`).join(''))
    expect(equal).toBe(differences.length === 0)
    expect(new Set(differences.map(({ table, key }) => `${table} ${key}`)).size).toBe(differing)
    return differences
  }
}

/** What `verify --level full` says after somebody has changed the target with this. */
type Tamper = (sql: string) => Promise<readonly Difference[]>

describe('full verification names what was tampered with', () => {
  const tampered = fixture(people, {}, ['things'])
  const tamperedKeyless = fixture(people, { primaryKey: false }, ['things'])

  it('nothing, where nothing was', async () => {
    expect(await tampered('select 1')).toEqual([])
    expect(await tamperedKeyless('select 1')).toEqual([])
  })

  it('one byte of a text', async () => {
    expect(await tampered(`update things set name = 'persoM 7' where _id = 7`)).toEqual([
      { table: 'things', key: '7', column: 'name', source: 'person 7', target: 'persoM 7' },
    ])
  })

  it('two values that have changed places', async () => {
    const swap = `update things set name = case _id when 4 then 'person 5' else 'person 4' end where _id in (4, 5)`
    expect(await tampered(swap)).toEqual([
      { table: 'things', key: '4', column: 'name', source: 'person 4', target: 'person 5' },
      { table: 'things', key: '5', column: 'name', source: 'person 5', target: 'person 4' },
    ])
  })

  it('a row that is gone', async () => {
    expect(await tampered(`delete from things where _id = 11`)).toEqual([
      { table: 'things', key: '11', column: null, source: 'found', target: 'missing' },
    ])
  })

  it('a row that somebody has added', async () => {
    expect(await tampered(`insert into things (_id, name) values (1001, 'nobody'), (-5, 'no one')`)).toEqual(
      expect.arrayContaining([
        { table: 'things', key: '1001', column: null, source: 'missing', target: 'extra' },
        { table: 'things', key: '-5', column: null, source: 'missing', target: 'extra' },
      ]),
    )
  })

  it('a row that is there twice, in a table without a key', async () => {
    const twice = `insert into things select * from things where _id = 3`
    expect(await tamperedKeyless(twice)).toEqual([
      { table: 'things', key: '3', column: null, source: 'once', target: 'twice' },
    ])
  })

  it('a zero behind the point', async () => {
    expect(await tampered(`update things set price = 1.1 where _id = 1`)).toEqual([
      { table: 'things', key: '1', column: 'price', source: '1.10', target: '1.1' },
    ])
  })

  it('an empty text where there was nothing', async () => {
    expect(await tampered(`update things set note = '' where _id = 6`)).toEqual([
      { table: 'things', key: '6', column: 'note', source: 'NULL', target: '""' },
    ])
  })

  it('inside documents, arrays, doubles and dates', async () => {
    const differences = await tampered(`
      update things set address = jsonb_set(address, '{deep,n}', '9007199254740992') where _id = 1;
      update things set tags = array_replace(tags, 'NULL', null) where _id = 2;
      update things set score = score + 1e-15 where _id = 3;
      update things set born = born + interval '1 microsecond' where _id = 4`)
    expect(differences.map(({ key, column }) => [key, column])).toEqual([
      ['1', 'address'],
      ['2', 'tags'],
      ['3', 'score'],
      ['4', 'born'],
    ])
  })

  it('a key that was changed: one row is missing, another one too many', async () => {
    expect(await tampered(`update things set _id = 900 where _id = 9`)).toEqual([
      { table: 'things', key: '9', column: null, source: 'found', target: 'missing' },
      { table: 'things', key: '900', column: null, source: 'missing', target: 'extra' },
    ])
  })
})

describe('full verification of child tables', () => {
  const orders: readonly Document[] = Array.from({ length: 30 }, (_, _id) => ({
    _id: objectId(_id),
    items: Array.from({ length: _id % 4 }, (_item, n) => ({ sku: `s${n}`, parts: [`p${n}`, `q${n}`] })),
  }))
  const options: Partial<MigrateOptions> = { nest: { items: 'table', 'items.parts': 'table' } }
  const id = (n: number): string => objectId(n).toHexString()

  const tamperedOrders = fixture(orders, options, ['things', 'things_items', 'things_items_parts'])

  it('finds nothing where nothing was done', async () => {
    expect(await tamperedOrders('select 1')).toEqual([])
  })

  it('names an element by the key of its row and its place', async () => {
    const differences = await tamperedOrders(`
      update things_items set sku = 'x' where things_id = '${id(2)}' and ordinal = 2;
      delete from things_items_parts where things_id = '${id(3)}' and items_ordinal = 1 and ordinal = 2`)
    expect(differences).toEqual([
      { table: 'public.things_items', key: `${id(2)}, 2`, column: 'sku', source: 's1', target: 'x' },
      { table: 'public.things_items_parts', key: `${id(3)}, 1, 2`, column: null, source: 'found', target: 'missing' },
    ])
  })

  it('finds an element too many, also of no row at all', async () => {
    // As a superuser may do with any reference.
    const differences = await tamperedOrders(`
      set session_replication_role = replica;
      insert into things_items (things_id, ordinal, sku) values ('${id(1)}', 2, 'y'), ('nobody', 1, 'z');
      set session_replication_role = default`)
    expect(differences).toEqual([
      { table: 'public.things_items', key: `${id(1)}, 2`, column: null, source: 'missing', target: 'extra' },
      { table: 'public.things_items', key: 'nobody, 1', column: null, source: 'missing', target: 'extra' },
    ])
  })
})

const odd: Document = {
  int: new Int32(-1),
  long: Long.MIN_VALUE,
  doubles: [0, -0, NaN, Infinity, -Infinity, 5e-324, 1.7976931348623157e308, 0.1, 1e21].map((n) => new Double(n)),
  decimals: ['1.10', '1E+3', '-0', '0E-10', '9.999999999999999999999999999999999E+6144', 'NaN', '-Infinity'].map((n) =>
    Decimal128.fromString(n),
  ),
  dates: [-62135596800000, -1, 0, 253402300799999, 8.64e15, -210866803200000].map((ms) => new Date(ms)),
  texts: ['', ' ', '\\', '"', '\u0001\u001f\u007f', 'ﬀ 🐘 \ufeff\ufffd', 'line\nbreak', '\\u0000'],
  bytes: new Binary(Buffer.from('00ff5c', 'hex')),
  uuid: new Binary(Buffer.from('00112233445566778899aabbccddeeff', 'hex'), 4),
  mixed: [1, 'one', null, { a: [[], {}] }, new Timestamp({ t: 7, i: 9 }), new Date(-62167219200001)],
  nested: { zero: new Double(-0), nan: new Double(NaN), big: Long.MAX_VALUE, money: Decimal128.fromString('1.10') },
  __proto_: 1,
  'a.b': 2,
}

describe('full verification of clean copies', () => {
  const shared = sharedDatabases(() => Promise.resolve())

  /** Moves documents, and expects that the driver's own reading of them finds nothing wrong. */
  async function expectNoAlarm(documents: readonly Document[], options: Partial<MigrateOptions> = {}): Promise<void> {
    const both = shared()
    await both.db.dropDatabase()
    await insertThings(both.db, documents)
    const result = await migrate({ from: both.from, to: both.to, workers: 1, ...options })
    expect(result).toMatchObject({ state: 'done', error: null, totals: { written: documents.length } })
    const { equal, differences, rows, columns } = await verified(both, 'full')
    expect(differences).toEqual([])
    expect({ equal, rows }).toEqual({ equal: true, rows: documents.length })
    expect(columns.filter(({ compared }) => compared === 'not')).toEqual([])
  }

  it.each([{}, { nestedJson: 'extended' as const }, { primaryKey: false }])('odd values, %j', async (options) => {
    const ids = [new ObjectId(), objectId(5), new ObjectId('ffffffffffffffffffffffff')]
    await expectNoAlarm(
      ids.map((_id) => ({ _id, ...odd })),
      options,
    )
  })

  it('keys of all kinds in one table', async () => {
    const ids = [1, 'one', objectId(7), Long.MAX_VALUE, new Double(1.5), Decimal128.fromString('2.50'), { a: 1 }, true]
    const more = [
      new Date(5),
      new Binary(Buffer.from('ab')),
      new Timestamp({ t: 1, i: 2 }),
      objectId(7).toHexString(),
      null,
    ]
    await expectNoAlarm([...ids, ...more].map((_id) => ({ _id, n: 1 })))
  })

  it('documents with columns of their own, and other values beside them', async () => {
    const addresses = [{ city: 'a', geo: { x: 1, y: 2 } }, { city: null }, 'nowhere', null, { geo: { x: 3.5 } }]
    const nest = { address: 'column', 'address.geo': 'column' } as const
    await expectNoAlarm(
      addresses.map((address, _id) => ({ _id, address })),
      { nest },
    )
  })

  it('casts, names and a column for rare fields', async () => {
    const documents = Array.from({ length: 20 }, (_, _id) => ({
      _id,
      isIt: _id % 2 === 0 ? 'true' : 'false',
      many: String(_id),
      when: `2024-02-0${1 + (_id % 9)}T00:30:00+01:00`,
      text: _id % 2 === 0 ? { a: [1, new Double(1.5)] } : new Double(-0),
      [`rare${_id % 7}`]: { n: _id },
    }))
    const cast = { isIt: 'boolean', many: 'bigint', when: 'timestamptz', text: 'text' }
    await expectNoAlarm(documents, { cast, maxColumns: 7 })
  })

  it('rows that a transform has changed', async () => {
    const steps = [{ map: { name: 'uppercase|trim' } }, { rename: { note: 'remark' } }, { set: { from: 'here' } }]
    await expectNoAlarm(people, { steps })
  })

  it('tables that came about while they were copied', async () => {
    const documents = Array.from({ length: 800 }, (_, _id) => ({
      _id,
      ...(_id > 780 ? { late: 'x', n: 1.5 } : { n: 1 }),
    }))
    await expectNoAlarm(documents, { sampleRows: 20, batchRows: 100 })
  })
})

describe('full verification', () => {
  it('leaves rows out that are dead letters, and sees one that is there all the same', async () => {
    const bad = [1, 2].map((n) => ({ _id: 100 + n, name: `a\0${n}` }))
    await using both = await move([...people, ...bad], { maxDeadLetters: 2 })
    expect(both.result.totals).toMatchObject({ written: 60, deadLetters: 2 })
    expect(await verified(both, 'full')).toMatchObject({ equal: true, differing: 0, rows: 62 })
    await both.sql(`insert into things (_id, name) values (102, 'a2')`)
    const { differences } = await verified(both, 'full')
    expect(differences).toMatchObject([{ table: 'things', key: '102', column: null, target: 'extra' }])
    expect(differences[0]?.source).toMatch(/column name: the value is a text with U\+0000/)
  })

  it('compares what was coerced after the coercion, and says so', async () => {
    const documents = [
      { _id: 1, name: 'a\0b', deep: { x: new Double(NaN), y: '\0' }, when: new Date(-8.64e15) },
      { _id: 2, name: 'c', deep: null, when: new Date(0) },
    ]
    await using both = await moved(documents, { coerce: ['strip-nul', 'deep=null-nan', 'infinite-dates'] })
    const { equal, differences, columns } = await verified(both, 'full')
    expect({ equal, differences }).toEqual({ equal: true, differences: [] })
    const compared = Object.fromEntries(columns.map(({ column, compared: how }) => [column, how]))
    expect(compared).toEqual({ _id: 'exactly', name: 'after-coercion', deep: 'after-coercion', when: 'after-coercion' })
    await both.sql(`update things set "when" = 'infinity' where _id = 1`)
    expect((await verified(both, 'full')).differences).toMatchObject([
      { key: '1', column: 'when', source: '-infinity' },
    ])
  })

  it('leaves rows of before the copy alone', async () => {
    await using both = await databases()
    await insertThings(both.db, people)
    await both.sql(`create table things (_id int primary key, name text, hidden int)`)
    await both.sql(`insert into things values (1000, 'of before', 1)`)
    const result = await migrate({
      from: both.from,
      to: both.to,
      mode: 'append',
      workers: 1,
      excludeColumns: ['note', 'price', 'score', 'born', 'tags', 'address'],
    })
    expect(result).toMatchObject({ state: 'done' })
    const clean = await verified(both, 'full')
    expect(clean).toMatchObject({ equal: true, rows: 60 })
    expect(clean.columns.find(({ column }) => column === 'hidden')?.compared).toBe('not')
    await both.sql(`update things set name = 'x' where _id = 1`)
    expect((await verified(both, 'full')).differences).toMatchObject([{ key: '1', column: 'name', target: 'x' }])
  })

  it('takes of rows that were merged by another key the last one, in whatever batch', async () => {
    const documents = Array.from({ length: 1300 }, (_, _id) => ({ _id, email: `m${_id % 1000}`, n: _id }))
    await using both = await databases()
    await insertThings(both.db, documents)
    await both.sql('create table things (email text primary key, n int)')
    const { from, to } = both
    const result = await migrate({ from, to, mode: 'upsert', excludeColumns: ['_id'], workers: 2, batchRows: 100 })
    expect(result).toMatchObject({ state: 'done' })
    expect(await verified(both, 'full')).toMatchObject({ equal: true, rows: 1300 })
    await both.sql(`update things set n = 7 where email = 'm7'`)
    const differences = [{ table: 'things', key: 'm7', column: 'n', source: '1007', target: '7' }]
    expect(await verified(both, 'full')).toMatchObject({ differing: 1, differences })
  })

  it('sees what the copy itself did wrong', async () => {
    await using both = await moved(people)
    // As if the transcoder had written another double, or rounded, or lost an element of an array.
    await both.sql(`update things set score = score::real::double precision, tags = tags[1:3]`)
    const { differing, differences } = await verified(both, 'full')
    expect(differing).toBe(60)
    expect(new Set(differences.map(({ column }) => column))).toEqual(new Set(['score', 'tags']))
  })

  it('compares a sample, and says so', async () => {
    const documents = Array.from({ length: 2000 }, (_, _id) => ({ _id, n: _id }))
    await using both = await moved(documents)
    const { rows, equal, notes } = await verified(both, 'full', { sample: 200 })
    expect(equal).toBe(true)
    expect(rows).toBeGreaterThan(50)
    expect(rows).toBeLessThan(1000)
    expect(notes.join()).toMatch(/only a sample was compared/)
  })

  it('goes on where an earlier check was ended', async () => {
    const documents = Array.from({ length: 60_000 }, (_, _id) => ({ _id }))
    await using both = await moved(documents, { workers: 2, infer: 'sample' })
    const reached = { times: 0, most: 1 }
    armFailpoints(async (name) => {
      if (name === 'verify.mid' && ++reached.times >= reached.most) throw new Error('ended by the test')
    })
    await expect(verified(both, 'full')).rejects.toThrow('ended by the test')
    reached.most = Infinity
    const { equal, rows } = await verified(both, 'full')
    armFailpoints(async () => undefined)
    expect({ equal, rows, reached: reached.times }).toEqual({ equal: true, rows: 60_000, reached: 2 })
    expect(await both.texts(`select 1 from drover.checked`)).toEqual([])
  })

  it('says that it has no index to look rows up by', async () => {
    await using both = await moved(people, { primaryKey: false })
    const notices: string[] = []
    await verified(both, 'full', {}, ({ message }) => notices.push(message))
    expect(notices.join()).toMatch(/public\.things has no index on _id/)
  })
})
