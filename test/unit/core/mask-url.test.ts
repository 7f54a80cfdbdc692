import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  hideInError,
  hideSecrets,
  maskUrl,
  maskUrls,
  secretsOf,
  secretsOfPassword,
} from '../../../src/core/mask-url.ts'

describe('maskUrl', () => {
  it.each([
    ['postgres://u:p@h/db', 'postgres://u:***@h/db'],
    ['postgres://u@h/db', 'postgres://u@h/db'],
    ['postgres://h:5432/db', 'postgres://h:5432/db'],
    ['postgres://:p@h/db', 'postgres://:***@h/db'],
    ['mongodb://u:p%40s@h1:27017,h2:27018/db?replicaSet=r', 'mongodb://u:***@h1:27017,h2:27018/db?replicaSet=r'],
    ['postgres://u:p@s@h/db', 'postgres://u:***@h/db'],
    ['postgres://u:p:s@h/db', 'postgres://u:***@h/db'],
    ['postgres://u:p/s@h/db', 'postgres://u:***@h/db'],
    ['postgres://u:1/2@h/db', 'postgres://u:***@h/db'],
    ['postgres://u:p?s@h/db', 'postgres://u:***@h/db'],
    ['postgres://u:p?a=b@h/db', 'postgres://u:***@h/db'],
    ['postgres://u:p#s@h/db', 'postgres://u:***@h/db'],
    ['postgres://u:p@s/t@h/db', 'postgres://u:***@h/db'],
    ['postgres://u:p%zz@h/db', 'postgres://u:***@h/db'],
    ['postgres://u:p@[::1]:5432/db', 'postgres://u:***@[::1]:5432/db'],
    ['postgres://[::1]:5432/db', 'postgres://[::1]:5432/db'],
    ['postgres://u:forgot-the-host', 'postgres://u:***'],
    ['postgres:u:p@h/db', 'postgres:u:***@h/db'],
    ['mongodb://h1:1,h2/db?authSource=a@b', 'mongodb://h1:1,h2/db?authSource=a@b'],
    ['postgres://h/db?user=u&password=p&sslmode=on', 'postgres://h/db?user=u&password=***&sslmode=on'],
    ['postgres://h/db?p%61ssword=p', 'postgres://h/db?p%61ssword=***'],
    ['s3://b/k?secret_access_key=p&region=e', 's3://b/k?secret_access_key=***&region=e'],
    ['mongodb://h/?authMechanismProperties=AWS_SESSION_TOKEN:p', 'mongodb://h/?authMechanismProperties=***'],
    ["host=h password='a b' user=u", 'host=h password=*** user=u'],
    ['sqlite:/a/b@c.db', 'sqlite:/a/b@c.db'],
    ['', ''],
    ['%%%', '%%%'],
  ])('%s', (url, masked) => {
    expect(maskUrl(url)).toBe(masked)
  })

  it('never throws and never shows a password, however it is written', () => {
    const password = fc.string({ unit: fc.constantFrom(...'QZ@:/?#%&[]!$ ,'), minLength: 1, maxLength: 12 })
    fc.assert(
      fc.property(password, fc.boolean(), (raw, encoded) => {
        const written = `XX${encoded ? encodeURIComponent(raw) : raw}YY`
        const masked = maskUrl(`postgres://user:${written}@host.example:5432/shop?sslmode=require`)
        expect(masked).toBe('postgres://user:***@host.example:5432/shop?sslmode=require')
      }),
      { numRuns: 2000 },
    )
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => typeof maskUrl(text) === 'string'))
  })
})

describe('secretsOf and hideSecrets', () => {
  it('takes a password out of a text by value, encoded, decoded and as JSON writes it', () => {
    const secrets = secretsOf('postgres://u:can%22ary%40word@h/db')
    const text = 'login failed: can"ary@word, can%22ary%40word, {"x":"can\\"ary@word"}'
    expect(hideSecrets(text, secrets)).toBe('login failed: ***, ***, {"x":"***"}')
  })

  it('leaves a line of JSON one, also where a text in it ends in a secret', () => {
    const line = JSON.stringify({ message: 'host=h password=canary', more: ['pwd=x"y', 'postgres://u:canary@h/x'] })
    const hidden: unknown = JSON.parse(hideSecrets(line, []))
    expect(hidden).toEqual({ message: 'host=h password=***', more: ['pwd=***', 'postgres://u:***@h/x'] })
  })

  it('takes out the longer of two secrets first, and a decoded one in its encoded form', () => {
    expect(hideSecrets('canary-and-more', ['canary', 'canary-and-more'])).toBe('***')
    expect(hideSecrets('a%2Fb%3Dc', secretsOf('mongodb://u:a%2fb=c@h/x'))).toBe('***')
    expect(hideSecrets('a%2Fb a/b', secretsOfPassword('a/b?'))).toBe('a%2Fb a/b')
    expect(hideSecrets('a%2Fb%3F a/b?', secretsOfPassword('a/b?'))).toBe('*** ***')
  })

  it('of an error takes them out of sentence, hint and stack, and keeps the rest', () => {
    const shape = { code: 'unexpected', message: 'canary', hint: 'a canary', stack: 'Error: canary\n at x' } as const
    const hidden = { code: 'unexpected', message: '***', hint: 'a ***', stack: 'Error: ***\n at x' }
    expect(hideInError(shape, ['canary'])).toEqual(hidden)
    expect(hideInError({ code: 'unexpected', message: 'm', shortage: true }, [])).toEqual({
      code: 'unexpected',
      message: 'm',
      shortage: true,
    })
  })

  it('finds secrets in the query', () => {
    expect(secretsOf('postgres://h/db?password=canary&sslmode=require')).toEqual(['canary'])
  })

  it('leaves a password alone that is also the name of the user or the database', () => {
    expect(secretsOf('postgres://postgres:postgres@h/db')).toEqual([])
  })

  it('masks every URL in a text', () => {
    expect(maskUrls('from "mongodb://a:b1@h/x" to postgres://c:d2@i/y, PGPASSWORD=e3')).toBe(
      'from "mongodb://a:***@h/x" to postgres://c:***@i/y, PGPASSWORD=***',
    )
  })
})
