import type { TargetName } from '../../core/plan.ts'
import type { TableChange } from '../../core/table-change.ts'
import type { MigrationId } from '../ledger-contract.ts'
import type { Session } from './session.ts'
import { quoteTable } from './identifiers.ts'
import type { LedgerTables } from './ledger-schema.ts'

/**
 * What a migration did to the target, rows apart, for its rollback.
 *
 * - `schema`, `table`: made by it
 * - `column`: added by it to a table that was there
 * - `widened`: a column of a table that was there got a wider type
 * - `replaced`: a table that was there was dropped; one of its name may have been made in its place
 */
export type MigrationObject =
  | { readonly kind: 'schema'; readonly schema: string }
  | { readonly kind: 'table' | 'replaced'; readonly target: TargetName }
  | { readonly kind: 'column' | 'widened'; readonly target: TargetName; readonly column: string }

type MadeTable = MigrationObject & { readonly kind: 'table' }

/** The place of an object, and whether what is there is still the same thing. A schema is one as long as it has rows. */
export type NotedObject = MigrationObject & { readonly there: boolean }

interface ObjectRow {
  readonly kind: MigrationObject['kind']
  readonly schema: string
  readonly name: string | null
  readonly column: string | null
  readonly there: boolean
}

/** What a change does to a table that was there. */
export function objectOf(change: TableChange): MigrationObject {
  const { target } = change
  if (change.kind === 'add') return { kind: 'column', target, column: change.column.name }
  return { kind: 'widened', target, column: change.column }
}

/**
 * Notes objects in the transaction that makes them, and after they are made: a table is known by its OID as well, since
 * another one may get its name.
 */
export async function noteObjects(
  session: Session,
  tables: LedgerTables,
  migration: MigrationId,
  objects: readonly MigrationObject[],
): Promise<void> {
  const targets = objects.map((object) => (object.kind === 'schema' ? null : object.target))
  await session.query(
    `insert into ${tables.object} (migration, number, kind, target_schema, target_name, column_name, relation)
     select $1, coalesce((select max(number) from ${tables.object} where migration = $1), 0) + o.place,
       o.kind, o.schema, o.name, o.column_name, case when o.kind <> 'replaced' then to_regclass(o.quoted) end
     from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[]) with ordinality
       as o (kind, schema, name, column_name, quoted, place)`,
    [
      migration,
      objects.map(({ kind }) => kind),
      objects.map((object) => (object.kind === 'schema' ? object.schema : object.target.schema)),
      targets.map((target) => target?.name ?? null),
      objects.map((object) => ('column' in object ? object.column : null)),
      targets.map((target) => (target === null ? null : quoteTable(target))),
    ],
  )
}

/** Notes what a change did, but for that to tables which the migration itself has made. */
export async function noteChanges(
  session: Session,
  tables: LedgerTables,
  migration: MigrationId,
  changes: readonly TableChange[],
): Promise<void> {
  const made = new Set((await madeTables(session, tables, migration)).map(({ target }) => quoteTable(target)))
  const objects = changes.filter(({ target }) => !made.has(quoteTable(target))).map(objectOf)
  await noteObjects(session, tables, migration, objects)
}

/** In the order in which they were made. */
export async function readObjects(
  session: Session,
  tables: LedgerTables,
  migration: MigrationId,
): Promise<readonly NotedObject[]> {
  const { rows } = await session.query<ObjectRow>(
    `select kind, target_schema as schema, target_name as name, column_name as column,
       case when kind = 'schema' then to_regnamespace(quote_ident(target_schema)) is not null
         else coalesce(relation = to_regclass(quote_ident(target_schema) || '.' || quote_ident(target_name)), false)
       end as there
     from ${tables.object} where migration = $1 order by number`,
    [migration],
  )
  return rows.map(objectFrom)
}

/** A table that was made is in another schema now. */
export async function moveNotes(
  session: Session,
  tables: LedgerTables,
  migration: MigrationId,
  target: TargetName,
  schema: string,
): Promise<void> {
  await session.query(
    `update ${tables.object} set target_schema = $4
     where migration = $1 and kind = 'table' and target_schema = $2 and target_name = $3`,
    [migration, target.schema, target.name, schema],
  )
}

/** What was made is gone. */
export async function forgetObject(
  session: Session,
  tables: LedgerTables,
  migration: MigrationId,
  object: MigrationObject & { readonly kind: 'schema' | 'table' },
): Promise<void> {
  const { schema, name } = object.kind === 'schema' ? { schema: object.schema, name: null } : object.target
  await session.query(
    `delete from ${tables.object}
     where migration = $1 and kind = $2 and target_schema = $3 and target_name is not distinct from $4`,
    [migration, object.kind, schema, name],
  )
}

async function madeTables(
  session: Session,
  tables: LedgerTables,
  migration: MigrationId,
): Promise<readonly MadeTable[]> {
  const objects = await readObjects(session, tables, migration)
  return objects.filter((object): object is NotedObject & MadeTable => object.kind === 'table')
}

function objectFrom({ kind, schema, name, column, there }: ObjectRow): NotedObject {
  const target: TargetName = { schema, name: name ?? '' }
  if (kind === 'schema') return { kind, schema, there }
  if (kind === 'table' || kind === 'replaced') return { kind, target, there }
  return { kind, target, column: column ?? '', there }
}
