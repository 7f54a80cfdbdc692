import type { ForeignKeyPlan } from '../../core/index-plan.ts'
import {
  isChild,
  qualified,
  targetColumns,
  type ChildPlan,
  type ColumnPlan,
  type TableDefinition,
} from '../../core/plan.ts'
import type { TablePlan, TargetColumn, TargetName } from '../../core/plan.ts'
import { DroverError } from '../../core/errors.ts'
import { fillTemplate } from '../../core/statement-template.ts'
import { declaredType, typeSql } from './declared-types.ts'
import { boundedName, nameKey, quoteName, quoteTable } from './names.ts'

/** A table of a plan: the source table's own, or one of its child tables. */
export type Part = TablePlan | ChildPlan

/** What a table refers to; SQLite adds no reference to a table that is there. */
export type Reference = Pick<ForeignKeyPlan, 'name' | 'columns' | 'references' | 'referencedColumns' | 'options'>

/**
 * The table with its key and its references, of which SQLite could add none later. `mark` stays in the text that SQLite
 * keeps of the table, whatever it is called later. Throws `name-collision`.
 */
export function createTable(
  part: Part,
  references: readonly Reference[],
  mark: string | null = null,
  target: TargetName = part.target,
): string {
  const definition = isChild(part) ? undefined : part.definition
  const columns = definition === undefined ? ownColumns(part) : definedColumns(part, definition)
  refuseAlike(part)
  const lines = [
    ...columns,
    ...keyClause(part, definition),
    ...(definition?.constraints ?? []).map(({ name, sql }) => named(name, sql)),
    ...references.map(referenceClause),
  ]
  const note = mark === null ? '' : ` ${mark}`
  const suffix = definition === undefined || definition.suffix === '' ? '' : ` ${definition.suffix}`
  return `create table ${quoteTable(target)} (${note}\n  ${lines.join(',\n  ')}\n)${suffix}`
}

/** What is to be run behind {@link createTable}. */
export function furtherStatements(part: Part): readonly string[] {
  const names = { table: quoteTable(part.target), schema: quoteName('main') }
  return isChild(part) ? [] : (part.definition?.statements ?? []).map((statement) => fillTemplate(statement, names))
}

/** The reference of a child table to the table above it; null where that one has no key that children repeat. */
export function childReference(parent: Part, child: ChildPlan): (Reference & ForeignKeyPlan) | null {
  // The key of the row above: the source row's, and its place in each array down to it.
  const columns = [...child.rowKey.map(({ name }) => name), ...child.ordinals.slice(0, -1)]
  const referencedColumns = isChild(parent)
    ? [...parent.rowKey.map(({ name }) => name), ...parent.ordinals]
    : child.rowKey.flatMap((column) => parent.columns.filter((own) => holdsSame(own, column)).map(({ name }) => name))
  if (referencedColumns.toSorted().join('\0') !== parent.key.toSorted().join('\0')) return null
  const name = boundedName(child.target.name, '_parent_fkey')
  return { name, target: child.target, columns, references: parent.target, referencedColumns }
}

/** Each child table of a plan with the table above it, the upper ones first. */
export function parentsOf(part: Part): readonly { readonly parent: Part; readonly child: ChildPlan }[] {
  return (part.children ?? []).flatMap((child) => [{ parent: part, child }, ...parentsOf(child)])
}

export function addColumn(target: TargetName, column: TargetColumn): string {
  return `alter table ${quoteTable(target)} add column ${quoteName(column.name)} ${declaredType(column)}`
}

export function columnList(names: readonly string[]): string {
  return names.map(quoteName).join(', ')
}

/**
 * The one column of the key, where its values are the numbers of the rows themselves. Then SQLite gives a row without a
 * value a number of its own, and does not care for NOT NULL.
 */
export function rowidColumn(part: Part): string | null {
  const [only] = part.key
  if (only === undefined || part.key.length > 1) return null
  const column = targetColumns(part).find(({ name }) => name === only)
  return column !== undefined && keyType(column, true).toUpperCase() === 'INTEGER' ? only : null
}

function ownColumns(part: Part): readonly string[] {
  return targetColumns(part).map((column) => {
    const inKey = part.key.includes(column.name)
    return `${quoteName(column.name)} ${typeIn(part, column)}${inKey ? ' not null' : ''}`
  })
}

function typeIn({ key }: Part, column: TargetColumn): string {
  return key.includes(column.name) ? keyType(column, key.length === 1) : declaredType(column)
}

/** Only `INTEGER`, to the letter, makes a key the number of its row. */
function keyType(column: TargetColumn, isOnly: boolean): string {
  return isOnly && column.native === undefined && column.type === 'int64' ? 'INTEGER' : declaredType(column)
}

/** In the order of the definition. A column that came later (of drift) is behind all others. */
function definedColumns(part: Part, { columns }: TableDefinition): readonly string[] {
  const planned = new Map(targetColumns(part).map((column) => [column.name, column]))
  const defined = columns.map(({ name, type, clauses }) => {
    const column = planned.get(name)
    planned.delete(name)
    if (type === null && column === undefined) {
      throw new DroverError('unexpected', `column ${JSON.stringify(name)} of ${qualified(part.target)} has no type`)
    }
    const declared = type !== null ? typeSql(type) : column === undefined ? '' : typeIn(part, column)
    return [quoteName(name), declared, clauses].filter((text) => text !== '').join(' ')
  })
  const later = [...planned.values()].map((column) => `${quoteName(column.name)} ${declaredType(column)}`)
  return [...defined, ...later]
}

/** None where a column says that it is the key, as `autoincrement` needs it. */
function keyClause({ key }: Part, definition: TableDefinition | undefined): readonly string[] {
  if (key.length === 0) return []
  if (definition?.key !== undefined) return [named(definition.key.name, definition.key.sql)]
  const said = definition?.columns.some(({ clauses }) => /\bprimary\s+key\b/i.test(clauses)) === true
  return said ? [] : [`primary key (${columnList(key)})`]
}

function referenceClause({ name, columns, references, referencedColumns, options = '' }: Reference): string {
  const referred = `references ${quoteTable(references)} (${columnList(referencedColumns)})`
  return named(name, `foreign key (${columnList(columns)}) ${referred}${options === '' ? '' : ` ${options}`}`)
}

function named(name: string, sql: string): string {
  return name === '' ? sql : `constraint ${quoteName(name)} ${sql}`
}

/** SQLite's own message does not say which two. */
function refuseAlike(part: Part): void {
  const seen = new Map<string, string>()
  for (const { name } of targetColumns(part)) {
    const other = seen.get(nameKey(name))
    if (other !== undefined) {
      const message = `SQLite takes the columns ${JSON.stringify(other)} and ${JSON.stringify(name)} for the same`
      throw new DroverError('name-collision', message, { hint: `give one another name with --rename ${name}=…` })
    }
    seen.set(nameKey(name), name)
  }
}

function holdsSame(a: ColumnPlan, b: ColumnPlan): boolean {
  return a.field === b.field && a.within?.join('\0') === b.within?.join('\0') && a.holds === undefined
}
