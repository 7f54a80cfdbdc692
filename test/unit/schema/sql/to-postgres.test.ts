import { describe, expect, it } from 'vitest'
import { parseExpression } from '../../../../src/schema/sql/parse-expression.ts'
import { toPostgres, type TranslatedColumns, valueToPostgres } from '../../../../src/schema/sql/to-postgres.ts'

const columns: TranslatedColumns = new Map([
  ['Flag', { name: 'flag', type: 'bool' }],
  ['n', { name: 'n "1"', type: 'int32' }],
  ['big', { name: 'big', type: 'int64' }],
  ['f', { name: 'f', type: 'float64' }],
  ['name', { name: 'name', type: 'text' }],
  ['mail', { name: 'mail', type: 'text', collation: 'nocase' }],
  ['odd', { name: 'odd', type: 'text', collation: 'unicode_ci' }],
  ['data', { name: 'data', type: 'json' }],
  ['at', { name: 'at', type: 'timestamp' }],
  ['gone', null],
])

// What these mean is compared with SQLite in test/integration/sqlite-expressions.test.ts.
describe('toPostgres', () => {
  const translated: readonly [string, string][] = [
    ['flag', '"flag"'],
    ['"FLAG" = 1', '"flag" = true'],
    ['t.flag IN (0, 1)', '"flag" IN (false, true)'],
    ['n', '"n ""1""" <> 0'],
    ['not n and name is null and flag', '(NOT ("n ""1""" <> 0)) AND ("name" IS NULL) AND "flag"'],
    ['name IN ("a", `name`)', `"name" IN ('a', "name")`],
    ["name = 'it''s \\'", String.raw`"name" = E'it''s \\'`],
    ["name >= 'a'", `"name" COLLATE "C" >= 'a'`],
    ["mail = 'Bob@Ä'", `lower("mail" COLLATE "C") = 'bob@Ä'`],
    ['n + 1 > 0', '("n ""1"""::bigint + 1) > 0'],
    ['big + 1 > 0', '("big"::numeric + 1) > 0'],
    ['n / 2 >= -1', '("n ""1""" / 2) >= -1'],
    ["name LIKE 'a\\_%'", String.raw`"name" COLLATE "C" ILIKE E'a\\\\_%'`],
    ['((JSON_VALID("data") OR "data" IS NULL))', '("data" IS NOT NULL OR NULL) OR ("data" IS NULL)'],
    ['at IS NOT NULL', '"at" IS NOT NULL'],
    ['0xFFFFFFFFFFFFFFFF = big', '-1 = "big"'],
  ]

  it.each(translated)('translates %s', (sql, expected) => {
    expect(toPostgres(parseExpression(sql), columns)).toEqual({ sql: expected })
  })

  const refused: readonly [string, string][] = [
    ['gone = 1', 'it needs the column "gone", of which not all values are carried as they are'],
    ['"gone" = "x"', 'it needs the column "gone", of which not all values are carried as they are'],
    ['rowid > 0', 'it needs the column "rowid", which the table does not have'],
    ['name = 1', 'it compares text with a number'],
    ["n = '1'", 'it compares a number with text'],
    ["at > '2024-01-01'", 'it compares values that PostgreSQL keeps in another form than SQLite'],
    ["odd = 'a'", 'it compares by the collation UNICODE_CI, which PostgreSQL does not have'],
    ['f + 1 > 0', 'it computes with numbers that are no integers'],
    ['big * 2 * 2 > 0', 'it computes with integers that 64 bits may not hold'],
    ['-big / n > 0', 'it computes with integers that 64 bits may not hold'],
    ['big / n > 0', 'it divides integers, and the result may not fit into 64 bits'],
    ['typeof(n) = name', 'it calls typeof(), which has no exact translation'],
    ["strftime('%Y', at) = name", 'it calls strftime(), which has no exact translation'],
    ["substr(name, -3) = 'a'", 'it calls substr() with arguments that have no exact translation'],
    ['CAST(name AS INTEGER) = 1', 'it has a CAST AS INTEGER, which has no exact translation'],
    ["name REGEXP 'a'", 'it has the operator REGEXP, which each application defines for itself'],
    ['name', 'it takes what is no number for a condition'],
    ['EXISTS (SELECT 1)', 'it has a subquery'],
    ['CURRENT_DATE > name', 'it depends on CURRENT_DATE'],
  ]

  it.each(refused)('says why not: %s', (sql, reason) => {
    expect(toPostgres(parseExpression(sql), columns)).toEqual({ reason })
  })
})

describe('valueToPostgres', () => {
  it('gives a column what it can hold as it is', () => {
    const value = (
      sql: string,
      type: 'bool' | 'int32' | 'int64' | 'float64' | 'decimal' | 'text' | 'json',
    ): object | null => valueToPostgres(parseExpression(sql), columns, type)
    const reason = 'it gives a value that its column may not hold as it is'
    expect(value('n > 1', 'bool')).toEqual({ sql: '"n ""1""" > 1' })
    expect(value('n > 1', 'int32')).toEqual({ sql: '("n ""1""" > 1)::integer' })
    expect(value('iif(flag, 1, 0)', 'bool')).toEqual({ sql: 'CASE WHEN "flag" THEN 1 ELSE 0 END <> 0' })
    expect(value('n', 'float64')).toEqual({ sql: '"n ""1"""' })
    expect(value('data', 'json')).toEqual({ sql: '"data"' })
    expect(value('NULL', 'json')).toEqual({ sql: 'NULL' })
    expect(value('n + 1', 'int32')).toEqual({ reason })
    expect(value('n', 'bool')).toEqual({ reason })
    expect(value('big + 1', 'int64')).toEqual({ reason })
    expect(value('big', 'float64')).toEqual({ reason })
    expect(value('f', 'decimal')).toEqual({ reason })
    expect(value('n', 'text')).toEqual({ reason })
    expect(value('name', 'json')).toEqual({ reason })
  })
})
