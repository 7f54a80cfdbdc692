import { Decimal128, Double, type Document } from 'bson'
import { describe, expect, it } from 'vitest'
import { seed } from '../../src/devkit/seed.ts'
import type { MigrateOptions } from '../../src/index.ts'
import type { Keyed } from '../support/both-databases.ts'
import { insertThings } from '../support/corpus.ts'
import type { MigrationResult } from '../../src/core/result.ts'
import { at } from '../support/interruption.ts'
import { migrate } from '../support/migrate.ts'
import { never } from '../support/migration.ts'
import { droverHere } from '../support/run-here.ts'
import { verified } from '../support/verification.ts'
import { sharedDatabases } from '../support/shared-databases.ts'

const shared = sharedDatabases()

const levels = ['checksum', 'full'] as const
const inline = { isolation: 'inline', workers: 2 } as const

const equal = { equal: true, differences: [], differing: 0 }

/** Rows with something for every fate and every shape: see `ways`. */
const carts: readonly Document[] = Array.from({ length: 600 }, (_, n) => ({
  _id: n,
  name: `name ${n}`,
  age: n % 80,
  price: Decimal128.fromString(`${n}.10`),
  who: { first: `f${n}`, home: { city: n % 9 === 0 ? null : `c${n}` } },
  items: Array.from({ length: n % 4 }, (__, place) => ({ sku: `${n}-${place}`, weight: new Double(place / 7) })),
  note: n % 100 === 0 ? `a\0${n}` : `n${n}`,
  bad: n === 333 ? '\0' : 'good',
}))

const ways: Partial<MigrateOptions> = {
  nest: { who: 'column', 'who.home': 'column', items: 'table' },
  steps: [{ map: { name: 'uppercase' } }, { rename: { price: 'cost' } }],
  where: '{"age":{"$lt":60}}',
  coerce: ['note=strip-nul'],
  maxDeadLetters: 1,
}

describe('a copy that is verified in one go', () => {
  it.each(levels)('compares what is made of each row, and says what it was compared after (%s)', async (level) => {
    const both = shared()
    const { from, to, db } = both
    await insertThings(db, carts, 'carts')
    const result = await migrate({ from, to, ...inline, ...ways, verify: level })
    const { written, derived, deadLetters } = result.totals
    expect({ state: result.state, error: result.error, deadLetters }).toEqual({
      state: 'done',
      error: null,
      deadLetters: 1,
    })
    const { verification } = result
    expect(verification).toMatchObject({ level, ...equal })
    // The road of sums counts rows of all tables, that of values rows of the source.
    expect(verification.rows).toBe(level === 'full' ? written + 1 : written + derived)
    const compared = verification.columns.map(({ target, column, compared: how }) => `${target}.${column}: ${how}`)
    expect(compared.toSorted()).toEqual(
      [
        ...['_id', 'name', 'age', 'cost', 'who_first', 'who_home_city', 'bad', 'items_count'].map(
          (name) => `carts.${name}: exactly`,
        ),
        'carts.note: after-coercion',
        ...['carts_id', 'ordinal', 'sku', 'weight'].map((name) => `carts_items.${name}: exactly`),
      ]
        .map((name) => `public.${name}`)
        .toSorted(),
    )
    expect(verification.columns.find(({ column }) => column === 'note')?.note).toBe('strip-nul on note: 5 values')
  })

  it.each(levels)('leaves rows of others alone, in an append and in an upsert (%s)', async (level) => {
    const both = shared()
    const { from, to, db, sql } = both
    const things = db.collection<Keyed>('things')
    await things.insertMany(Array.from({ length: 300 }, (_, n) => ({ _id: n, name: `name ${n}` })))
    await sql(`create table things (_id integer primary key, name text, theirs text default 'x');
      insert into things select -n, 'theirs' from generate_series(1, 50) n`)
    const appended = await migrate({ from, to, ...inline, mode: 'append', verify: level })
    expect(appended).toMatchObject({ state: 'done', error: null, verification: { level, ...equal, rows: 300 } })
    expect(appended.verification.columns.find(({ column }) => column === 'theirs')?.compared).toBe('not')
    await things.updateMany({ _id: { $mod: [7, 0] } }, { $set: { name: 'changed' } })
    await things.insertOne({ _id: 300, name: 'new' })
    const merged = await migrate({ from, to, ...inline, mode: 'upsert', verify: level })
    expect(merged).toMatchObject({ state: 'done', error: null, verification: { level, ...equal, rows: 301 } })
    // What somebody does while the rows are merged is found all the same.
    await sql(`create function spoil() returns trigger language plpgsql as
      $$ begin new.name = case new._id when 7 then 'spoilt' else new.name end; return new; end $$;
      create trigger spoil before insert or update on things for each row execute function spoil()`)
    await things.updateOne({ _id: 7 }, { $set: { name: 'once more' } })
    const spoilt = await migrate({ from, to, ...inline, mode: 'upsert', verify: level })
    expect(spoilt).toMatchObject({
      state: 'stopped',
      error: { code: 'rows-differ' },
      verification: {
        equal: false,
        differing: 1,
        differences: [{ table: 'things', key: '7', column: 'name', source: 'once more', target: 'spoilt' }],
      },
    })
  })

  it.each(levels)('is not published where rows of the new table differ, and the old one stays (%s)', async (level) => {
    const both = shared()
    const { from, to, db, sql } = both
    const things = db.collection<Keyed>('things')
    await things.insertMany(Array.from({ length: 300 }, (_, n) => ({ _id: n, name: `name ${n}` })))
    await things.createIndex({ name: 1 })
    await sql(`create table things (old text); insert into things values ('as it was')`)
    const loaded = `select format('%I.things', nspname) as name from pg_namespace where nspname like 'drover\\_load%'`
    const way: MigrateOptions = { from, to, ...inline, mode: 'recreate', verify: level }
    // All rows are there by then, and the index is being built.
    using _ = at('index.mid_build', 1, async () => {
      const [table] = await sql(loaded)
      await sql(`update ${String(table?.['name'])} set name = 'tampered' where _id = 41`)
    })
    const stopped = await migrate(way)
    expect(stopped).toMatchObject({
      state: 'stopped',
      error: { code: 'rows-differ' },
      verification: {
        level,
        equal: false,
        differences: [{ table: 'things', key: '41', column: 'name', source: 'name 41', target: 'tampered' }],
      },
    })
    expect(await sql('select * from things')).toEqual([{ old: 'as it was' }])
    const resumed = await migrate({ ...way, mode: undefined, resume: true })
    expect(resumed).toMatchObject({ state: 'stopped', error: { code: 'rows-differ' } })
    const [table] = await sql(loaded)
    await sql(`update ${String(table?.['name'])} set name = 'name 41' where _id = 41`)
    expect(await migrate({ ...way, mode: undefined, resume: true })).toMatchObject({ state: 'done', error: null })
    expect(await sql('select count(*)::int as n from things')).toEqual([{ n: 300 }])
  })

  it('tells in JSON and on the screen that only a sample was compared', async () => {
    const both = shared()
    const { from, to, db } = both
    await insertThings(db, carts, 'carts')
    for (const [level, said] of [
      [
        'checksum',
        /^carts: public\.carts: \d+ of about 600 rows, chosen by the hash of their key, compared by checksum/,
      ],
      ['full', /^carts: public\.carts: \d+ rows compared value by value; a sample of \d+ of \d+ parts/],
    ] as const) {
      const args = [
        'migrate',
        '--mode',
        'recreate',
        '--verify',
        level,
        '--sample',
        '50',
        '--exclude-columns',
        'note,bad',
      ]
      const { code, stdout, stderr } = await droverHere([...args, '--json'], { DROVER_FROM: from, DROVER_TO: to })
      expect(code, stderr).toBe(0)
      const result = JSON.parse(stdout) as MigrationResult
      expect(result).toMatchObject({ exitCode: 0, verification: { level, equal: true, differences: [], differing: 0 } })
      expect(result.verification.rows).toBeGreaterThan(0)
      expect(result.verification.rows).toBeLessThan(300)
      expect(result.verification.notes.at(-1)).toMatch(said)
    }
  })
})

describe('clean copies raise no alarm', () => {
  const shapes = ['users', 'orders', 'fact'] as const

  it('of seeded rows, at any level, ten times over', async () => {
    const both = shared()
    const { from, to } = both
    for (const shape of shapes) {
      await seed(
        { url: from, rows: 300, rngSeed: 11, shape, drop: true, workers: 1, onProgress: () => undefined },
        never,
      )
    }
    const runs: readonly Partial<MigrateOptions>[] = [
      {},
      { nest: { items: 'table' }, tables: ['orders'] },
      { primaryKey: false, nestedJson: 'extended' },
      { nest: { tags: 'table', address: 'column' }, tables: ['users'], infer: 'full', batchRows: 137 },
      { tables: ['orders'], limit: 255, naming: 'preserve' },
    ]
    for (const run of runs) {
      for (const verify of levels) {
        const options: MigrateOptions = { from, to, ...inline, mode: 'recreate', ...run, verify }
        const { state, error, verification, totals } = await migrate(options)
        expect({ state, error, verification }, JSON.stringify(options)).toMatchObject({
          state: 'done',
          error: null,
          verification: { level: verify, ...equal },
        })
        expect(totals.read).toBeGreaterThan(250)
        expect(verification.rows).toBeGreaterThanOrEqual(totals.read)
      }
    }
    expect(await verified(both, 'full', { tables: ['fact', 'users'] })).toMatchObject(equal)
  })
})
