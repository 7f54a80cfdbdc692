import { parseCreateIndex } from '../../schema/sql/parse-create-index.ts'
import { SqlSyntaxError } from '../../schema/sql/syntax-error.ts'
import type { SqliteIndexSql } from '../../schema/sql/table-sql.ts'
import type { IndexStructure } from '../structure.ts'
import type { Told } from './column-notes.ts'
import { quoteName } from './identifiers.ts'
import type { Snapshot } from './snapshot.ts'
import { textOf, type SqliteTable } from './table.ts'

/** Indexes of a table, those of its UNIQUE constraints included and that of its primary key not. */
export function readIndexes(snapshot: Snapshot, table: SqliteTable, told: Told): readonly IndexStructure[] {
  return snapshot
    .all('select name, "unique", partial from pragma_index_list(?) where origin <> \'pk\' order by seq desc', [
      table.name,
    ])
    .flatMap(([name, unique, partial]) => readIndex(snapshot, textOf(name), unique === 1n, partial === 1n, told))
}

function readIndex(
  snapshot: Snapshot,
  name: string,
  unique: boolean,
  partial: boolean,
  told: Told,
): readonly IndexStructure[] {
  const rows = snapshot.all('select cid, name, "desc", coll from pragma_index_xinfo(?) where key = 1 order by seqno', [
    name,
  ])
  // An expression has no name there, and a condition is nowhere but in the text.
  const isPlain = !partial && rows.every(([place]) => place !== -2n)
  const parsed = isPlain ? null : parse(snapshot, name, told)
  if (!isPlain && parsed === null) return []
  const parts = rows.map(([, column, descending, collation], place) => {
    const field = typeof column === 'string' ? column : null
    return {
      expression: {
        dialect: 'sqlite' as const,
        sql: field === null ? (parsed?.parts[place]?.text ?? '') : quoteName(field),
      },
      field,
      descending: descending === 1n,
      collation: collation === 'BINARY' ? null : textOf(collation),
    }
  })
  const where = parsed?.whereText ?? null
  return [{ name, unique, parts, where: where === null ? null : { dialect: 'sqlite', sql: where } }]
}

function parse(snapshot: Snapshot, name: string, told: Told): SqliteIndexSql | null {
  const [sql] = snapshot.first("select sql from sqlite_schema where type = 'index' and name = ?", [name])
  try {
    return parseCreateIndex(textOf(sql))
  } catch (error) {
    if (!(error instanceof SqlSyntaxError)) throw error
    told.warnings.push(`the definition of the index ${name} cannot be read, so it is not carried: ${error.message}`)
    return null
  }
}
