import { DatabaseSync } from 'node:sqlite'
import fc from 'fast-check'
import { isDeepStrictEqual } from 'node:util'
import pg from 'pg'
import { describe, expect, inject, it } from 'vitest'
import type { LogicalType } from '../../src/core/logical-type.ts'
import { defaultToPostgres } from '../../src/schema/sql/default-to-postgres.ts'
import { nativeType } from '../../src/connectors/postgres/types.ts'
import { parseCreateIndex } from '../../src/schema/sql/parse-create-index.ts'
import { parseExpression } from '../../src/schema/sql/parse-expression.ts'
import { carried, refused } from './sqlite-conditions.ts'
import type { Translation } from '../../src/schema/sql/term.ts'
import {
  indexPartToPostgres,
  toPostgres,
  type TranslatedColumns,
  valueToPostgres,
} from '../../src/schema/sql/to-postgres.ts'

const columns: TranslatedColumns = new Map([
  ['flag', { name: 'is "it"', type: 'bool' }],
  ['n', { name: 'n', type: 'int32' }],
  ['m', { name: 'm', type: 'int64' }],
  ['f', { name: 'f', type: 'float64' }],
  ['d', { name: 'd', type: 'decimal' }],
  ['s', { name: 's', type: 'text' }],
  ['c', { name: 'c', type: 'text', collation: 'nocase' }],
  ['r', { name: 'r', type: 'text', collation: 'RTRIM' }],
  ['b', { name: 'b', type: 'bytes' }],
])

const words = 'a A abc ABC abd Äb äb \u212A k a%c a_c a\\c a]c a-c a^c [x] 12 z _ { Z 😀c'.split(' ')
const texts = [...words, '', ' a ', 'a  ', 'a\nc', "it's"]
const cells: Readonly<Record<string, readonly unknown[]>> = {
  flag: [0n, 1n],
  n: [0n, 1n, -1n, 2n, 7n, -8n, 2n ** 31n - 1n, -(2n ** 31n)],
  m: [0n, 1n, -1n, 5n, 63n, 2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n)],
  f: [0, 0.1, -1.5, 2, 1e300, Infinity, 3e-310],
  d: [0, 0.1, 10.25, 3, -7.5],
  s: texts,
  c: texts,
  r: texts,
  b: [new Uint8Array(), new Uint8Array([0]), new Uint8Array([255, 1]), new Uint8Array([97])],
}

const names = Object.keys(cells)

/** Rows in which each value comes with several of the other columns, and NULLs among them. */
const rows: readonly (readonly unknown[])[] = Array.from({ length: 60 }, (_, row) =>
  names.map((name, at) => {
    const of = cells[name] ?? []
    const place = (row * (at + 1) + Math.floor(row / 7)) % (of.length + 1)
    return of[place] ?? null
  }),
)

function fillSqlite(database: DatabaseSync): void {
  database.exec(`create table t (k integer primary key, flag boolean, n integer, m integer, f real, d decimal(10,2), s text,
    c text collate nocase, r text collate rtrim, b blob)`)
  const insert = database.prepare('insert into t values (null, ?, ?, ?, ?, ?, ?, ?, ?, ?)')
  for (const row of rows) insert.run(...(row as string[]))
}

async function fillPostgres(client: pg.Client): Promise<void> {
  // Of a database that orders texts by a language, as most do.
  const text = 'text collate "und-x-icu"'
  await client.query(
    `create temp table t (k serial, "is ""it""" boolean, n integer, m bigint, f float8, d numeric, s ${text}, c ${text}, r ${text}, b bytea)`,
  )
  const given = rows.map((row) => row.map((value) => (value instanceof Uint8Array ? Buffer.from(value) : value)))
  for (const row of given) {
    await client.query('insert into t values (default, $1::int::bool, $2, $3, $4, $5, $6, $7, $8, $9)', row)
  }
}

async function connected(): Promise<pg.Client & AsyncDisposable> {
  const client = new pg.Client({ connectionString: inject('postgresUrl') })
  await client.connect()
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() })
}

/** Whether the condition holds for each row, in SQLite. Null: it fails there. */
function inSqlite(database: DatabaseSync, sql: string): readonly unknown[] | null {
  try {
    const asked = `select case when (${sql}) is null then null when (${sql}) then 1 else 0 end as held from t order by k`
    return database
      .prepare(asked)
      .all()
      .map(({ held }) => (held === null ? null : held === 1))
  } catch {
    return null
  }
}

/** The same in PostgreSQL, or why it fails there. */
async function inPostgres(client: pg.Client, sql: string): Promise<readonly unknown[] | string> {
  try {
    const { rows: answered } = await client.query<{ held: unknown }>(`select (${sql}) as held from t order by k`)
    return answered.map(({ held }) => held)
  } catch (error) {
    return String(error)
  }
}

describe('expressions of SQLite in PostgreSQL', () => {
  it('hold for the same rows, or have none', async () => {
    using database = new DatabaseSync(':memory:')
    fillSqlite(database)
    await using client = await connected()
    await fillPostgres(client)
    const problems: string[] = []
    let compared = 0
    for (const sql of [...carried, ...fc.sample(randomCondition, 400)]) {
      const translated = toPostgres(parseExpression(sql), columns)
      const expected = inSqlite(database, sql)
      if (!('sql' in translated) || expected === null) continue
      compared++
      const held = await inPostgres(client, translated.sql)
      if (!isDeepStrictEqual(held, expected))
        problems.push(`${sql} → ${translated.sql}: ${firstDifference(held, expected)}`)
    }
    expect(problems).toEqual([])
    expect(compared).toBeGreaterThan(carried.length + 80)
    expect(carried.filter((sql) => !('sql' in toPostgres(parseExpression(sql), columns)))).toEqual([])
    expect(refused.filter((sql) => 'sql' in toPostgres(parseExpression(sql), columns))).toEqual([])

    // An index takes nothing that may change with the settings of a session.
    const all = carried.map((sql) => `(${sqlOf(toPostgres(parseExpression(sql), columns))})`).join(' AND ')
    await client.query(`create index on t (k) where ${all}`)
    const parts = parseCreateIndex(
      'create index i on t (c desc, r, s collate nocase, flag, lower(s), -n, n > 1, substr(r, 2))',
    ).parts
    const made = parts.map((part) => sqlOf(indexPartToPostgres(part, columns)))
    await client.query(`create unique index on t (k, ${made.join(', ')})`)
    expect(made.slice(0, 3)).toEqual(['lower("c" COLLATE "C")', `rtrim("r", ' ')`, 'lower("s" COLLATE "C")'])

    const generated = values.map(([, sql, type]) => sqlOf(valueToPostgres(parseExpression(sql), columns, type)))
    const added = values.map(
      ([, , type], at) => `add g${at} ${nativeType(type)} generated always as (${generated[at] ?? ''}) stored`,
    )
    await client.query(`alter table t ${added.join(', ')}`)
    for (const [at, [declared, sql]] of values.entries()) {
      const kept = await client.query<{ kept: string | null }>(`select g${at}::text as kept from t order by k`)
      database.exec(`alter table t add column g${at} ${declared} as (${sql})`)
      const expected = database.prepare(`select cast(g${at} as text) as kept from t order by k`).all()
      expect(
        kept.rows.map((row) => row.kept),
        sql,
      ).toEqual(expected.map((row) => row['kept']))
    }
  })

  it('stand for the same defaults', async () => {
    using database = new DatabaseSync(':memory:')
    database.exec(
      `create table d (${defaults.map(([declared, sql], at) => `c${at} ${declared} default ${sql}`).join(', ')})`,
    )
    database.exec('insert into d default values')
    await using client = await connected()
    const sqls = defaults.map(([, sql, type]) => sqlOf(defaultToPostgres(parseExpression(sql), type)))
    const made = defaults.map(([, , type], at) => `c${at} ${nativeType(type)} default ${sqls[at] ?? ''}`)
    await client.query(`create temp table d (${made.join(', ')}); insert into d default values`)
    const [kept] = (
      await client.query<Record<string, string>>(`select ${defaults.map((_, at) => `c${at}::text`).join(', ')} from d`)
    ).rows
    const select = database.prepare('select * from d')
    select.setReadBigInts(true)
    const [expected] = select.all()
    for (const [at, [, sql, type]] of defaults.entries()) {
      const value = expected?.[`c${at}`]
      const text =
        type === 'bool'
          ? String(value === 1n)
          : value instanceof Uint8Array
            ? `\\x${Buffer.from(value).toString('hex')}`
            : String(value)
      // The time has gone on between the two.
      const shape = (written: string): string =>
        /strftime|unixepoch|CURRENT/i.test(sql) ? written.replaceAll(/\d/g, '9') : written
      expect(shape(kept?.[`c${at}`] ?? ''), sql).toBe(shape(text))
    }
  })
})

/** Declared type in SQLite, expression, and type in PostgreSQL of a generated column. */
const values: readonly (readonly [declared: string, sql: string, type: LogicalType])[] = [
  ['text', "s || '-' || n", 'text'],
  ['text', 'c', 'text'],
  ['text', "iif(flag, upper(s), 'x' || length(s))", 'text'],
  ['integer', 'n * n', 'int64'],
  ['integer', 'length(s) + 1', 'int64'],
  ['integer', 'length(s)', 'int32'],
  ['integer', 'm % 10', 'int32'],
  ['integer', 'n > 1', 'int32'],
  ['numeric', 'n', 'decimal'],
]

/** Declared type in SQLite, default, and type in PostgreSQL. */
const defaults: readonly (readonly [declared: string, sql: string, type: LogicalType])[] = [
  ['boolean', '0', 'bool'],
  ['boolean', 'TRUE', 'bool'],
  ['integer', "'7'", 'int32'],
  ['integer', '-9223372036854775807', 'int64'],
  ['integer', '0x10', 'int64'],
  ['integer', '1.0', 'int64'],
  ['numeric', 'false', 'decimal'],
  ['real', "' 1.5'", 'float64'],
  ['real', '3.141592653589793238', 'float64'],
  ['real', '1e300', 'float64'],
  ['decimal(10,2)', "'-0.25'", 'decimal'],
  ['text', "'it''s \\ \"x\"'", 'text'],
  ['text', '"null"', 'text'],
  ['text', '5', 'text'],
  ['text', '1.0', 'text'],
  ['text', 'true', 'text'],
  ['blob', "x'00ff'", 'bytes'],
  ['text', `'{"a": [1]}'`, 'json'],
  ['text', "'0f0e0d0c-0b0a-0908-0706-050403020100'", 'uuid'],
  ['text', 'CURRENT_TIMESTAMP', 'text'],
  ['text', 'CURRENT_DATE', 'text'],
  ['text', 'CURRENT_TIME', 'text'],
  ['text', "(strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))", 'text'],
  ['text', `(strftime('%j "%%" day: %F\\', 'now'))`, 'text'],
  ['text', "(strftime('%s', 'now'))", 'text'],
  ['integer', "(strftime('%s', 'now'))", 'int64'],
  ['integer', '(unixepoch() * 1000)', 'int64'],
  ['integer', "(cast(strftime('%s') as int))", 'decimal'],
]

function sqlOf(translated: Translation | null): string {
  if (translated === null || 'reason' in translated) throw new Error(translated?.reason ?? 'it is NULL')
  return translated.sql
}

function firstDifference(held: readonly unknown[] | string, expected: readonly unknown[]): string {
  if (typeof held === 'string') return held
  const at = held.findIndex((value, row) => value !== expected[row])
  return `${String(held[at])} instead of ${String(expected[at])} for ${rows[at]?.map(String).join(', ') ?? ''}`
}

const { condition: randomCondition } = fc.letrec<{ condition: string; int: string; text: string }>((tie) => {
  const [condition, int, text] = [tie('condition'), tie('int'), tie('text')]
  const comparison = fc.constantFrom('=', '<>', '<', '<=', '>', '>=', 'IS', 'IS NOT')
  const written = (...parts: readonly (string | fc.Arbitrary<string>)[]): fc.Arbitrary<string> =>
    fc.tuple(...parts.map((part) => (typeof part === 'string' ? fc.constant(part) : part))).map((all) => all.join(' '))
  const literal = fc.constantFrom(...texts.map((value) => `'${value.replaceAll("'", "''")}'`))
  const pattern = fc.string({ unit: fc.constantFrom(...'aAäcb%_*?[]^-\\') }).map((value) => `'${value}'`)
  const number = fc.constantFrom('0', '1', '2', '-1', '7', '2147483647', '-2147483648', '9223372036854775807', '0x7f')
  return {
    condition: fc.oneof(
      { withCrossShrink: true, depthSize: 'small' },
      written(fc.constantFrom('flag', 'n', 'm')),
      written(int, comparison, int),
      written(text, comparison, text),
      written(fc.constantFrom('f', 'd', 'n'), comparison, fc.constantFrom('f', 'd', 'n', '0.1', '2', '-1.5', '10')),
      written(text, fc.constantFrom('LIKE', 'GLOB', 'NOT LIKE', 'NOT GLOB'), pattern),
      written(int, fc.constantFrom('BETWEEN', 'NOT BETWEEN'), int, 'AND', int),
      written(int, fc.constantFrom('IN', 'NOT IN'), '(', int, ',', int, ')'),
      written(text, fc.constantFrom('IN', 'NOT IN'), '(', text, ',', literal, ')'),
      written('NOT', '(', condition, ')'),
      written('(', condition, ')', fc.constantFrom('AND', 'OR', '=', 'IS'), '(', condition, ')'),
    ),
    int: fc.oneof(
      { withCrossShrink: true, depthSize: 'small' },
      fc.constantFrom('n', 'm', 'flag', 'NULL'),
      number,
      written('(', int, fc.constantFrom('+', '-', '*', '/', '%', '&', '|', '<<', '>>'), int, ')'),
      written(fc.constantFrom('-', '~', '+'), int),
      written(fc.constantFrom('abs', 'length'), '(', fc.oneof(int, text), ')'),
      written(fc.constantFrom('min', 'max', 'coalesce', 'nullif'), '(', int, ',', int, ')'),
      written('CASE WHEN', condition, 'THEN', int, 'ELSE', int, 'END'),
      written('(', condition, ')'),
    ),
    text: fc.oneof(
      { withCrossShrink: true, depthSize: 'small' },
      fc.constantFrom('s', 'c', 'r', 's COLLATE NOCASE', 'c COLLATE BINARY', 's COLLATE RTRIM'),
      literal,
      written('(', text, '||', fc.oneof(text, int), ')'),
      written(fc.constantFrom('lower', 'upper', 'trim', 'ltrim'), '(', text, ')'),
      written('substr(', text, ', 1,', fc.constantFrom('0', '1', '3'), ')'),
      written('replace(', text, ',', literal, ',', text, ')'),
      written(fc.constantFrom('coalesce', 'ifnull', 'nullif'), '(', text, ',', text, ')'),
    ),
  }
})
