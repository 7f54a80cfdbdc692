import pg from 'pg'
import { DroverError } from '../../core/errors.ts'
import type { TablePlan } from '../../core/plan.ts'
import { qualified } from '../../core/plan.ts'
import type { TableChange } from '../../core/table-change.ts'
import type { Lease, MigrationId } from '../ledger-contract.ts'
import type { Session } from './session.ts'
import { alterStatements } from './alter.ts'
import { classifyFault, codeOf, withoutValues } from './errors.ts'
import { holdEpoch } from './lease.ts'
import type { LedgerTables } from './ledger-schema.ts'
import { noteChanges } from './objects.ts'

/** A change of the tables of one plan, which is `plan` afterwards. */
export interface Evolution {
  readonly tables: LedgerTables
  readonly migration: MigrationId
  readonly lease: Lease
  readonly plan: TablePlan
  readonly changes: readonly TableChange[]
}

/** Each waits for `lock_timeout`, so in all longer than the server lets a paused worker keep its transaction. */
const attempts = 4

/** A lock that was not to be had in time, or that two wanted from each other. */
const lockStates: ReadonlySet<string> = new Set(['55P03', '40P01'])

/** Repeats a transaction that had to wait for others too long. */
export async function patiently<T>(transact: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await transact()
    } catch (error) {
      const code = error instanceof DroverError ? codeOf(error.cause) : null
      if (attempt === attempts || code === null || !lockStates.has(code)) throw error
    }
  }
}

/**
 * Gives the open partitions of the table the version of the plan, so that no batch of an earlier one can be claimed; a
 * claim shares its partition's row until its transaction ends, so this waits for all of them. A run that ends here leaves
 * the earlier plan in the ledger, and the next one gives its version to the partitions that it opens again.
 */
export async function fence(session: Session, evolution: Evolution): Promise<void> {
  await holdEpoch(session, evolution.tables, evolution.migration, evolution.lease)
  await setVersion(session, evolution)
}

/**
 * Alters the tables and stores the plan with its version. May be called again: where the plan is stored, the tables are
 * as it wants them.
 */
export async function alter(session: Session, evolution: Evolution): Promise<void> {
  const { tables, migration, lease, plan, changes } = evolution
  if (await isStored(session, evolution)) return
  for (const statement of alterStatements(changes)) await change(session, plan, statement)
  // Only now, so that neither another table's partitions nor a newer run wait for tables that are written anew.
  await holdEpoch(session, tables, migration, lease)
  await noteChanges(session, tables, migration, changes)
  await session.query(`update ${tables.table} set plan = $3 where migration = $1 and source = $2`, [
    migration,
    plan.source,
    JSON.stringify(plan),
  ])
  // Partitions that were opened since the fence have the earlier version.
  await setVersion(session, evolution)
  // Invariant 3: at the last moment before the commit.
  lease.lost.throwIfAborted()
}

/** Keeps the version of a table from changing until the transaction ends, in which partitions of it are opened. */
export async function holdVersion(
  session: Session,
  tables: LedgerTables,
  migration: MigrationId,
  source: string,
): Promise<void> {
  await session.query(`select from ${tables.table} where migration = $1 and source = $2 for share`, [migration, source])
}

async function setVersion(session: Session, { tables, migration, plan }: Evolution): Promise<void> {
  await session.query(
    `update ${tables.partition} set schema_version = $3
     where migration = $1 and source = $2 and open and schema_version <> $3`,
    [migration, plan.source, plan.schemaVersion],
  )
}

async function isStored(session: Session, { tables, migration, plan }: Evolution): Promise<boolean> {
  const { rows } = await session.query<{ same: boolean; version: number }>(
    `select plan = $3::jsonb as same, (plan ->> 'schemaVersion')::integer as version
     from ${tables.table} where migration = $1 and source = $2`,
    [migration, plan.source, JSON.stringify(plan)],
  )
  const [row] = rows
  if (row === undefined) throw new DroverError('unexpected', `migration ${migration} has no table ${plan.source}`)
  if (row.same) return true
  if (row.version < plan.schemaVersion) return false
  throw new DroverError(
    'unexpected',
    `${plan.source} has schema version ${row.version}, not below ${plan.schemaVersion}`,
  )
}

async function change(session: Session, plan: TablePlan, statement: string): Promise<void> {
  try {
    await session.run(statement)
  } catch (error) {
    if (!(error instanceof pg.DatabaseError) || !isRefusal(error)) throw error
    // The detail of a data error may hold values of a row.
    const detail = error.detail === undefined || classifyFault(error) === 'data' ? '' : ` (${error.detail})`
    const message = `PostgreSQL refuses to change the tables of ${qualified(plan.target)}: ${error.message}${detail}`
    throw new DroverError('schema-drift', message, {
      hint: 'start over with --mode recreate and --infer full, which plans for every value that is in the source',
      cause: withoutValues(error),
    })
  }
}

/**
 * Classes of SQLSTATE that say that the table cannot be changed so: not supported, data, constraint, dependent objects,
 * definition, limit, wrong state, raised by a function.
 */
const refusals: ReadonlySet<string> = new Set(['0A', '22', '23', '2B', '42', '54', '55', 'P0'])

function isRefusal({ code = '' }: pg.DatabaseError): boolean {
  return refusals.has(code.slice(0, 2)) && !lockStates.has(code) && code !== '42501'
}
