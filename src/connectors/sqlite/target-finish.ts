import { DroverError } from '../../core/errors.ts'
import type { ForeignKeyPlan, IndexPlan } from '../../core/index-plan.ts'
import { isChild, partsOf, qualified, type TablePlan } from '../../core/plan.ts'
import type { Connection } from './database.ts'
import { childReference, parentsOf, type Part } from './ddl.ts'
import { createIndexSql, indexName, partSql, whereSql } from './index-ddl.ts'
import { nameKey, quoteName, quoteTable, tableKey, tableName } from './names.ts'
import { isDuplicate } from './target-errors.ts'
import { primaryKeyOf } from './target-existing.ts'
import { listDuplicates, listOrphans } from './violations.ts'

interface ForeignKeyRow {
  readonly id: number
  readonly seq: number
  readonly table: string
  readonly from: string
  /** Null: the primary key of that table. */
  readonly to: string | null
}

/**
 * A table has its key from the beginning. What is left to do: looking at what child tables refer to, the numbers that
 * sequences go on from, and statistics. Throws `key-violation`, and `target-incompatible` for a table with another key.
 */
export function finishTable(connection: Connection, plan: TablePlan, options: { readonly buildKey: boolean }): void {
  if (options.buildKey) {
    for (const part of partsOf(plan)) demandKey(connection, part)
    for (const { parent, child } of parentsOf(plan)) {
      const reference = childReference(parent, child)
      if (reference !== null) demandReference(connection, reference)
    }
    setSequences(connection, plan)
  }
  for (const part of partsOf(plan)) connection.exec(analyze(part))
}

/** Builds an index unless it is there. */
export function buildIndex(connection: Connection, index: IndexPlan): void {
  const statement = createIndexSql(index)
  const found = connection.get<{ sql: string | null }>(
    'select sql from sqlite_schema where name = ? collate nocase',
    indexName(index),
  )
  if (found !== null) {
    if (found.sql !== null && sameText(found.sql, statement)) return
    throw new DroverError(
      'target-incompatible',
      `${JSON.stringify(index.name)} exists and is not the index that was planned`,
      { hint: `drop or rename it; the planned one is: ${statement}` },
    )
  }
  try {
    connection.exec(statement)
  } catch (error) {
    if (!isDuplicate(error)) throw error
    const duplicates = duplicatesOf(connection, index)
    const subject = `unique index ${JSON.stringify(index.name)} of ${qualified(index.target)} cannot be built`
    throw new DroverError('key-violation', `${subject}, values are there more than once${duplicates}`, {
      hint: 'the rows are kept; correct them and build the index',
      cause: error,
    })
  }
}

/**
 * Looks whether every reference leads to a row. The table has been made with the reference, which SQLite adds to none
 * that is there. Throws `key-violation` and `target-incompatible`.
 */
export function demandReference(connection: Connection, reference: ForeignKeyPlan): void {
  const { target, columns, references, referencedColumns } = reference
  const name = tableName(target)
  if (!hasReference(connection, reference)) {
    const message = `${qualified(target)} was made without the reference of ${columns.join(', ')} to ${qualified(references)}`
    throw new DroverError('target-incompatible', message, {
      hint: 'SQLite adds no reference to a table that is there; copy into a new one',
    })
  }
  const orphans = listOrphans(connection, reference)
  if (orphans === '') return
  throw new DroverError(
    'key-violation',
    `the reference of ${qualified(target)} (${columns.join(', ')}) to ${qualified(references)} (${referencedColumns.join(', ')}) does not hold, values without a row: ${orphans}`,
    {
      hint: `the rows are kept, and SQLite looks at the reference of new ones only; find them with: pragma foreign_key_check(${quoteName(name)})`,
    },
  )
}

export function analyze(part: Part): string {
  return `analyze ${quoteTable(part.target)}`
}

function demandKey(connection: Connection, part: Part): void {
  if (part.key.length === 0) return
  const present = primaryKeyOf(connection, tableName(part.target))
  if (present.map(nameKey).join('\0') === part.key.map(nameKey).join('\0')) return
  const message = `${qualified(part.target)} has the primary key (${present.join(', ')}) instead of (${part.key.join(', ')})`
  throw new DroverError('target-incompatible', message, {
    hint: 'SQLite adds no key to a table that is there; copy into a new one, or use --no-primary-key',
  })
}

function hasReference(
  connection: Connection,
  { target, references, columns, referencedColumns }: ForeignKeyPlan,
): boolean {
  const rows = connection.all<ForeignKeyRow>(
    'select id, seq, "table", "from", "to" from pragma_foreign_key_list(?) order by id, seq',
    tableName(target),
  )
  const wanted = columns.map((column, i) => [nameKey(column), nameKey(referencedColumns[i] ?? '')])
  return [...Map.groupBy(rows, ({ id }) => id).values()].some((key) => {
    const [first] = key
    if (first === undefined || nameKey(first.table) !== tableKey(references)) return false
    const primary = primaryKeyOf(connection, first.table)
    const found = key.map(({ from, to }, i) => [nameKey(from), nameKey(to ?? primary[i] ?? '')])
    return JSON.stringify(found) === JSON.stringify(wanted)
  })
}

function duplicatesOf(connection: Connection, index: IndexPlan): string {
  if (index.text !== undefined) return ''
  const expressions = index.parts.map(partSql)
  return `: ${listDuplicates(connection, { target: index.target, expressions, where: whereSql(index) })}`
}

/** SQLite has one sequence a table, that of an AUTOINCREMENT key, which goes on behind the highest number it has seen. */
function setSequences(connection: Connection, plan: TablePlan): void {
  const parts = partsOf(plan).flatMap((part) => (isChild(part) ? [] : [part]))
  for (const { target, definition } of parts) {
    for (const { reached } of definition?.sequences ?? []) {
      const name = tableName(target)
      const set = 'update sqlite_sequence set seq = max(seq, cast(? as integer)) where name = ?'
      if (connection.run(set, reached, name) === 0) {
        connection.run('insert into sqlite_sequence (name, seq) values (?, cast(? as integer))', name, reached)
      }
    }
  }
}

function sameText(a: string, b: string): boolean {
  const bare = (text: string): string => text.replace(/\s+/g, ' ').replace(/^create /i, '')
  return bare(a).toLowerCase() === bare(b).toLowerCase()
}
