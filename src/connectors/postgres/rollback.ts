import { DroverError } from '../../core/errors.ts'
import { reach } from '../../core/failpoint.ts'
import { partsOf, qualified, type TargetName } from '../../core/plan.ts'
import type { Lease, MigrationId, StoredMigration } from '../ledger-contract.ts'
import type { PlannedTable } from '../planned-table.ts'
import { undoCarried } from './carry.ts'
import { quoteTable } from './identifiers.ts'
import { holdEpoch } from './lease.ts'
import { ledgerVersion, type LedgerTables } from './ledger-schema.ts'
import { removeMarks } from './marks.ts'
import { readObjects, type NotedObject } from './objects.ts'
import { dropColumns, dropEmptySchema, emptyTables } from './removal.ts'
import { countLocked, deleteWritten, droppable, readWritten, type WrittenRows } from './rollback-rows.ts'
import type { Session } from './session.ts'
import { loadTables } from './stored.ts'

interface Undoing {
  readonly session: Session
  readonly tables: LedgerTables
  readonly migration: MigrationId
  /** What cannot be undone is left as it is, and what others have put into its tables goes with them. */
  readonly force: boolean
  readonly objects: readonly NotedObject[]
  /** Made by the migration and there still, by their names. */
  readonly made: ReadonlyMap<string, TargetName>
}

/** See `Ledger.rollback`. Within the caller's transaction. Answers what was done and what was not. */
export async function rollBack(
  session: Session,
  tables: LedgerTables,
  migration: MigrationId,
  lease: Lease,
  { force }: { readonly force: boolean },
): Promise<readonly string[]> {
  await holdEpoch(session, tables, migration, lease)
  if ((await demandKnown(session, tables, migration)) === 'rolled-back') return []
  // Waits for every batch that is open, and none can be claimed from here on.
  await session.query(`update ${tables.partition} set open = false where migration = $1 and open`, [migration])
  const objects = await readObjects(session, tables, migration)
  const made = new Map(
    objects.flatMap((object) =>
      object.kind === 'table' && object.there ? [[quoteTable(object.target), object.target] as const] : [],
    ),
  )
  const undoing: Undoing = { session, tables, migration, force, objects, made }
  const done = [...refuseLasting(undoing)]
  await refuseSuccessors(undoing)
  done.push(...(await removeOwnMarks(undoing)))
  const rows = await lookAtRows(undoing)
  done.push(...(await undoCarried(session, tables, migration, 'after')))
  // Child tables that it made may refer to rows of tables that stay.
  await emptyTables(session, 'drop table', [...made.values()])
  await reach('rollback.mid_drop')
  done.push(...(await removeRows(undoing, rows)), ...(await removeColumns(undoing)))
  done.push(...[...made.values()].map((target) => `table ${qualified(target)} is dropped`))
  done.push(...(await undoCarried(session, tables, migration, 'before')), ...(await removeSchemas(undoing)))
  await session.query(
    `update ${tables.migration} set state = 'rolled-back', error = null, changed_at = now() where id = $1`,
    [migration],
  )
  // Invariant 3: at the last moment before the commit.
  lease.lost.throwIfAborted()
  return done
}

function notUndoable(message: string, hint: string): DroverError {
  return new DroverError('not-undoable', message, { hint })
}

async function demandKnown(
  session: Session,
  tables: LedgerTables,
  migration: MigrationId,
): Promise<StoredMigration['state']> {
  const { rows } = await session.query<{ state: StoredMigration['state']; known: boolean }>(
    `select m.state, not exists (select from ${tables.table} t where t.migration = m.id and t.planned is null) as known
     from ${tables.migration} m where m.id = $1`,
    [migration],
  )
  const [found] = rows
  if (found === undefined) throw new DroverError('unexpected', `there is no migration ${migration}`)
  if (found.state === 'superseded') {
    throw notUndoable(
      `migration ${migration} was superseded by a later one, to which its tables belong now`,
      'drover status lists the migrations; roll the later one back',
    )
  }
  if (found.known) return found.state
  throw notUndoable(
    `migration ${migration} was begun by an older drover, which did not note what it made`,
    'remove its tables by hand, or use --mode recreate',
  )
}

/** What it did to tables that were there, and that nothing brings back. With force, in words only. */
function refuseLasting({ objects, force, migration }: Undoing): readonly string[] {
  const added = new Set(objects.flatMap((object) => (object.kind === 'column' ? [columnKey(object)] : [])))
  const lasting = objects.flatMap((object) => {
    if (object.kind === 'replaced') return [`the table ${qualified(object.target)} that was there before is gone`]
    if (object.kind !== 'widened' || !object.there || added.has(columnKey(object))) return []
    return [`column ${JSON.stringify(object.column)} of ${qualified(object.target)} keeps the wider type that it got`]
  })
  if (force || lasting.length === 0) return lasting
  throw notUndoable(`migration ${migration} cannot be undone wholly: ${lasting.join('; ')}`, '--yes undoes the rest')
}

function columnKey({ target, column }: { readonly target: TargetName; readonly column: string }): string {
  return `${quoteTable(target)}.${JSON.stringify(column)}`
}

/** Another migration that is not finished would miss the tables that are dropped here. */
async function refuseSuccessors({ session, tables, migration, made }: Undoing): Promise<void> {
  const dropped = [...made.values()]
  const { rows } = await session.query<{ id: string; schema: string; name: string }>(
    `select m.id, p.target_schema as schema, p.target_name as name
     from ${tables.migration} m join ${tables.part} p on p.migration = m.id
     join unnest($2::text[], $3::text[]) as dropped (schema, name)
       on p.target_schema = dropped.schema and p.target_name = dropped.name
     where m.id <> $1 and m.state not in ('done', 'superseded', 'rolled-back')
     order by m.began_at, m.id limit 1`,
    [migration, dropped.map(({ schema }) => schema), dropped.map(({ name }) => name)],
  )
  const [other] = rows
  if (other === undefined) return
  throw notUndoable(
    `migration ${other.id}, which is not finished, writes to ${qualified(other)} too`,
    `roll that one back first: drover rollback ${other.id}`,
  )
}

/** What became of the rows of one source table. */
interface SourceRows {
  readonly planned: PlannedTable
  readonly written: WrittenRows
  /** Target tables that were there before. */
  readonly staying: readonly TargetName[]
  /** Target tables that it made, and that are gone or have given their names to others. */
  readonly gone: readonly TargetName[]
  /** Rows in the tables that it made. */
  readonly counted: number
}

/** Throws `not-undoable` where rows would go that are not its own, or where it cannot be known which are. */
async function lookAtRows(undoing: Undoing): Promise<readonly SourceRows[]> {
  const { session, tables, migration, objects, made } = undoing
  const written = await readWritten(session, tables, migration)
  const noted = new Set(objects.flatMap((object) => (object.kind === 'table' ? [quoteTable(object.target)] : [])))
  const all: SourceRows[] = []
  for (const planned of await loadTables(session, tables, migration, ledgerVersion)) {
    const names = partsOf(planned.plan).map(({ target }) => target)
    let counted = 0
    for (const target of names) if (made.has(quoteTable(target))) counted += await countLocked(session, target)
    const rows: SourceRows = {
      planned,
      written: written.get(planned.plan.source) ?? { rows: 0, entries: 0, unknown: false, tooOld: false },
      staying: names.filter((target) => !noted.has(quoteTable(target))),
      gone: names.filter((target) => noted.has(quoteTable(target)) && !made.has(quoteTable(target))),
      counted,
    }
    if (rows.staying.length === 0) refuseOthers(undoing, rows)
    else refuseUnidentified(rows)
    all.push(rows)
  }
  return all
}

async function removeRows(undoing: Undoing, all: readonly SourceRows[]): Promise<readonly string[]> {
  const { session, tables, migration } = undoing
  const done = all.flatMap(({ gone }) =>
    gone.map((target) => `what is ${qualified(target)} now, if anything, is not the table it made, and stays`),
  )
  const deletions = all.flatMap(({ staying, planned }) =>
    staying.map((target) => ({ source: planned.plan.source, target })),
  )
  const counts = await deleteWritten(session, tables, migration, deletions)
  for (const rows of all) {
    const { source } = rows.planned.plan
    const deleted = counts.filter((_, i) => deletions[i]?.source === source).reduce((sum, count) => sum + count, 0)
    if (rows.staying.length > 0 && rows.gone.length === 0) refuseDifference(undoing, rows, deleted + rows.counted)
  }
  done.push(
    ...deletions.map(
      ({ target }, i) =>
        `${rowsText(counts[i] ?? 0)} of ${qualified(target)} ${counts[i] === 1 ? 'is' : 'are'} deleted`,
    ),
  )
  return done
}

/** Fewer rows than it wrote are its own still. */
function refuseOthers({ force }: Undoing, { planned, counted, written }: SourceRows): void {
  if (force || counted <= written.rows) return
  throw notUndoable(
    `${qualified(planned.plan.target)}, with its child tables, has ${rowsText(counted)}, and ${written.rows} were ` +
      'written by the migration',
    '--yes drops the tables with the rows of others',
  )
}

/** What cannot be told from rows of others is never deleted. */
function refuseUnidentified({ planned: { plan, mode }, written }: SourceRows): void {
  const name = qualified(plan.target)
  const hint = 'remove by hand what is not wanted'
  if (mode === 'truncate') throw notUndoable(`${name} was emptied by the migration, and its rows are gone`, hint)
  if (plan.onConflict === 'update' && written.entries > 0) {
    throw notUndoable(`rows of ${name} were replaced by the migration, and are gone`, hint)
  }
  if (written.unknown) throw notUndoable(`the ledger does not tell which rows of ${name} the migration wrote`, hint)
  if (written.tooOld && written.rows > 0) {
    throw notUndoable(`the rows that the migration wrote to ${name} are too old to be told from others`, hint)
  }
}

/** With force fewer than it wrote may go, but never more: some of them would be of others. */
function refuseDifference({ force }: Undoing, { planned, written: { rows } }: SourceRows, found: number): void {
  if (found === rows || (force && found < rows)) return
  throw notUndoable(
    `the migration wrote ${rowsText(rows)} to ${qualified(planned.plan.target)} and its child tables, and ${found} can ` +
      'be identified: others have changed or removed some of them, or the table was written anew since',
    found < rows ? '--yes deletes those that can be' : 'remove by hand what is not wanted',
  )
}

async function removeColumns({ session, objects, force }: Undoing): Promise<readonly string[]> {
  const done: string[] = []
  const columns = objects.flatMap((object) => (object.kind === 'column' && object.there ? [object] : []))
  for (const [first, ...others] of Map.groupBy(columns, ({ target }) => quoteTable(target)).values()) {
    if (first === undefined) continue
    const { target } = first
    const names = [first, ...others].map(({ column }) => column)
    const dropped = await droppable(session, target, names, { force })
    await dropColumns(session, target, dropped)
    done.push(...dropped.map((column) => `column ${JSON.stringify(column)} of ${qualified(target)} is dropped`))
  }
  return done
}

async function removeSchemas({ session, objects }: Undoing): Promise<readonly string[]> {
  const done: string[] = []
  for (const object of objects) {
    if (object.kind !== 'schema' || !object.there) continue
    const dropped = await dropEmptySchema(session, object.schema)
    done.push(`schema ${object.schema} ${dropped ? 'is dropped' : 'stays: something else is in it'}`)
  }
  return done
}

async function removeOwnMarks({ session, tables, migration, force }: Undoing): Promise<readonly string[]> {
  const later = await removeMarks(session, tables, migration, { later: force })
  if (later.length === 0) return []
  const ids = later.join(', ')
  if (force) return [`the marks of ${ids} are removed, which went on from where it ended`]
  throw notUndoable(
    `later migrations have gone on from where it ended (--since …=last): ${ids}`,
    'roll them back first, or --yes, after which the next copy begins where this one began',
  )
}

function rowsText(rows: number): string {
  return rows === 1 ? '1 row' : `${rows} rows`
}
