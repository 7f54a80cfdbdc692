import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chown, mkdir, rm, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import pg from 'pg'
import { findPostgres } from '../../../src/devkit/servers/postgres-binaries.ts'

const run = promisify(execFile)

/** A PostgreSQL that a test may stop, kill and start again on the same data and port. */
export interface OwnPostgres extends AsyncDisposable {
  readonly url: string
  /** `fast` ends sessions with word, `immediate` and `kill` without. Waits for the end. */
  stop(how: 'fast' | 'immediate' | 'kill'): Promise<void>
  /** Waits until it takes connections. With `limited` unsaid or true, the limits of the beginning hold again. */
  start(limited?: boolean): Promise<void>
  query(sql: string): Promise<readonly Record<string, unknown>[]>
  /** Of the process that leads. */
  pid(): number
}

export interface OwnPostgresOptions {
  readonly settings?: Readonly<Record<string, string>> | undefined
  /** A folder that exists, for the data; otherwise one of its own, which goes with the server. */
  readonly folder?: string | undefined
  /** No file of the server's may grow beyond, whatever room the disk has. */
  readonly maxFileBytes?: number | undefined
}

const START_TRIES = 50
const RETRY_MS = 50

const stopSignals = { fast: 'SIGINT', immediate: 'SIGQUIT', kill: 'SIGKILL' } as const

/** `fsync` is off: whatever ends the server here leaves the machine running. */
export async function ownPostgres(options: OwnPostgresOptions = {}): Promise<OwnPostgres> {
  const user = await serverUser()
  const binaries = await findPostgres(user, { environment: process.env, onNotice: () => undefined })
  const folder = options.folder ?? join(tmpdir(), `drover-chaos-${randomBytes(8).toString('hex')}`)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const data = join(folder, 'data')
  const password = randomBytes(12).toString('hex')
  const passwordFile = join(folder, 'password')
  await writeFile(passwordFile, password)
  for (const path of [folder, passwordFile]) if (user !== null) await chown(path, user.uid, user.gid)
  const identity = user === null ? {} : { uid: user.uid, gid: user.gid }
  const flags = ['--username=postgres', '--auth=scram-sha-256', '--encoding=UTF8', '--locale=C', '--no-sync']
  await run(binaries.initdb, [`--pgdata=${data}`, `--pwfile=${passwordFile}`, ...flags], { ...identity, cwd: '/' })
  const port = await freePort()
  const url = `postgres://postgres:${password}@127.0.0.1:${port}/postgres`
  const settings = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    port: String(port),
    fsync: 'off',
    max_wal_size: '128MB',
    ...options.settings,
  }
  const args = ['-D', data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])]
  const limits = options.maxFileBytes === undefined ? [] : ['prlimit', `--fsize=${options.maxFileBytes}`]
  let server: ChildProcess | null = null
  const stop = async (how: keyof typeof stopSignals): Promise<void> => {
    if (server === null || server.exitCode !== null || server.signalCode !== null) return
    const ended = once(server, 'exit')
    server.kill(stopSignals[how])
    await ended
    server = null
  }
  const start = async (limited = true): Promise<void> => {
    const [file = '', ...all] = [...(limited ? limits : []), binaries.postgres, ...args]
    // After a kill, its children hold the shared memory for a moment.
    for (let tries = 0; tries < START_TRIES; tries++) {
      server = spawn(file, all, { ...identity, cwd: '/', stdio: 'ignore' })
      if (await answers(server, url)) return
      await pause(RETRY_MS)
    }
    throw new Error('PostgreSQL does not start')
  }
  // A test run that is ended in the middle leaves no server behind.
  const leave = (): void => void server?.kill('SIGKILL')
  process.once('exit', leave)
  await start()
  return {
    url,
    stop,
    start,
    query: (sql) => queryAt(url, sql),
    pid: () => server?.pid ?? 0,
    [Symbol.asyncDispose]: async () => {
      process.off('exit', leave)
      await stop('immediate')
      await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
    },
  }
}

export async function queryAt(url: string, sql: string): Promise<readonly Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5000 })
  client.on('error', () => undefined)
  try {
    await client.connect()
    return (await client.query<Record<string, unknown>>(sql)).rows
  } finally {
    await client.end()
  }
}

/** False: it has ended before it answered. */
async function answers(server: ChildProcess, url: string): Promise<boolean> {
  while (server.exitCode === null && server.signalCode === null) {
    try {
      await queryAt(url, 'select 1')
      return true
    } catch {
      await pause(RETRY_MS)
    }
  }
  return false
}

/** PostgreSQL refuses to run as root. */
async function serverUser(): Promise<{ readonly uid: number; readonly gid: number } | null> {
  if (process.getuid?.() !== 0) return null
  for (const name of ['postgres', 'nobody']) {
    try {
      const [uid, gid] = await Promise.all(
        ['-u', '-g'].map(async (flag) => Number((await run('id', [flag, name])).stdout)),
      )
      if (uid !== undefined && gid !== undefined) return { uid, gid }
    } catch {
      // There is no such user; the next.
    }
  }
  throw new Error('no user to run PostgreSQL as')
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  probe.close()
  await once(probe, 'close')
  return port
}
