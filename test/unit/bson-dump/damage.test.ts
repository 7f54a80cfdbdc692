import { deserialize } from 'bson'
import { writeFile, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { classifyFault } from '../../../src/connectors/bson-dump/errors.ts'
import { positionAt } from '../../../src/connectors/bson-dump/position.ts'
import { archiveOf, bsonOf, gzipped, type ArchiveBlock } from '../../support/dump.ts'
import { all, countOf, dumpUnderTest, never, read } from './dump-under-test.ts'

const rows = [{ _id: 1, name: 'one' }, { _id: 2, name: 'two, longer' }, { _id: 3 }]
const bytes = bsonOf(rows)
const ends = rows.map((_, index) => bsonOf(rows.slice(0, index + 1)).length)

const blocks: readonly ArchiveBlock[] = [
  { collection: 'users', documents: rows.slice(0, 1) },
  { collection: 'orders', documents: [{ _id: 'an order' }] },
  { collection: 'users', documents: rows.slice(1) },
]
const archive = archiveOf({ users: {}, orders: {} }, blocks)

describe('a plain file that is damaged', () => {
  it('is read as far as it is whole, cut short at any byte', async () => {
    await using under = await dumpUnderTest({ 'users.bson': bytes })
    const file = join(under.path, 'users.bson')
    const outcome = (): Promise<unknown> => read(under, 'users').then(countOf, (error: unknown) => String(error))
    for (let size = bytes.length; size >= 0; size--) {
      await truncate(file, size)
      const whole = ends.filter((end) => end <= size)
      const start = whole.at(-1) ?? 0
      const left = size - start
      const length = (ends[whole.length] ?? 0) - start
      const document = left < 4 ? 'the length of a document' : `a document of ${length} bytes`
      const found = `${document} begins there and ${left}${left < 4 ? ' of its 4 bytes' : ''} are left`
      const error = `DroverError: ${file} is cut short at byte ${start}: ${found}`
      expect(await outcome()).toBe(left === 0 ? whole.length : error)
    }
  })

  it('is found out before it is copied', async () => {
    await using under = await dumpUnderTest({ 'users.bson': bytes.subarray(0, -1) })
    await expect(under.source.count(all('users'), never)).rejects.toMatchObject({ code: 'damaged-dump' })
    await expect(under.source.partition(all('users'), 2, never)).rejects.toMatchObject({ code: 'damaged-dump' })
  })

  it('gives the rows before the damage', async () => {
    await using under = await dumpUnderTest({ 'users.bson': bytes.subarray(0, -1) })
    const upTo = positionAt(ends[1] ?? 0)
    expect(countOf(await read(under, 'users', { after: null, upTo }))).toBe(2)
  })

  it.each([-1, 0, 4, 48 * 1024 * 1024 + 1, 2 ** 31 - 1])('says where a document claims %i bytes', async (length) => {
    const damaged = Buffer.from(bytes)
    damaged.writeInt32LE(length, ends[0])
    await using under = await dumpUnderTest({ 'users.bson': damaged })
    await expect(read(under, 'users')).rejects.toMatchObject({
      code: 'source-failed',
      message: `${join(under.path, 'users.bson')} is damaged at byte ${ends[0]}: a document there claims ${length} bytes`,
    })
  })

  it('says where a document has no terminator', async () => {
    const damaged = Buffer.from(bytes)
    damaged[(ends[1] ?? 0) - 1] = 1
    await using under = await dumpUnderTest({ 'users.bson': damaged })
    await expect(read(under, 'users')).rejects.toMatchObject({
      message: expect.stringContaining(
        `damaged at byte ${ends[0]}: a document of ${(ends[1] ?? 0) - (ends[0] ?? 0)} bytes`,
      ),
    })
    await expect(under.source.sample(all('users'), { rows: 9, bytes: 999, seconds: 60 }, never)).rejects.toMatchObject({
      code: 'damaged-dump',
    })
    expect(await under.source.describe(never)).toMatchObject([{ name: 'users', estimatedRows: null }])
  })

  it('leaves what is damaged within its frame to whoever decodes it', async () => {
    const damaged = Buffer.from(bytes)
    damaged[4] = 0x55 // no type of BSON
    await using under = await dumpUnderTest({ 'users.bson': damaged })
    expect(countOf(await read(under, 'users'))).toBe(3)
  })

  it('is not read by positions of another file', async () => {
    await using under = await dumpUnderTest({ 'users.bson': bytes })
    const gone = { code: 'source-failed', message: expect.stringContaining('is not the file it was') }
    await expect(read(under, 'users', { after: null, upTo: positionAt((ends[0] ?? 0) + 1) })).rejects.toMatchObject(
      gone,
    )
    await expect(read(under, 'users', { after: null, upTo: positionAt(3) })).rejects.toMatchObject(gone)
    await expect(read(under, 'users', { after: positionAt(bytes.length + 9), upTo: null })).rejects.toMatchObject(gone)
    await writeFile(join(under.path, 'users.bson'), bytes.subarray(0, ends[0]))
    await expect(read(under, 'users', { after: null, upTo: positionAt(ends[1] ?? 0) })).rejects.toMatchObject(gone)
    await expect(under.source.count(all('users'), never)).resolves.toBe(1)
  })
})

describe('a compressed file that is damaged', () => {
  it('is never taken for a whole one, cut short at any byte', async () => {
    const packed = gzipped(bytes)
    await using under = await dumpUnderTest({ 'users.bson.gz': packed })
    const file = join(under.path, 'users.bson.gz')
    expect(countOf(await read(under, 'users'))).toBe(3)
    for (let size = packed.length - 1; size >= 0; size--) {
      await truncate(file, size)
      await expect(read(under, 'users')).rejects.toMatchObject({
        code: 'source-failed',
        message: expect.stringMatching(/users\.bson\.gz is damaged near byte \d+ of the compressed file: /),
      })
    }
  })

  it('is found out by its checksum', async () => {
    const packed = gzipped(bytes)
    packed.writeUInt32LE(7, packed.length - 8)
    await using under = await dumpUnderTest({ 'users.bson.gz': packed })
    await expect(under.source.count(all('users'), never)).rejects.toMatchObject({ code: 'damaged-dump' })
  })

  it('names the byte of what it decompresses to', async () => {
    await using under = await dumpUnderTest({ 'users.bson.gz': gzipped(bytes.subarray(0, -1)) })
    await expect(read(under, 'users')).rejects.toMatchObject({
      message: expect.stringContaining(`cut short at byte ${ends[1]} of what it decompresses to: a document of`),
    })
  })
})

describe('an archive that is damaged', () => {
  it('is never taken for a whole one, cut short at any byte before the end of the collection', async () => {
    await using under = await dumpUnderTest({ a: archive }, 'a')
    await under.source.describe(never)
    expect(countOf(await read(under, 'users'))).toBe(3)
    const file = join(under.path, 'a')
    // The terminator behind the last header tells nothing more of it.
    for (let size = archive.length - 5; size >= 0; size--) {
      await truncate(file, size)
      await expect(read(under, 'users'), `${size} bytes`).rejects.toMatchObject({
        code: 'source-failed',
        message: expect.stringMatching(/\/a is (cut short|damaged) at byte \d+: /),
      })
    }
  })

  it('is found out by the checksum of a collection', async () => {
    for (const checksum of [1n, -1n]) {
      await using under = await dumpUnderTest({ a: archiveOf({ users: {} }, blocks, { checksum }) }, 'a')
      await expect(read(under, 'users')).rejects.toMatchObject({
        message: expect.stringMatching(`damaged at byte \\d+: the checksum there is ${checksum}, .*\\(shop\\.users\\)`),
      })
      await expect(under.source.count(all('users'), never)).rejects.toMatchObject({ code: 'damaged-dump' })
    }
  })

  it('may have no checksums', async () => {
    await using under = await dumpUnderTest({ a: archiveOf({ users: {} }, blocks, { checksum: null }) }, 'a')
    expect(countOf(await read(under, 'users'))).toBe(3)
  })

  it('is found out by a header that names nothing', async () => {
    const damaged = Buffer.from(archive)
    damaged.write('xx', damaged.lastIndexOf('db\0'))
    await using under = await dumpUnderTest({ a: damaged }, 'a')
    await expect(read(under, 'users')).rejects.toMatchObject({
      message: expect.stringContaining('should name a collection, and does not'),
    })
  })
})

describe('a document larger than what is read at a time', () => {
  const large = [
    { _id: 0 },
    { _id: 1, text: 'x'.repeat(3_000_000) },
    { _id: 2 },
    { _id: 3, text: 'y'.repeat(1_048_576) },
  ]

  it('is read whole', async () => {
    const shop = archiveOf({ large: {} }, [{ collection: 'large', documents: large }], { checksum: null })
    for (const file of [bsonOf(large), gzipped(bsonOf(large)), shop]) {
      const name = file === shop ? 'a' : file[0] === 0x1f ? 'large.bson.gz' : 'large.bson'
      await using under = await dumpUnderTest({ [name]: file }, name)
      const found = (await read(under, 'large')).flatMap(({ bytes: packed, offsets, rows: count }) =>
        Array.from({ length: count }, (_, row) => deserialize(packed.subarray(offsets[row], offsets[row + 1]))),
      )
      expect(found).toEqual(large)
    }
  })
})

describe('what a dump cannot be asked for', () => {
  it('is refused with another way', async () => {
    await using under = await dumpUnderTest({ 'users.bson': bytes })
    const refused = { code: 'invalid-filter', hint: expect.stringContaining('transforms') }
    const filtered = { ...all('users'), where: '{}' }
    await expect(under.source.count(filtered, never)).rejects.toMatchObject(refused)
    await expect(under.source.partition(filtered, 2, never)).rejects.toMatchObject(refused)
    const since = { ...all('users'), since: { field: 'at', from: null, upTo: null } }
    await expect(under.source.sample(since, { rows: 1, bytes: 1, seconds: 60 }, never)).rejects.toMatchObject(refused)
    await expect(under.source.highest(all('users'), 'at', never)).rejects.toMatchObject(refused)
    expect(() => under.source.parseMark('-1d', '1', 0)).toThrow(expect.objectContaining(refused))
  })

  it('is a table that is left out', async () => {
    await using under = await dumpUnderTest({ 'adults.metadata.json': '{"type":"view"}' })
    await expect(under.source.count(all('adults'), never)).rejects.toMatchObject({ code: 'nothing-to-copy' })
  })
})

it('tells faults that pass from those that last', () => {
  const fault = (code: string): Error => Object.assign(new Error(code), { code })
  expect(classifyFault(fault('EIO'))).toBe('transient')
  expect(classifyFault(new Error('outer', { cause: fault('EMFILE') }))).toBe('transient')
  expect(classifyFault(fault('ENOENT'))).toBe('fatal')
})
