import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { MongoClient } from 'mongodb'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { ServerOptions } from '../../src/devkit/servers/local-server.ts'
import { startMongo } from '../../src/devkit/servers/mongo.ts'
import { startPostgres } from '../../src/devkit/servers/postgres.ts'

/** Bounds a wait for something that has to happen; it normally takes a second. */
const patience = { timeout: 30_000, interval: 20 }

const notices: string[] = []
let folder: string
let options: ServerOptions

beforeEach(async () => {
  // Servers of other tests have their folders in the usual place: this one is empty before and after.
  folder = await mkdtemp(join(tmpdir(), 'drover-servers-'))
  await chmod(folder, 0o755)
  vi.stubEnv('TMPDIR', folder)
  notices.length = 0
  options = { environment: process.env, allowDocker: false, onNotice: (line) => notices.push(line) }
})

afterEach(async () => {
  vi.unstubAllEnvs()
  await rm(folder, { recursive: true, force: true })
})

describe('a local PostgreSQL', () => {
  it('is durable, takes settings, wants its password, and leaves nothing when it is disposed', async () => {
    await using server = await startPostgres({ ...options, settings: { max_connections: '17' } })
    expect(server).toMatchObject({ origin: 'packaged', version: expect.stringMatching(/^\d+\.\d+/) })
    const settings = await queryPostgres(
      server.url,
      `select name, setting from pg_settings where name in
         ('fsync', 'synchronous_commit', 'max_connections', 'listen_addresses', 'server_encoding', 'unix_socket_directories')`,
    )
    expect(Object.fromEntries(settings.map(({ name, setting }) => [name, setting]))).toEqual({
      fsync: 'on',
      synchronous_commit: 'on',
      max_connections: '17',
      listen_addresses: '127.0.0.1',
      server_encoding: 'UTF8',
      unix_socket_directories: '',
    })
    expect(await queryPostgres(server.url, `select upper('é') as letter, 'Z' < 'a' as bytewise`)).toEqual([
      { letter: 'É', bytewise: true },
    ])
    const stranger = new URL(server.url)
    stranger.password = 'guessed'
    await expect(queryPostgres(stranger.href, 'select 1')).rejects.toThrow('password authentication failed')

    // By its address it is used as it is, and not stopped.
    const guest = await startPostgres({ ...options, address: server.url })
    expect(guest).toMatchObject({ origin: 'address', url: server.url, version: server.version })
    await guest[Symbol.asyncDispose]()
    expect(await queryPostgres(server.url, 'select 1 as one')).toEqual([{ one: 1 }])

    const { pid, data } = await locatePostgres(server.url)
    expect(isAlive(pid)).toBe(true)
    expect(dirname(dirname(data))).toBe(folder)
    await Promise.all([server[Symbol.asyncDispose](), server[Symbol.asyncDispose]()])
    await server[Symbol.asyncDispose]()
    expect(isAlive(pid)).toBe(false)
    expect(await readdir(folder)).toEqual([])
  })

  it('shows what a server says that refuses to start', async () => {
    const start = startPostgres({ ...options, settings: { max_connections: 'many' } })
    await expect(start).rejects.toMatchObject({
      code: 'no-local-server',
      message: expect.stringContaining('invalid value for parameter "max_connections": "many"'),
    })
    expect(await readdir(folder)).toEqual([])
  })
})

describe('a local MongoDB', () => {
  it('is the primary of a replica set, has change streams, and leaves nothing when it is disposed', async () => {
    await using server = await startMongo(options)
    expect(server).toMatchObject({ origin: 'packaged', version: expect.stringMatching(/^\d+\.\d+/) })
    {
      await using client = new MongoClient(server.url)
      expect(await client.db('admin').command({ hello: 1 })).toMatchObject({
        setName: 'drover',
        isWritablePrimary: true,
      })
      const users = client.db('shop').collection<{ _id: number }>('users')
      await using changes = users.watch()
      const next = changes.next()
      // The stream starts with the first read, which nobody is told about: until it reports, write again.
      let id = 0
      const change = await vi.waitFor(async () => {
        await users.insertOne({ _id: id++ })
        return Promise.race([next, Promise.reject(new Error('nothing yet'))])
      }, patience)
      expect(change).toMatchObject({ operationType: 'insert' })
    }

    const { pid, data } = await locateMongo(server.url)
    expect(isAlive(pid)).toBe(true)
    expect(dirname(data)).toBe(folder)
    await Promise.all([server[Symbol.asyncDispose](), server[Symbol.asyncDispose]()])
    expect(isAlive(pid)).toBe(false)
    expect(await readdir(folder)).toEqual([])
  })

  it('says what was tried when there is none', async () => {
    const environment = { PATH: '', HOME: folder, MONGOMS_RUNTIME_DOWNLOAD: 'false', MONGOMS_VERSION: '0.0.1' }
    await expect(startMongo({ ...options, environment })).rejects.toMatchObject({
      code: 'no-local-server',
      message: expect.stringMatching(/the PATH: .*the cache: .*mongodb-memory-server-core: .*the wheel: .*python3/s),
      hint: expect.stringContaining('install mongod'),
    })
    expect(notices.join()).toContain(join(folder, '.cache', 'drover'))
    expect(await readdir(join(folder, '.cache', 'drover'))).toEqual([])
  })
})

describe('an abort', () => {
  it.each([
    ['PostgreSQL', startPostgres],
    ['MongoDB', startMongo],
  ])('ends the start of %s with its reason and leaves nothing', async (_name, startServer) => {
    const stop = new AbortController()
    const reason = new Error('the user has changed their mind')
    const { promise: starting, resolve } = Promise.withResolvers<void>()
    const onNotice = (line: string): void => void (line.startsWith('Starting') && resolve())
    const start = startServer({ ...options, onNotice, signal: stop.signal })
    // The watchdog makes the server's folder soon after that line.
    await Promise.race([start, starting.then(() => vi.waitFor(folderIsUsed, patience))])
    stop.abort(reason)
    await expect(start).rejects.toBe(reason)
    expect(await readdir(folder)).toEqual([])
  })
})

describe('an abort of a start that would never end', () => {
  it('ends it', async () => {
    const stop = new AbortController()
    // The line that says that the server is ready is a LOG line, which this leaves out.
    const settings = { log_min_messages: 'fatal' }
    const start = startPostgres({ ...options, settings, signal: stop.signal })
    const isReady = async (): Promise<void> => {
      const [name] = await readdir(folder)
      expect(await readFile(join(folder, name ?? '', 'data', 'postmaster.pid'), 'utf8')).toContain('ready')
    }
    await Promise.race([start, vi.waitFor(isReady, patience)])
    stop.abort(new Error('enough'))
    await expect(start).rejects.toThrow('enough')
    expect(await readdir(folder)).toEqual([])
  }, 30_000)
})

describe('an address', () => {
  it.each([
    ['PostgreSQL', startPostgres, 'postgres://ann:s3cret@127.0.0.1:1/shop?password=s3cret'],
    ['MongoDB', startMongo, 'mongodb://ann:s3cret@127.0.0.1:1/shop?serverSelectionTimeoutMS=200'],
  ])('of %s that does not answer is refused without its password', async (system, start, address) => {
    const error = await start({ ...options, address }).then(
      () => null,
      (reason: unknown) => reason,
    )
    expect(error).toMatchObject({
      code: 'no-local-server',
      message: expect.stringContaining(
        `${system} at ${system === 'MongoDB' ? 'mongodb' : 'postgres'}://127.0.0.1:1/shop `,
      ),
    })
    expect(String(error)).not.toContain('s3cret')
  })
})

describe('servers of a process that does not stop them', () => {
  it.each([
    ['SIGKILL', ['postgres']],
    ['SIGINT', ['postgres', 'mongo']],
    ['its own end', ['mongo']],
  ] as const)('are stopped after %s (%j)', async (end, systems) => {
    const script = fileURLToPath(new URL('../support/hold-servers.ts', import.meta.url))
    const holder = spawn(process.execPath, [script, ...systems], {
      stdio: ['pipe', 'pipe', 'inherit'],
      // A group of its own, to be signalled as a terminal does it: the whole group at once.
      detached: true,
    })
    const [line] = (await once(createInterface({ input: holder.stdout }), 'line')) as [string]
    const urls = JSON.parse(line) as { readonly postgres?: string; readonly mongo?: string }
    const found = [
      ...(urls.postgres === undefined ? [] : [await locatePostgres(urls.postgres)]),
      ...(urls.mongo === undefined ? [] : [await locateMongo(urls.mongo)]),
    ]
    const pids = found.map(({ pid }) => pid)
    expect(pids).toHaveLength(systems.length)
    const watchdogs = await Promise.all(pids.map(parentOf))
    expect([...pids, ...watchdogs].every(isAlive)).toBe(true)
    expect(await readdir(folder)).toHaveLength(systems.length)

    if (end === 'its own end') holder.stdin.end('now')
    else process.kill(-(holder.pid ?? 0), end)
    const [code, signal] = (await once(holder, 'exit')) as [number | null, NodeJS.Signals | null]
    expect(end === 'its own end' ? code : signal).toBe(end === 'its own end' ? 0 : end)

    await vi.waitFor(() => expect([...pids, ...watchdogs].filter(isAlive)).toEqual([]), patience)
    expect(await readdir(folder)).toEqual([])
  })

  it('are stopped by us when their watchdog is killed', async () => {
    await using server = await startPostgres(options)
    const { pid } = await locatePostgres(server.url)
    process.kill(await parentOf(pid), 'SIGKILL')
    await vi.waitFor(async () => expect([isAlive(pid), await readdir(folder)]).toEqual([false, []]), patience)
  })
})

async function folderIsUsed(): Promise<void> {
  expect(await readdir(folder)).toHaveLength(1)
}

async function queryPostgres(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url })
  try {
    await client.connect()
    return (await client.query<Record<string, unknown>>(sql)).rows
  } finally {
    await client.end()
  }
}

interface Place {
  readonly pid: number
  readonly data: string
}

async function locatePostgres(url: string): Promise<Place> {
  const [row] = await queryPostgres(url, 'show data_directory')
  const data = String(row?.data_directory)
  return { data, pid: Number.parseInt(await readFile(join(data, 'postmaster.pid'), 'utf8'), 10) }
}

async function locateMongo(url: string): Promise<Place> {
  await using client = new MongoClient(url)
  const admin = client.db('admin')
  const { pid } = await admin.command({ serverStatus: 1 })
  const { parsed } = await admin.command({ getCmdLineOpts: 1 })
  return { pid: Number(pid), data: (parsed as { storage: { dbPath: string } }).storage.dbPath }
}

async function parentOf(pid: number): Promise<number> {
  const { stdout } = await promisify(execFile)('ps', ['-o', 'ppid=', '-p', String(pid)])
  return Number(stdout)
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
