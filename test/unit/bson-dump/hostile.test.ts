import { serialize } from 'bson'
import { execFileSync } from 'node:child_process'
import { appendFile, rm, symlink, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openDumpSource } from '../../../src/connectors/bson-dump/connect.ts'
import { classifyFault } from '../../../src/connectors/bson-dump/errors.ts'
import { readBatches } from '../../../src/connectors/bson-dump/read.ts'
import type { ReadOptions } from '../../../src/connectors/contract.ts'
import type { Batch } from '../../../src/core/batch.ts'
import { defaultRetry } from '../../../src/core/retry.ts'
import { plainPool, rowsOf } from '../../contract/source.ts'
import { archiveOf, bsonOf, gzipped, temporaryFolder } from '../../support/dump.ts'
import { all, countOf, dumpUnderTest, never, read } from './dump-under-test.ts'

const one = bsonOf([{ _id: 1 }])
const two = bsonOf([{ _id: 1 }, { _id: 2 }])
const damaged = (text: string): object => ({ code: 'damaged-dump', message: expect.stringContaining(text) as unknown })

async function batchesOf(batches: AsyncIterable<Batch>): Promise<readonly Batch[]> {
  const all: Batch[] = []
  for await (const batch of batches) all.push(batch)
  return all
}

describe('names in a dump', () => {
  const name = '../../outside'

  it('are never paths', async () => {
    const metadata = JSON.stringify({ collectionName: name, indexes: [] })
    const archive = archiveOf({ [name]: {} }, [{ collection: name, documents: [{ _id: 1 }] }])
    const dumps = [
      { files: { '%2e%2e%2F..%2Foutside.bson': one }, opened: 'in/side' },
      { files: { 'short.bson': one, 'short.metadata.json': metadata }, opened: 'in/side' },
      { files: { archive }, opened: 'in/side/archive' },
    ]
    for (const { files, opened } of dumps) {
      const inside = Object.entries(files).map(([file, bytes]) => [`in/side/${file}`, bytes] as const)
      await using under = await dumpUnderTest(
        { 'outside.bson': two, outside: two, ...Object.fromEntries(inside) },
        opened,
      )
      expect(await under.source.describe(never)).toMatchObject([{ name, skipped: null }])
      expect(countOf(await read(under, name))).toBe(1)
    }
  })

  it.each([name, 'outside', '/etc/passwd', '../outside.bson', 'users\0', '__proto__', 'constructor'])(
    'are not looked for as files: %j',
    async (asked) => {
      await using under = await dumpUnderTest({ 'in/users.bson': one, 'outside.bson': two, outside: two }, 'in')
      await expect(under.source.count(all(asked), never)).rejects.toMatchObject({ code: 'missing-table' })
    },
  )

  it('may be those of properties that every object has', async () => {
    await using under = await dumpUnderTest({ '__proto__.bson': two, 'constructor.bson': one })
    expect((await under.source.describe(never)).map((table) => table.name)).toEqual(['__proto__', 'constructor'])
    expect(countOf(await read(under, '__proto__'))).toBe(2)
  })

  it('hold no NUL', async () => {
    const collection = 'a\0b'
    const dumps = [
      { 'a%00b.bson': one },
      { 'a.bson': one, 'a.metadata.json': JSON.stringify({ collectionName: collection }) },
      { archive: archiveOf({ [collection]: {} }, []) },
    ]
    for (const files of dumps) {
      await using under = await dumpUnderTest(files, 'archive' in files ? 'archive' : '')
      await expect(under.source.describe(never)).rejects.toMatchObject({ code: 'damaged-dump' })
    }
    await expect(openDumpSource('bson:dump%00/etc')).rejects.toMatchObject({ code: 'invalid-url' })
  })
})

describe('links in a dump', () => {
  it('are followed within it', async () => {
    await using under = await dumpUnderTest({ 'a/users.bson': two }, '')
    await symlink('users.bson', join(under.path, 'a', 'people.bson'))
    expect((await under.source.describe(never)).map(({ name }) => name)).toEqual(['people', 'users'])
    expect(countOf(await read(under, 'people'))).toBe(2)
  })

  it('do not lead out of it', async () => {
    await using outside = await dumpUnderTest({ 'users.bson': two, 'users.metadata.json': '{"options":{}}' })
    for (const [link, to] of [
      ['people.bson', 'users.bson'],
      ['inside.metadata.json', 'users.metadata.json'],
      ['folder', ''],
    ] as const) {
      await using under = await dumpUnderTest({ 'inside.bson': one })
      await symlink(join(outside.path, to), join(under.path, link))
      await expect(under.source.describe(never)).rejects.toMatchObject(damaged(`${link} is a link that leads out`))
    }
  })

  it('that are not of a dump do not matter', async () => {
    await using under = await dumpUnderTest({ 'users.bson': two })
    await symlink('/etc/passwd', join(under.path, 'notes.txt'))
    expect(countOf(await read(under, 'users'))).toBe(2)
  })

  it('may lead to it', async () => {
    await using under = await dumpUnderTest({ 'users.bson': two })
    await using folder = temporaryFolder()
    for (const [link, to] of [
      ['dump', under.path],
      ['users.bson', join(under.path, 'users.bson')],
    ] as const) {
      await symlink(to, join(folder.path, link))
      await using source = await openDumpSource(`bson:${folder.path}/${link}`)
      expect(countOf(await read({ source }, 'users'))).toBe(2)
    }
  })

  it('that come later are not followed', async () => {
    await using under = await dumpUnderTest({ 'users.bson': two })
    await under.source.describe(never)
    await rm(join(under.path, 'users.bson'))
    await symlink('/etc/passwd', join(under.path, 'users.bson'))
    await expect(under.source.count(all('users'), never)).rejects.toMatchObject({
      code: 'source-unreachable',
      message: expect.stringContaining('ELOOP') as unknown,
    })
  })
})

describe('what is no file', () => {
  it('is not waited for', async () => {
    await using under = await dumpUnderTest({ 'users.bson': two, 'folder.bson/readme': '' })
    execFileSync('mkfifo', [join(under.path, 'pipe.bson'), join(under.path, 'users.metadata.json')])
    expect((await under.source.describe(never)).map(({ name }) => name)).toEqual(['users'])
    await using pipe = await openDumpSource(`bson:${join(under.path, 'pipe.bson')}`)
    await expect(pipe.describe(never)).rejects.toMatchObject(damaged('neither a folder nor a file'))
  })
})

describe('a bomb', () => {
  it('of metadata is not unpacked', async () => {
    const bomb = gzipped(Buffer.alloc(65 * 1024 * 1024, 32))
    await using packed = await dumpUnderTest({ 'users.bson': one, 'users.metadata.json.gz': bomb })
    await expect(packed.source.describe(never)).rejects.toMatchObject(damaged('cannot be decompressed'))
    await using plain = await dumpUnderTest({ 'users.bson': one, 'users.metadata.json': '{}' })
    await truncate(join(plain.path, 'users.metadata.json'), 2 ** 40)
    await expect(plain.source.describe(never)).rejects.toMatchObject(damaged('1099511627776 bytes'))
  })

  it('of collections is not gone through', async () => {
    const head = archiveOf({}, [])
    const said = serialize({ db: 'shop', collection: 'c', metadata: ' '.repeat(16_000_000), size: 0, type: '' })
    // Of members that are unpacked one behind the other.
    const start = gzipped(head.subarray(0, head.length - 4))
    const member = gzipped(said)
    const archive = Buffer.concat([start, ...Array.from({ length: 1000 }, () => member)])
    await using under = await dumpUnderTest({ archive }, 'archive')
    await expect(under.source.describe(never)).rejects.toMatchObject(damaged('it says too much before its documents'))
  })

  it('of documents in documents is damage', async () => {
    const depth = 100_000
    const nested = Buffer.alloc(8 * depth + 5)
    for (let level = 0; level <= depth; level++) {
      nested.writeInt32LE(nested.length - 8 * level, 7 * level)
      if (level < depth) nested.write('\x03a\0', 7 * level + 4)
    }
    const head = archiveOf({}, [])
    const archive = Buffer.concat([head.subarray(0, head.length - 4), nested])
    await using under = await dumpUnderTest({ archive, 'users.bson': nested }, 'archive')
    await expect(under.source.describe(never)).rejects.toMatchObject(damaged('should name a collection'))
    const metadata = `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`
    await using described = await dumpUnderTest({ 'users.bson': one, 'users.metadata.json': metadata })
    await expect(described.source.describe(never)).rejects.toMatchObject(damaged('is no extended JSON'))
    // As a row it is somebody else's to judge.
    await using rows = await openDumpSource(`bson:${join(under.path, 'users.bson')}`)
    expect(countOf(await read({ source: rows }, 'users'))).toBe(1)
  })

  it('of rows is unpacked piece by piece', async () => {
    const document = serialize({ _id: 1, text: ' '.repeat(1_000_000) })
    const member = gzipped(Buffer.concat(Array.from({ length: 20 }, () => document)))
    await using under = await dumpUnderTest({
      'users.bson.gz': Buffer.concat(Array.from({ length: 10 }, () => member)),
    })
    const pool = plainPool()
    const options: ReadOptions = { firstSeq: 0, limits: { rows: 3, bytes: 1e9 }, pool }
    let rows = 0
    const partition = { id: 1, table: 'users', after: null, upTo: null }
    for await (const batch of under.source.read(all('users'), partition, options, never)) {
      rows += batch.rows
      if (batch.bytes.buffer instanceof ArrayBuffer) pool.give(batch.bytes.buffer)
    }
    expect(rows).toBe(200)
    expect(pool.out).toBe(0)
  })
})

describe('a key that is damaged', () => {
  it('matters to nobody here: a batch ends at a byte of the file', async () => {
    const poisoned = serialize({ _id: 'damaged' })
    poisoned[4] = 0x55 // no type of BSON
    await using under = await dumpUnderTest({
      'users.bson': Buffer.concat([one, poisoned, two]),
    })
    const options: ReadOptions = { firstSeq: 0, limits: { rows: 2, bytes: 1e9 }, pool: plainPool() }
    const partition = { id: 1, table: 'users', after: null, upTo: null }
    const batches = await batchesOf(under.source.read(all('users'), partition, options, never))
    expect(batches.map((batch) => batch.rows)).toEqual([2, 2])
    for (const { id, rows: count } of batches) expect(countOf(await read(under, 'users', id))).toBe(count)
  })
})

describe('a file that cannot be read for a moment', () => {
  const partition = { id: 1, table: 'users', after: null, upTo: null }
  const documents = Array.from({ length: 30 }, (_, _id) => serialize({ _id, text: 'x'.repeat(100_000) }))
  const bytes = Buffer.concat(documents)
  const expected = documents.map((document) => Buffer.from(document).toString('hex'))
  const quick = { ...defaultRetry, baseMs: 1, capMs: 1, maxRetries: 3 }
  const limits = { rows: 4, bytes: 1e9 }

  it.runIf(process.platform === 'linux')('is read again, within the policy', async () => {
    await using under = await dumpUnderTest({ 'users.bson': bytes })
    // Its first page is of no memory, so that reading fails with EIO.
    const file = { path: '/proc/self/mem', gzip: false, namespace: null }
    let heals = Infinity
    const onRetry = (): void => {
      if (--heals === 0) file.path = join(under.path, 'users.bson')
    }
    const options: ReadOptions = { firstSeq: 0, limits, pool: plainPool(), retry: quick, onRetry }
    const reading = batchesOf(readBatches(file, partition, options, never))
    const error: unknown = await reading.catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'EIO' })
    expect(classifyFault(error)).toBe('transient')
    heals = 3
    expect(rowsOf(await batchesOf(readBatches(file, partition, options, never)))).toEqual(expected)
  })

  it.each(['plain', 'compressed'])('is taken up behind the last row: %s', async (kind) => {
    const content = kind === 'plain' ? bytes : gzipped(bytes)
    const name = kind === 'plain' ? 'users.bson' : 'users.bson.gz'
    const cut = Math.floor(content.length / 2) + 10
    await using under = await dumpUnderTest({ [name]: content.subarray(0, cut) })
    let retries = 0
    const pool = plainPool()
    const options: ReadOptions = {
      firstSeq: 0,
      limits,
      pool,
      // Here a file that is cut short may be one that is still being copied.
      retry: { ...quick, baseMs: 100, capMs: 100, retries: ['fatal'] },
      onRetry: () => {
        if (retries++ === 0) void appendFile(join(under.path, name), content.subarray(cut))
      },
    }
    const batches = await batchesOf(under.source.read(all('users'), partition, options, never))
    expect(retries).toBeGreaterThan(0)
    expect(rowsOf(batches)).toEqual(expected)
    expect(pool.out).toBe(batches.length)
  })
})
