import { openSqliteSource } from '../../src/connectors/sqlite/connect.ts'
import { sqliteFile } from '../support/sqlite.ts'
import { describeSource, type SourceUnderTest } from './source.ts'

/** `insert` takes a number and a name. */
async function underTest(rows: number, create: string, insert: string, mode = 'delete'): Promise<SourceUnderTest> {
  const file = sqliteFile(`pragma journal_mode = ${mode}; ${create}`)
  const statement = file.db.prepare(insert)
  file.db.exec('begin')
  for (let n = 0; n < rows; n++) statement.run(n, `user ${n}`)
  file.db.exec('commit')
  const source = await openSqliteSource(file.url, { shared: null })
  return {
    source,
    table: 'users',
    async [Symbol.asyncDispose]() {
      await source[Symbol.asyncDispose]()
      await file[Symbol.asyncDispose]()
    },
  }
}

const withGaps = 'insert into users (id, name) values (?1 * ?1 * ?1 - 1000, ?2)'

describeSource('sqlite: integer key', (rows) =>
  underTest(rows, 'create table users (name, id integer primary key)', withGaps),
)
describeSource('sqlite: no key, write-ahead log', (rows) =>
  underTest(rows, 'create table users (id, name)', 'insert into users (rowid, name) values (?1 * 7, ?2)', 'wal'),
)
describeSource('sqlite: key of two columns', (rows) =>
  underTest(
    rows,
    'create table users (part, id, name, primary key (id, part)) without rowid',
    'insert into users values (?1 % 3, case ?1 % 4 when 0 then ?1 when 1 then ?1 / 2.5 when 2 then ?2 else cast(?2 as blob) end, ?2)',
  ),
)
