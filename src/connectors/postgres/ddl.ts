import type { TablePlan } from '../../core/plan.ts'
import { boundedName, quoteColumn, quoteName, quoteTable } from './identifiers.ts'
import { nativeType } from './types.ts'

/** The table without its key, which is built faster once the rows are there. */
export function createTable(plan: TablePlan): string {
  const columns = plan.columns.map(({ name, type }) => `  ${quoteColumn(name)} ${nativeType(type)}`)
  return `create table ${quoteTable(plan.target)} (\n${columns.join(',\n')}\n)`
}

/** Builds the primary key, null where the plan has none. It sets its columns NOT NULL. */
export function addPrimaryKey(plan: TablePlan): string | null {
  if (plan.key.length === 0) return null
  const name = quoteName(boundedName(plan.target.name, '_pkey'))
  return `alter table ${quoteTable(plan.target)} add constraint ${name} primary key (${plan.key.map(quoteColumn).join(', ')})`
}

export function analyze(plan: TablePlan): string {
  return `analyze ${quoteTable(plan.target)}`
}

/** The load of one table. Binary needs every column named: rows carry nothing but their number of fields. */
export function copyInto(plan: TablePlan): string {
  const columns = plan.columns.map(({ name }) => quoteColumn(name)).join(', ')
  return `copy ${quoteTable(plan.target)} (${columns}) from stdin (format binary)`
}
