import { readFileSync } from 'node:fs'
import { isIPv4 } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import { DroverError } from '../../core/errors.ts'

/** The process's environment or a part of it, handed in: `PGHOST`, `PGPASSWORD`, … as libpq reads them. */
export type Environment = Readonly<Record<string, string | undefined>>

/** How to encrypt; tried in turn, the next one only where the server cannot do the one before. */
export type Encryption = ConnectionOptions | false

/** Where a server is and who asks: a URL with libpq's environment filled in. Only `password` is secret. */
export interface Address {
  /** A host name, an IP address, or the folder of a socket file. */
  readonly host: string
  readonly port: number
  readonly user: string
  readonly database: string
  /** Null: look into the password file. */
  readonly password: string | null
  readonly encryption: readonly Encryption[]
  /** TLS starts without asking the server first (PostgreSQL 17 and later). */
  readonly directTls: boolean
  /** Command line options for the server session, as in `-c name=value`. */
  readonly options: string | null
  readonly applicationName: string
  readonly connectTimeoutMs: number
}

const parameters = [
  'host',
  'port',
  'user',
  'password',
  'dbname',
  'application_name',
  'connect_timeout',
  'options',
  'ssl',
  'sslmode',
  'sslcert',
  'sslkey',
  'sslrootcert',
  'sslnegotiation',
] as const
type Parameter = (typeof parameters)[number]

/** How long a server may take to answer, in seconds, where neither the URL nor PGCONNECT_TIMEOUT says so. */
const defaultTimeoutSeconds = 15

/**
 * Reads `postgres://user:password@host:port/database?parameter=…`, percent-decoded, by the rules of
 * https://www.postgresql.org/docs/current/libpq-connect.html; what it leaves open comes from the environment. Throws
 * `invalid-url`, which never repeats the URL: it may hold a password.
 */
export function parseAddress(text: string, environment: Environment): Address {
  const url = parseUrl(text)
  const query = queryOf(url)
  const choose = (parameter: Parameter, ofUrl: string, variable: string): string | null =>
    query.get(parameter) || decode(ofUrl) || environment[variable] || null
  const user = choose('user', url.username, 'PGUSER') ?? environment['USER'] ?? environment['USERNAME']
  if (user === undefined || user === '') throw invalid('names no user', 'write postgres://user@host/database')
  const host =
    choose('host', url.hostname === noHost ? '' : url.hostname.replace(/^\[|\]$/g, ''), 'PGHOST') ?? 'localhost'
  const mode = query.get('sslmode') ?? modeOfSsl(query.get('ssl')) ?? environment['PGSSLMODE'] ?? null
  return {
    host,
    user,
    port: wholeNumber('port', choose('port', url.port, 'PGPORT') ?? '5432', 65_535),
    database: choose('dbname', url.pathname.slice(1), 'PGDATABASE') ?? user,
    password: choose('password', url.password, 'PGPASSWORD'),
    encryption: encryptionOf(mode, host, query, environment),
    directTls: directTls(query.get('sslnegotiation') ?? environment['PGSSLNEGOTIATION'] ?? 'postgres'),
    options: choose('options', '', 'PGOPTIONS'),
    applicationName: choose('application_name', '', 'PGAPPNAME') ?? 'drover',
    connectTimeoutMs:
      1000 *
      wholeNumber(
        'connect_timeout',
        choose('connect_timeout', '', 'PGCONNECT_TIMEOUT') ?? String(defaultTimeoutSeconds),
        3600,
      ),
  }
}

/** The address without secrets, for people. */
export function addressName(address: Address): string {
  const host = address.host.includes(':') ? `[${address.host}]` : encodeURIComponent(address.host)
  return `postgres://${encodeURIComponent(address.user)}@${host}:${address.port}/${encodeURIComponent(address.database)}`
}

/** URLs may not name a user without a host; here the environment may know the host. `.invalid` is nobody's (RFC 2606). */
const noHost = 'drover-no-host.invalid'

function parseUrl(text: string): URL {
  const hint =
    'write postgres://user:password@host:port/database; @ : / ? # within a name or password as %40 %3A %2F %3F %23'
  // Node's own error repeats its input, and the password with it, so it is no cause.
  const url = URL.parse(text) ?? URL.parse(text.replace(/@(?=[/?]|$)/, `@${noHost}`))
  if (url === null) throw invalid('cannot be parsed', hint)
  // What follows a `/`, `?` or `#` in a password that is not encoded would become part of a database's name.
  if (url.hash !== '' || url.pathname.includes('@') || url.search.includes('@')) {
    throw invalid('has an @ or # that is not percent-encoded', hint)
  }
  if (url.hostname.includes(',')) throw invalid('names several hosts', 'name the one that takes writes')
  return url
}

function queryOf(url: URL): ReadonlyMap<Parameter, string> {
  const known = new Map<string, Parameter>(parameters.map((parameter) => [parameter, parameter]))
  const query = new Map<Parameter, string>()
  for (const [name, value] of url.searchParams) {
    const parameter = known.get(name)
    if (parameter === undefined) {
      throw invalid(`has the unknown parameter ${JSON.stringify(name)}`, `known ones are ${parameters.join(', ')}`)
    }
    query.set(parameter, value)
  }
  return query
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw invalid('has a % that is not followed by two hex digits', 'write a % within a name or password as %25')
  }
}

function wholeNumber(parameter: Parameter, text: string, highest: number): number {
  const number = Number(text)
  if (Number.isInteger(number) && number > 0 && number <= highest) return number
  throw invalid(`has the ${parameter} ${JSON.stringify(text)}`, `${parameter} is a whole number from 1 to ${highest}`)
}

/** `ssl=` is how other drivers spell the two ends of `sslmode`. */
function modeOfSsl(ssl: string | undefined): string | undefined {
  const modes = new Map([
    ['true', 'verify-full'],
    ['1', 'verify-full'],
    ['false', 'disable'],
    ['0', 'disable'],
  ])
  return ssl === undefined ? undefined : (modes.get(ssl) ?? ssl)
}

/**
 * The modes of https://www.postgresql.org/docs/current/libpq-ssl.html, with two differences: where none is given,
 * certificates and names of other machines are verified, and on the machine itself, where there is no wire to listen to,
 * nothing is encrypted; and certificates are verified against Node's authorities where no root certificate is given.
 */
function encryptionOf(
  mode: string | null,
  host: string,
  query: ReadonlyMap<Parameter, string>,
  environment: Environment,
): readonly Encryption[] {
  const file = (parameter: 'sslrootcert' | 'sslcert' | 'sslkey', variable: string): Buffer | undefined =>
    readPem(parameter, query.get(parameter) ?? environment[variable])
  const ca = file('sslrootcert', 'PGSSLROOTCERT')
  const cert = file('sslcert', 'PGSSLCERT')
  const key = file('sslkey', 'PGSSLKEY')
  const full: ConnectionOptions = {
    minVersion: 'TLSv1.2',
    ...(ca && { ca }),
    ...(cert && { cert }),
    ...(key && { key }),
  }
  const unverified: ConnectionOptions = { ...full, rejectUnauthorized: false }
  const verifyAuthority: ConnectionOptions = { ...full, checkServerIdentity: () => undefined }
  const byMode = new Map<string, readonly Encryption[]>([
    ['disable', [false]],
    ['allow', [false, unverified]],
    ['prefer', [unverified, false]],
    ['require', [ca === undefined ? unverified : verifyAuthority]],
    ['verify-ca', [verifyAuthority]],
    ['verify-full', [full]],
  ])
  const encryption = byMode.get(mode ?? (isLocal(host) ? 'disable' : 'verify-full'))
  if (encryption === undefined) {
    throw invalid(`has the sslmode ${JSON.stringify(mode)}`, `choose one of ${[...byMode.keys()].join(', ')}`)
  }
  // The server encrypts nothing there, and libpq leaves the mode out of account.
  return isSocket(host) ? [false] : encryption
}

function isLocal(host: string): boolean {
  return isSocket(host) || host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'))
}

function isSocket(host: string): boolean {
  return host.startsWith('/')
}

function directTls(negotiation: string): boolean {
  if (negotiation === 'direct' || negotiation === 'postgres') return negotiation === 'direct'
  throw invalid(`has the sslnegotiation ${JSON.stringify(negotiation)}`, 'choose one of postgres, direct')
}

function readPem(parameter: Parameter, path: string | undefined): Buffer | undefined {
  if (path === undefined) return undefined
  try {
    return readFileSync(path)
  } catch (error) {
    throw new DroverError('invalid-url', `the file of ${parameter} cannot be read: ${path}`, { cause: error })
  }
}

function invalid(what: string, hint: string): DroverError {
  return new DroverError('invalid-url', `the PostgreSQL URL ${what}`, { hint })
}
