import pg from 'pg'
import { DroverError } from '../../core/errors.ts'
import type { TargetName } from '../../core/plan.ts'
import { isChild, partsOf, qualified } from '../../core/plan.ts'
import type { ExistingTable } from '../contract.ts'
import type { MigrationId } from '../ledger-contract.ts'
import type { PlannedTable } from '../planned-table.ts'
import type { Session } from './session.ts'
import { alterStatements } from './alter.ts'
import { addChildReference, addPrimaryKey, createTable, definitionOf, parentsOf, type Part } from './ddl.ts'
import { asDefined } from './definitions.ts'
import { codeOf, withoutValues } from './errors.ts'
import { findExisting, isEmpty, primaryKeyOf } from './existing.ts'
import { quoteName, quoteTable } from './identifiers.ts'
import { createSchema, type LedgerTables } from './ledger-schema.ts'
import { objectOf, readObjects, type MigrationObject } from './objects.ts'
import { finalName } from './planned.ts'
import { dropEmptySchema, emptyTables } from './removal.ts'

/** A table of a plan and whether the target has it already. */
interface PlannedPart {
  readonly planned: PlannedTable
  readonly part: Part
  readonly there: boolean
}

/**
 * Makes the target tables what their modes ask for, within the transaction that begins the migration. What was planned
 * is looked up again: it may have changed since. Tables that are loaded beside others are made as new ones, and nothing
 * happens to those others. Answers what was done, to be noted.
 */
export async function prepareTables(
  session: Session,
  tables: readonly PlannedTable[],
): Promise<readonly MigrationObject[]> {
  const done: MigrationObject[] = await createSchemas(session, tables)
  const parts = await lookUp(session, tables)
  await emptyTables(session, 'truncate', targetsIn(parts, 'truncate'))
  const replaced = [...targetsIn(parts, 'recreate'), ...(await staleTables(session, tables))]
  await emptyTables(session, 'drop table', replaced)
  done.push(...replaced.map((target) => ({ kind: 'replaced' as const, target })))
  for (const part of namedAsSequencesFirst(parts)) {
    const { mode } = part.planned
    const { target } = part.part
    if (!part.there || mode === 'recreate') {
      await create(session, part)
      done.push({ kind: 'table', target })
    } else if (mode === 'create') await takeEmpty(session, target)
  }
  // A table that was made just now has them already.
  const stay = new Set(parts.filter(({ there }) => there).map(({ part }) => quoteTable(part.target)))
  const additions = tables
    .flatMap((planned) => planned.additions ?? [])
    .filter(({ target }) => stay.has(quoteTable(target)))
  for (const statement of alterStatements(additions)) await session.run(statement)
  return [...done, ...additions.map(objectOf)]
}

/**
 * A table with the name that the server gives the sequence of another one's identity is made before that one: the server
 * then gives it another name. The sequence of a table has a longer name than the table.
 */
function namedAsSequencesFirst(parts: readonly PlannedPart[]): readonly PlannedPart[] {
  const sequences = new Set(
    parts.flatMap(({ part }) => {
      const identities = definitionOf(part)?.columns.filter(({ clauses }) => /\bas identity\b/.test(clauses)) ?? []
      return identities.map(({ name }) => quoteTable({ ...part.target, name: `${part.target.name}_${name}_seq` }))
    }),
  )
  const named = parts.filter(({ part }) => sequences.has(quoteTable(part.target)))
  const others = parts.filter((part) => !named.includes(part))
  return [...named.toSorted((a, b) => b.part.target.name.length - a.part.target.name.length), ...others]
}

async function createSchemas(session: Session, tables: readonly PlannedTable[]): Promise<MigrationObject[]> {
  const schemas = new Set(tables.flatMap(({ plan }) => partsOf(plan).map(({ target }) => target.schema)))
  const made: MigrationObject[] = []
  for (const schema of schemas) {
    if (await createSchema(session, quoteName(schema))) made.push({ kind: 'schema', schema })
  }
  return made
}

/** Child tables of earlier copies that go with the tables which are recreated here. */
async function staleTables(session: Session, tables: readonly PlannedTable[]): Promise<readonly TargetName[]> {
  const drops = tables.flatMap(({ mode, drops = [], publishTo }) =>
    mode === 'recreate' && publishTo === undefined ? drops : [],
  )
  return (await findExisting(session, drops)).map(({ target }) => target)
}

async function lookUp(session: Session, tables: readonly PlannedTable[]): Promise<readonly PlannedPart[]> {
  const parts = tables.flatMap((planned) => partsOf(planned.plan).map((part) => ({ planned, part })))
  const existing = await findExisting(
    session,
    parts.map(({ planned, part }) => finalName(planned, part.target)),
  )
  const found = new Map(existing.map((table) => [quoteTable(table.target), table]))
  return parts.map(({ planned, part }) => {
    const table = found.get(quoteTable(finalName(planned, part.target))) ?? null
    refuseChange(planned, part, table)
    return { planned, part, there: table !== null && planned.publishTo === undefined }
  })
}

/** A child table may be missing although its parent is there: it is new in the plan. */
function refuseChange(planned: PlannedTable, part: Part, table: ExistingTable | null): void {
  const { mode, exists } = planned
  const target = finalName(planned, part.target)
  if (planned.publishTo !== undefined && !isPublishable(planned)) {
    throw new DroverError('unexpected', `${qualified(target)} cannot be loaded apart and then be published by ${mode}`)
  }
  if (table === null) {
    if (exists && !isChild(part)) throw changed('target-missing', target, 'is gone since it was planned')
    return
  }
  if (table.kind === 'other') throw notATable(target)
  if (!exists && mode !== 'truncate' && mode !== 'recreate') {
    throw changed('target-not-empty', target, 'appeared since it was planned')
  }
}

/** Rows can join those that are there, but not replace some of them, or be left out, at the end. */
function isPublishable({ mode, exists, plan }: PlannedTable): boolean {
  return exists ? mode === 'append' && plan.onConflict === undefined : mode !== 'truncate'
}

/**
 * Keys are built faster once the rows are there, but where rows may meet others of their key it has to be there first;
 * and a child table that is new below a parent that stays is not finished with it.
 */
async function create(session: Session, { planned, part }: PlannedPart): Promise<void> {
  const { plan, mode, publishTo } = planned
  const exists = planned.exists && publishTo === undefined
  await make(session, part)
  const key = mode === 'upsert' || plan.onConflict !== undefined || exists ? addPrimaryKey(part) : null
  if (key !== null) await session.run(key)
  if (exists) await refer(session, planned, part)
}

/** What a definition asks for may be missing here, or its names be taken. */
async function make(session: Session, part: Part): Promise<void> {
  const statements = createTable(part)
  try {
    await asDefined(session, () => session.run(statements))
  } catch (error) {
    if (definitionOf(part) === undefined || !(error instanceof pg.DatabaseError) || codeOf(error) === '42501')
      throw error
    if (!definitionStates.has(error.code?.slice(0, 2) ?? '')) throw error
    const message = `${qualified(part.target)} cannot be made as the source has it: ${error.message}`
    throw new DroverError('target-incompatible', message, {
      hint: 'make in the target what it lacks, or create the table there by hand and copy into it',
      cause: withoutValues(error),
    })
  }
}

/** Classes of errors: not supported, a value in the definition, no such schema, a name or a type. */
const definitionStates: ReadonlySet<string> = new Set(['0A', '22', '3F', '42'])

/** To the table above, as long as that has the key it was planned with. */
export async function refer(session: Session, { plan }: Pick<PlannedTable, 'plan'>, part: Part): Promise<void> {
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

/**
 * Ends every unfinished migration whose rows are about to be removed, or merged once more: its entries no longer tell
 * the truth, or nobody needs it. Closing the partitions waits for its late batches and fences its workers. What it has
 * loaded beside other tables goes.
 */
export async function supersede(
  session: Session,
  tables: LedgerTables,
  planned: readonly PlannedTable[],
): Promise<void> {
  const anew = planned
    .filter(({ mode, plan }) => mode === 'recreate' || mode === 'truncate' || plan.onConflict !== undefined)
    .flatMap((table) => partsOf(table.plan).map(({ target }) => finalName(table, target)))
  const { rows } = await session.query<{ id: MigrationId }>(
    `update ${tables.migration} m set state = 'superseded', epoch = epoch + 1, changed_at = now()
     where m.state not in ('done', 'superseded', 'rolled-back') and exists (
       select from ${tables.part} p
       join unnest($1::text[], $2::text[]) as anew (schema, name)
         on p.target_schema = anew.schema and p.target_name = anew.name
       where p.migration = m.id)
     returning m.id`,
    [anew.map(({ schema }) => schema), anew.map(({ name }) => name)],
  )
  const ids = rows.map(({ id }) => id)
  await session.query(`update ${tables.partition} set open = false where open and migration = any ($1::text[])`, [ids])
  for (const id of ids) await dropLoaded(session, tables, id)
}

/** Drops the tables that a migration has not published, and their schema unless something else is in it. */
async function dropLoaded(session: Session, tables: LedgerTables, migration: MigrationId): Promise<void> {
  const { rows } = await session.query<{ schema: string }>(
    `select distinct plan -> 'target' ->> 'schema' as schema from ${tables.table}
     where migration = $1 and planned ? 'publishTo'`,
    [migration],
  )
  const schemas = new Set(rows.map(({ schema }) => schema))
  if (schemas.size === 0) return
  const objects = (await readObjects(session, tables, migration)).filter(({ there }) => there)
  const loaded = objects.flatMap((object) => (object.kind === 'table' ? [object.target] : []))
  await emptyTables(
    session,
    'drop table',
    loaded.filter(({ schema }) => schemas.has(schema)),
  )
  for (const object of objects) {
    if (object.kind === 'schema' && schemas.has(object.schema)) await dropEmptySchema(session, object.schema)
  }
}

/** Something that is no table has the name of one. */
export function notATable(target: TargetName): DroverError {
  return new DroverError('target-incompatible', `${qualified(target)} exists and is not a table`, {
    hint: 'choose another name or schema, or remove it',
  })
}

export function changed(code: 'target-missing' | 'target-not-empty', target: TargetName, how: string): DroverError {
  return new DroverError(code, `table ${qualified(target)} ${how}`, { hint: 'look at it, and plan again' })
}
