import { DatabaseSync } from 'node:sqlite'
import { describe, expect, it } from 'vitest'
import { parseCreateIndex } from '../../../../src/schema/sql/parse-create-index.ts'
import { parseCreateTable } from '../../../../src/schema/sql/parse-create-table.ts'
import { SqlSyntaxError } from '../../../../src/schema/sql/syntax-error.ts'
import type { SqliteReferenceSql, SqliteTableSql } from '../../../../src/schema/sql/table-sql.ts'
import { realIndexes, realTables } from './real-statements.ts'

/** What PRAGMA tells, from what was parsed. */
function pragmasOf(table: SqliteTableSql): object {
  const key = table.primaryKey?.parts.map(({ name }) => name)
  const keyOf = (name: string, isKey: boolean): number => (key === undefined ? Number(isKey) : key.indexOf(name) + 1)
  const single = table.columns.flatMap(({ name, references }) => references.map((one) => ({ ...one, columns: [name] })))
  const hidden = { stored: 3, virtual: 2 }
  return {
    columns: table.columns.map((column) => ({
      name: column.name,
      // Types that SQLite knows are told in capitals.
      type: column.declaredType.replaceAll('"', '').toLowerCase(),
      notnull: Number(column.notNull || (table.withoutRowid && keyOf(column.name, false) > 0)),
      pk: keyOf(column.name, column.primaryKey !== null),
      hasDefault: column.default !== null,
      hidden: column.generated === null ? 0 : hidden[column.generated.stored ? 'stored' : 'virtual'],
    })),
    uniques: [
      ...table.columns.filter(({ unique }) => unique).map(({ name }) => [name]),
      ...table.uniques.map(({ parts }) => parts.map(({ name }) => name)),
    ].map((names) => names.join()),
    references: [...single, ...table.foreignKeys].map((one) => describeReference(one, one.columns)),
  }
}

function describeReference(reference: SqliteReferenceSql, columns: readonly string[]): object {
  const referenced = reference.referencedColumns.length === 0 ? columns.map(() => null) : reference.referencedColumns
  const { table, onDelete, onUpdate } = reference
  return { table, columns, referenced, onDelete: onDelete.toUpperCase(), onUpdate: onUpdate.toUpperCase() }
}

function pragmas(database: DatabaseSync, name: string): object {
  const ask = (pragma: string, of: string): Record<string, unknown>[] =>
    database.prepare(`select * from pragma_${pragma}(?)`).all(of)
  const references = Map.groupBy(ask('foreign_key_list', name), ({ id }) => Number(id))
  return {
    columns: ask('table_xinfo', name).map(({ name: column, type, notnull, pk, dflt_value: value, hidden }) => ({
      name: column,
      type: String(type).replaceAll('"', '').toLowerCase(),
      notnull,
      pk,
      hasDefault: value !== null,
      hidden,
    })),
    uniques: ask('index_list', name)
      .filter(({ origin }) => origin === 'u')
      .map(({ name: index }) => ask('index_info', String(index)).map((part) => part['name']))
      .map((names) => names.join())
      .toReversed(),
    references: [...references]
      .toSorted(([a], [b]) => b - a)
      .map(([, parts]) => ({
        table: parts[0]?.['table'],
        columns: parts.map(({ from }) => from),
        referenced: parts.map(({ to }) => to),
        onDelete: parts[0]?.['on_delete'],
        onUpdate: parts[0]?.['on_update'],
      })),
  }
}

describe('parseCreateTable', () => {
  it.each(realTables)('reads what SQLite reads: %s', (_, sql) => {
    using database = new DatabaseSync(':memory:')
    database.exec(sql)
    const [stored] = database.prepare('select name, sql from sqlite_schema where sql is not null').all()
    for (const written of [sql, String(stored?.['sql'])]) {
      const table = parseCreateTable(written)
      expect(table.name).toBe(stored?.['name'])
      expect(pragmasOf(table)).toEqual(pragmas(database, table.name))
    }
  })

  it('reads what SQLite makes of ALTER TABLE', () => {
    using database = new DatabaseSync(':memory:')
    database.exec(`create table a(x int primary key -- the key
      , y text collate nocase /* last */, check (x > 0))`)
    database.exec(`alter table a add column z varchar(3) default 'it''s' check (length(z) > 1)`)
    database.exec(
      `alter table a add column w as (x + 1) virtual; alter table a rename column y to "y)"; alter table a rename to [b c]`,
    )
    const [stored] = database.prepare('select sql from sqlite_schema where sql is not null').all()
    const table = parseCreateTable(String(stored?.['sql']))
    expect(table.name).toBe('b c')
    expect(pragmasOf(table)).toEqual(pragmas(database, 'b c'))
    expect(table.columns.map(({ name, collation }) => [name, collation])).toContainEqual(['y)', 'nocase'])
  })

  it('reads what no PRAGMA tells', () => {
    const tables = realTables.map(([, sql]) => parseCreateTable(sql))
    const [places, hosts, , order, posts, issue, odd, kv, generated, words, counting] = tables
    expect(places?.columns[6]?.default).toEqual({
      kind: 'unary',
      operator: '-',
      operand: { kind: 'number', text: '1' },
    })
    expect(hosts).toMatchObject({
      onConflict: ['REPLACE', 'ABORT', 'IGNORE'],
      uniques: [{ name: 'moz_unique', parts: [{ collation: null }, { collation: 'NOCASE', descending: true }] }],
    })
    expect(hosts?.columns[0]?.primaryKey).toEqual({ autoincrement: true, descending: false })
    expect(order?.columns[2]?.checks).toMatchObject([
      { name: null, text: '"count" >= 0', expression: { operator: '>=' } },
    ])
    expect(order?.columns[7]?.references).toMatchObject([{ name: null, deferrable: true, initiallyDeferred: true }])
    expect(order?.checks).toMatchObject([{ name: 'price_positive', text: `"price" > '0'` }])
    expect(posts?.columns[1]?.default).toEqual({ kind: 'string', value: 'untitled' })
    expect(posts?.columns[4]?.default).toEqual({ kind: 'now', name: 'CURRENT_TIMESTAMP' })
    expect(posts?.columns[5]).toMatchObject({ collation: 'NOCASE', default: { kind: 'string', value: "a'b" } })
    expect(posts?.foreignKeys[0]?.name).toBe('fk_rails_1')
    expect(issue?.columns.map((column) => column.default?.kind)).toEqual([
      undefined,
      'number',
      'string',
      'call',
      'call',
      'blob',
      'unary',
    ])
    expect(odd?.columns[0]?.primaryKey?.descending).toBe(true)
    expect(odd?.columns[3]).toMatchObject({
      collation: 'rtrim',
      checks: [{ name: null }, { name: 'low', text: 'd < 9' }],
    })
    expect(odd?.checks).toMatchObject([
      { name: 'x', text: "c <> ')'" },
      { name: null, text: '[a b] > 0' },
    ])
    expect(odd?.foreignKeys).toMatchObject([{ name: 'u', deferrable: false, initiallyDeferred: false }])
    expect(kv).toMatchObject({ withoutRowid: true, strict: true, primaryKey: { autoincrement: false } })
    expect(kv?.primaryKey?.parts[1]).toEqual({ name: 'k', collation: null, descending: true })
    expect(generated?.columns[2]?.generated).toMatchObject({ text: `a || '-' || id`, stored: true })
    expect(words?.columns[2]?.default).toEqual({ kind: 'string', value: 'abc' })
    expect(words?.columns[3]?.references).toMatchObject([{ onDelete: 'restrict', initiallyDeferred: true }])
    expect(words?.columns[4]).toMatchObject({ default: { kind: 'column', name: 'true' }, checks: [{ name: 'pos' }] })
    expect(words?.columns[5]?.default).toEqual({ kind: 'null' })
    expect(counting?.primaryKey?.autoincrement).toBe(true)
  })

  it('reads names with a schema and conditions, and virtual tables', () => {
    expect(parseCreateTable('create temp table if not exists main."a" (b);')).toMatchObject({
      name: 'a',
      isVirtual: false,
    })
    expect(parseCreateTable(`CREATE VIRTUAL TABLE "docs" USING fts5(body, tokenize = 'porter (x)')`)).toMatchObject({
      name: 'docs',
      isVirtual: true,
      module: 'fts5',
      columns: [],
    })
    expect(parseCreateTable('CREATE VIRTUAL TABLE IF NOT EXISTS x USING dbstat').module).toBe('dbstat')
  })

  const faults: readonly [string, string][] = [
    ['CREATE TABLE t', '( is expected at the end'],
    ['CREATE TABLE t AS SELECT 1', '( is expected at character 16, "AS SELECT 1"'],
    ['CREATE TABLE t (a,)', 'the name of a column is expected at character 19, ")"'],
    ['CREATE TABLE t (a CHECK (1)', ') is expected at the end'],
    ['CREATE TABLE t (a) WITHOUT OIDS', 'the end is expected at character 20, "WITHOUT OIDS"'],
    ['CREATE TABLE t (a DEFAULT)', 'an expression is expected at character 26, ")"'],
    ['CREATE TABLE t (a DEFERRABLE)', 'REFERENCES before DEFERRABLE is expected at character 29, ")"'],
    ['CREATE TABLE t (a, UNIQUE (a + 1))', 'a column is expected at character 28, "a + 1))"'],
    ['CREATE TABLE t (a UNIQUE ON CONFLICT FIX)', 'a way to resolve is expected at character 38, "FIX)"'],
    ['CREATE TABLE t (a REFERENCES b ON DELETE DROP)', 'RESTRICT is expected at character 42, "DROP)"'],
    ['CREATE VIEW v AS SELECT 1', 'TABLE is expected at character 8, "VIEW v AS SELECT 1"'],
  ]

  it.each(faults)('refuses %s', (sql, message) => {
    expect(() => parseCreateTable(sql)).toThrow(message)
    expect(() => parseCreateTable(sql)).toThrow(SqlSyntaxError)
  })
})

describe('parseCreateIndex', () => {
  it('reads parts, collations, order and condition', () => {
    const [places, posts, issue, plain] = realIndexes.map(parseCreateIndex)
    expect(places).toMatchObject({ name: 'moz_places_url', unique: true, table: 'moz_places' })
    expect(places?.parts).toMatchObject([
      { expression: { kind: 'column', name: 'url_hash' }, text: 'url_hash', collation: null, descending: false },
      {
        expression: { kind: 'column', name: 'title' },
        text: 'title COLLATE nocase',
        collation: 'nocase',
        descending: true,
      },
    ])
    expect(places).toMatchObject({ where: { operator: 'AND' }, whereText: 'hidden = 0 AND title IS NOT NULL' })
    expect(posts?.parts.map(({ expression }) => expression.kind)).toEqual(['call', 'column'])
    expect(issue?.parts[1]?.expression).toMatchObject({ kind: 'column', name: 'name' })
    expect(issue?.parts[2]).toMatchObject({ text: '(`is_closed` + 1)', descending: true })
    expect(plain).toMatchObject({ unique: false, where: null, whereText: null })
  })

  it('refuses what is no index, or does not end', () => {
    expect(() => parseCreateIndex('CREATE TABLE t (a)')).toThrow('INDEX is expected at character 8, "TABLE t (a)"')
    expect(() => parseCreateIndex('CREATE INDEX i ON t (a) USING x')).toThrow(
      'the end is expected at character 25, "USING x"',
    )
  })
})
