import { describe, expect, it } from 'vitest'
import { buildConfig } from '../../../src/config.ts'
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

describe('options about rows that go wrong', () => {
  it.each([
    [{ coerce: 'strip-null' }, 'unknown coercion "strip-null"'],
    [{ coerce: 'strip-nul,replace-nul' }, '--coerce asks for strip-nul and for replace-nul of every field'],
    [{ coerce: 'a=clamp-dates,a=infinite-dates' }, 'clamp-dates and for infinite-dates of field a'],
    [{ 'max-dead-letters': '101%' }, '--max-dead-letters is "101%"; allowed is'],
    [{ 'on-error': 'ignore' }, '--on-error is "ignore"; allowed is'],
  ])('%j are a mistake', (flags, message) => {
    const building = (): unknown => {
      return buildConfig({ flags: { from: 'mongodb://h/x', to: 'postgres://h/x', ...flags }, environment: {} })
    }
    expect(building).toThrowError(expect.objectContaining({ kind: 'usage', message: expect.stringContaining(message) }))
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
