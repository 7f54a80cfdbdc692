import { readExpression } from './parse-expression.ts'
import { readIndexPart, readQualifiedName } from './read-clauses.ts'
import type { SqliteIndexSql } from './table-sql.ts'
import { TokenReader } from './token-reader.ts'

/**
 * Reads a CREATE INDEX of SQLite (https://www.sqlite.org/lang_createindex.html). SQLite keeps none for the indexes of
 * keys and unique constraints.
 *
 * @throws SqlSyntaxError
 */
export function parseCreateIndex(sql: string): SqliteIndexSql {
  const reader = new TokenReader(sql)
  reader.expect('CREATE')
  const unique = reader.accept('UNIQUE')
  reader.expect('INDEX')
  reader.accept('IF', 'NOT', 'EXISTS')
  const name = readQualifiedName(reader)
  reader.expect('ON')
  const table = reader.name('the name of a table')
  const parts = reader.list(() => readIndexPart(reader))
  if (!reader.accept('WHERE')) {
    reader.expectEnd()
    return { name, unique, table, parts, where: null, whereText: null }
  }
  const first = reader.peek()
  const where = readExpression(reader)
  const whereText = reader.textFrom(first)
  reader.expectEnd()
  return { name, unique, table, parts, where, whereText }
}
