import { deserialize, serialize } from 'bson'
import { MongoClient, type Document } from 'mongodb'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ReadOptions, Source } from '../../../src/connectors/contract.ts'
import type { Selection } from '../../../src/connectors/planned-table.ts'
import { openMongoSource } from '../../../src/connectors/mongodb/connect.ts'
import { codeOf } from '../../../src/connectors/mongodb/errors.ts'
import { defaultRetry, type RetryPolicy } from '../../../src/core/retry.ts'
import type { LocalServer } from '../../../src/devkit/servers/local-server.ts'
import { startMongo } from '../../../src/devkit/servers/mongo.ts'
import type { Batch } from '../../../src/core/batch.ts'
import { plainPool, readRange, rowsOf } from '../../contract/source.ts'
import { insertRaw } from '../../support/insert-raw.ts'
import { toxicProxy } from '../../support/chaos/proxy.ts'
import { lossyProxy } from '../../support/lossy-proxy.ts'
import { mongoUnderTest, type MongoUnderTest } from './mongo-under-test.ts'

const never = new AbortController().signal
const selection: Selection = { table: 'users', where: null, fields: null, limit: null }
const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index)

/** The driver watches a server this often and this long, so that a test sees in seconds what takes half a minute. */
const quickWatch = { heartbeatFrequencyMS: '500', connectTimeoutMS: '500', serverSelectionTimeoutMS: '1000' }

function watched(url: string): string {
  const [address = '', query] = url.split('?', 2)
  const options = new URLSearchParams({ ...Object.fromEntries(new URLSearchParams(query)), ...quickWatch })
  options.delete('replicaSet')
  options.set('directConnection', 'true')
  return `${address}?${options.toString()}`
}

async function insertUsers({ db }: Pick<MongoUnderTest, 'db'>, rows: number): Promise<void> {
  const pad = 'x'.repeat(2000)
  await db.collection('users').insertMany(numbers(rows).map((n) => ({ _id: n as never, pad })))
}

interface Reading {
  readonly ids: readonly unknown[]
  /** Failures after which it went on. */
  readonly retried: readonly unknown[]
}

/** Reads all users in batches of 500. */
async function readUsers(
  source: Source,
  on: { readonly batch?: (seq: number) => Promise<void> | void; readonly retry?: () => Promise<void> | void } = {},
  retry?: RetryPolicy,
): Promise<Reading> {
  const ids: unknown[] = []
  const retried: unknown[] = []
  const options: ReadOptions = {
    firstSeq: 0,
    limits: { rows: 500, bytes: Infinity },
    pool: plainPool(),
    retry,
    onRetry: (error) => {
      retried.push(error)
      void on.retry?.()
    },
  }
  const partition = { id: 1, table: 'users', after: null, upTo: null }
  for await (const { id, rows, bytes, offsets } of source.read(selection, partition, options, never)) {
    for (let row = 0; row < rows; row++) {
      const document: Document = deserialize(bytes.subarray(offsets[row], offsets[row + 1]))
      ids.push(document['_id'])
    }
    await on.batch?.(id.seq)
  }
  return { ids, retried }
}

describe('a network that fails while rows are read', () => {
  let under: MongoUnderTest
  beforeAll(async () => {
    under = await mongoUnderTest()
    await insertUsers(under, 5000)
  })
  afterAll(() => under[Symbol.asyncDispose]())

  it.each(['black-hole', 'half-open'] as const)('%s: the silence is noticed, and the read goes on', async (kind) => {
    await using proxy = await toxicProxy(under.url)
    await using source = await openMongoSource(watched(proxy.url))
    const { ids, retried } = await readUsers(source, {
      batch: (seq) => {
        if (seq === 2) proxy.set({ kind })
      },
      retry: () => proxy.set(null),
    })
    expect(ids).toEqual(numbers(5000))
    expect(retried.length).toBeGreaterThan(0)
    expect(proxy.struck).toBeGreaterThan(0)
  })

  it('is given up when the budget is spent, and could be tried again', async () => {
    await using proxy = await toxicProxy(under.url)
    await using source = await openMongoSource(watched(proxy.url))
    const reading = readUsers(
      source,
      { batch: (seq) => void (seq === 2 && proxy.set({ kind: 'black-hole' })) },
      { ...defaultRetry, maxRetries: 1 },
    )
    const error: unknown = await reading.catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'source-failed' })
    expect(source.classify(error)).toBe('transient')
  })

  it('is not confused with a server that takes its time', async () => {
    await using proxy = await lossyProxy(under.url)
    await using source = await openMongoSource(watched(proxy.url))
    // Three times as long as a server may be silent that is watched.
    const { ids, retried } = await readUsers(source, {
      batch: (seq) => {
        if (seq === 2) proxy.holdAnswerTo('getMore', 3000)
      },
    })
    expect(ids).toEqual(numbers(5000))
    expect(retried).toEqual([])
    expect(proxy.held).toBe(1)
  })
})

describe('keys that the driver cannot send', () => {
  /** A document with a key of text that is no UTF-8, between those of `a${n}` and `a${n + 1}`. */
  const unsendable = (n: number): Uint8Array => {
    const document = Buffer.from(serialize({ _id: `${keyOf(n)}x`, pad: 'x'.repeat(2000) }))
    document[document.indexOf('x', 4)] = 0xff
    return document
  }
  const keyOf = (n: number): string => `a${String(n).padStart(5, '0')}`

  it('are never the bound of a batch, and a lost cursor is opened again behind another', async () => {
    await using under = await mongoUnderTest()
    const users = under.db.collection('users')
    const sendable = numbers(1000).map((n) => ({ _id: keyOf(n) as never, pad: 'x'.repeat(2000) }))
    await users.insertMany(sendable)
    // Three of five, some of them one behind the other, and one at the end.
    const poisoned = numbers(1000).filter((n) => n % 5 !== 1 && n % 5 !== 3)
    await insertRaw(under.db, 'users', poisoned.map(unsendable))
    await using proxy = await lossyProxy(under.url)
    await using source = await openMongoSource(watched(proxy.url))
    const table = 'users'
    const batches = await readRange({ source, table }, { after: null, upTo: null }, { rows: 1, bytes: Infinity })
    expect(batches.reduce((sum, { rows }) => sum + rows, 0)).toBe(1600)
    expect(Math.max(...batches.map(({ rows }) => rows))).toBeLessThanOrEqual(4)
    const rows = rowsOf(batches)
    const again: string[] = []
    for (const { id } of batches.slice(0, 50)) {
      again.push(...rowsOf(await readRange({ source, table }, id, { rows: Infinity, bytes: Infinity })))
    }
    expect(again).toEqual(rows.slice(0, again.length))
    const options = { firstSeq: 0, limits: { rows: 100, bytes: Infinity }, pool: plainPool() }
    const partition = { id: 1, table, after: null, upTo: null }
    const read: Batch[] = []
    for await (const batch of source.read(selection, partition, options, never)) {
      read.push(batch)
      if (batch.id.seq % 2 === 0) proxy.cutAnswerTo('getMore')
    }
    expect(proxy.cuts).toBeGreaterThan(1)
    expect(rowsOf(read)).toEqual(rows)
  })
})

describe('a server that fails while rows are read', () => {
  let server: LocalServer
  let client: MongoClient
  beforeAll(async () => {
    const settings = { setParameter: 'enableTestCommands=1' }
    server = await startMongo({ environment: process.env, allowDocker: false, settings, onNotice: () => undefined })
    client = await new MongoClient(server.url).connect()
    await insertUsers({ db: client.db('shop') }, 5000)
  }, 60_000)
  afterAll(async () => {
    await client.close()
    await server[Symbol.asyncDispose]()
  })

  /** The server fails the next commands of that name with the error. */
  async function failNext(command: string, times: number, failure: Document): Promise<void> {
    const data = { failCommands: [command], appName: 'drover', ...failure }
    await client.db('admin').command({ configureFailPoint: 'failCommand', mode: { times }, data })
  }

  const open = (): Promise<Source> => openMongoSource(server.url.replace('/?', '/shop?'))

  it.each([43, 91, 189, 262, 10107, 11600, 11602, 13435])('goes on after error %i', async (errorCode) => {
    await using source = await open()
    const { ids, retried } = await readUsers(source, {
      batch: async (seq) => {
        if (seq === 2) await failNext('getMore', 1, { errorCode })
      },
    })
    expect(ids).toEqual(numbers(5000))
    expect(retried.map(codeOf)).toEqual([errorCode])
  })

  it('goes on when it closes the connection, and is asked nothing at first', async () => {
    await using source = await open()
    await failNext('listCollections', 3, { closeConnection: true })
    const { ids, retried } = await readUsers(source, {
      batch: async (seq) => {
        if (seq === 2) await failNext('getMore', 1, { closeConnection: true })
      },
    })
    expect(ids).toEqual(numbers(5000))
    expect(retried.length).toBeGreaterThan(1)
  })

  it('goes on after it has stepped down', async () => {
    await using source = await open()
    const { ids, retried } = await readUsers(source, {
      batch: async (seq) => {
        if (seq !== 2) return
        await failNext('getMore', 1, { errorCode: 11602 })
        await client.db('admin').command({ replSetStepDown: 1, force: true })
      },
    })
    expect(ids).toEqual(numbers(5000))
    expect(retried.length).toBeGreaterThan(0)
  })

  it('begins a view again of which no row has come', async () => {
    await client.db('shop').createCollection('adults', { viewOn: 'users', pipeline: [] })
    await using source = await open()
    await source.describe(never)
    // The driver itself tries once more.
    await failNext('find', 2, { errorCode: 11602 })
    let rows = 0
    const partition = { id: 1, table: 'adults', after: null, upTo: null }
    const options = { firstSeq: 0, limits: { rows: 9999, bytes: Infinity }, pool: plainPool() }
    for await (const batch of source.read({ ...selection, table: 'adults' }, partition, options, never)) {
      rows += batch.rows
    }
    expect(rows).toBe(5000)
  })

  it.each([286, 13, 2, 50])('ends with error %i', async (errorCode) => {
    await using source = await open()
    const reading = readUsers(source, {
      batch: async (seq) => {
        if (seq === 2) await failNext('getMore', 1, { errorCode })
      },
    })
    const error: unknown = await reading.catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ name: 'DroverError', cause: { code: errorCode } })
    expect(source.classify(error)).toBe('fatal')
  })

  it('has its budget anew whenever rows have come', async () => {
    await using source = await open()
    let failed = 0
    const { ids, retried } = await readUsers(
      source,
      {
        batch: async (seq) => {
          if (seq % 2 === 1 && failed++ < 4) await failNext('getMore', 1, { errorCode: 43 })
        },
      },
      { ...defaultRetry, maxRetries: 1 },
    )
    expect(ids).toEqual(numbers(5000))
    expect(retried.length).toBeGreaterThan(2)
  })
})
