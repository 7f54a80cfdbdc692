import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { addressName, parseAddress } from '../../../src/connectors/postgres/address.ts'
import { passwordFromFile } from '../../../src/connectors/postgres/password-file.ts'

const secret = 'canary-5ecret'

describe('parseAddress', () => {
  it('decodes every part', () => {
    const address = parseAddress('postgres://a%40b:p%2Fw%3F%23%25@db.example:6543/my%20db?application_name=x%26y', {})
    expect(address).toMatchObject({
      user: 'a@b',
      password: 'p/w?#%',
      host: 'db.example',
      port: 6543,
      database: 'my db',
      applicationName: 'x&y',
    })
    expect(addressName(address)).toBe('postgres://a%40b@db.example:6543/my%20db')
  })

  it('fills in what is left open from the environment, and nothing else', () => {
    const environment = { PGHOST: 'h', PGPORT: '1', PGUSER: 'u', PGPASSWORD: 'p', PGDATABASE: 'd' }
    const filled = { host: 'h', port: 1, user: 'u', password: 'p', database: 'd' }
    expect(parseAddress('postgres://', environment)).toMatchObject(filled)
    expect(parseAddress('postgres://me@here:2/mine', environment)).toMatchObject({
      host: 'here',
      port: 2,
      user: 'me',
      password: 'p',
      database: 'mine',
    })
    const bare = { host: 'localhost', port: 5432, password: null, database: 'u', encryption: [false] }
    expect(parseAddress('postgresql://u@', {})).toMatchObject(bare)
    expect(() => parseAddress('postgres://', {})).toThrow(expect.objectContaining({ code: 'invalid-url' }))
  })

  it('takes socket folders and IPv6 addresses', () => {
    expect(parseAddress('postgres://u@/db?host=/var/run/pg', {})).toMatchObject({ host: '/var/run/pg', database: 'db' })
    expect(parseAddress('postgres://u@%2Fvar%2Frun/db', {})).toMatchObject({ host: '/var/run' })
    const six = parseAddress('postgres://u@[::1]:5433/db', {})
    expect(six).toMatchObject({ host: '::1', port: 5433, encryption: [false] })
    expect(addressName(six)).toBe('postgres://u@[::1]:5433/db')
  })

  it.each([
    ['disable', [false]],
    ['allow', [false, { minVersion: 'TLSv1.2', rejectUnauthorized: false }]],
    ['prefer', [{ minVersion: 'TLSv1.2', rejectUnauthorized: false }, false]],
    ['require', [{ minVersion: 'TLSv1.2', rejectUnauthorized: false }]],
    ['verify-ca', [{ minVersion: 'TLSv1.2', checkServerIdentity: expect.any(Function) }]],
    ['verify-full', [{ minVersion: 'TLSv1.2' }]],
  ])('encrypts by sslmode=%s', (mode, encryption) => {
    expect(parseAddress(`postgres://u@far.example/db?sslmode=${mode}`, {}).encryption).toEqual(encryption)
    expect(parseAddress('postgres://u@far.example/db', { PGSSLMODE: mode }).encryption).toEqual(encryption)
  })

  it.each([
    ['localhost', [false]],
    ['127.0.0.1', [false]],
    ['127.1.2.3', [false]],
    ['[::1]', [false]],
    ['%2Fvar%2Frun', [false]],
    ['far.example', [{ minVersion: 'TLSv1.2' }]],
    ['127.0.0.1.far.example', [{ minVersion: 'TLSv1.2' }]],
    ['localhost.far.example', [{ minVersion: 'TLSv1.2' }]],
    ['10.0.0.1', [{ minVersion: 'TLSv1.2' }]],
    ['[fe80::1]', [{ minVersion: 'TLSv1.2' }]],
  ])('where no mode is given, verifies other machines and leaves this one be: %s', (host, encryption) => {
    expect(parseAddress(`postgres://u@${host}/db`, {}).encryption).toEqual(encryption)
  })

  it('encrypts nothing over a socket file, whatever the mode', () => {
    expect(parseAddress('postgres://u@/db?host=/var/run&sslmode=verify-full', {}).encryption).toEqual([false])
    expect(() => parseAddress('postgres://u@/db?host=/var/run&sslmode=maybe', {})).toThrow('maybe')
  })

  it.each([
    `postgres://u:${secret}@host:port/db`,
    `postgres://u:12/${secret}@host/db`,
    `postgres://u:12?${secret}@host/db`,
    `postgres://u:12#${secret}@host/db`,
    `postgres://u:${secret}%zz@host/db`,
    `postgres://u:${secret}@host/db?sslmode=maybe`,
    `postgres://u:${secret}@host/db?pasword=${secret}`,
    `postgres://u:${secret}@host/db?connect_timeout=soon`,
    `postgres://u:${secret}@one,two/db`,
  ])('refuses %s without repeating the password', (url) => {
    let error: unknown
    try {
      parseAddress(url, {})
    } catch (caught) {
      error = caught
    }
    expect(error).toMatchObject({ code: 'invalid-url', hint: expect.any(String) })
    expect(error).not.toHaveProperty('cause')
    expect(JSON.stringify([String(error), (error as { hint: string }).hint])).not.toContain(secret)
  })
})

describe('passwordFromFile', () => {
  let folder = ''
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'drover-pgpass-'))
  })
  afterAll(() => rm(folder, { recursive: true }))

  const lookUp = async (lines: string, url: string, mode = 0o600): Promise<string | null> => {
    const file = join(folder, 'pgpass')
    await writeFile(file, lines)
    await chmod(file, mode)
    return passwordFromFile(parseAddress(url, {}), { PGPASSFILE: file })
  }

  it('answers the first line that fits', async () => {
    const lines = '# comment\nother:*:*:*:wrong\n\nhost:5432:db:me:first\n*:*:*:*:any\n'
    expect(await lookUp(lines, 'postgres://me@host/db')).toBe('first')
    expect(await lookUp(lines, 'postgres://you@host/db')).toBe('any')
    expect(await lookUp('host:1:db:me:x', 'postgres://me@host/db')).toBe(null)
  })

  it('reads what is shielded by a backslash, and further colons', async () => {
    expect(await lookUp('h:*:a\\:b:*:p\\\\w\\:1:2', 'postgres://me@h/a%3Ab')).toBe('p\\w:1:2')
  })

  it('refuses a file that others can read; none is no error', async () => {
    const open = lookUp('*:*:*:*:any', 'postgres://me@host/db', 0o644)
    await expect(open).rejects.toMatchObject({ code: 'target-login-refused', hint: expect.stringContaining('chmod') })
    const address = parseAddress('postgres://me@host/db', {})
    expect(await passwordFromFile(address, { PGPASSFILE: join(folder, 'none') })).toBe(null)
    expect(await passwordFromFile(address, {})).toBe(null)
  })
})
