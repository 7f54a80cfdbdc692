import { DroverError } from '../../core/errors.ts'
import type { TargetName } from '../../core/plan.ts'
import { qualified } from '../../core/plan.ts'
import type { PlannedTable } from '../contract.ts'
import type { Session } from './session.ts'
import { createTable } from './ddl.ts'
import { codeOf } from './errors.ts'
import { findExisting, isEmpty } from './existing.ts'
import { quoteName, quoteTable } from './identifiers.ts'
import { createSchema, type LedgerTables } from './ledger-schema.ts'

/**
 * Makes a target table what its mode asks for, within the transaction that begins the migration. What was planned is
 * looked up again, under a lock: it may have changed since.
 */
export async function prepareTable(session: Session, planned: PlannedTable): Promise<void> {
  const { plan, mode } = planned
  await createSchema(session, quoteName(plan.target.schema))
  const kind = await kindOf(session, plan.target)
  if (kind === 'other') throw notATable(plan.target)
  if (kind === null && planned.exists) throw changed('target-missing', plan.target, 'is gone since it was planned')
  if (kind === 'table') {
    switch (mode) {
      case 'create':
        return takeEmpty(session, planned)
      case 'append':
        if (!planned.exists) throw changed('target-not-empty', plan.target, 'appeared since it was planned')
        return
      case 'truncate':
        return empty(session, `truncate ${quoteTable(plan.target)}`, plan.target)
      case 'recreate':
        await empty(session, `drop table ${quoteTable(plan.target)}`, plan.target)
    }
  }
  await session.run(createTable(plan))
}

/** Nobody may write to the table between this look and the first batch's, which the lock's conflict with COPY ensures. */
async function takeEmpty(session: Session, { plan, exists }: PlannedTable): Promise<void> {
  if (!exists) throw changed('target-not-empty', plan.target, 'appeared since it was planned')
  await session.run(`lock table ${quoteTable(plan.target)} in share row exclusive mode`)
  if (!(await isEmpty(session, plan.target))) throw changed('target-not-empty', plan.target, 'holds rows')
}

async function empty(session: Session, statement: string, target: TargetName): Promise<void> {
  try {
    await session.run(statement)
  } catch (error) {
    // Never with CASCADE: what depends on the table is not drover's to remove.
    if (codeOf(error) !== '2BP01' && codeOf(error) !== '0A000') throw error
    const reason = error instanceof Error ? error.message : String(error)
    throw new DroverError('target-in-use', `${qualified(target)} cannot be emptied: ${reason}`, {
      hint: 'drop what depends on it first, or copy into another table',
      cause: error,
    })
  }
}

/**
 * Ends every unfinished migration whose rows are about to be removed: its entries no longer tell the truth. Closing the
 * partitions waits for its late batches and fences its workers.
 */
export async function supersede(
  session: Session,
  tables: LedgerTables,
  planned: readonly PlannedTable[],
): Promise<void> {
  const removed = planned
    .filter(({ mode }) => mode === 'recreate' || mode === 'truncate')
    .map(({ plan }) => plan.target)
  const { rows } = await session.query<{ id: string }>(
    `update ${tables.migration} m set state = 'superseded', epoch = epoch + 1, changed_at = now()
     where m.state not in ('done', 'superseded') and exists (
       select from ${tables.table} t
       join unnest($1::text[], $2::text[]) as removed (schema, name)
         on t.target_schema = removed.schema and t.target_name = removed.name
       where t.migration = m.id)
     returning m.id`,
    [removed.map(({ schema }) => schema), removed.map(({ name }) => name)],
  )
  await session.query(`update ${tables.partition} set open = false where open and migration = any ($1::text[])`, [
    rows.map(({ id }) => id),
  ])
}

async function kindOf(session: Session, target: TargetName): Promise<'table' | 'other' | null> {
  const [existing] = await findExisting(session, [target])
  return existing?.kind ?? null
}

function notATable(target: TargetName): DroverError {
  return new DroverError('target-incompatible', `${qualified(target)} exists and is not a table`, {
    hint: 'choose another name or schema, or remove it',
  })
}

function changed(code: 'target-missing' | 'target-not-empty', target: TargetName, how: string): DroverError {
  return new DroverError(code, `table ${qualified(target)} ${how}`, { hint: 'look at it, and plan again' })
}
