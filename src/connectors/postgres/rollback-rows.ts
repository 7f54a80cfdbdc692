import { DroverError } from '../../core/errors.ts'
import { qualified, type TargetName } from '../../core/plan.ts'
import type { MigrationId } from '../ledger-contract.ts'
import type { Session } from './session.ts'
import { exactNumber } from './entries.ts'
import { findExisting } from './existing.ts'
import { quoteColumn, quoteTable } from './identifiers.ts'
import type { LedgerTables } from './ledger-schema.ts'
import { ownRows } from './relations.ts'
import { remove } from './removal.ts'

/** What the ledger knows of the rows of one source table. */
export interface WrittenRows {
  /** Rows written to all of its target tables. */
  readonly rows: number
  /** Its batches that are committed. */
  readonly entries: number
  /** Some of them do not say by which transaction. */
  readonly unknown: boolean
  /** The rows of some are so old that their transaction cannot be told from a later one. */
  readonly tooOld: boolean
}

/** The number of a transaction in a row, `xmin`, is the lower half of the one in the ledger: two have it 2^32 apart. */
const halfOfNumbers = 2 ** 31
const allNumbers = 2 ** 32

/** By source table. Those without entries have none. */
export async function readWritten(
  session: Session,
  tables: LedgerTables,
  migration: MigrationId,
): Promise<ReadonlyMap<string, WrittenRows>> {
  const { rows } = await session.query<{
    source: string
    rows: string
    entries: string
    unknown: boolean
    too_old: boolean
  }>(
    `select p.source, sum(e.written + e.derived)::text as rows, count(*)::text as entries,
       coalesce(bool_or(e.transaction is null) filter (where e.written + e.derived > 0), false) as unknown,
       coalesce(bool_or(txid_current() - e.transaction >= ${halfOfNumbers}), false) as too_old
     from ${tables.entry} e
     join ${tables.partition} p on p.migration = e.migration and p.id = e.partition
     where e.migration = $1
     group by p.source`,
    [migration],
  )
  return new Map(
    rows.map((row) => [
      row.source,
      {
        rows: exactNumber(row.rows),
        entries: exactNumber(row.entries),
        unknown: row.unknown,
        tooOld: row.too_old,
      },
    ]),
  )
}

/** A target table of which the rows that came from a source table are to be deleted. */
interface Deletion {
  readonly source: string
  readonly target: TargetName
}

/**
 * Deletes the rows that the transactions of a source table's batches have inserted and nobody has changed since, and
 * answers how many of each table. One statement, so that references among the tables are checked when all of them are
 * gone. Throws `target-in-use` where rows of other tables refer to them.
 */
export async function deleteWritten(
  session: Session,
  tables: LedgerTables,
  migration: MigrationId,
  deletions: readonly Deletion[],
): Promise<readonly number[]> {
  if (deletions.length === 0) return []
  const own: string[] = []
  for (const { target } of deletions) own.push(await ownRows(session, target))
  const steps = own.map(
    (table, i) => `deleted${i} as (
      delete from ${table} where xmin in (
        select (e.transaction % ${allNumbers})::text::xid
        from ${tables.entry} e
        join ${tables.partition} p on p.migration = e.migration and p.id = e.partition
        where e.migration = $1 and p.source = ($2::text[])[${i + 1}] and e.transaction is not null
      ) returning 1
    )`,
  )
  const counts = deletions.map((_, i) => `(select count(*)::text from deleted${i})`)
  const statement = `with ${steps.join(', ')} select array[${counts.join(', ')}] as counts`
  const failure = `rows of ${deletions.map(({ target }) => qualified(target)).join(', ')} cannot be deleted`
  const [row] = await remove<{ counts: readonly string[] }>(session, statement, failure, [
    migration,
    deletions.map(({ source }) => source),
  ])
  return (row?.counts ?? []).map(exactNumber)
}

/** Rows of a table that nobody may write to until the transaction ends. */
export async function countLocked(session: Session, target: TargetName): Promise<number> {
  await session.run(`lock table ${quoteTable(target)} in access exclusive mode`)
  const { rows } = await session.query<{ count: string }>(
    `select count(*)::text as count from ${await ownRows(session, target)}`,
  )
  return exactNumber(rows[0]?.count ?? '')
}

/** Those of the columns that the table has. Throws `not-undoable` for one with values, unless that is wanted. */
export async function droppable(
  session: Session,
  target: TargetName,
  columns: readonly string[],
  options: { readonly force: boolean },
): Promise<readonly string[]> {
  const [table] = await findExisting(session, [target])
  const present = columns.filter((column) => table?.columns.some(({ name }) => name === column) === true)
  for (const column of options.force ? [] : present) {
    const { rows } = await session.query<{ filled: boolean }>(
      `select exists (select from ${quoteTable(target)} where ${quoteColumn(column)} is not null) as filled`,
    )
    if (rows[0]?.filled !== true) continue
    const message = `column ${JSON.stringify(column)}, which it added to ${qualified(target)}, has values in rows of others`
    throw new DroverError('not-undoable', message, { hint: '--yes drops the column all the same' })
  }
  return present
}
