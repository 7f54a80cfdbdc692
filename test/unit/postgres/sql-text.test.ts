import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { doubtfulFragments } from '../../support/sql-fragments.ts'

const folder = join(import.meta.dirname, '../../../src/connectors/postgres')
const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  // Those of a table's own definition write what a server has written in DDL before.
  .filter((name) => name.endsWith('.ts') && !/^source.(?:native|objects)/.test(name))
  .map((name) => ({ name: name.replaceAll('\\', '/'), code: readFileSync(join(folder, name), 'utf8') }))

/**
 * What stands within SQL and is SQL itself, by file: put together elsewhere from quoted names, or chosen from words in
 * the code. Whoever adds to this list has looked at where it comes from.
 */
const looked: Readonly<Record<string, readonly string[]>> = {
  // Of `addColumn` and `widenColumn`, which quote.
  'alter.ts': ['collected', "parts.join(',\\n ')", 'widened(change, name, functions)'],
  // Sentences for people.
  'check.ts': ['JSON.stringify(database)', "JSON.stringify(server?.user ?? '')", 'lacking.right'],
  // Numbers of blocks.
  'copy-out.ts': ["conditions.join(' and ')", 'where'],
  // Of `columnLines`, which quotes; and text of a definition, which a server has written of a table of its own.
  'ddl.ts': ['constraintSql(key)', "lines.map((line) => ` ${line}`).join(',\\n')", 'suffix'],
  // Queries of one value each, made of catalogues' columns and of literals.
  'definitions.ts': ["some.join(', ')"],
  'foreign-keys.ts': ["columnsOf('confrelid', 'confkey')", "columnsOf('conrelid', 'conkey')", 'key', 'table'],
  // Of `granteeOf`, and of `giveAccess`, which quote; a privilege is one of PostgreSQL's words.
  'grants.ts': ['grant.privilege', 'grantee', 'owner'],
  // `btree` or `gin`; of `conditionSql`; and text of an index or a reference, as a server has written it.
  'index-ddl.ts': ['method', "options === '' ? '' : ` ${options}`", 'text.sql', 'where'],
  'indexes.ts': ['nullsNotDistinctSince'],
  // Members of `LedgerTables`.
  'ledger-schema.ts': [
    'carried',
    'checked',
    'coercion',
    'entry',
    'letter',
    'mark',
    'migration',
    'object',
    'part',
    'partition',
    'table',
    'version',
  ],
  'look-up.ts': ['condition'],
  // `key` of a `Merge` is quoted where one is made.
  'merge.ts': [
    'insertFromStage(merge)',
    "key.join(', ')",
    'keyless',
    "keyOf('present')",
    "keyOf('staged')",
    'keys',
    'keysEqual(merge, (_, i) => [`inserted.key${i}`, `arrived.key${i}`])',
    'repeatedIn(plan, stage, key)',
    'same',
    "same.join(' and ')",
  ],
  'rollback-rows.ts': ["counts.join(', ')", 'halfOfNumbers', "steps.join(', ')"],
  'summaries.ts': [
    "countColumns .split(', ') .map((column) => `coalesce(sum(e.${column}::numeric), 0)::text as ${column}`) .join(', ')",
  ],
  // Parameters of a number each, cast to types that the server has named.
  'source/bounds.ts': ["values.join(', ')"],
  // What a table is read `from` is quoted in `readTable`; expressions, conditions and order are of columns quoted by
  // `columnOf`, and of the filter that the user has given, which is SQL and is checked to be one expression.
  'source/partition.ts': ['index', 'keyTexts(table)', 'table.from'],
  'source/places.ts': ['left', 'own.from'],
  'source/question.ts': ["conditions.join(' and ')", 'query'],
  'source/read.ts': ['file.from', "question.expressions.join(', ')", 'table.from', 'values'],
  'source/sample.ts': ['most + 1', 'order', 'pages', "question.expressions.join(', ')", 'table.from'],
  'source/since.ts': ['table.from'],
  'source/source.ts': ['most', 'rows', 'table.from', 'where'],
  // Sentences for people, and `from` again.
  'source/table.ts': ['JSON.stringify(schema)', 'JSON.stringify(table)', 'table.from'],
  'sums.ts': ['sumsOfEntries'],
  'violations.ts': [
    "columns.map((column) => `${column} is not null`).join(' and ')",
    "conditions.join(' and ') || 'true'",
    "equal.join(' and ')",
    "expressions.join(', ')",
    'groupColumns(columns)',
    'groupColumns(expressions)',
  ],
}

describe('SQL of the connector', () => {
  it('has names and values in it that went through the functions that quote them', () => {
    const found = files.map(({ name, code }) => {
      return [name, new Set(doubtfulFragments(code).map(({ expression }) => expression))] as const
    })
    const unseen = found.flatMap(([name, expressions]) => {
      const unseen = [...expressions].filter((expression) => looked[name]?.includes(expression) !== true)
      return unseen.map((expression) => `${name}: ${expression}`)
    })
    expect(unseen).toEqual([])
    const gone = Object.entries(looked).flatMap(([name, expressions]) => {
      const there = found.find(([file]) => file === name)?.[1]
      return expressions.filter((one) => there?.has(one) !== true).map((one) => `${name}: ${one}`)
    })
    expect(gone).toEqual([])
  })

  it.each([
    ['session.run(`drop table ${target.name}`)', 'target.name'],
    ['session.run(`select ${columns.map(({ name }) => name).join(", ")} from ${quoteTable(t)}`)', 'columns.map'],
    ['const name = plan.source\nsession.run(`truncate ${name}`)', 'name'],
    ['const f = (table: string) => `insert into ${table} values ($1)`', 'table'],
    ['session.query(`select from x where ${`a = ${value}`}`)', '`a = ${value}`'],
    ["session.run(`grant ${a ? 'select' : right} on ${quoteTable(t)} to x`)", "a ? 'select' : right"],
  ])('would be found to be doubtful in: %s', (code, expression) => {
    expect(doubtfulFragments(code)[0]?.expression).toContain(expression)
  })

  it('has as many parameters as it has in its text: what is many goes into one array', () => {
    const counted = files.filter(({ code }) => code.includes('$${')).map(({ name }) => name)
    // One for each column of a key.
    expect(counted.toSorted()).toEqual(['look-up.ts', 'source/bounds.ts'])
  })
})
