import { describe, expect, it } from 'vitest'
import type { LogicalType } from '../../../../src/core/logical-type.ts'
import { defaultToPostgres } from '../../../../src/schema/sql/default-to-postgres.ts'
import { postgresDefaultToSqlite } from '../../../../src/schema/sql/default-to-sqlite.ts'
import { parseExpression } from '../../../../src/schema/sql/parse-expression.ts'

const notSurely = "which is not surely a value of the column's type"

describe('defaultToPostgres', () => {
  const defaults: readonly [string, LogicalType, object | null][] = [
    ['NULL', 'text', null],
    ['"null"', 'text', { sql: "'null'" }],
    ['"null"', 'int64', { reason: `it is "null", ${notSurely}` }],
    ["'f'", 'bool', { sql: 'false' }],
    ["'True'", 'bool', { sql: 'true' }],
    ['1.0', 'bool', { sql: 'true' }],
    ['2', 'bool', { reason: `it is 2, ${notSurely}` }],
    ['false', 'decimal', { sql: '0' }],
    ["'false'", 'decimal', { reason: `it is "false", ${notSurely}` }],
    ["'0'", 'int32', { sql: '0' }],
    ["''", 'int32', { reason: `it is "", ${notSurely}` }],
    ['1.5', 'int32', { reason: `it is 1.5, ${notSurely}` }],
    ['2147483648', 'int32', { reason: `it is 2147483648, ${notSurely}` }],
    ['-9223372036854775808', 'int64', { sql: '-9223372036854775808' }],
    ['9223372036854775808', 'int64', { reason: `it is 9223372036854776000, ${notSurely}` }],
    ['9e999', 'float64', { reason: 'it is a number too large for a double' }],
    ['1e300', 'text', { reason: `it is 1e+300, ${notSurely}` }],
    ["x'0Aff'", 'bytes', { sql: String.raw`E'\\x0aff'::bytea` }],
    ["'a'", 'bytes', { reason: `it is "a", ${notSurely}` }],
    ["'[1]'", 'json', { sql: "'[1]'::jsonb" }],
    [String.raw`'"\u0000"'`, 'json', { reason: String.raw`it is "\"\\u0000\"", ${notSurely}` }],
    ["'{'", 'json', { reason: `it is "{", ${notSurely}` }],
    ["'x'", 'uuid', { reason: `it is "x", ${notSurely}` }],
    ["'1970-01-01 00:00:00'", 'timestamp', { reason: `it is "1970-01-01 00:00:00", ${notSurely}` }],
    ['CURRENT_TIMESTAMP', 'timestamp', { sql: 'now()' }],
    ["datetime('NOW')", 'timestamp', { sql: 'now()' }],
    ["strftime('%FT%H:%M:%fZ')", 'timestamp', { sql: 'now()' }],
    ['unixepoch()', 'timestamp', { sql: 'now()' }],
    ['CURRENT_DATE', 'timestamp', { sql: "date_trunc('day', now(), 'UTC')" }],
    ['CURRENT_DATE', 'date', { sql: "(now() AT TIME ZONE 'UTC')::date" }],
    ["'2024-02-29'", 'date', { sql: "'2024-02-29'::date" }],
    ["'2023-02-29'", 'date', { reason: `it is "2023-02-29", ${notSurely}` }],
    ['CURRENT_TIME', 'timestamp', { reason: 'it is the time as "%H:%M:%S", which is only a part of it' }],
    ['date()', 'text', { sql: "to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD')" }],
    ["strftime('%w', 'now')", 'text', { reason: 'it is the time as "%w", which has no exact translation here' }],
    ["strftime('%S%S')", 'text', { reason: 'it is the time as "%S%S", which has no exact translation here' }],
    [
      'CURRENT_TIMESTAMP',
      'int64',
      { reason: 'it is the time as "%Y-%m-%d %H:%M:%S", which has no exact translation here' },
    ],
    ["strftime('%s','now') * 1000", 'int64', { sql: 'floor(extract(epoch from now()))::bigint * 1000' }],
    ["datetime('now', 'localtime')", 'text', { reason: 'it is an expression that has no exact translation' }],
    ['lower(hex(randomblob(16)))', 'uuid', { reason: 'it is an expression that has no exact translation' }],
    ['1 + 1', 'int64', { reason: 'it is an expression that has no exact translation' }],
    ['unixepoch()', 'bool', { reason: 'it is a number of seconds, which the column does not hold' }],
  ]

  it.each(defaults)('gives for %s of type %s', (sql, type, expected) => {
    expect(defaultToPostgres(parseExpression(sql), type)).toEqual(expected)
  })
})

describe('postgresDefaultToSqlite', () => {
  const defaults: readonly [string, LogicalType, object | null][] = [
    ['NULL::character varying', 'text', null],
    ["'it''s'::text", 'text', { sql: "'it''s'" }],
    ["'a'::character varying(10)", 'text', { sql: "'a'" }],
    [`'new'::"My Enum"`, 'text', { sql: "'new'" }],
    ['0', 'int32', { sql: '0' }],
    ["'-5'::bigint", 'int64', { sql: '-5' }],
    ['(-1)', 'int32', { sql: '-1' }],
    ['1.50', 'decimal', { sql: "'1.50'" }],
    ["'1.5'::double precision", 'float64', { sql: '1.5' }],
    ['true', 'bool', { sql: '1' }],
    ['now()', 'timestamp', { sql: "(strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))" }],
    ['CURRENT_TIMESTAMP', 'timestamp', { sql: "(strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))" }],
    ["'{}'::jsonb", 'json', { sql: "'{}'" }],
    [String.raw`'\x00ff'::bytea`, 'bytes', { sql: "x'00ff'" }],
    ['now()', 'text', { reason: 'it is now(), which has no exact form in SQLite' }],
    [
      "'NaN'::double precision",
      'float64',
      { reason: "it is 'NaN'::double precision, which has no exact form in SQLite" },
    ],
    ["'{}'::text[]", 'text[]', { reason: "it is '{}'::text[], which is no literal" }],
    ["nextval('a_seq'::regclass)", 'int64', { reason: "it is nextval('a_seq'::regclass), which is no literal" }],
    ["('now'::text)::date", 'text', { reason: "it is ('now'::text)::date, which is no literal" }],
    ["'a'::text || 'b'::text", 'text', { reason: "it is 'a'::text || 'b'::text, which is no literal" }],
  ]

  it.each(defaults)('gives for %s of type %s', (sql, type, expected) => {
    expect(postgresDefaultToSqlite(sql, type)).toEqual(expected)
  })
})
