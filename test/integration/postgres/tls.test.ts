import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TLSSocket, type SecureVersion } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openPostgresTarget } from '../../../src/connectors/postgres/connect.ts'
import { batchId, beginMigration, commitRows, never, plannedOf, planOf, tuple } from '../../support/migration.ts'
import { failure, postgresUnderTest } from './postgres-under-test.ts'

let folder = ''
const file = (name: string): string => join(folder, name)

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'drover-tls-'))
  for (const name of ['authority', 'stranger']) makeAuthority(name)
  makeCertificate('here', 'DNS:localhost,IP:127.0.0.1')
  makeCertificate('elsewhere', 'DNS:db.example')
})
afterAll(() => rm(folder, { recursive: true }))

function openssl(...args: readonly string[]): void {
  execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' })
}

function makeAuthority(name: string): void {
  const subject = ['-subj', `/CN=${name}`, '-keyout', `${name}.key`, '-out', `${name}.crt`]
  openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...subject)
}

function makeCertificate(name: string, names: string): void {
  const subject = ['-subj', `/CN=${name}`, '-keyout', `${name}.key`, '-out', `${name}.crt`]
  const authority = ['-CA', 'authority.crt', '-CAkey', 'authority.key', '-addext', `subjectAltName=${names}`]
  openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...subject, ...authority)
}

interface EncryptingProxy extends AsyncDisposable {
  url(host: string, mode: string, authority?: string): string
  /** How its connections were made so far, and from now on afresh. */
  ways(): string
}

/** Speaks TLS as a PostgreSQL does, once it was asked to, and passes on what it decrypts to the server of `url`. */
async function encryptingProxy(
  url: string,
  certificate: string,
  maxVersion: SecureVersion = 'TLSv1.3',
): Promise<EncryptingProxy> {
  const server = new URL(url)
  const sockets = new Set<Socket>()
  const ways = new Set<string>()
  const keep = (socket: Socket): Socket => {
    sockets.add(socket)
    return socket.on('error', () => undefined).on('close', () => sockets.delete(socket))
  }
  const listener = createServer((client) => {
    keep(client).once('data', (request: Buffer) => {
      const upstream = keep(connect(Number(server.port), server.hostname))
      if (!request.equals(sslRequest)) {
        ways.add('plainly')
        upstream.write(request)
        return void client.pipe(upstream).pipe(client)
      }
      client.write('S')
      const [key, cert] = [readFileSync(file(`${certificate}.key`)), readFileSync(file(`${certificate}.crt`))]
      const plain = keep(new TLSSocket(client, { isServer: true, key, cert, minVersion: 'TLSv1', maxVersion, ciphers }))
      plain.once('secure', () => ways.add('encrypted'))
      plain.pipe(upstream).pipe(plain)
    })
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port } = listener.address() as AddressInfo
  return {
    url: (host, mode, authority) => {
      const through = new URL(url)
      through.host = `${host}:${port}`
      through.searchParams.set('sslmode', mode)
      if (authority !== undefined) through.searchParams.set('sslrootcert', file(authority))
      return through.href
    },
    ways: () => {
      const text = [...ways].join(' and ')
      ways.clear()
      return text
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy()
      listener.close()
      await once(listener, 'close')
    },
  }
}

/** https://www.postgresql.org/docs/current/protocol-message-formats.html, SSLRequest. */
const sslRequest = Buffer.from('0000000804d2162f', 'hex')
/** Those of the versions that nobody should speak any more, too. */
const ciphers = 'DEFAULT@SECLEVEL=0'

/** Null where it connects. A failure is none that a repeat would mend. */
async function attempt(url: string): Promise<unknown> {
  await using target = await openPostgresTarget(url, { ledgerSchema: 'drover' })
  const error = await failure(target.check([], never))
  if (error !== null && target.classify(error) !== 'fatal') throw new Error('not fatal', { cause: error })
  return error
}

describe('TLS', () => {
  const untrusted = { code: 'target-unreachable', hint: expect.stringContaining('sslrootcert') }

  it('verify-full takes the right name from the right authority, and nothing else', async () => {
    await using under = await postgresUnderTest()
    await using here = await encryptingProxy(under.url, 'here')
    expect(await attempt(here.url('localhost', 'verify-full', 'authority.crt'))).toBeNull()
    expect(await attempt(here.url('127.0.0.1', 'verify-full', 'authority.crt'))).toBeNull()
    expect(here.ways()).toBe('encrypted')
    expect(await attempt(here.url('localhost', 'verify-full'))).toMatchObject(untrusted)
    expect(await attempt(here.url('localhost', 'verify-full', 'stranger.crt'))).toMatchObject(untrusted)
    await using elsewhere = await encryptingProxy(under.url, 'elsewhere')
    expect(await attempt(elsewhere.url('localhost', 'verify-full', 'authority.crt'))).toMatchObject({
      code: 'target-unreachable',
      hint: expect.stringContaining('name'),
    })
  })

  it('verify-ca takes any name from the right authority, and so does require with one', async () => {
    await using under = await postgresUnderTest()
    await using elsewhere = await encryptingProxy(under.url, 'elsewhere')
    for (const mode of ['verify-ca', 'require']) {
      expect(await attempt(elsewhere.url('localhost', mode, 'authority.crt'))).toBeNull()
      expect(await attempt(elsewhere.url('localhost', mode, 'stranger.crt'))).toMatchObject(untrusted)
    }
    expect(await attempt(elsewhere.url('localhost', 'verify-ca'))).toMatchObject(untrusted)
    expect(elsewhere.ways()).toBe('encrypted')
  })

  it('require and prefer encrypt without a look at the certificate', async () => {
    await using under = await postgresUnderTest()
    await using elsewhere = await encryptingProxy(under.url, 'elsewhere')
    expect(await attempt(elsewhere.url('localhost', 'require'))).toBeNull()
    expect(await attempt(elsewhere.url('localhost', 'prefer'))).toBeNull()
    expect(elsewhere.ways()).toBe('encrypted')
    expect(await attempt(elsewhere.url('localhost', 'disable'))).toBeNull()
    expect(await attempt(elsewhere.url('localhost', 'allow'))).toBeNull()
    expect(elsewhere.ways()).toBe('plainly')
  })

  it('a server without TLS is told from one that is down, with the way to send plainly', async () => {
    await using under = await postgresUnderTest()
    expect(await under.sql('show ssl')).toEqual([{ ssl: 'off' }])
    const url = new URL(under.url)
    url.searchParams.set('sslmode', 'verify-full')
    const hint = expect.stringContaining('sslmode=disable')
    expect(await attempt(url.href)).toMatchObject({ code: 'target-unreachable', hint })
  })

  it('versions before 1.2 are not spoken', async () => {
    await using under = await postgresUnderTest()
    await using old = await encryptingProxy(under.url, 'here', 'TLSv1.1')
    expect(await attempt(old.url('localhost', 'require'))).toMatchObject({ code: 'target-unreachable' })
    await using under12 = await encryptingProxy(under.url, 'here', 'TLSv1.2')
    expect(await attempt(under12.url('localhost', 'require'))).toBeNull()
  })

  it('carries batches, and refusals between them', async () => {
    await using under = await postgresUnderTest()
    await using here = await encryptingProxy(under.url, 'here')
    const url = here.url('localhost', 'verify-full', 'authority.crt')
    await using target = await openPostgresTarget(url, { ledgerSchema: 'drover' })
    const users = planOf('users')
    await using begun = await beginMigration(target, 'm', [plannedOf(users)])
    await using writer = await begun.openWriter()
    const rows = Array.from({ length: 20_000 }, (_, i) => tuple(`${i} ${'x'.repeat(50)}`, i))
    const refused = commitRows(writer, batchId('users', 1, 0), rows.with(15_000, tuple('\0', 1)))
    await expect(refused).rejects.toThrow('22021')
    await commitRows(writer, batchId('users', 1, 0), rows)
    expect(await target.count(users.target, never)).toBe(20_000)
  })
})
