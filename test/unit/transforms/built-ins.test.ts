import { describe, expect, it } from 'vitest'
import { Decimal, Instant, ObjectId, Uuid, type Value } from '../../../src/core/value.ts'
import { documentOf, mapped, pipelineOf, refusal, transformed, usageError } from './fixtures.ts'

describe('built-in functions', () => {
  const hex = '0123456789abcdef01234567'
  const cases: readonly [string, Value, Value][] = [
    ['lowercase', 'ÄbC', 'äbc'],
    ['uppercase', 'äbC', 'ÄBC'],
    ['trim', '\u00A0 a b\t', 'a b'],
    ['trim|lowercase', ' A ', 'a'],
    ['default_value(0)', null, 0],
    ['default_value(0)', 5n, 5n],
    ['default_value(0)', '', ''],
    ['default_value(0)', false, false],
    ['constant(x)', 3, 'x'],
    ['constant(null)', 3, null],
    ['type_cast(integer)', '12', 12],
    ['type_cast(integer)', null, null],
    ['type_cast(integer, 0)', '12abc', 0],
    ['type_cast(integer, 0)', null, null],
    ['type_cast(integer, null)', '12abc', null],
    ['type_cast(integer, "7")', 'x', 7],
    ['type_cast(integer, 0)', '3000000000', 0],
    ['type_cast(bigint)', '3000000000', 3_000_000_000n],
    ['type_cast(bigint)', 5, 5n],
    ['type_cast(double precision)', '0.5', 0.5],
    ['type_cast(double precision)', 2n ** 53n - 1n, 2 ** 53 - 1],
    ['type_cast(numeric)', '+01.50', new Decimal('1.50')],
    ['type_cast(numeric)', '.5e3', new Decimal('0.5E+3')],
    ['type_cast(numeric)', 1.5, new Decimal('1.5')],
    ['type_cast(text)', new ObjectId(hex), hex],
    ['type_cast(boolean)', 'true', true],
    ['type_cast(timestamptz)', '2024-01-02T03:04:05Z', new Instant(1_704_164_645_000n)],
    ['type_cast(timestamptz)', new Instant(5n), new Instant(5n)],
    ['type_cast(uuid)', '00112233-4455-6677-8899-AABBCCDDEEFF', new Uuid('00112233-4455-6677-8899-aabbccddeeff')],
    ['type_cast(uuid, null)', 'no uuid', null],
    ['type_cast(text[])', [1n, null, 'a'], ['1', null, 'a']],
    ['type_cast(text[], null)', 'a', null],
    ['type_cast(integer[], null)', ['1', 'x'], null],
    ['type_cast(jsonb)', documentOf({ a: 1 }), documentOf({ a: 1 })],
    ['regex_replace(/a+/g, b)', 'caat a', 'cbt b'],
    ['regex_replace(/a+/, b)', 'caat a', 'cbt a'],
    ["regex_replace('a+', b)", 'caat a', 'cbt b'],
    ["regex_replace(/(\\w+) (\\w+)/, '$2, $1')", 'Ada Lovelace', 'Lovelace, Ada'],
    ["regex_replace(/(?P<y>\\d+)-x/, '$<y>$$')", '24-x', '24$'],
    ["regex_replace(/A.B/is, '')", 'xa\nb', 'x'],
    ["regex_replace(/^/gm, '> ')", 'a\nb', '> a\n> b'],
  ]

  it.each(cases)('%s of %o', async (text, value, expected) => {
    expect(await transformed([mapped({ a: text })], { a: value })).toEqual({ a: expected })
  })

  it.each(['lowercase', 'uppercase', 'trim', 'regex_replace(/1/, b)'])(
    '%s leaves what is no text alone',
    async (text) => {
      const values = [null, 1, 1n, true, new Decimal('1'), ['A '], documentOf({ a: 'A' })]
      for (const value of values) expect(await transformed([mapped({ a: text })], { a: value })).toEqual({ a: value })
    },
  )

  it('computes from other fields of the row as it is when the step begins', async () => {
    const steps = [mapped({ first: 'uppercase', name: "template('{first} {last} {{{id}}}')" })]
    expect(await transformed(steps, { first: 'Ada', last: 'L', id: new ObjectId(hex) })).toEqual({
      first: 'ADA',
      last: 'L',
      id: new ObjectId(hex),
      name: `Ada L {${hex}}`,
    })
  })

  it('computes nothing where a field is missing or null', async () => {
    const steps = [mapped({ name: "template('{first} {last}')" })]
    expect(await transformed(steps, { first: 'Ada' })).toEqual({ first: 'Ada' })
    expect(await transformed(steps, { first: 'Ada', last: null, name: 'x' })).toEqual({
      first: 'Ada',
      last: null,
      name: null,
    })
  })

  it('refuses a field that has no text', async () => {
    const message = await refusal([mapped({ a: "template('{b}')" })], { b: new Uint8Array([1]) })
    expect(message).toContain('step 1 (map a): {"$binary":{"base64":"AQ==","subType":"00"}} has no exact form as text')
  })

  it('creates a missing field where there is an answer for it, and only there', async () => {
    const steps = [mapped({ a: 'default_value(0)', b: 'lowercase', c: 'constant(null)', d: 'type_cast(integer, 0)' })]
    expect(await transformed(steps, {})).toEqual({ a: 0 })
  })

  it('refuses a value that has no exact form in the type, naming it', async () => {
    expect(await refusal([mapped({ age: 'type_cast(integer)' })], { age: '12abc' })).toBe(
      'document 7 of table users, step 1 (map age): "12abc" has no exact form as integer',
    )
  })

  it('refuses a document whose JSON cannot be stored', async () => {
    const message = await refusal([mapped({ a: 'type_cast(text, x)' })], { a: documentOf({ b: '\0' }) })
    expect(message).toContain('step 1 (map a): the text')
    expect(message).toContain('U+0000')
  })

  it('takes a catastrophic pattern in linear time', async () => {
    const text = `${'a'.repeat(20_000)}!`
    expect(await transformed([mapped({ a: 'regex_replace(/^(a|a)*(a+)+$/g, x)' })], { a: text })).toEqual({ a: text })
  })

  const faults: readonly [string, string, string][] = [
    ['type_cast(integr)', 'unknown-type', 'step 1 (map a): "integr" is not the name of a type'],
    ['type_cast(integer, x)', 'invalid-value', 'step 1 (map a): the default "x" has no exact form as integer'],
    ['regex_replace(/(/, x)', 'invalid-value', 'step 1 (map a): /(/ is no regular expression of RE2'],
    ['regex_replace(/(?=a)/, x)', 'invalid-value', 'step 1 (map a): /(?=a)/ is no regular expression of RE2'],
    ["regex_replace(/(a)/, '$2')", 'invalid-value', 'the replacement names the group $2, and the pattern has 1'],
    ["regex_replace(/a/, '$0')", 'invalid-value', 'and the pattern has 0; the whole match is $&'],
    ["regex_replace(/(?P<y>a)/, '$<z>')", 'invalid-value', 'names the group $<z>, which the pattern does not have'],
  ]

  it.each(faults)('refuses %s at once', async (text, code, message) => {
    const error = await usageError(() => pipelineOf([mapped({ a: text })]))
    expect(error.code).toBe(code)
    expect(error.message).toContain(message)
  })

  it('refuses arguments that somebody has edited into a plan', async () => {
    const step = { kind: 'map', fields: { a: [{ name: 'trim', arguments: [1] }] } } as const
    const error = await usageError(() => pipelineOf([step]))
    expect(error.code).toBe('invalid-value')
    expect(error.message).toBe('step 1 (map a): the arguments of trim are not right; it is called trim')
  })
})
