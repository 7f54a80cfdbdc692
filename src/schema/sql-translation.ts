import type { Dialect } from '../core/batch.ts'
import type { LogicalType } from '../core/logical-type.ts'
import { defaultToPostgres } from './sql/default-to-postgres.ts'
import { postgresDefaultToSqlite } from './sql/default-to-sqlite.ts'
import type { Expression } from './sql/expression.ts'
import { parseExpression } from './sql/parse-expression.ts'
import { SqlSyntaxError } from './sql/syntax-error.ts'
import { indexPartToPostgres, toPostgres, type TranslatedColumns } from './sql/to-postgres.ts'

/** Text in another language, or why it cannot be said there. */
export type Translated = { readonly sql: string } | { readonly reason: string }

interface Text {
  readonly dialect: Dialect
  readonly sql: string
}

/** The target's language, and all columns of the table by the names they have in the source. */
export interface Translating {
  readonly to: Dialect | null
  readonly columns: TranslatedColumns
}

/** A condition that rows of a table meet. What is of the target's own language stays as it is. */
export function translateCondition(text: Text, { to, columns }: Translating): Translated {
  return translated(text, to, (expression) => toPostgres(expression, columns))
}

/** What an index orders by, with its own collation; null: that of the column. */
export function translateIndexPart(text: Text, { to, columns }: Translating, collation: string | null): Translated {
  return translated(text, to, (expression) => {
    return indexPartToPostgres({ expression, text: text.sql, collation, descending: false }, columns)
  })
}

/** What a column of a type gets where no value is given; null: nothing, which is what it has anyway. */
export function translateDefault(text: Text, to: Dialect | null, type: LogicalType): Translated | null {
  if (text.dialect === 'postgres' && to === 'sqlite') return postgresDefaultToSqlite(text.sql, type)
  return translated(text, to, (expression) => defaultToPostgres(expression, type))
}

function translated<T extends Translated | null>(
  { dialect, sql }: Text,
  to: Dialect | null,
  translate: (expression: Expression) => T,
): T | Translated {
  if (to === null) return { reason: 'the target has no such expressions' }
  if (dialect === to) return { sql }
  if (dialect !== 'sqlite') return { reason: `expressions of ${dialect} are not translated for ${to}` }
  let expression: Expression
  try {
    expression = parseExpression(sql)
  } catch (error) {
    if (!(error instanceof SqlSyntaxError)) throw error
    return { reason: `it could not be read: ${error.message}` }
  }
  return translate(expression)
}
