import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isPattern, matchesPattern } from '../../../src/core/wildcard.ts'

describe('matchesPattern', () => {
  it.each([
    ['users', 'users', true],
    ['users', 'Users', false],
    ['users', 'users2', false],
    ['log_*', 'log_2026', true],
    ['log_*', 'log_', true],
    ['log_*', 'blog_1', false],
    ['*_log', 'a_log_b_log', true],
    ['a*b*c', 'a-b-b-c', true],
    ['a*b*c', 'a-b-b', false],
    ['user?', 'users', true],
    ['user?', 'user', false],
    ['?', '😀', true],
    ['*', '', true],
    ['', '', true],
    ['', 'a', false],
    ['a.b', 'axb', false],
    ['[ab]', 'a', false],
    ['*a', 'aab', false],
  ])('%s against %s: %s', (pattern, name, expected) => {
    expect(matchesPattern(pattern, name)).toBe(expected)
  })

  it('agrees with a regular expression on any text', () => {
    const letters = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?', '.'), maxLength: 10 })
    const names = fc.string({ unit: fc.constantFrom('a', 'b', '.'), maxLength: 12 })
    fc.assert(
      fc.property(letters, names, (pattern, name) => {
        const source = pattern.replaceAll('.', '\\.').replaceAll('*', '.*').replaceAll('?', '.')
        expect(matchesPattern(pattern, name)).toBe(new RegExp(`^${source}$`).test(name))
      }),
      { numRuns: 1000 },
    )
  })

  it('stays quick on a pattern that would make a regular expression explode', () => {
    expect(matchesPattern(`${'*a'.repeat(200)}*b`, 'a'.repeat(2000))).toBe(false)
  })
})

describe('isPattern', () => {
  it('tells names from patterns', () => {
    expect(['users', 'a*', 'a?', 'shop.users'].map(isPattern)).toEqual([false, true, true, false])
  })
})
