import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type ObservedType, scalarTypes } from '../../../src/core/logical-type.ts'
import { joinScalars, joinTypes, widensTo } from '../../../src/schema/lattice.ts'

const everyType: readonly ObservedType[] = [
  ...scalarTypes,
  ...scalarTypes.map((type) => `${type}[]` as const),
  'json',
  'null',
  'empty-array',
]
const anyType = fc.constantFrom(...everyType)

describe('joinTypes', () => {
  it('is commutative and idempotent, with null at the bottom and json at the top, for every pair', () => {
    for (const a of everyType) {
      expect(joinTypes(a, a)).toBe(a)
      expect(joinTypes(a, 'null')).toBe(a)
      expect(joinTypes(a, 'json')).toBe('json')
      for (const b of everyType) expect(joinTypes(a, b)).toBe(joinTypes(b, a))
    }
  })

  it('is associative', () => {
    for (const a of everyType)
      for (const b of everyType)
        for (const c of everyType) expect(joinTypes(joinTypes(a, b), c)).toBe(joinTypes(a, joinTypes(b, c)))
  })

  it('gives an upper bound of both, and the least of all', () => {
    const logical = everyType.filter((type) => type !== 'null' && type !== 'empty-array')
    for (const a of everyType) {
      for (const b of everyType) {
        const joined = joinTypes(a, b)
        const bounds = logical.filter((type) => widensTo(a, type) && widensTo(b, type))
        if (joined !== 'null' && joined !== 'empty-array') expect(bounds).toContain(joined)
        for (const bound of bounds) expect(joinTypes(joined, bound)).toBe(bound)
      }
    }
  })

  it('does not depend on the order in which rows are seen', () => {
    const joinAll = (types: readonly ObservedType[]): ObservedType => types.reduce(joinTypes, 'null')
    fc.assert(
      fc.property(
        fc
          .array(anyType)
          .chain((types) => fc.tuple(fc.constant(types), fc.shuffledSubarray(types, { minLength: types.length }))),
        ([types, shuffled]) => joinAll(types) === joinAll(shuffled),
      ),
    )
  })

  it.each([
    ['int32', 'int64', 'int64'],
    ['int32', 'float64', 'float64'],
    ['int64', 'float64', 'decimal'],
    ['float64', 'decimal', 'decimal'],
    ['int32', 'decimal', 'decimal'],
    ['int32[]', 'float64[]', 'float64[]'],
    ['int32[]', 'text[]', 'json'],
    ['empty-array', 'text[]', 'text[]'],
    ['empty-array', 'text', 'json'],
    ['text', 'text[]', 'json'],
    ['text', 'objectid', 'json'],
    ['int32', 'bool', 'json'],
    ['timestamp', 'text', 'json'],
  ] as const)('%s and %s give %s', (a, b, joined) => {
    expect(joinTypes(a, b)).toBe(joined)
  })
})

describe('joinScalars', () => {
  it('is null where only json holds both', () => {
    expect(joinScalars('uuid', 'text')).toBeNull()
    expect(joinScalars('int64', 'int32')).toBe('int64')
  })
})

describe('widensTo', () => {
  it('never narrows', () => {
    expect(widensTo('int32', 'int64')).toBe(true)
    expect(widensTo('int64', 'int32')).toBe(false)
    expect(widensTo('int64', 'float64')).toBe(false)
    expect(widensTo('null', 'uuid')).toBe(true)
    expect(widensTo('empty-array', 'uuid[]')).toBe(true)
    expect(widensTo('empty-array', 'uuid')).toBe(false)
  })
})
