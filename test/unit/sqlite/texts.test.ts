import { describe, expect, it } from 'vitest'
import { pathOf } from '../../../src/connectors/sqlite/address.ts'
import { affinityOf, meaningOf } from '../../../src/connectors/sqlite/declared.ts'
import { markOf, valueOfMark } from '../../../src/connectors/sqlite/marks.ts'
import { parseMark } from '../../../src/connectors/sqlite/parse-mark.ts'

describe('the path of a URL', () => {
  it.each([
    ['sqlite:shop.db', 'shop.db'],
    ['sqlite:../a b/shop.db', '../a b/shop.db'],
    ['sqlite:/data/shop.db', '/data/shop.db'],
    ['sqlite:///data/shop.db', '/data/shop.db'],
    ['sqlite:////data/shop.db', '/data/shop.db'],
    ['SQLite:a%20b%3F%25.db', 'a b?%.db'],
  ])('of %s is %s', (url, path) => {
    expect(pathOf(url)).toBe(path)
  })

  it.each(['sqlite:', 'sqlite://host/shop.db', 'sqlite:shop.db?mode=rwc', 'sqlite:%zz', 'sqlite:a%00b'])(
    'refuses %s',
    (url) => {
      expect(() => pathOf(url)).toThrow(expect.objectContaining({ code: 'invalid-url' }))
    },
  )
})

describe('a declared type', () => {
  it.each([
    ['INT', 'integer', null],
    ['POINT', 'integer', null],
    ['int(5)', 'integer', null],
    ['VARCHAR(10)', 'text', null],
    ['', 'blob', null],
    ['DOUBLE PRECISION', 'real', null],
    ['DECIMAL(10,5)', 'numeric', 'decimal'],
    ['boolean', 'numeric', 'bool'],
    ['DATE', 'numeric', 'date'],
    ['datetime', 'numeric', 'instant'],
    ['timestamp with time zone', 'numeric', 'instant'],
    ['time', 'numeric', 'time of day'],
    ['JSONB', 'numeric', 'json'],
    ['UUID', 'numeric', 'uuid'],
    ['STRING', 'numeric', null],
  ])('%s has the affinity %s and means %s', (declared, affinity, meaning) => {
    expect([affinityOf(declared), meaningOf(declared)]).toEqual([affinity, meaning])
  })
})

describe('marks', () => {
  it.each([42n, -(2n ** 63n), 1.5, 1e300, 3, "it's", ''])('of %s are read back', (value) => {
    expect(valueOfMark(markOf(value))).toBe(value)
  })

  it.each(['1; drop table t', "'a' or 1", 'x', "'"])('are not %s', (mark) => {
    expect(() => valueOfMark(mark)).toThrow(expect.objectContaining({ code: 'invalid-value' }))
  })

  const now = Date.UTC(2026, 0, 31, 12)
  it.each([
    ['17', '42', '17'],
    ['1.5', '2.5', '1.5'],
    ['-1d', '1700000000', '1769774400'],
    ['2026-01-30', '1700000000123', '1769731200000'],
    ['-12h', '2451545.25', '2461071.5'],
    ['-1d', "'2024-01-01 10:00:00'", "'2026-01-30 12:00:00'"],
    ['-1d', "'2024-01-01'", "'2026-01-30'"],
    ['-1d', "'2024-01-01T10:00:00Z'", "'2026-01-30T12:00:00Z'"],
    ["it's", "'x'", "'it''s'"],
  ])('%s beside %s is %s', (text, like, mark) => {
    expect(parseMark(text, like, now)).toBe(mark)
  })

  it.each([
    ['abc', '42'],
    ['-1d', '42'],
    ['2026-01-01', '1.5'],
    ['-1d', "'x'"],
  ])('%s is none beside %s', (text, like) => {
    expect(() => parseMark(text, like, now)).toThrow(expect.objectContaining({ code: 'invalid-value' }))
  })
})
