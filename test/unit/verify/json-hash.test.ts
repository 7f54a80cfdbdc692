import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hashHex } from '../../../src/verify/hash128.ts'
import { JsonHasher, plainNumber } from '../../../src/verify/json-hash.ts'

const hasher = new JsonHasher()

function hashOf(json: string): string {
  const [bytes, into] = [Buffer.from(`  ${json}  `), new Uint32Array(4)]
  hasher.hash(bytes, 1, bytes.length - 1, into)
  return hashHex(into)
}

/** Written another way: members in reverse, spaces, escapes. */
function otherwise(value: unknown): string {
  if (typeof value === 'string') {
    const units = Array.from({ length: value.length }, (_, at) => value.charCodeAt(at))
    return `"${units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('')}"`
  }
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (Array.isArray(value)) return `[ ${value.map(otherwise).join(' , ')} ]`
  const members = Object.entries(value).map(([name, inner]) => `${otherwise(name)} :\n${otherwise(inner)}`)
  return `{ ${members.toReversed().join(' ,\t')} }`
}

const anyJson = fc.jsonValue({ stringUnit: 'binary', maxDepth: 5, noUnicodeString: false })

describe('the hash of JSON', () => {
  it('does not depend on the order of members, white space and escapes', () => {
    fc.assert(
      fc.property(anyJson, (value) => {
        expect(hashOf(otherwise(value))).toBe(hashOf(JSON.stringify(value)))
      }),
    )
  })

  it('tells apart what is not the same', () => {
    const texts = [
      'null true false 0 1 -1 "1" 1.0 1.10 1.1 10 "null" "" [] {} [[]] [{}] [null] [1] [1,2] [2,1] [[1],2] [[1,2]]',
      '[1,[2]] {"a":1} {"a":"1"} {"b":1} {"a":{}} {"a":[]} {"a":[1]} {"a":{"b":1}} {"a":{"0":1}} {"a":1,"b":2}',
      '{"a":2,"b":1} {"ab":1} {"":1} {"a":null} [{"a":1},{"b":2}] [{"a":1,"b":2}]',
      String.raw`"\\u0000" "\\" "\"" "/"`,
    ].flatMap((line) => line.split(' '))
    expect(new Set(texts.map(hashOf)).size).toBe(texts.length)
  })

  it('differs for values that differ', () => {
    fc.assert(
      fc.property(anyJson, anyJson, (a, b) => {
        const same = sorted(a) === sorted(b)
        expect(hashOf(JSON.stringify(a)) === hashOf(JSON.stringify(b))).toBe(same)
      }),
    )
  })

  it.each([
    ['1E+3', '1000'],
    ['1.50e1', '15.0'],
    ['15e-1', '1.5'],
    ['-0', '0'],
    ['-0.0', '0.0'],
    ['-0.00e1', '0.0'],
    ['1e-3', '0.001'],
    ['-12.5E-2', '-0.125'],
    ['0e5', '0'],
    ['120e2', '12000'],
    ['1e21', '1000000000000000000000'],
  ])('takes the number %s for %s', (text, plain) => {
    expect(plainNumber(text)).toBe(plain)
    expect(hashOf(`[${text}]`)).toBe(hashOf(`[${plain}]`))
  })

  it('goes as deep as it has to', () => {
    const deep = (inner: string): string => `${'[{"a":'.repeat(20_000)}${inner}${'}]'.repeat(20_000)}`
    expect(hashOf(deep('1'))).toBe(hashOf(deep(' 1')))
    expect(hashOf(deep('1'))).not.toBe(hashOf(deep('2')))
  })

  it.each(['', '{', '[1', '[1,]', '{"a"}', '{"a":1', '"a', 'tru', '[1}', '1 2', String.raw`"\u12"`, 'x'])(
    'refuses %j',
    (text) => {
      expect(() => hashOf(text)).toThrow('is no JSON')
    },
  )
})

function sorted(value: unknown): string {
  return JSON.stringify(value, (_name, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? { '': Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)) }
      : inner,
  )
}
