import { DroverError } from '../../core/errors.ts'
import type { TargetName } from '../../core/plan.ts'
import type { Mark, MigrationId } from '../ledger-contract.ts'
import type { Connection } from './database.ts'
import { ensureLedger, hasLedger, now, type LedgerTables } from './ledger-schema.ts'
import { tableKey } from './names.ts'

/** Saves marks of the migration's tables; they count before earlier ones from the same source into the same tables. */
export function saveMarks(
  connection: Connection,
  tables: LedgerTables,
  migration: MigrationId,
  marks: readonly Mark[],
): void {
  for (const { table, field, value } of marks) {
    const saved = connection.run(
      `insert into ${tables.mark} (source, source_table, table_key, field, value, migration)
       select m.source, t.source, t.table_key, ?, ?, m.id
       from ${tables.migration} m join ${tables.table} t on t.migration = m.id
       where m.id = ? and t.source = ?
       on conflict (source, source_table, table_key, field, migration)
       do update set value = excluded.value, saved_at = ${now}`,
      field,
      value,
      migration,
      table,
    )
    if (saved !== 1) throw new DroverError('unexpected', `migration ${migration} has no table ${table}`)
  }
}

interface MarkPlace {
  /** Masked address. */
  readonly source: string
  readonly table: string
  readonly target: TargetName
  readonly field: string
}

export function readMark(connection: Connection, tables: LedgerTables, place: MarkPlace): Mark | null {
  const { source, table, target, field } = place
  if (!hasLedger(connection, tables)) return null
  const row = connection.get<{ value: string }>(
    `select value from ${tables.mark}
     where source = ? and source_table = ? and table_key = ? and field = ? order by number desc limit 1`,
    source,
    table,
    tableKey(target),
    field,
  )
  return row === null ? null : { table, field, value: row.value }
}

/**
 * Removes the marks of a migration, so that those before them count again. Answers the migrations that have gone on from
 * there, whose marks say that rows are in the target which the migration had brought; with `later` these marks go too.
 */
export function removeMarks(
  connection: Connection,
  tables: LedgerTables,
  migration: MigrationId,
  options: { readonly later: boolean },
): readonly string[] {
  const same = 'using (source, source_table, table_key, field)'
  const rows = connection.all<{ migration: string }>(
    `select distinct later.migration from ${tables.mark} own join ${tables.mark} later ${same}
     where own.migration = ? and later.number > own.number order by 1`,
    migration,
  )
  connection.run(
    `delete from ${tables.mark} where number in (
       select gone.number from ${tables.mark} own join ${tables.mark} gone ${same}
       where own.migration = ? and gone.number >= own.number and (gone.number = own.number or ?))`,
    migration,
    options.later,
  )
  return rows.map((row) => row.migration)
}

export function readChecked(
  connection: Connection,
  tables: LedgerTables,
  check: string,
): ReadonlyMap<string, Uint8Array> {
  if (!hasLedger(connection, tables)) return new Map()
  const rows = connection.all<{ part: string; found: Uint8Array }>(
    `select part, found from ${tables.checked} where check_id = ? order by part`,
    check,
  )
  return new Map(rows.map(({ part, found }) => [part, found]))
}

/** A check of tables that drover did not copy may be the first to write into the ledger. Within a transaction. */
export function saveChecked(
  connection: Connection,
  tables: LedgerTables,
  check: string,
  part: string,
  found: Uint8Array,
): void {
  ensureLedger(connection, tables)
  connection.run(
    `insert into ${tables.checked} (check_id, part, found) values (?, ?, ?)
     on conflict (check_id, part) do update set found = excluded.found, saved_at = ${now}`,
    check,
    part,
    found,
  )
}

export function forgetChecked(connection: Connection, tables: LedgerTables, check: string): void {
  if (hasLedger(connection, tables)) connection.run(`delete from ${tables.checked} where check_id = ?`, check)
}
