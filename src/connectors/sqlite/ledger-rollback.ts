import { DroverError } from '../../core/errors.ts'
import { partsOf, qualified, type TargetName } from '../../core/plan.ts'
import type { Lease, MigrationId, StoredMigration } from '../ledger-contract.ts'
import type { PlannedTable } from '../planned-table.ts'
import type { Connection } from './database.ts'
import { holdEpoch } from './ledger-lease.ts'
import { removeMarks } from './ledger-marks.ts'
import { madeTables, readObjects, type NotedObject } from './ledger-objects.ts'
import { now, type LedgerTables } from './ledger-schema.ts'
import { loadTables } from './ledger-stored.ts'
import { quoteName, quoteTable, tableKey, tableName } from './names.ts'
import { dropTables, emptyTables } from './removal.ts'
import { findName } from './target-existing.ts'

interface Undoing {
  readonly connection: Connection
  readonly tables: LedgerTables
  readonly migration: MigrationId
  /** What cannot be undone is left as it is, and what others have put into its tables goes with them. */
  readonly force: boolean
  readonly objects: readonly NotedObject[]
  /** Made by the migration and there still. */
  readonly made: ReadonlyMap<string, TargetName>
}

/** See `Ledger.rollback`. Within the caller's transaction, before which every batch has ended. */
export function rollBack(
  connection: Connection,
  tables: LedgerTables,
  migration: MigrationId,
  lease: Lease,
  { force }: { readonly force: boolean },
): readonly string[] {
  holdEpoch(connection, tables, migration, lease)
  if (demandKnown(connection, tables, migration) === 'rolled-back') return []
  connection.run(`update ${tables.partition} set open = 0 where migration = ? and open`, migration)
  const objects = readObjects(connection, tables, migration)
  const made = madeTables(connection, tables, migration)
  const undoing: Undoing = { connection, tables, migration, force, objects, made }
  const done = [...refuseLasting(undoing)]
  refuseSuccessors(undoing)
  done.push(...removeOwnMarks(undoing))
  for (const planned of loadTables(connection, tables, migration)) done.push(...removeRows(undoing, planned))
  dropTables(connection, [...made.values()])
  done.push(...removeColumns(undoing))
  done.push(...[...made.values()].map((target) => `table ${qualified(target)} is dropped`))
  connection.run(
    `update ${tables.migration} set state = 'rolled-back', error = null, changed_at = ${now} where id = ?`,
    migration,
  )
  return done
}

function notUndoable(message: string, hint: string): DroverError {
  return new DroverError('not-undoable', message, { hint })
}

function demandKnown(connection: Connection, tables: LedgerTables, migration: MigrationId): StoredMigration['state'] {
  const text = `select state from ${tables.migration} where id = ?`
  const found = connection.get<{ state: StoredMigration['state'] }>(text, migration)
  if (found === null) throw new DroverError('unexpected', `there is no migration ${migration}`)
  if (found.state !== 'superseded') return found.state
  throw notUndoable(
    `migration ${migration} was superseded by a later one, to which its tables belong now`,
    'drover status lists the migrations; roll the later one back',
  )
}

/** What it did to tables that were there, and that nothing brings back. With force, in words only. */
function refuseLasting({ objects, force, migration }: Undoing): readonly string[] {
  const replaced = objects.filter(({ kind }) => kind === 'replaced')
  const lasting = replaced.map(({ target }) => `the table ${qualified(target)} that was there before is gone`)
  if (force || lasting.length === 0) return lasting
  throw notUndoable(`migration ${migration} cannot be undone wholly: ${lasting.join('; ')}`, '--yes undoes the rest')
}

/** Another migration that is not finished would miss the tables that are dropped here. */
function refuseSuccessors({ connection, tables, migration, made }: Undoing): void {
  const other = connection.get<{ id: string; key: string }>(
    `select m.id, p.table_key as key
     from ${tables.migration} m join ${tables.part} p on p.migration = m.id
     where m.id <> ? and m.state not in ('done', 'superseded', 'rolled-back')
       and p.table_key in (select value from json_each(?))
     order by m.number limit 1`,
    migration,
    JSON.stringify([...made.keys()]),
  )
  if (other === null) return
  throw notUndoable(
    `migration ${other.id}, which is not finished, writes to ${other.key} too`,
    `roll that one back first: drover rollback ${other.id}`,
  )
}

function removeOwnMarks({ connection, tables, migration, force }: Undoing): readonly string[] {
  const later = removeMarks(connection, tables, migration, { later: force })
  if (later.length === 0) return []
  const ids = later.join(', ')
  if (force) return [`the marks of ${ids} are removed, which went on from where it ended`]
  throw notUndoable(
    `later migrations have gone on from where it ended (--since …=last): ${ids}`,
    'roll them back first, or --yes, after which the next copy begins where this one began',
  )
}

/** Of the tables that were there before; those that it made go with all of theirs. */
function removeRows(undoing: Undoing, planned: PlannedTable): readonly string[] {
  const { connection, objects, made } = undoing
  const noted = new Set(objects.flatMap(({ kind, target }) => (kind === 'table' ? [tableKey(target)] : [])))
  const names = partsOf(planned.plan).map(({ target }) => target)
  const written = writtenBy(undoing, planned.plan.source)
  const counted = names.filter((target) => made.has(tableKey(target)))
  const inMade = counted.reduce((sum, target) => sum + countRows(connection, target), 0)
  const staying = names.filter((target) => !noted.has(tableKey(target)))
  const gone = names
    .filter((target) => noted.has(tableKey(target)) && !made.has(tableKey(target)))
    .map((target) => `what is ${qualified(target)} now, if anything, is not the table it made, and stays`)
  if (staying.length === 0) {
    refuseOthers(undoing, planned, inMade, written)
    return gone
  }
  if (written === 0) return gone
  return [...gone, ...removeFromStaying(undoing, planned, staying, { inMade, written })]
}

/** Fewer rows than it wrote are its own still. */
function refuseOthers({ force }: Undoing, { plan }: PlannedTable, counted: number, written: number): void {
  if (force || counted <= written) return
  throw notUndoable(
    `${qualified(plan.target)}, with its child tables, has ${rowsText(counted)}, and ${written} were written by the migration`,
    '--yes drops the tables with the rows of others',
  )
}

/**
 * Nothing in SQLite tells who wrote a row. Only where a table was empty before, and has as many rows as were written to
 * it, they are the migration's own.
 */
function removeFromStaying(
  { connection }: Undoing,
  { plan, mode }: PlannedTable,
  staying: readonly TargetName[],
  { inMade, written }: { readonly inMade: number; readonly written: number },
): readonly string[] {
  const counts = staying.map((target) => countRows(connection, target))
  const found = counts.reduce((sum, count) => sum + count, inMade)
  const hint = 'remove by hand what is not wanted'
  const name = qualified(plan.target)
  if (mode === 'truncate') throw notUndoable(`${name} was emptied by the migration, and its rows are gone`, hint)
  if (mode !== 'create') {
    throw notUndoable(`${name} had rows before, and SQLite does not tell who wrote a row`, hint)
  }
  if (found !== written) {
    throw notUndoable(
      `the migration wrote ${rowsText(written)} to ${name} and its child tables, and they have ${found} now`,
      hint,
    )
  }
  emptyTables(connection, staying)
  return staying.map((target, i) => {
    return `${rowsText(counts[i] ?? 0)} of ${qualified(target)} ${counts[i] === 1 ? 'is' : 'are'} deleted`
  })
}

function writtenBy({ connection, tables, migration }: Undoing, source: string): number {
  const row = connection.get<{ rows: number }>(
    `select coalesce(sum(e.written + e.derived), 0) as rows
     from ${tables.entry} e join ${tables.partition} p on p.migration = e.migration and p.id = e.partition
     where e.migration = ? and p.source = ?`,
    migration,
    source,
  )
  return row?.rows ?? 0
}

function countRows(connection: Connection, target: TargetName): number {
  return connection.get<{ rows: number }>(`select count(*) as rows from ${quoteTable(target)}`)?.rows ?? 0
}

/** Throws `not-undoable` for a column with values, unless that is wanted. */
function removeColumns({ connection, objects, force }: Undoing): readonly string[] {
  const done: string[] = []
  for (const object of objects) {
    if (object.kind !== 'column' || !object.there) continue
    const { target, column } = object
    if (findName(connection, tableName(target)) === null) continue
    const name = `column ${JSON.stringify(column)}`
    const filled = `select 1 from ${quoteTable(target)} where ${quoteName(column)} is not null limit 1`
    if (!force && connection.get(filled) !== null) {
      const message = `${name}, which it added to ${qualified(target)}, has values in rows of others`
      throw notUndoable(message, '--yes drops the column all the same')
    }
    connection.exec(`alter table ${quoteTable(target)} drop column ${quoteName(column)}`)
    done.push(`${name} of ${qualified(target)} is dropped`)
  }
  return done
}

function rowsText(rows: number): string {
  return rows === 1 ? '1 row' : `${rows} rows`
}
