import { Socket } from 'node:net'
import pg from 'pg'
import { DroverError } from '../../core/errors.ts'
import { addressName, type Address, type Encryption, type Environment } from './address.ts'
import { codeOf } from './errors.ts'
import { passwordFromFile } from './password-file.ts'

/** Ends a wait for a lock, in a claim or in DDL, so that a stalled session of another run shows as a fault. */
const lockTimeout = '30s'
/** Ends the transaction of a worker that was paused, so that its batch can be given to another. */
const idleInTransactionTimeout = '60s'
/** How often the server looks, within a statement, whether its client is still there (PostgreSQL 14 and later). */
const connectionCheckInterval = '500ms'
/** When the system starts to probe a silent connection. */
const keepAliveMs = 10_000

/** How long a server may take to take leave; a connection that has gone silent never does. */
const goodbyeMs = 2000

/**
 * What every session has, whatever role, database or server say: nothing may depend on a time zone, a claim has
 * to see what it waited for (read committed), and a policy must not hide rows from a count. The search path stays as it
 * is: drover names every schema, and triggers on the user's tables may not.
 */
const settings: readonly (readonly [name: string, setting: string])[] = [
  ['TimeZone', 'UTC'],
  ['DateStyle', 'ISO'],
  ['client_encoding', 'UTF8'],
  ['standard_conforming_strings', 'on'],
  ['bytea_output', 'hex'],
  ['extra_float_digits', '3'],
  ['row_security', 'off'],
  ['default_transaction_isolation', 'read committed'],
  ['statement_timeout', '0'],
  ['lock_timeout', lockTimeout],
  ['idle_in_transaction_session_timeout', idleInTransactionTimeout],
  ['idle_session_timeout', '0'],
]

/** Settings the server does not know, being older, are left out by the join. */
const configure = `
  select set_config(s.name, s.setting, false)
  from unnest($1::text[], $2::text[]) as s (name, setting)
  join pg_catalog.pg_settings known on known.name = s.name`

/** The target decides how durable a commit is, but a committed entry must never vanish in a crash. */
const neverAsynchronous = `
  select set_config('synchronous_commit', 'on', false)
  where current_setting('synchronous_commit') = 'off'`

const checkConnection = `
  select set_config('client_connection_check_interval', $1, false)
  from pg_catalog.pg_settings
  where name = 'client_connection_check_interval'`

/** One connection, ready for queries one after the other. Disposing ends it; the server rolls back what is open. */
export class Session implements AsyncDisposable {
  readonly client: pg.Client
  readonly #socket: Socket
  readonly #lost = new AbortController()
  #ending = false

  constructor(client: pg.Client, socket: Socket) {
    this.client = client
    this.#socket = socket
    // A server that ends an idle session says so in an event, not in an answer; without a listener the process dies.
    client.on('error', (error) => this.#lose(error))
    client.on('end', () => this.#lose(new Error('the connection has ended')))
  }

  /** Aborted, with the reason, when the connection ends without being asked to. */
  get lost(): AbortSignal {
    return this.#lost.signal
  }

  /** May be given another query. */
  get usable(): boolean {
    return !this.#ending && !this.#lost.signal.aborted
  }

  async query<R extends pg.QueryResultRow>(text: string, values: readonly unknown[] = []): Promise<pg.QueryResult<R>> {
    return this.client.query<R, unknown[]>(text, [...values])
  }

  /** Several statements without parameters, in one round trip. */
  async run(sql: string): Promise<void> {
    await this.client.query(sql)
  }

  /** Ends the connection at once, in the middle of whatever it does. */
  destroy(): void {
    this.#ending = true
    this.#socket.destroy()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.usable) return this.destroy()
    this.#ending = true
    const timer = setTimeout(() => this.#socket.destroy(), goodbyeMs)
    await this.client.end()
    clearTimeout(timer)
  }

  #lose(reason: Error): void {
    if (!this.#ending) this.#lost.abort(reason)
  }
}

/**
 * Opens a session. Throws `target-unreachable` or `target-login-refused`, with the driver's error as its cause, or the
 * signal's reason.
 */
export async function connect(address: Address, environment: Environment, signal: AbortSignal): Promise<Session> {
  const [first, ...others] = address.encryption
  if (first === undefined) throw new DroverError('unexpected', 'no way of encryption is allowed')
  try {
    return await open(address, first, environment, signal)
  } catch (error) {
    signal.throwIfAborted()
    if (others.length > 0 && isAboutEncryption(error)) {
      return connect({ ...address, encryption: others }, environment, signal)
    }
    throw connectError(error, address)
  }
}

async function open(
  address: Address,
  encryption: Encryption,
  environment: Environment,
  signal: AbortSignal,
): Promise<Session> {
  signal.throwIfAborted()
  const socket = new Socket()
  const client = new pg.Client({
    host: address.host,
    port: address.port,
    user: address.user,
    database: address.database,
    // Asked for only where the server wants one. Never undefined: the driver would look for one itself.
    password: async () => address.password ?? (await passwordFromFile(address, environment)) ?? '',
    ssl: encryption,
    sslnegotiation: address.directTls && encryption !== false ? 'direct' : 'postgres',
    application_name: address.applicationName,
    options: address.options ?? undefined,
    connectionTimeoutMillis: address.connectTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: keepAliveMs,
    stream: () => socket,
  })
  const session = new Session(client, socket)
  const abort = (): void => session.destroy()
  signal.addEventListener('abort', abort)
  try {
    await client.connect()
    await prepare(session)
    return session
  } catch (error) {
    session.destroy()
    throw error
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

async function prepare(session: Session): Promise<void> {
  await session.query(configure, [settings.map(([name]) => name), settings.map(([, setting]) => setting)])
  await session.run(neverAsynchronous)
  try {
    await session.query(checkConnection, [connectionCheckInterval])
  } catch (error) {
    // Servers on some systems know the setting and cannot do it; a lost client then shows later, by keep-alive.
    if (codeOf(error) !== '22023') throw error
  }
}

/** The server does not encrypt, or has a rule for the other way only. */
function isAboutEncryption(error: unknown): boolean {
  return codeOf(error) === '28000' || (error instanceof Error && /does not support SSL/.test(error.message))
}

function connectError(error: unknown, address: Address): Error {
  if (error instanceof DroverError || !(error instanceof Error)) {
    return error instanceof Error ? error : new Error(String(error))
  }
  const code = codeOf(error)
  const name = addressName(address)
  const message = withoutPassword(error.message || (code ?? error.name), address)
  const refused = code === '3D000' || code?.startsWith('28') === true || error.message.startsWith('SASL')
  if (refused) {
    return new DroverError('target-login-refused', `${name} refuses the login: ${message}`, {
      hint: hintOfRefusal(code, address),
      cause: error,
    })
  }
  return new DroverError('target-unreachable', `${name} cannot be reached: ${message}`, {
    hint: hintOfFailure(code, message),
    cause: error,
  })
}

function hintOfFailure(code: string | null, message: string): string {
  if (code === '53300') return 'use fewer --workers, or raise the limit on connections'
  if (code === '57P03') return 'wait until the server has started'
  if (/cert|self.signed|altname/i.test(`${code} ${message}`)) return 'name the authority with sslrootcert=FILE'
  return 'check host and port, and that the server runs and is not shielded'
}

function hintOfRefusal(code: string | null, address: Address): string {
  if (code === '3D000') return `create the database: createdb ${JSON.stringify(address.database)}`
  if (code === '28000') return 'let pg_hba.conf allow this user from here; a server may also ask for sslmode=require'
  return 'check user and password; the password may also be in PGPASSWORD or in the file .pgpass'
}

/** Servers do not repeat passwords; this is for what sits between. Left alone where it could be the user's name. */
function withoutPassword(message: string, address: Address): string {
  const { password } = address
  if (password === null || addressName(address).includes(password)) return message
  return message.replaceAll(password, '***').replaceAll(encodeURIComponent(password), '***')
}
