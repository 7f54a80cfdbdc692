import { describe, expect, it } from 'vitest'
import { parseCoercions } from '../../../src/config-coerce.ts'
import { allowance, allowedOf } from '../../../src/core/value-kind.ts'

describe('parseCoercions', () => {
  it('takes a name for every field or for one', () => {
    expect(parseCoercions(['strip-nul', 'a.b=clamp-dates'])).toEqual([
      { path: null, name: 'strip-nul' },
      { path: 'a.b', name: 'clamp-dates' },
    ])
  })

  it('names an unknown one and the nearest', () => {
    expect(() => parseCoercions(['notes=strip-null'])).toThrowError(
      expect.objectContaining({ code: 'unknown-coercion', hint: expect.stringContaining('did you mean strip-nul?') }),
    )
  })

  it('refuses two that contradict each other for the same field', () => {
    expect(() => parseCoercions(['a=strip-nul', 'a=replace-nul'])).toThrowError(
      /strip-nul and for replace-nul of field a/,
    )
    expect(parseCoercions(['a=strip-nul', 'b=replace-nul'])).toHaveLength(2)
  })
})

describe('an allowance', () => {
  it('is a number of rows or a part of them', () => {
    const kind = allowance()
    const parse = (raw: string) => kind.parse(raw)
    expect([parse('0'), parse('12'), parse('0.5%'), parse('100%')]).toEqual([0, 12, '0.5%', '100%'])
    expect([parse('101%'), parse('-1'), parse('1,5%'), parse('%'), parse('few')]).toEqual(Array(5).fill(undefined))
    expect([allowedOf(12, 5), allowedOf('0.5%', 1000), allowedOf('0.5%', 1199)]).toEqual([12, 5, 5])
  })
})
