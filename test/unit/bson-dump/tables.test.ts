import { describe, expect, it } from 'vitest'
import { openDumpSource } from '../../../src/connectors/bson-dump/connect.ts'
import { archiveOf, bsonOf, gzipped } from '../../support/dump.ts'
import { dumpUnderTest, never, read, countOf } from './dump-under-test.ts'

const one = bsonOf([{ _id: 1 }])

/** Name and fate of each table. */
async function tablesOf(files: { readonly [name: string]: Uint8Array | string }, opened = ''): Promise<unknown> {
  await using under = await dumpUnderTest(files, opened)
  const tables = await under.source.describe(never)
  return Object.fromEntries(
    tables.map(({ name, kind, skipped }) => [name, skipped === null ? kind : `${kind}: ${skipped}`]),
  )
}

describe('tables of a dump', () => {
  it('are named by their collection where one database has any', async () => {
    expect(await tablesOf({ 'shop/users.bson': one, 'shop/orders.bson.gz': gzipped(one) })).toEqual({
      users: 'table',
      orders: 'table',
    })
    expect(await tablesOf({ 'shop/users.bson': one }, 'shop')).toEqual({ users: 'table' })
    expect(await tablesOf({ 'shop/users.bson': one, 'shop/orders.bson': one }, 'shop/users.bson')).toEqual({
      users: 'table',
    })
  })

  it('are named with their database where several have any', async () => {
    expect(await tablesOf({ 'a/users.bson': one, 'b/users.bson': one })).toEqual({
      'a.users': 'table',
      'b.users': 'table',
    })
  })

  it('leave out what belongs to MongoDB, with the reason', async () => {
    const files = {
      'oplog.bson': one,
      'prelude.json': '{"ServerVersion":"8.0.0"}',
      'admin/system.version.bson': one,
      'config/settings.bson': one,
      'shop/users.bson': one,
      'shop/system.views.bson': one,
      'shop/system.buckets.weather.bson': one,
      'shop/weather.metadata.json': '{"type":"timeseries","options":{"timeseries":{"timeField":"at"}}}',
      'shop/adults.metadata.json': '{"type":"view","options":{"viewOn":"users","pipeline":[]}}',
      'shop/log.bson': one,
      'shop/log.metadata.json': '{"options":{"capped":true,"size":4096}}',
      'shop/lost.metadata.json': '{"options":{}}',
      'shop/._users.bson': 'of another program',
      'shop/notes.txt': 'of a person',
    }
    expect(await tablesOf(files)).toEqual({
      'admin.system.version': "system: one of MongoDB's own",
      'config.settings': "system: of config, a database of MongoDB's own",
      users: 'table',
      'system.views': "system: one of MongoDB's own",
      'system.buckets.weather': 'system: holds the data of the time-series weather',
      weather: 'time-series: a dump holds its buckets only; copy it from a server',
      adults: 'view: a dump holds its definition only',
      log: 'capped',
      lost: 'table: the dump lacks its documents',
      oplog: 'system: the oplog of the dump: what changed while it was made',
    })
  })

  it('have their names decoded, and in full where the metadata have them', async () => {
    const metadata = '{"indexes":[],"collectionName":"a very long name, in full"}'
    const files = {
      'a%2Fb%25.bson': one,
      '50%off.bson': one,
      'a very%24x1.bson': one,
      'a very%24x1.metadata.json': metadata,
    }
    expect(await tablesOf(files)).toEqual({ 'a/b%': 'table', '50%off': 'table', 'a very long name, in full': 'table' })
  })

  it('are found in an archive', async () => {
    const metadata = {
      users: {},
      adults: { options: { viewOn: 'users' } },
      weather: { type: 'timeseries' },
      'system.views': {},
    }
    const archive = archiveOf(metadata, [{ collection: 'users', documents: [{ _id: 1 }] }])
    for (const bytes of [archive, gzipped(archive)]) {
      expect(await tablesOf({ 'shop.archive': bytes }, 'shop.archive')).toMatchObject({
        users: 'table',
        adults: 'view: a dump holds its definition only',
        weather: expect.stringContaining('time-series: '),
        'system.views': "system: one of MongoDB's own",
      })
    }
  })

  it('cannot be two of one name', async () => {
    await using under = await dumpUnderTest({ 'users.bson': one, 'users.bson.gz': gzipped(one) })
    await expect(under.source.describe(never)).rejects.toMatchObject({ code: 'name-collision' })
  })

  it('may be none', async () => {
    expect(await tablesOf({ 'readme.txt': 'x' })).toEqual({})
  })

  it('have their rows guessed from the first, exactly where those are all', async () => {
    const rows = Array.from({ length: 40_000 }, (_, _id) => ({ _id, text: 'x'.repeat(20 + (_id % 100)) }))
    const few = bsonOf(rows.slice(0, 10))
    const files = {
      'many.bson': bsonOf(rows),
      'many2.bson.gz': gzipped(bsonOf(rows)),
      'few.bson': few,
      'none.bson': '',
    }
    await using under = await dumpUnderTest(files)
    const [first, many, many2, none] = await under.source.describe(never)
    expect(first).toMatchObject({ name: 'few', estimatedRows: 10, averageRowBytes: few.length / 10 })
    for (const table of [many, many2]) {
      expect(Math.abs((table?.estimatedRows ?? 0) - rows.length)).toBeLessThan(rows.length / 10)
    }
    expect(none).toMatchObject({ name: 'none', estimatedRows: 0, averageRowBytes: null })
  })
})

describe('indexes of a dump', () => {
  it.each([
    ['2', '{"v":{"$numberInt":"2"},"key":{"a":{"$numberInt":"-1"}},"name":"by a","unique":true}'],
    ['1', '{"v":1,"key":{"a":-1},"name":"by a","ns":"shop.users","unique":true}'],
  ])('are read from extended JSON, version %s', async (_version, index) => {
    const text = `{"indexes":[{"v":2,"key":{"_id":1},"name":"_id_"},${index}]}`
    const expected = [{ name: 'by a', fields: [{ path: ['a'], order: 'descending' }], unique: true }]
    await using plain = await dumpUnderTest({ 'users.bson': one, 'users.metadata.json': text }, 'users.bson')
    expect(await plain.source.indexes('users', never)).toMatchObject(expected)
    const packed = { 'users.bson.gz': gzipped(one), 'users.metadata.json.gz': gzipped(Buffer.from(text)) }
    await using gzip = await dumpUnderTest(packed)
    expect(await gzip.source.indexes('users', never)).toMatchObject(expected)
    const archive = archiveOf({ users: JSON.parse(text) as object }, [{ collection: 'users', documents: [] }])
    await using archived = await dumpUnderTest({ 'a.archive': archive }, 'a.archive')
    expect(await archived.source.indexes('users', never)).toMatchObject(expected)
  })

  it.each(['{"indexes":', '[]', '{"indexes":[{"name":"a"}]}', '{"indexes":{}}', '{"options":7}'])(
    'name the file where they are damaged: %s',
    async (text) => {
      await using under = await dumpUnderTest({ 'users.bson': one, 'users.metadata.json': text })
      await expect(under.source.describe(never)).rejects.toMatchObject({
        code: 'damaged-dump',
        message: expect.stringContaining('users.metadata.json'),
      })
    },
  )
})

describe('opening a dump', () => {
  it.each(['bson:', 'bson://', 'bson:dump?gzip=1', 'bson:50%off'])('refuses %s', async (url) => {
    await expect(openDumpSource(url)).rejects.toMatchObject({ code: 'invalid-url' })
  })

  it('decodes the path', async () => {
    await using under = await dumpUnderTest({ 'a b%25/users.bson': one }, 'a%20b%2525')
    expect(countOf(await read(under, 'users'))).toBe(1)
  })

  it('takes an address with slashes', async () => {
    await using under = await dumpUnderTest({ 'users.bson': one })
    const source = await openDumpSource(`bson://${under.path}`)
    expect(countOf(await read({ source }, 'users'))).toBe(1)
  })

  it('says that nothing is there', async () => {
    await using under = await dumpUnderTest({}, 'missing')
    await expect(under.source.check(never)).rejects.toMatchObject({ code: 'source-unreachable' })
  })

  it('refuses a file of another kind', async () => {
    await using under = await dumpUnderTest({ 'notes.txt': 'not a dump' }, 'notes.txt')
    await expect(under.source.check(never)).rejects.toMatchObject({ code: 'damaged-dump' })
  })
})
