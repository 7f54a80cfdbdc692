import { DroverError } from '../../core/errors.ts'
import type { TargetName } from '../../core/plan.ts'
import type { Mark, MigrationId } from '../ledger-contract.ts'
import type { Session } from './session.ts'
import { readLedgerVersion, type LedgerTables } from './ledger-schema.ts'

/** Saves marks of the migration's tables; they count before earlier ones from the same source into the same tables. */
export async function saveMarks(
  session: Session,
  tables: LedgerTables,
  migration: MigrationId,
  marks: readonly Mark[],
): Promise<void> {
  const { rowCount } = await session.query(
    `insert into ${tables.mark} (source, source_table, target_schema, target_name, field, value, migration)
     select m.source, t.source, t.target_schema, t.target_name, mark.field, mark.value, m.id
     from unnest($2::text[], $3::text[], $4::text[]) as mark (source, field, value)
     join ${tables.migration} m on m.id = $1
     join ${tables.table} t on t.migration = m.id and t.source = mark.source
     on conflict (source, source_table, target_schema, target_name, field, migration)
     do update set value = excluded.value, saved_at = excluded.saved_at`,
    [migration, marks.map(({ table }) => table), marks.map(({ field }) => field), marks.map(({ value }) => value)],
  )
  if (rowCount === marks.length) return
  throw new DroverError(
    'unexpected',
    `migration ${migration} has not all the tables ${marks.map(({ table }) => table).join(', ')}`,
  )
}

interface MarkPlace {
  /** Masked address. */
  readonly source: string
  readonly table: string
  readonly target: TargetName
  readonly field: string
}

export async function readMark(session: Session, tables: LedgerTables, place: MarkPlace): Promise<Mark | null> {
  const { source, table, target, field } = place
  const version = await readLedgerVersion(session, tables)
  // There are marks since version 2.
  if (version === null || version < 2) return null
  const { rows } = await session.query<{ value: string }>(
    `select value from ${tables.mark}
     where source = $1 and source_table = $2 and target_schema = $3 and target_name = $4 and field = $5
     order by ${version < 3 ? 'saved_at' : 'number'} desc limit 1`,
    [source, table, target.schema, target.name, field],
  )
  const [row] = rows
  return row === undefined ? null : { table, field, value: row.value }
}

/**
 * Removes the marks of a migration, so that those before them count again. Answers the migrations that have gone on from
 * there, whose marks say that rows are in the target which the migration had brought; with `later` these marks go too.
 */
export async function removeMarks(
  session: Session,
  tables: LedgerTables,
  migration: MigrationId,
  options: { readonly later: boolean },
): Promise<readonly string[]> {
  const { rows } = await session.query<{ migration: string }>(
    `select distinct later.migration
     from ${tables.mark} own
     join ${tables.mark} later using (source, source_table, target_schema, target_name, field)
     where own.migration = $1 and later.number > own.number
     order by 1`,
    [migration],
  )
  await session.query(
    `delete from ${tables.mark} gone using ${tables.mark} own
     where own.migration = $1 and gone.number >= own.number and (gone.number = own.number or $2)
       and (gone.source, gone.source_table, gone.target_schema, gone.target_name, gone.field)
         = (own.source, own.source_table, own.target_schema, own.target_name, own.field)`,
    [migration, options.later],
  )
  return rows.map((row) => row.migration)
}
