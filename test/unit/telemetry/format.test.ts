import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  createPaint,
  fit,
  formatBytes,
  formatCount,
  formatPercent,
  formatSeconds,
  formatShare,
  printable,
  renderColumns,
  textWidth,
  wrap,
  wrapParts,
} from '../../../src/telemetry/format.ts'

describe('numbers as people read them', () => {
  it.each([
    [formatCount, [0, 999, 1000, 1_234_567.6], ['0', '999', '1,000', '1,234,568']],
    [
      formatBytes,
      [0, 999, 1000, 999_949, 999_951, 8_388_608],
      ['0 B', '999 B', '1.0 kB', '999.9 kB', '1.0 MB', '8.4 MB'],
    ],
    [
      formatSeconds,
      [0, 9.94, 9.96, 59.4, 59.6, 185, 3599.6, 7620],
      ['0.0 s', '9.9 s', '10 s', '59 s', '1 min 00 s', '3 min 05 s', '1 h 00 min', '2 h 07 min'],
    ],
    [formatPercent, [0, 41.9, 99.99, 100, 250, -1], ['0 %', '41 %', '99 %', '100 %', '100 %', '0 %']],
  ])('%o', (format, values, texts) => {
    expect(values.map(format)).toEqual(texts)
  })

  it('never rounds a share to nothing or everything', () => {
    expect([100, 99.99, 33.333, 0.05, 0].map(formatShare)).toEqual(['100 %', '> 99.9 %', '33.3 %', '< 0.1 %', '0 %'])
  })

  it('shows an unknown percent as such', () => {
    expect(formatPercent(null)).toBe('?')
  })
})

describe('text from databases', () => {
  it('cannot speak to the terminal', () => {
    expect(printable('a\u001b[31m\nb\u202ec')).toBe('a\\u001b[31m\\u000ab\\u202ec')
  })

  it('is measured and cut in columns', () => {
    expect(textWidth('用户')).toBe(4)
    expect(textWidth('e\u0301')).toBe(1)
    expect(textWidth(createPaint(true).red('ab'))).toBe(2)
    expect(fit('用户表', 5)).toBe('用户…')
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.nat(20), (text, width) => {
        expect(textWidth(fit(text, width))).toBeLessThanOrEqual(width)
      }),
    )
  })

  it('stands in columns', () => {
    const columns = [
      { title: 'table', align: 'left' },
      { title: 'rows', align: 'right' },
    ] as const
    expect(
      renderColumns(columns, [
        ['users', '1,000'],
        ['a', ''],
      ]),
    ).toEqual(['table   rows', 'users  1,000', 'a'])
  })

  it('has no colours unless asked for', () => {
    expect(createPaint(false).red('x')).toBe('x')
  })
})

describe('lines', () => {
  it('are broken at spaces, and words that are wider stay whole', () => {
    expect(wrap('one two three', 7)).toEqual(['one two', 'three'])
    expect(wrap('a verylongword b', 5)).toEqual(['a', 'verylongword', 'b'])
    expect(wrap('', 5)).toEqual([''])
    expect(wrap('日本 日本', 8)).toEqual(['日本', '日本'])
  })

  it('are broken between parts only', () => {
    expect(wrapParts(['values:', 'a b c,', 'd e'], 12)).toEqual(['values:', 'a b c, d e'])
    expect(wrapParts([], 12)).toEqual([''])
  })
})
