import type { IndexDescription } from 'mongodb'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { exitCodeOfResult } from '../../src/cli/exit-codes.ts'
import type { MigrateOptions, MigrationResult } from '../../src/index.ts'
import type { BothDatabases, Keyed } from '../support/both-databases.ts'
import { temporaryFolder } from '../support/dump.ts'
import { migrate } from '../support/migrate.ts'
import { runOrThrow } from '../support/run-command.ts'
import { sharedDatabases } from '../support/shared-databases.ts'

const bin = fileURLToPath(new URL('../../bin/drover.js', import.meta.url))

interface Indexed {
  readonly result: MigrationResult
  readonly notices: readonly string[]
  /** Definition by name, without those of keys. */
  readonly indexes: Readonly<Record<string, string>>
}

async function run(both: BothDatabases, options: Partial<MigrateOptions> = {}): Promise<Indexed> {
  const notices: string[] = []
  const onNotice: MigrateOptions['onNotice'] = ({ message }) => void notices.push(message)
  const result = await migrate({ from: both.from, to: both.to, workers: 2, onNotice, ...options })
  const found = await both.sql(
    `select indexname as name, replace(indexdef, ' ON public.', ' ') as definition from pg_indexes
     where schemaname = 'public' and indexname not like '%_pkey' order by 1`,
  )
  const indexes = found.map(({ name, definition }) => [name, String(definition).replace(` ${String(name)} `, ' ')])
  return { result, notices, indexes: Object.fromEntries(indexes) as Record<string, string> }
}

const documents: readonly Keyed[] = Array.from({ length: 500 }, (_, n) => ({
  _id: n,
  email: `u${n}@x.org`,
  group: n % 7,
  age: n % 90,
  // Absent from a third of them.
  ...(n % 3 === 0 ? {} : { phone: `p${n}` }),
  tags: [`t${n % 5}`, `x${n % 3}`],
  profile: { city: `c${n % 11}`, nick: `n${n}`, langs: ['en', 'lv'], level: n },
  address: { zip: `z${n % 100}`, geo: { lat: n / 2 } },
  items: [{ sku: `s${n % 50}`, quantity: n }, { sku: 'z' }],
  mixed: n % 2 === 0 ? n : `m${n}`,
  title: `word ${n}`,
  place: { type: 'Point', coordinates: [n % 90, 1] },
  seenAt: new Date(1.6e12 + n),
}))

const ofDocuments: readonly IndexDescription[] = [
  { key: { email: 1 }, name: 'email', unique: true },
  { key: { group: 1, email: -1 }, name: 'compound' },
  { key: { age: -1 }, name: 'descending' },
  { key: { phone: 1 }, name: 'sparse', sparse: true },
  { key: { phone: 1, title: 1 }, name: 'uniqueSparse', sparse: true, unique: true },
  { key: { age: 1 }, name: 'partial', partialFilterExpression: { age: { $gte: 18 }, phone: { $exists: true } } },
  { key: { group: 1 }, name: 'partialOr', partialFilterExpression: { $or: [{ age: 1 }, { group: 2 }] } },
  { key: { tags: 1 }, name: 'multikey' },
  { key: { 'profile.city': 1 }, name: 'nested' },
  { key: { 'profile.nick': 1 }, name: 'nestedUnique', unique: true },
  { key: { 'profile.langs': 1 }, name: 'nestedMultikey' },
  { key: { 'profile.level': 1, group: 1 }, name: 'nestedCompound' },
  { key: { 'address.zip': 1 }, name: 'flattened' },
  { key: { 'address.geo.lat': -1, group: 1 }, name: 'flattenedDeep' },
  { key: { 'items.sku': 1, 'items.quantity': -1 }, name: 'ofElements' },
  { key: { 'items.sku': 1, group: 1 }, name: 'ofBoth' },
  { key: { mixed: 1 }, name: 'mixed' },
  { key: { seenAt: 1 }, name: 'ttl', expireAfterSeconds: 3600 },
  { key: { email: 'hashed' }, name: 'hashed' },
  { key: { title: 'text' }, name: 'text' },
  { key: { place: '2dsphere' }, name: 'geo' },
  { key: { title: 1 }, name: 'folded', collation: { locale: 'en', strength: 2 } },
  { key: { 'profile.$**': 1 }, name: 'wildcard' },
]

const shared = sharedDatabases()

describe('indexes of documents', () => {
  it('are built on what their fields became, or proposed', async () => {
    const both = shared()
    const { db } = both
    await db.collection<Keyed>('users').insertMany([...documents])
    await db.collection('users').createIndexes([...ofDocuments])
    const nest = { address: 'column', items: 'table' }
    const { result, notices, indexes } = await run(both, { nest })
    expect(result).toMatchObject({ state: 'done', error: null, totals: { written: 500, derived: 1000 } })
    expect(indexes).toEqual({
      users_email: 'CREATE UNIQUE INDEX users USING btree (email) NULLS NOT DISTINCT',
      users_compound: 'CREATE INDEX users USING btree ("group", email DESC)',
      users_descending: 'CREATE INDEX users USING btree (age)',
      users_sparse: 'CREATE INDEX users USING btree (phone) WHERE (phone IS NOT NULL)',
      users_unique_sparse: 'CREATE UNIQUE INDEX users USING btree (phone, title)',
      users_partial: 'CREATE INDEX users USING btree (age) WHERE ((age >= 18) AND (phone IS NOT NULL))',
      users_multikey: 'CREATE INDEX users USING gin (tags)',
      users_nested: "CREATE INDEX users USING btree (((profile ->> 'city'::text)))",
      users_nested_unique: "CREATE UNIQUE INDEX users USING btree (((profile ->> 'nick'::text))) NULLS NOT DISTINCT",
      users_nested_multikey: "CREATE INDEX users USING gin (((profile -> 'langs'::text)) jsonb_path_ops)",
      users_nested_compound: `CREATE INDEX users USING btree (((profile -> 'level'::text)), "group")`,
      users_flattened: 'CREATE INDEX users USING btree (address_zip)',
      users_flattened_deep: 'CREATE INDEX users USING btree (address_geo_lat DESC, "group")',
      users_items_of_elements: 'CREATE INDEX users_items USING btree (sku, quantity DESC)',
      users_mixed: 'CREATE INDEX users USING btree (mixed)',
      users_ttl: 'CREATE INDEX users USING btree (seen_at)',
      users_hashed: 'CREATE INDEX users USING btree (email)',
    })
    const said = notices.filter((notice) => notice.startsWith('index ')).join('\n')
    for (const pattern of [
      /"partialOr" \(group\) of users is not built: its filter .*\$or/,
      /"ofBoth" \(items.sku, group\) of users is not built: its fields are in several tables/,
      /"uniqueSparse" .* compares only rows that have all of its fields/,
      /"ttl" \(seenAt\) .* delete from public.users where "seen_at" < now\(\) - interval '3600 seconds'/,
      /"hashed" \(email\) .* is hashed in the source; a plain one is built/,
      /"text" \(title\) .* not built: .* gin \(to_tsvector\('simple', "title"\)\)/,
      /"geo" \(place\) .* not built: .* PostGIS: .*ST_GeomFromGeoJSON\("place"\)/,
      /"folded" \(title\) .* not built: it compares by a collation \(locale en, strength 2\)/,
      /"wildcard" \(profile.\$\*\*\) .* not built: .* gin \("profile" jsonb_path_ops\)/,
    ]) {
      expect(said).toMatch(pattern)
    }
    // What is proposed for the target at hand is a statement that it takes.
    const proposals = [...said.matchAll(/: (create index .* using gin .*)$/gm)].map(([, statement]) => statement)
    expect(proposals).toHaveLength(2)
    for (const statement of proposals) await both.sql(String(statement))
  })

  it('are left out where they are not wanted, and where the table is there already', async () => {
    const both = shared()
    await both.db.collection<Keyed>('users').insertMany([...documents])
    await both.db.collection('users').createIndexes([{ key: { email: 1 }, name: 'email' }])
    expect((await run(both, { indexes: false })).indexes).toEqual({})
    expect((await run(both, { mode: 'truncate' })).indexes).toEqual({})
    const again = await run(both, { mode: 'recreate' })
    expect(Object.keys(again.indexes)).toEqual(['users_email'])
  })
})

describe('values that are there more than once', () => {
  it('are listed with the other violations; rows and the other indexes are kept', async () => {
    const both = shared()
    const { db, sql } = both
    // Different in the source; the transform makes them alike.
    const emails = ['Ann@x.org', 'ann@x.org', 'ANN@x.org', 'bob@x.org', 'Bob@x.org', 'cid@x.org']
    await db
      .collection<Keyed>('users')
      .insertMany(emails.map((email, _id) => ({ _id, email, code: _id, profile: { ref: `R${_id % 2}`, n: _id } })))
    await db.collection('users').createIndexes([
      { key: { email: 1 }, name: 'email', unique: true },
      { key: { 'profile.ref': 1, 'profile.n': 1 }, name: 'ref', unique: true },
      { key: { code: 1 }, name: 'code', unique: true },
      { key: { 'profile.n': 1 }, name: 'n' },
    ])
    const { result, indexes } = await run(both, { map: { email: 'lowercase', code: 'constant(7)' } })
    expect(result).toMatchObject({ state: 'stopped', error: { code: 'key-violation' }, totals: { written: 6 } })
    expect(exitCodeOfResult(result, null)).toBe(5)
    expect(result.error?.message).toMatch(/^2 keys, indexes or references could not be built: /)
    expect(result.error?.message).toMatch(
      /unique index "users_email" of public.users .*: "ann@x.org" in 3 rows, "bob@x.org" in 2 rows/,
    )
    expect(result.error?.message).toMatch(/unique index "users_code" .*: "7" in 6 rows/)
    expect(Object.keys(indexes)).toEqual(['users_n', 'users_ref'])
    expect(await sql('select count(*)::int as n from users')).toEqual([{ n: 6 }])
    expect(await sql(`select 1 from pg_constraint where conname = 'users_pkey'`)).toHaveLength(1)
  })

  it('in the primary key are listed too', async () => {
    const both = shared()
    await both.db.collection<Keyed>('users').insertMany([1, 2, 3].map((_id) => ({ _id, n: _id })))
    const { result } = await run(both, { map: { _id: 'constant(1)' } })
    expect(result).toMatchObject({ state: 'stopped', error: { code: 'key-violation' } })
    expect(result.error?.message).toMatch(/the primary key \(_id\) of public.users .*"1" in 3 rows/)
  })
})

describe('references between collections', () => {
  const orgs: readonly Keyed[] = Array.from({ length: 20 }, (_, _id) => ({ _id, name: `o${_id}` }))

  async function seed({ db }: BothDatabases, odd: Readonly<Record<number, unknown>> = {}): Promise<void> {
    await db.collection<Keyed>('organisations').insertMany([...orgs])
    const users = Array.from({ length: 600 }, (_, n) => ({ _id: n, organisationId: n in odd ? odd[n] : n % 20 }))
    await db.collection<Keyed>('users').insertMany(users)
  }

  const references = { organisationId: 'organisations._id' }
  const foreignKeys = `
    select pg_get_constraintdef(oid) as definition, convalidated as valid from pg_constraint where contype = 'f' and connamespace = 'public'::regnamespace`

  it('become valid foreign keys, to a key and to a unique field, from a row and from elements', async () => {
    const both = shared()
    await seed(both, { 7: null })
    await both.db.collection('organisations').createIndex({ name: 1 }, { unique: true })
    await both.db.collection<Keyed>('users').updateMany({}, { $set: { roles: [{ at: 'o3' }, { at: 'o4' }] } })
    await using folder = temporaryFolder()
    const file = await folder.write(
      'drover.yaml',
      `from: ${both.from}
to: ${both.to}
tables:
  organisations: {}
  users:
    nest: { roles: table }
    references: { organisationId: organisations._id, roles.at: organisations.name }
`,
    )
    await runOrThrow(process.execPath, [bin, 'migrate', '--config', file], folder.path)
    expect(await both.sql(`${foreignKeys} order by 1`)).toEqual([
      { definition: 'FOREIGN KEY (at) REFERENCES organisations(name)', valid: true },
      { definition: 'FOREIGN KEY (organisation_id) REFERENCES organisations(_id)', valid: true },
      { definition: 'FOREIGN KEY (users_id) REFERENCES users(_id)', valid: true },
    ])
  })

  it('said of every table are those of the tables that have the field', async () => {
    const both = shared()
    await seed(both)
    expect((await run(both, { references })).result).toMatchObject({ state: 'done', error: null })
    expect(await both.sql(foreignKeys)).toEqual([
      { definition: 'FOREIGN KEY (organisation_id) REFERENCES organisations(_id)', valid: true },
    ])
    const misspelt = { organisation: 'organisations._id' }
    await expect(run(both, { references: misspelt, mode: 'recreate' })).rejects.toMatchObject({
      code: 'unknown-column',
    })
  })

  it('name the values that have no row there; rows and indexes are kept', async () => {
    const both = shared()
    await seed(both, { 3: 99, 4: 99, 5: 98 })
    await both.db.collection('users').createIndex({ organisationId: 1 }, { name: 'org' })
    const { result, indexes } = await run(both, { references })
    expect(result).toMatchObject({ state: 'stopped', error: { code: 'key-violation' }, totals: { written: 620 } })
    expect(exitCodeOfResult(result, null)).toBe(5)
    expect(result.error?.message).toMatch(/public.users \(organisation_id\).*"99" in 2 rows, "98" in 1 row/)
    expect(await both.sql(foreignKeys)).toEqual([])
    expect(Object.keys(indexes)).toEqual(['users_org'])
    expect(await both.sql('select count(*)::int as n from users')).toEqual([{ n: 600 }])
  })

  it('that drift has made another type are told of, with all else built', async () => {
    const both = shared()
    await seed(both, { 300: 'none' })
    await both.db.collection('users').createIndex({ organisationId: 1 }, { name: 'org' })
    const { result, indexes } = await run(both, { references, sampleRows: 1, batchRows: 100 })
    expect(result).toMatchObject({ state: 'stopped', error: { code: 'key-violation' }, totals: { written: 620 } })
    expect(result.error?.message).toMatch(/public.users \(organisation_id\).*widened/)
    expect(await both.sql(foreignKeys)).toEqual([])
    expect(Object.keys(indexes)).toEqual(['users_org'])
    expect(await both.sql(`select 1 from pg_constraint where conname = 'users_pkey'`)).toHaveLength(1)
  })
})

describe('indexes of columns that drift has changed', () => {
  it('are built on what the columns are at the end', async () => {
    const both = shared()
    const odd = (n: number): Partial<Keyed> => ({ code: `c${n}`, profile: { nick: n, level: 'top' }, list: 'lone' })
    const plain = (n: number): Partial<Keyed> => ({
      code: n,
      profile: { nick: `n${n}`, level: n },
      list: ['a', `b${n}`],
    })
    const rows = Array.from({ length: 1000 }, (_, n) => ({ _id: n, n, ...(n >= 500 && n < 510 ? odd(n) : plain(n)) }))
    await both.db.collection<Keyed>('rows').insertMany(rows)
    await both.db.collection('rows').createIndexes([
      { key: { code: 1 }, name: 'code', unique: true },
      { key: { n: 1 }, name: 'partial', partialFilterExpression: { code: { $gte: 10 } } },
      { key: { 'profile.nick': 1 }, name: 'nick', unique: true },
      { key: { 'profile.level': 1 }, name: 'level', partialFilterExpression: { 'profile.level': { $gt: 5 } } },
      { key: { list: 1 }, name: 'list' },
    ])
    const { result, indexes } = await run(both, { sampleRows: 1, batchRows: 100 })
    expect(result.error).toBeNull()
    const level = "(profile -> 'level'::text)"
    expect(indexes).toEqual({
      rows_code: 'CREATE UNIQUE INDEX rows USING btree (code) NULLS NOT DISTINCT',
      rows_partial:
        "CREATE INDEX rows USING btree (n) WHERE ((jsonb_typeof(code) = 'number'::text) AND (code >= '10'::jsonb))",
      rows_nick: "CREATE UNIQUE INDEX rows USING btree (((profile -> 'nick'::text))) NULLS NOT DISTINCT",
      rows_level: `CREATE INDEX rows USING btree ((${level})) WHERE ((jsonb_typeof(${level}) = 'number'::text) AND (${level} > '5'::jsonb))`,
      rows_list: 'CREATE INDEX rows USING gin (list jsonb_path_ops)',
    })
  })
})
