import type { ChildPlan, ColumnPlan, TablePlan } from '../../core/plan.ts'
import { isChild, targetColumns } from '../../core/plan.ts'
import { boundedName, quoteColumn, quoteName, quoteTable } from './identifiers.ts'
import { columnType } from './types.ts'

/** A table of a plan: the source table's own, or one of its child tables. */
export type Part = TablePlan | ChildPlan

/** The table without its key, which is built faster once the rows are there. */
export function createTable(part: Part): string {
  const columns = targetColumns(part).map((column) => `  ${quoteColumn(column.name)} ${columnType(column)}`)
  return `create table ${quoteTable(part.target)} (\n${columns.join(',\n')}\n)`
}

/** Builds the primary key, null where the plan has none. It sets its columns NOT NULL. */
export function addPrimaryKey(part: Part): string | null {
  if (part.key.length === 0) return null
  const name = quoteName(boundedName(part.target.name, '_pkey'))
  return `alter table ${quoteTable(part.target)} add constraint ${name} primary key (${columnList(part.key)})`
}

/** Name of the constraint of {@link addChildReference}. */
export function childReferenceName(child: ChildPlan): string {
  return boundedName(child.target.name, '_parent_fkey')
}

/**
 * Adds the foreign key of a child table to the table above it, and validates it; null where that one has no key, or one
 * of its own that children do not repeat. What happens to a row stays the user's decision: a parent with children cannot
 * be deleted.
 */
export function addChildReference(parent: Part, child: ChildPlan): string | null {
  // The key of the row above: the source row's, and its place in each array down to it.
  const columns = [...child.rowKey.map(({ name }) => name), ...child.ordinals.slice(0, -1)]
  const referenced = isChild(parent)
    ? [...parent.rowKey.map(({ name }) => name), ...parent.ordinals]
    : child.rowKey.flatMap((column) => parent.columns.filter((own) => holdsSame(own, column)).map(({ name }) => name))
  if (referenced.toSorted().join('\0') !== parent.key.toSorted().join('\0')) return null
  return (
    `alter table ${quoteTable(child.target)} add constraint ${quoteName(childReferenceName(child))} ` +
    `foreign key (${columnList(columns)}) references ${quoteTable(parent.target)} (${columnList(referenced)})`
  )
}

function holdsSame(a: ColumnPlan, b: ColumnPlan): boolean {
  return a.field === b.field && a.within?.join('\0') === b.within?.join('\0') && a.holds === undefined
}

/** Each child table of a plan with the table above it, the upper ones first. */
export function parentsOf(part: Part): readonly { readonly parent: Part; readonly child: ChildPlan }[] {
  return (part.children ?? []).flatMap((child) => [{ parent: part, child }, ...parentsOf(child)])
}

export function analyze(part: Part): string {
  return `analyze ${quoteTable(part.target)}`
}

function columnList(names: readonly string[]): string {
  return names.map(quoteColumn).join(', ')
}
