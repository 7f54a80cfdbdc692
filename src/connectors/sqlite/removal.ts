import { DroverError } from '../../core/errors.ts'
import { qualified, type TargetName } from '../../core/plan.ts'
import type { Connection } from './database.ts'
import { nameKey, quoteTable, tableKey, tableName } from './names.ts'
import { findExisting, referringTo } from './target-existing.ts'

/** Deletes all rows of tables. Throws `target-in-use` where tables that are not among them refer to one. */
export function emptyTables(connection: Connection, targets: readonly TargetName[]): void {
  const own = new Set(targets.map(tableKey))
  for (const target of targets) {
    const others = referringTo(connection, tableName(target)).filter((name) => !own.has(nameKey(name)))
    if (others.length > 0) throw inUse(target, 'emptied', others)
  }
  for (const target of targets) connection.exec(`delete from ${quoteTable(target)}`)
}

/** Throws `target-in-use` where views read one of the tables, or tables that are not among them refer to it. */
export function dropTables(connection: Connection, targets: readonly TargetName[]): void {
  for (const { target, dependents } of findExisting(connection, targets)) {
    if (dependents.length > 0) throw inUse(target, 'dropped', dependents)
  }
  for (const target of targets) connection.exec(`drop table ${quoteTable(target)}`)
}

function inUse(target: TargetName, what: string, others: readonly string[]): DroverError {
  return new DroverError('target-in-use', `${qualified(target)} cannot be ${what}: ${others.join(', ')} depend on it`, {
    hint: 'drop what depends on it first, or copy into another table',
  })
}
