import type { Expression } from './expression.ts'
import { readExpression } from './parse-expression.ts'
import type { SqliteAction, SqliteIndexPart, SqliteReferenceSql } from './table-sql.ts'
import type { TokenReader } from './token-reader.ts'

/** The parts of statements that more than one of them has. */

/** `name`, or `schema.name`, of which the name is answered. */
export function readQualifiedName(reader: TokenReader): string {
  const first = reader.name('a name')
  return reader.acceptSymbol('.') ? reader.name('a name') : first
}

/** An expression in parentheses, and its text without them. */
export function readParenthesized(reader: TokenReader): { readonly expression: Expression; readonly text: string } {
  reader.expectSymbol('(')
  const first = reader.peek()
  const expression = readExpression(reader)
  const text = reader.textFrom(first)
  reader.expectSymbol(')')
  return { expression, text }
}

/** One of what an index or key is made of. */
export function readIndexPart(reader: TokenReader): SqliteIndexPart {
  const first = reader.peek()
  const whole = readExpression(reader)
  const text = reader.textFrom(first)
  const collated = whole.kind === 'collate'
  return {
    expression: columnIfText(collated ? whole.operand : whole),
    text,
    collation: collated ? whole.collation : null,
    descending: readDescending(reader),
  }
}

/** SQLite takes a text in single quotes for the name of a column here. */
function columnIfText(expression: Expression): Expression {
  return expression.kind === 'string' ? { kind: 'column', table: null, name: expression.value, quote: '"' } : expression
}

export function readDescending(reader: TokenReader): boolean {
  const descending = reader.accept('DESC')
  if (!descending) reader.accept('ASC')
  return descending
}

/** Answers what `ON CONFLICT` says, in capitals; null: there is no such clause. */
export function readConflictClause(reader: TokenReader): string | null {
  if (!reader.accept('ON', 'CONFLICT')) return null
  const { keyword } = reader.peek()
  if (!['ROLLBACK', 'ABORT', 'FAIL', 'IGNORE', 'REPLACE'].includes(keyword)) throw reader.expected('a way to resolve')
  reader.next()
  return keyword
}

/** What follows REFERENCES. */
export function readReference(reader: TokenReader, name: string | null): SqliteReferenceSql {
  const table = reader.name('the name of a table')
  const referencedColumns = reader.seesSymbol('(') ? readColumnNames(reader) : []
  let onDelete: SqliteAction = 'no action'
  let onUpdate: SqliteAction = 'no action'
  for (;;) {
    if (reader.accept('ON', 'DELETE')) onDelete = readAction(reader)
    else if (reader.accept('ON', 'UPDATE')) onUpdate = readAction(reader)
    else if (reader.accept('ON', 'INSERT')) readAction(reader)
    else if (reader.accept('MATCH')) reader.name('a way to match')
    else break
  }
  const deferral = readDeferral(reader) ?? { deferrable: false, initiallyDeferred: false }
  return { name, table, referencedColumns, onDelete, onUpdate, ...deferral }
}

/** Null: nothing is said of it. */
export function readDeferral(reader: TokenReader): Pick<SqliteReferenceSql, 'deferrable' | 'initiallyDeferred'> | null {
  const not = reader.accept('NOT', 'DEFERRABLE')
  if (!not && !reader.accept('DEFERRABLE')) return null
  const deferred = reader.accept('INITIALLY', 'DEFERRED')
  if (!deferred) reader.accept('INITIALLY', 'IMMEDIATE')
  return { deferrable: !not, initiallyDeferred: !not && deferred }
}

export function readColumnNames(reader: TokenReader): readonly string[] {
  return reader.list(() => {
    const name = reader.name('the name of a column')
    // Old versions of SQLite allowed these and meant nothing by them.
    if (reader.accept('COLLATE')) reader.name('the name of a collation')
    readDescending(reader)
    return name
  })
}

function readAction(reader: TokenReader): SqliteAction {
  if (reader.accept('SET', 'NULL')) return 'set null'
  if (reader.accept('SET', 'DEFAULT')) return 'set default'
  if (reader.accept('NO', 'ACTION')) return 'no action'
  if (reader.accept('CASCADE')) return 'cascade'
  reader.expect('RESTRICT')
  return 'restrict'
}
