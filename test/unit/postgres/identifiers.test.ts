import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { boundedName, quoteColumn, quoteName, quoteTable } from '../../../src/connectors/postgres/identifiers.ts'

const collision = expect.objectContaining({ code: 'name-collision' })

describe('quoteName', () => {
  it('doubles quotes and leaves the rest', () => {
    expect(quoteName('a"; drop table x;--')).toBe('"a""; drop table x;--"')
    expect(quoteTable({ schema: 'S', name: 'naïve ☃' })).toBe('"S"."naïve ☃"')
  })

  it('never lets a name end its quotes', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, maxLength: 15, unit: 'grapheme' }), (name) => {
        fc.pre(!name.includes('\0') && Buffer.byteLength(name) <= 63)
        const inner = quoteName(name).slice(1, -1)
        expect(inner.replaceAll('""', '')).not.toContain('"')
        expect(inner.replaceAll('""', '"')).toBe(name)
      }),
    )
  })

  it.each(['', 'a\0b', '\ud800', 'x'.repeat(64), 'ä'.repeat(32)])('refuses %j', (name) => {
    expect(() => quoteName(name)).toThrow(collision)
  })

  it('takes 63 bytes', () => {
    expect(quoteName('ä'.repeat(31) + 'x')).toHaveLength(34)
  })

  it.each(['ctid', 'xmin', 'tableoid'])('refuses the system column %s as a column only', (name) => {
    expect(() => quoteColumn(name)).toThrow(collision)
    expect(quoteName(name)).toBe(`"${name}"`)
  })
})

describe('boundedName', () => {
  it('leaves short names', () => expect(boundedName('users', '_pkey')).toBe('users_pkey'))

  it('keeps to 63 bytes, whole characters, and tells names apart that begin the same', () => {
    const base = fc.string({ minLength: 50, maxLength: 80, unit: 'grapheme' })
    fc.assert(
      fc.property(base, base, (a, b) => {
        const names = [boundedName(a, '_pkey'), boundedName(b, '_pkey')]
        for (const name of names) {
          expect(Buffer.byteLength(name)).toBeLessThanOrEqual(63)
          expect(name.isWellFormed()).toBe(true)
          expect(name.endsWith('_pkey')).toBe(true)
        }
        expect(names[0] === names[1]).toBe(a === b)
      }),
    )
    expect(boundedName('x'.repeat(63), '_pkey')).not.toBe(boundedName(`${'x'.repeat(62)}y`, '_pkey'))
  })
})
