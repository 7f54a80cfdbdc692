import { Socket } from 'node:net'
import pg from 'pg'
import { DroverError } from '../../core/errors.ts'
import { addressName, type Address, type Encryption, type Environment } from './address.ts'
import { codeOf, hintOfSystem, isWithoutTls } from './errors.ts'
import { passwordFromFile } from './password-file.ts'
import { Session } from './session.ts'
import type { Activity } from './silence.ts'

/** Ends a wait for a lock, in a claim or in DDL, so that a stalled session of another run shows as a fault. */
const lockTimeout = '30s'
/** Ends the transaction of a worker that was paused, so that its batch can be given to another. */
const idleInTransactionTimeout = '60s'
/** How often the server looks, within a statement, whether its client is still there (PostgreSQL 14 and later). */
const connectionCheckInterval = '500ms'
/** When the system starts to probe a silent connection. */
const keepAliveMs = 10_000

/**
 * What every session has, whatever role, database or server say: nothing may depend on a time zone, a claim has
 * to see what it waited for (read committed), and a policy must not hide rows from a count. The search path stays as it
 * is: drover names every schema, and triggers on the user's tables may not.
 */
const settings: readonly (readonly [name: string, setting: string])[] = [
  ['TimeZone', 'UTC'],
  ['DateStyle', 'ISO'],
  ['IntervalStyle', 'postgres'],
  ['lc_monetary', 'C'],
  ['xmloption', 'content'],
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

/**
 * Settings the server does not know, being older, are left out by the join. The target decides how durable a commit is,
 * but a committed entry must never vanish in a crash. With a lock, the session holds it in share mode from here on.
 *
 * Here and below everything has its schema, operators and types too: whoever may make functions in a schema of the search
 * path could have drover call them, because they are taken where they fit better than the server's own
 * (https://www.postgresql.org/docs/current/typeconv-func.html).
 */
const configure = `
  select pg_catalog.pg_backend_pid() as pid,
    (select pg_catalog.to_json(backend_start) operator(pg_catalog.#>>) '{}'::pg_catalog.text[]
      from pg_catalog.pg_stat_activity where pid operator(pg_catalog.=) pg_catalog.pg_backend_pid()) as began,
    (select pg_catalog.count(pg_catalog.set_config(s.name, s.setting, false))
      from rows from (pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.text[])) as s (name, setting)
      join pg_catalog.pg_settings known on known.name operator(pg_catalog.=) s.name) as configured,
    (select pg_catalog.set_config('synchronous_commit', 'on', false)
      where pg_catalog.current_setting('synchronous_commit') operator(pg_catalog.=) 'off') as durable,
    (select pg_catalog.pg_advisory_lock_shared(pg_catalog.hashtextextended($3, 0))
      where $3::pg_catalog.text is not null)::pg_catalog.text as locked`

const checkConnection = `
  select pg_catalog.set_config('client_connection_check_interval', $1, false)
  from pg_catalog.pg_settings
  where name operator(pg_catalog.=) 'client_connection_check_interval'`

const findActivity = `
  select state, pg_catalog.concat_ws(':', wait_event_type, wait_event) as wait,
    pg_catalog.to_regclass('pg_catalog.pg_stat_progress_copy') is not null as counts
  from pg_catalog.pg_stat_activity
  where pid operator(pg_catalog.=) $1
    and backend_start operator(pg_catalog.=) $2::pg_catalog.text::pg_catalog.timestamptz`

const endBackend = `
  select pg_catalog.pg_terminate_backend(pid) from pg_catalog.pg_stat_activity
  where pid operator(pg_catalog.=) $1
    and backend_start operator(pg_catalog.=) $2::pg_catalog.text::pg_catalog.timestamptz`

/** PostgreSQL 14 and later. */
const findCopied = `
  select bytes_processed::pg_catalog.text as copied from pg_catalog.pg_stat_progress_copy where pid operator(pg_catalog.=) $1`

export interface SessionOptions {
  /** Key of an advisory lock that the session holds in share mode from its beginning to its end; null: none. */
  readonly lock: string | null
  /** A server that owes an answer and says nothing for so long is looked at from the side; null: never. */
  readonly silenceMs: number | null
}

/** The server's process for a session; numbers come again, so with its time. */
interface Backend {
  readonly pid: number
  readonly began: string
}

/**
 * Opens a session. Throws `target-unreachable` or `target-login-refused`, with the driver's error as its cause, or the
 * signal's reason.
 */
export async function connect(
  address: Address,
  environment: Environment,
  options: SessionOptions,
  signal: AbortSignal,
): Promise<Session> {
  const [first, ...others] = address.encryption
  if (first === undefined) throw new DroverError('unexpected', 'no way of encryption is allowed')
  try {
    return await open({ ...address, encryption: [first] }, environment, options, signal)
  } catch (error) {
    signal.throwIfAborted()
    if (others.length > 0 && isAboutEncryption(error)) {
      return connect({ ...address, encryption: others }, environment, options, signal)
    }
    throw connectError(error, address)
  }
}

/** By the first way of encryption only. The name is resolved each time: a server may have moved. */
async function open(
  address: Address,
  environment: Environment,
  { lock, silenceMs }: SessionOptions,
  signal: AbortSignal,
): Promise<Session> {
  signal.throwIfAborted()
  const socket = new Socket()
  const client = new pg.Client(clientConfig(address, environment, socket))
  const session = new Session(client, socket)
  await endingOn(session, address.connectTimeoutMs, signal, async () => {
    await client.connect()
    const backend = await prepare(session, lock)
    if (silenceMs !== null) {
      session.watch(silenceMs, (isDead, ended) => look({ address, environment, backend, isDead }, ended))
    }
  })
  return session
}

function clientConfig(address: Address, environment: Environment, socket: Socket): pg.ClientConfig {
  const encryption: Encryption = address.encryption[0] ?? false
  return {
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
    keepAlive: true,
    keepAliveInitialDelayMillis: keepAliveMs,
    stream: () => socket,
  }
}

/** A server that accepts connections and never answers would be waited for without end. */
async function endingOn<T>(session: Session, ms: number, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  const abort = (): void => session.destroy()
  const timedOut = Object.assign(new Error(`no answer within ${ms / 1000} s`), { code: 'ETIMEDOUT' })
  const timer = setTimeout(() => session.destroy(timedOut), ms)
  signal.addEventListener('abort', abort)
  try {
    return await work()
  } catch (error) {
    session.destroy()
    throw error
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', abort)
  }
}

async function prepare(session: Session, lock: string | null): Promise<Backend> {
  const [names, values] = [settings.map(([name]) => name), settings.map(([, setting]) => setting)]
  const { rows } = await session.query<{ pid: number; began: string }>(configure, [names, values, lock])
  try {
    await session.query(checkConnection, [connectionCheckInterval])
  } catch (error) {
    // Servers on some systems know the setting and cannot do it; a lost client then shows later, by keep-alive.
    if (codeOf(error) !== '22023') throw error
  }
  const [backend] = rows
  if (backend === undefined) throw new DroverError('unexpected', 'the server does not say who it is')
  return backend
}

interface Look {
  readonly address: Address
  readonly environment: Environment
  readonly backend: Backend
  readonly isDead: (activity: Activity | null) => boolean
}

/** At what another session does, by a session of its own: see `Watched`. */
async function look({ address, environment, backend, isDead }: Look, signal: AbortSignal): Promise<void> {
  await using session = await connect(address, environment, { lock: null, silenceMs: null }, signal)
  await endingOn(session, address.connectTimeoutMs, signal, async () => {
    const activity = await findActivityOf(session, backend)
    if (isDead(activity) && activity !== null) await session.query(endBackend, [backend.pid, backend.began])
  })
}

async function findActivityOf(session: Session, { pid, began }: Backend): Promise<Activity | null> {
  const found = await session.query<Activity & { counts: boolean }>(findActivity, [pid, began])
  const [row] = found.rows
  if (row === undefined) return null
  const { state, wait, counts } = row
  const copied = counts ? (await session.query<{ copied: string }>(findCopied, [pid])).rows[0]?.copied : undefined
  return { state, wait, copied: copied ?? null }
}

/** The server does not encrypt, or has a rule for the other way only. */
function isAboutEncryption(error: unknown): boolean {
  return codeOf(error) === '28000' || isWithoutTls(error)
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
    hint: isWithoutTls(error) ? hintOfPlain : hintOfFailure(code, message),
    cause: error,
    shortage: code === '53300',
  })
}

/** Never done unasked. */
const hintOfPlain =
  'switch TLS on in the server; sslmode=disable in the URL sends everything unencrypted, the password too'

function hintOfFailure(code: string | null, message: string): string {
  if (code === '53300') return 'use fewer --workers, or raise the limit on connections'
  if (code === '57P03') return 'wait until the server has started'
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return 'use the name that the certificate has, or sslmode=verify-ca'
  if (/cert|self.signed/i.test(`${code} ${message}`)) return 'name the authority with sslrootcert=FILE'
  const ofSystem = hintOfSystem(code)
  if (ofSystem !== undefined) return ofSystem
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
