import pg from 'pg'
import { DroverError } from '../../core/errors.ts'
import { qualified, type TargetName } from '../../core/plan.ts'
import { ownRows } from './relations.ts'
import type { Session } from './session.ts'
import { classifyFault, codeOf, withoutValues } from './errors.ts'
import { quoteColumn, quoteName, quoteTable } from './identifiers.ts'

/** Something depends on it, it is referred to, or (truncate) tables that refer to it were not named with it. */
const inUseStates: ReadonlySet<string> = new Set(['2BP01', '23503', '0A000'])

/** All tables in one statement, so that references among them do not matter. Throws `target-in-use`. */
export async function emptyTables(
  session: Session,
  verb: 'truncate' | 'drop table',
  targets: readonly TargetName[],
): Promise<void> {
  if (targets.length === 0) return
  const names = targets.map(qualified).join(', ')
  const quoted: string[] = []
  // Tables that inherit from one keep their rows.
  for (const target of targets) quoted.push(verb === 'truncate' ? await ownRows(session, target) : quoteTable(target))
  await remove(session, `${verb} ${quoted.join(', ')}`, `${names} cannot be emptied`)
}

/** Throws `target-in-use`. */
export async function dropColumns(session: Session, target: TargetName, columns: readonly string[]): Promise<void> {
  if (columns.length === 0) return
  const drops = columns.map((column) => `drop column ${quoteColumn(column)}`).join(', ')
  const names = columns.map((column) => JSON.stringify(column)).join(', ')
  await remove(
    session,
    `alter table ${quoteTable(target)} ${drops}`,
    `${names} of ${qualified(target)} cannot be dropped`,
  )
}

/** Runs a statement that removes something, and answers its rows. Throws `target-in-use`. */
export async function remove<R extends pg.QueryResultRow>(
  session: Session,
  statement: string,
  failure: string,
  values: readonly unknown[] = [],
): Promise<readonly R[]> {
  try {
    return (await session.query<R>(statement, values)).rows
  } catch (error) {
    // Never with CASCADE: what depends on it is not drover's to remove.
    if (!inUseStates.has(codeOf(error) ?? '')) throw error
    throw new DroverError('target-in-use', `${failure}: ${reasonOf(error)}`, {
      hint: 'drop what depends on it first, or copy into another table',
      cause: withoutValues(error),
    })
  }
}

/** The detail of a data error may hold values of a row; the others name what depends on a table. */
function reasonOf(error: unknown): string {
  if (!(error instanceof pg.DatabaseError)) return String(error)
  const told = error.detail !== undefined && classifyFault(error) !== 'data'
  return told ? `${error.message} (${error.detail})` : error.message
}

/** Drops a schema unless something is in it, and answers whether it is gone. Within a transaction. */
export async function dropEmptySchema(session: Session, schema: string): Promise<boolean> {
  await session.run('savepoint drop_schema')
  try {
    await session.run(`drop schema ${quoteName(schema)}; release savepoint drop_schema`)
    return true
  } catch (error) {
    if (codeOf(error) !== '2BP01') throw error
    await session.run('rollback to savepoint drop_schema; release savepoint drop_schema')
    return false
  }
}
