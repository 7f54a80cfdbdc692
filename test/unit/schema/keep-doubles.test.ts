import { describe, expect, it } from 'vitest'
import { keepDoubles } from '../../../src/schema/keep-doubles.ts'
import { ints, sampleOf, strings, type Seen } from './plan-fixtures.ts'

const doubles: Seen = [['double', 'float64', 100]]

describe('the doubles of the source behind a transform', () => {
  const typesOf = (transformed: Seen, raw: Seen) => {
    const [field] = keepDoubles(sampleOf({ n: transformed }), sampleOf({ n: raw })).fields
    return field?.types.map(({ name, type, count }) => [name, type, count])
  }

  it('are doubles where only whole values of them were seen', () => {
    expect(typesOf(ints, doubles)).toEqual([['double', 'float64', 100]])
  })

  it('count together with those that have a fraction, and leave other types alone', () => {
    const mixed: Seen = [
      ['null', 'null', 5],
      ['int', 'int32', 40],
      ['double', 'float64', 50],
      ['string', 'text', 5],
    ]
    expect(typesOf(mixed, doubles)).toEqual([
      ['double', 'float64', 90],
      ['null', 'null', 5],
      ['string', 'text', 5],
    ])
  })

  it('and whole numbers of the source in one field are doubles', () => {
    expect(
      typesOf(ints, [
        ['int', 'int32', 60],
        ['double', 'float64', 40],
      ]),
    ).toEqual([['double', 'float64', 100]])
  })

  it('are not made of what was no double, of another field, or of what a transform made an int64', () => {
    expect(typesOf(ints, ints)).toEqual(ints)
    expect(typesOf([['long', 'int64', 100]], doubles)).toEqual([['long', 'int64', 100]])
    expect(typesOf(strings, doubles)).toEqual(strings)
    const renamed = sampleOf({ count: ints })
    expect(keepDoubles(renamed, sampleOf({ n: doubles }))).toEqual(renamed)
  })
})
