import { DroverError } from '../../core/errors.ts'
import type { IndexPlan } from '../../core/index-plan.ts'
import { inSchema, partsOf, qualified, targetColumns, type TargetName } from '../../core/plan.ts'
import type { Lease, MigrationId } from '../ledger-contract.ts'
import type { PlannedTable } from '../planned-table.ts'
import type { Connection } from './database.ts'
import { columnList, type Part } from './ddl.ts'
import { createIndexSql, indexName } from './index-ddl.ts'
import { addColumns, changed, notATable } from './ledger-begin.ts'
import { holdEpoch } from './ledger-lease.ts'
import { forgetTable, moveNotes, noteObjects } from './ledger-objects.ts'
import type { LedgerTables } from './ledger-schema.ts'
import { finalName, loadTables, updatePlanned } from './ledger-stored.ts'
import { quoteName, quoteTable, tableKey, tableName } from './names.ts'
import { dropTables } from './removal.ts'
import { isDuplicate, isRefusal } from './target-errors.ts'
import { findExisting, findName } from './target-existing.ts'

/** A table that was loaded beside others. */
type LoadedTable = PlannedTable & { readonly publishTo: string }

interface Publishing {
  readonly connection: Connection
  readonly tables: LedgerTables
  readonly migration: MigrationId
}

/** See `Ledger.publish`. Within the caller's transaction. */
export function publishTables(
  connection: Connection,
  tables: LedgerTables,
  migration: MigrationId,
  lease: Lease,
): void {
  holdEpoch(connection, tables, migration, lease)
  const planned = loadTables(connection, tables, migration)
  const loaded = planned.filter((table): table is LoadedTable => table.publishTo !== undefined)
  if (loaded.length === 0) return
  const publishing: Publishing = { connection, tables, migration }
  for (const table of loaded.filter(({ exists }) => exists)) join(publishing, table)
  const made = loaded.filter(({ exists }) => !exists)
  makeRoom(publishing, made)
  for (const table of made) {
    for (const part of partsOf(table.plan)) move(publishing, part.target, finalName(table, part.target))
    for (const index of table.indexes ?? []) rename(connection, index, finalName(table, index.target))
  }
  storeFinalNames(publishing, planned, loaded)
}

/**
 * Drops the tables that are replaced. Throws `target-in-use`, and `target-not-empty` for a table that came since and is
 * not to be replaced.
 */
function makeRoom({ connection, tables, migration }: Publishing, loaded: readonly LoadedTable[]): void {
  const inTheWay = new Map<string, TargetName>()
  for (const table of loaded) {
    const names = partsOf(table.plan).map(({ target }) => finalName(table, target))
    for (const { target, kind } of findExisting(connection, names)) {
      if (kind === 'other') throw notATable(target)
      if (table.mode !== 'recreate') throw changed('target-not-empty', target, 'appeared since it was planned')
      inTheWay.set(tableKey(target), target)
    }
    const stale = table.mode === 'recreate' ? findExisting(connection, table.drops ?? []) : []
    for (const { target } of stale) inTheWay.set(tableKey(target), target)
  }
  const replaced = [...inTheWay.values()]
  dropTables(connection, replaced)
  const notes = replaced.map((target) => ({ kind: 'replaced' as const, target }))
  noteObjects(connection, tables, migration, notes)
}

/** SQLite gives an index no other name, so it is built again; one that could not be built is not there. */
function rename(connection: Connection, index: IndexPlan, target: TargetName): void {
  const name = indexName(index)
  if (findName(connection, name) === null) return
  const final = indexName({ ...index, target })
  if (findName(connection, final) !== null) {
    const message = `${qualified(target)} cannot be published: the name ${JSON.stringify(final)} of its index is taken`
    throw new DroverError('target-incompatible', message, {
      hint: 'rename what has that name, and then: drover resume',
    })
  }
  connection.exec(`drop index ${quoteName(name)}; ${createIndexSql({ ...index, target })}`)
}

/** Indexes and references follow their table. */
function move({ connection, tables, migration }: Publishing, from: TargetName, to: TargetName): void {
  connection.exec(`alter table ${quoteTable(from)} rename to ${quoteName(tableName(to))}`)
  moveNotes(connection, tables, migration, from, to)
}

/** Adds the rows of tables that were loaded apart to those that stay; a child table that they lack gets its name. */
function join(publishing: Publishing, loaded: LoadedTable): void {
  const { connection, tables, migration } = publishing
  const finals = partsOf(inSchema(loaded.plan, loaded.publishTo))
  const there = findThere(connection, finals)
  const moved = (target: TargetName): TargetName => ({ ...target, schema: loaded.publishTo })
  const additions = (loaded.additions ?? []).map((change) => ({ ...change, target: moved(change.target) }))
  const present = finals.map((part) => ({ part, there: there.has(tableKey(part.target)) }))
  noteObjects(connection, tables, migration, addColumns(connection, [{ ...loaded, additions }], present))
  for (const [i, part] of partsOf(loaded.plan).entries()) {
    const into = finals[i] ?? part
    if (!there.has(tableKey(into.target))) {
      move(publishing, part.target, into.target)
      continue
    }
    insertInto(connection, part, into)
    connection.exec(`drop table ${quoteTable(part.target)}`)
    forgetTable(connection, tables, migration, part.target)
  }
}

/** Names of the tables of a plan that the target has. */
function findThere(connection: Connection, parts: readonly Part[]): ReadonlySet<string> {
  const names = parts.map(({ target }) => target)
  const existing = findExisting(connection, names)
  const other = existing.find(({ kind }) => kind === 'other')
  if (other !== undefined) throw notATable(other.target)
  const there = new Set(existing.map(({ target }) => tableKey(target)))
  const [own] = names
  if (own === undefined || there.has(tableKey(own))) return there
  throw changed('target-missing', own, 'is gone since it was planned')
}

/** Throws `key-violation` or `row-rejected`. */
function insertInto(connection: Connection, part: Part, into: Part): void {
  const columns = columnList(targetColumns(part).map(({ name }) => name))
  const count = `select count(*) as rows from ${quoteTable(part.target)}`
  const wanted = connection.get<{ rows: number }>(count)?.rows ?? 0
  let inserted: number
  try {
    const rows = `select ${columns} from ${quoteTable(part.target)}`
    inserted = connection.run(`insert or abort into ${quoteTable(into.target)} (${columns}) ${rows}`)
  } catch (error) {
    if (!isRefusal(error)) throw error
    const code = isDuplicate(error) ? 'key-violation' : 'row-rejected'
    throw new DroverError(code, `the new rows cannot join ${qualified(into.target)}: ${error.message}`, {
      hint: `they are still in ${qualified(part.target)}; change one of both, and then: drover resume, or drover rollback`,
      cause: error,
    })
  }
  // Invariant 2.
  if (inserted === wanted) return
  throw new DroverError('conservation-broken', `only ${inserted} of the new rows are in ${qualified(into.target)}`, {
    hint: 'look for triggers that leave rows out',
  })
}

/** Indexes and references name tables too, also those of the other tables. */
function storeFinalNames(
  { connection, tables, migration }: Publishing,
  planned: readonly PlannedTable[],
  loaded: readonly LoadedTable[],
): void {
  const finals = new Map(
    loaded.flatMap((table) =>
      partsOf(table.plan).map(({ target }) => [tableKey(target), finalName(table, target)] as const),
    ),
  )
  const final = (target: TargetName): TargetName => finals.get(tableKey(target)) ?? target
  for (const table of planned) {
    const { plan, publishTo, indexes = [], references = [] } = table
    updatePlanned(connection, tables, migration, {
      ...table,
      plan: publishTo === undefined ? plan : inSchema(plan, publishTo),
      publishTo: undefined,
      indexes: indexes.map((index) => ({ ...index, target: final(index.target) })),
      references: references.map((key) => ({ ...key, target: final(key.target), references: final(key.references) })),
    })
  }
}
