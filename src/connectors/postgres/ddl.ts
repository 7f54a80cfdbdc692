import { DroverError } from '../../core/errors.ts'
import type { ChildPlan, ColumnPlan, TableDefinition, TablePlan, TargetColumn } from '../../core/plan.ts'
import { isChild, qualified, targetColumns } from '../../core/plan.ts'
import { fillTemplate } from '../../core/statement-template.ts'
import { boundedName, quoteColumn, quoteName, quoteTable } from './identifiers.ts'
import { columnType } from './types.ts'

/** A table of a plan: the source table's own, or one of its child tables. */
export type Part = TablePlan | ChildPlan

/**
 * The statements that make a table without its key, which is built faster once the rows are there. Text of a definition
 * stands in them as it is: it is what a server has written of a table of its own.
 */
export function createTable(part: Part): string {
  const definition = definitionOf(part)
  const lines = [...columnLines(part, definition), ...(definition?.constraints ?? []).map(constraintSql)]
  const suffix = definition === undefined || definition.suffix === '' ? '' : ` ${definition.suffix}`
  const create = `create table ${quoteTable(part.target)} (\n${lines.map((line) => `  ${line}`).join(',\n')}\n)${suffix}`
  const names = { table: quoteTable(part.target), schema: quoteName(part.target.schema) }
  return [create, ...(definition?.statements ?? []).map((statement) => fillTemplate(statement, names))].join(';\n')
}

/** Of a table that is made as another server has it; a child table is always drover's own. */
export function definitionOf(part: Part): TableDefinition | undefined {
  return isChild(part) ? undefined : part.definition
}

/** In the order of the definition. A column that came later (of drift) is behind all others. */
function columnLines(part: Part, definition: TableDefinition | undefined): readonly string[] {
  const planned = new Map(targetColumns(part).map((column) => [column.name, column]))
  const defined = (definition?.columns ?? []).map(({ name, type, clauses }) => {
    const column = planned.get(name)
    planned.delete(name)
    if (type === null && column === undefined) {
      throw new DroverError('unexpected', `column ${JSON.stringify(name)} of ${qualified(part.target)} has no type`)
    }
    const line = column === undefined || type !== null ? `${quoteColumn(name)} ${type}` : columnLine(column)
    return clauses === '' ? line : `${line} ${clauses}`
  })
  return [...defined, ...[...planned.values()].map(columnLine)]
}

function columnLine(column: TargetColumn): string {
  return `${quoteColumn(column.name)} ${columnType(column)}`
}

function constraintSql({ name, sql }: { readonly name: string; readonly sql: string }): string {
  return `constraint ${quoteName(name)} ${sql}`
}

/** Builds the primary key, null where the plan has none. It sets its columns NOT NULL. */
export function addPrimaryKey(part: Part): string | null {
  if (part.key.length === 0) return null
  const key = definitionOf(part)?.key ?? {
    name: boundedName(part.target.name, '_pkey'),
    sql: `primary key (${columnList(part.key)})`,
  }
  return `alter table ${quoteTable(part.target)} add ${constraintSql(key)}`
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
