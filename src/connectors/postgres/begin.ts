import pg from 'pg'
import { DroverError } from '../../core/errors.ts'
import type { TargetName } from '../../core/plan.ts'
import { isChild, partsOf, qualified } from '../../core/plan.ts'
import type { ExistingTable, PlannedTable } from '../contract.ts'
import type { Session } from './session.ts'
import { alterStatements } from './alter.ts'
import { addChildReference, addPrimaryKey, createTable, parentsOf, type Part } from './ddl.ts'
import { codeOf } from './errors.ts'
import { findExisting, isEmpty, primaryKeyOf } from './existing.ts'
import { quoteName, quoteTable } from './identifiers.ts'
import { createSchema, type LedgerTables } from './ledger-schema.ts'

/** A table of a plan and whether the target has it already. */
interface PlannedPart {
  readonly planned: PlannedTable
  readonly part: Part
  readonly there: boolean
}

/**
 * Makes the target tables what their modes ask for, within the transaction that begins the migration. What was planned
 * is looked up again: it may have changed since.
 */
export async function prepareTables(session: Session, tables: readonly PlannedTable[]): Promise<void> {
  const schemas = new Set(tables.flatMap(({ plan }) => partsOf(plan).map(({ target }) => target.schema)))
  for (const schema of schemas) await createSchema(session, quoteName(schema))
  const parts = await lookUp(session, tables)
  await empty(session, 'truncate', targetsIn(parts, 'truncate'))
  const drops = tables.flatMap(({ mode, drops = [] }) => (mode === 'recreate' ? drops : []))
  const stale = (await findExisting(session, drops)).map(({ target }) => target)
  await empty(session, 'drop table', [...targetsIn(parts, 'recreate'), ...stale])
  for (const part of parts) {
    const { mode } = part.planned
    if (!part.there || mode === 'recreate') await create(session, part)
    else if (mode === 'create') await takeEmpty(session, part.part.target)
  }
  // A table that was made just now has them already.
  const stay = new Set(parts.filter(({ there }) => there).map(({ part }) => quoteTable(part.target)))
  const additions = tables.flatMap((planned) => planned.additions ?? [])
  for (const statement of alterStatements(additions.filter(({ target }) => stay.has(quoteTable(target))))) {
    await session.run(statement)
  }
}

async function lookUp(session: Session, tables: readonly PlannedTable[]): Promise<readonly PlannedPart[]> {
  const parts = tables.flatMap((planned) => partsOf(planned.plan).map((part) => ({ planned, part })))
  const existing = await findExisting(
    session,
    parts.map(({ part }) => part.target),
  )
  const found = new Map(existing.map((table) => [quoteTable(table.target), table]))
  return parts.map(({ planned, part }) => {
    const table = found.get(quoteTable(part.target)) ?? null
    refuseChange(planned, part, table)
    return { planned, part, there: table !== null }
  })
}

/** A child table may be missing although its parent is there: it is new in the plan. */
function refuseChange({ mode, exists }: PlannedTable, part: Part, table: ExistingTable | null): void {
  const { target } = part
  if (table === null) {
    if (exists && !isChild(part)) throw changed('target-missing', target, 'is gone since it was planned')
    return
  }
  if (table.kind === 'other') {
    throw new DroverError('target-incompatible', `${qualified(target)} exists and is not a table`, {
      hint: 'choose another name or schema, or remove it',
    })
  }
  if (!exists && mode !== 'truncate' && mode !== 'recreate') {
    throw changed('target-not-empty', target, 'appeared since it was planned')
  }
}

/**
 * Keys are built faster once the rows are there, but where rows may meet others of their key it has to be there first;
 * and a child table that is new below a parent that stays is not finished with it.
 */
async function create(session: Session, { planned, part }: PlannedPart): Promise<void> {
  const { plan, mode, exists } = planned
  await session.run(createTable(part))
  const key = mode === 'upsert' || plan.onConflict !== undefined || exists ? addPrimaryKey(part) : null
  if (key !== null) await session.run(key)
  if (exists) await refer(session, planned, part)
}

/** To the table above, as long as that has the key it was planned with. */
async function refer(session: Session, { plan }: PlannedTable, part: Part): Promise<void> {
  const above = parentsOf(plan).find(({ child }) => child === part)
  if (above === undefined) return
  const { parent, child } = above
  const reference = addChildReference(parent, child)
  const key = await primaryKeyOf(session, parent.target)
  if (reference !== null && key.join('\0') === parent.key.join('\0')) await session.run(reference)
}

/** Nobody may write to the table between this look and the first batch's, which the lock's conflict with COPY ensures. */
async function takeEmpty(session: Session, target: TargetName): Promise<void> {
  await session.run(`lock table ${quoteTable(target)} in share row exclusive mode`)
  if (!(await isEmpty(session, target))) throw changed('target-not-empty', target, 'holds rows')
}

function targetsIn(parts: readonly PlannedPart[], mode: 'truncate' | 'recreate'): readonly TargetName[] {
  return parts.filter(({ planned, there }) => there && planned.mode === mode).map(({ part }) => part.target)
}

/** All tables in one statement, so that references among them do not matter. */
async function empty(session: Session, verb: 'truncate' | 'drop table', targets: readonly TargetName[]): Promise<void> {
  if (targets.length === 0) return
  try {
    await session.run(`${verb} ${targets.map(quoteTable).join(', ')}`)
  } catch (error) {
    // Never with CASCADE: what depends on the table is not drover's to remove.
    if (codeOf(error) !== '2BP01' && codeOf(error) !== '0A000') throw error
    const reason = error instanceof Error ? error.message : String(error)
    const detail = error instanceof pg.DatabaseError && error.detail !== undefined ? ` (${error.detail})` : ''
    throw new DroverError(
      'target-in-use',
      `${targets.map(qualified).join(', ')} cannot be emptied: ${reason}${detail}`,
      {
        hint: 'drop what depends on it first, or copy into another table',
        cause: error,
      },
    )
  }
}

/**
 * Ends every unfinished migration whose rows are about to be removed, or merged once more: its entries no longer tell
 * the truth, or nobody needs it. Closing the
 * partitions waits for its late batches and fences its workers.
 */
export async function supersede(
  session: Session,
  tables: LedgerTables,
  planned: readonly PlannedTable[],
): Promise<void> {
  const anew = planned
    .filter(({ mode, plan }) => mode === 'recreate' || mode === 'truncate' || plan.onConflict !== undefined)
    .flatMap(({ plan }) => partsOf(plan).map(({ target }) => target))
  const { rows } = await session.query<{ id: string }>(
    `update ${tables.migration} m set state = 'superseded', epoch = epoch + 1, changed_at = now()
     where m.state not in ('done', 'superseded') and exists (
       select from ${tables.part} p
       join unnest($1::text[], $2::text[]) as anew (schema, name)
         on p.target_schema = anew.schema and p.target_name = anew.name
       where p.migration = m.id)
     returning m.id`,
    [anew.map(({ schema }) => schema), anew.map(({ name }) => name)],
  )
  await session.query(`update ${tables.partition} set open = false where open and migration = any ($1::text[])`, [
    rows.map(({ id }) => id),
  ])
}

function changed(code: 'target-missing' | 'target-not-empty', target: TargetName, how: string): DroverError {
  return new DroverError(code, `table ${qualified(target)} ${how}`, { hint: 'look at it, and plan again' })
}
