import pg from 'pg'
import { DroverError } from '../../core/errors.ts'
import { reach } from '../../core/failpoint.ts'
import { inSchema, partsOf, qualified, targetColumns, type TablePlan, type TargetName } from '../../core/plan.ts'
import type { Lease, MigrationId } from '../ledger-contract.ts'
import type { PlannedTable } from '../planned-table.ts'
import { alterStatements } from './alter.ts'
import { changed, notATable, refer } from './begin.ts'
import { addPrimaryKey, type Part } from './ddl.ts'
import { classifyFault, codeOf, withoutValues } from './errors.ts'
import { findExisting } from './existing.ts'
import { giveAccess, readAccess, type Access } from './grants.ts'
import { quoteColumn, quoteName, quoteTable } from './identifiers.ts'
import { holdEpoch } from './lease.ts'
import { createSchema, ledgerVersion, type LedgerTables } from './ledger-schema.ts'
import { forgetObject, moveNotes, noteObjects, objectOf, readObjects } from './objects.ts'
import { finalName, storedPlanned } from './planned.ts'
import { dropEmptySchema, emptyTables } from './removal.ts'
import { advanceSequences } from './sequences.ts'
import type { Session } from './session.ts'
import { loadTables } from './stored.ts'

/** A table that was loaded beside others. */
type LoadedTable = PlannedTable & { readonly publishTo: string }

interface Publishing {
  readonly session: Session
  readonly tables: LedgerTables
  readonly migration: MigrationId
}

/** See `Ledger.publish`. Within the caller's transaction. */
export async function publishTables(
  session: Session,
  tables: LedgerTables,
  migration: MigrationId,
  lease: Lease,
): Promise<void> {
  await holdEpoch(session, tables, migration, lease)
  const planned = await loadTables(session, tables, migration, ledgerVersion)
  const loaded = planned.filter(isLoaded)
  if (loaded.length === 0) return
  const publishing: Publishing = { session, tables, migration }
  await createSchemas(publishing, loaded)
  // What takes long comes first: from the drops on, readers of those tables wait.
  for (const table of loaded.filter(({ exists }) => exists)) await join(publishing, table)
  const made = loaded.filter(({ exists }) => !exists)
  const access = await makeRoom(publishing, made)
  for (const table of made) {
    for (const part of partsOf(table.plan)) {
      const target = await move(publishing, part, table.publishTo)
      const before = access.get(quoteTable(target))
      if (before !== undefined) await giveAccess(session, target, before, columnsOf(part))
    }
  }
  await dropLoadSchemas(publishing, loaded)
  await storeFinalNames(publishing, planned, loaded)
  await reach('publish.before_commit')
  // Invariant 3: at the last moment before the commit.
  lease.lost.throwIfAborted()
}

function isLoaded(planned: PlannedTable): planned is LoadedTable {
  return planned.publishTo !== undefined
}

async function createSchemas(
  { session, tables, migration }: Publishing,
  loaded: readonly LoadedTable[],
): Promise<void> {
  for (const schema of new Set(loaded.map(({ publishTo }) => publishTo))) {
    const made = await createSchema(session, quoteName(schema))
    if (made) await noteObjects(session, tables, migration, [{ kind: 'schema', schema }])
  }
}

/**
 * Drops the tables that are replaced, all at once, and answers who had which rights on them, by their names. Throws
 * `target-in-use`, and `target-not-empty` for a table that came since and is not to be replaced.
 */
async function makeRoom(
  { session, tables, migration }: Publishing,
  loaded: readonly LoadedTable[],
): Promise<ReadonlyMap<string, Access>> {
  const inTheWay = new Map<string, TargetName>()
  const access = new Map<string, Access>()
  for (const table of loaded) {
    const names = partsOf(table.plan).map(({ target }) => finalName(table, target))
    for (const { target, kind } of await findExisting(session, names)) {
      if (kind === 'other') throw notATable(target)
      if (table.mode !== 'recreate') throw changed('target-not-empty', target, 'appeared since it was planned')
      inTheWay.set(quoteTable(target), target)
      access.set(quoteTable(target), await readAccess(session, target))
    }
    const stale = table.mode === 'recreate' ? await findExisting(session, table.drops ?? []) : []
    for (const { target } of stale) inTheWay.set(quoteTable(target), target)
  }
  const replaced = [...inTheWay.values()]
  await emptyTables(session, 'drop table', replaced)
  const notes = replaced.map((target) => ({ kind: 'replaced' as const, target }))
  await noteObjects(session, tables, migration, notes)
  return access
}

/** Another relation, or another object, has the name. */
const takenNames: ReadonlySet<string> = new Set(['42P07', '42710'])

/** What a definition may have made in the schema of its table, and does not go with it: partitions, statistics. */
const findBeside = `
  with tree as (
    select t.relid from pg_catalog.pg_partition_tree($1::regclass) t
    union select $1::regclass
  )
  select 'table' as kind, c.relname as name
  from tree join pg_catalog.pg_class c on c.oid = tree.relid
  where c.relnamespace = $2::regnamespace and c.oid <> $1::regclass
  union all
  select 'statistics', s.stxname
  from tree join pg_catalog.pg_statistic_ext s on s.stxrelid = tree.relid
  where s.stxnamespace = $2::regnamespace
  order by 1, 2`

/** Indexes, constraints and sequences of its own go with a table. Answers its name. */
async function move({ session, tables, migration }: Publishing, part: Part, schema: string): Promise<TargetName> {
  const target = { ...part.target, schema }
  const beside = await session.query<{ kind: 'table' | 'statistics'; name: string }>(findBeside, [
    quoteTable(part.target),
    quoteName(part.target.schema),
  ])
  try {
    for (const { kind, name } of [{ kind: 'table', name: part.target.name }, ...beside.rows]) {
      const moved = quoteTable({ schema: part.target.schema, name })
      const what = kind === 'table' ? 'table' : 'statistics'
      await session.run(`alter ${what} ${moved} set schema ${quoteName(schema)}`)
    }
  } catch (error) {
    if (!takenNames.has(codeOf(error) ?? '') || !(error instanceof pg.DatabaseError)) throw error
    throw new DroverError('target-incompatible', `${qualified(target)} cannot be published: ${error.message}`, {
      hint: 'rename what has that name, and then: drover resume',
      cause: withoutValues(error),
    })
  }
  await moveNotes(session, tables, migration, part.target, schema)
  return target
}

/**
 * Adds the rows of tables that were loaded apart to those that stay, a parent before its children; a child table that
 * they lack is moved there. The rows are of this transaction then.
 */
async function join(publishing: Publishing, loaded: LoadedTable): Promise<void> {
  const { session, tables, migration } = publishing
  const { publishTo, plan, additions = [] } = loaded
  const changes = additions.map((change) => ({ ...change, target: { ...change.target, schema: publishTo } }))
  for (const statement of alterStatements(changes)) await session.run(statement)
  await noteObjects(session, tables, migration, changes.map(objectOf))
  const final = inSchema(plan, publishTo)
  const there = await findThere(session, final)
  const joined: TargetName[] = []
  for (const [i, part] of partsOf(plan).entries()) {
    const into = partsOf(final)[i] ?? part
    if (there.has(quoteTable(into.target))) {
      await insertInto(session, part, into)
      await advanceSequences(session, into)
      joined.push(part.target)
    } else {
      await move(publishing, part, publishTo)
      const key = addPrimaryKey(into)
      if (key !== null) await session.run(key)
      await refer(session, { plan: final }, into)
    }
  }
  await emptyTables(session, 'drop table', joined)
  for (const target of joined) await forgetObject(session, tables, migration, { kind: 'table', target })
  await session.query(
    `update ${tables.entry} e set transaction = txid_current()
     from ${tables.partition} p
     where p.migration = $1 and p.source = $2 and e.migration = p.migration and e.partition = p.id`,
    [migration, plan.source],
  )
}

/** Names of the tables of a plan that the target has. */
async function findThere(session: Session, plan: TablePlan): Promise<ReadonlySet<string>> {
  const names = partsOf(plan).map(({ target }) => target)
  const existing = await findExisting(session, names)
  const other = existing.find(({ kind }) => kind === 'other')
  if (other !== undefined) throw notATable(other.target)
  const there = new Set(existing.map(({ target }) => quoteTable(target)))
  if (there.has(quoteTable(plan.target))) return there
  throw changed('target-missing', plan.target, 'is gone since it was planned')
}

/** Throws `key-violation` or `row-rejected`. */
async function insertInto(session: Session, part: Part, into: Part): Promise<void> {
  const columns = columnsOf(part).map(quoteColumn).join(', ')
  const rows = `select ${columns} from ${quoteTable(part.target)}`
  let inserted: number | null
  try {
    const text = `insert into ${quoteTable(into.target)} (${columns}) overriding system value ${rows}`
    inserted = (await session.query(text)).rowCount
  } catch (error) {
    if (!(error instanceof pg.DatabaseError) || classifyFault(error) !== 'data') throw error
    const code = error.code === '23505' || error.code === '23503' ? 'key-violation' : 'row-rejected'
    throw new DroverError(code, `the new rows cannot join ${qualified(into.target)}: ${error.message}`, {
      hint: `they are still in ${qualified(part.target)}; change one of both, and then: drover resume, or drover rollback`,
      cause: withoutValues(error),
    })
  }
  const { rows: counted } = await session.query<{ all: boolean }>(
    `select count(*) = $1::bigint as all from ${quoteTable(part.target)}`,
    [String(inserted)],
  )
  // Invariant 2.
  if (counted[0]?.all === true) return
  throw new DroverError('conservation-broken', `only ${inserted} of the new rows are in ${qualified(into.target)}`, {
    hint: 'look for triggers and rules that leave rows out',
  })
}

function columnsOf(part: Part): readonly string[] {
  return targetColumns(part).map(({ name }) => name)
}

async function dropLoadSchemas(
  { session, tables, migration }: Publishing,
  loaded: readonly LoadedTable[],
): Promise<void> {
  const schemas = new Set(loaded.flatMap(({ plan }) => partsOf(plan).map(({ target }) => target.schema)))
  for (const object of await readObjects(session, tables, migration)) {
    if (object.kind !== 'schema' || !object.there || !schemas.has(object.schema)) continue
    if (await dropEmptySchema(session, object.schema)) await forgetObject(session, tables, migration, object)
  }
}

/** Indexes and references name tables too, also those of the other tables. */
async function storeFinalNames(
  { session, tables, migration }: Publishing,
  planned: readonly PlannedTable[],
  loaded: readonly LoadedTable[],
): Promise<void> {
  const finals = new Map(
    loaded.flatMap((table) =>
      partsOf(table.plan).map(({ target }) => [quoteTable(target), finalName(table, target)] as const),
    ),
  )
  const final = (target: TargetName): TargetName => finals.get(quoteTable(target)) ?? target
  for (const table of planned) {
    const { plan, publishTo, indexes = [], references = [] } = table
    const named: PlannedTable = {
      ...table,
      publishTo: undefined,
      indexes: indexes.map((index) => ({ ...index, target: final(index.target) })),
      references: references.map((key) => ({ ...key, target: final(key.target), references: final(key.references) })),
    }
    await session.query(`update ${tables.table} set plan = $3, planned = $4 where migration = $1 and source = $2`, [
      migration,
      plan.source,
      JSON.stringify(publishTo === undefined ? plan : inSchema(plan, publishTo)),
      JSON.stringify(storedPlanned(named)),
    ])
  }
}
