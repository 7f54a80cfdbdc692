import type { Target } from '../connectors/contract.ts'
import type { ColumnStructure, NamedObject, TableStructure } from '../connectors/structure.ts'
import type { Format } from '../core/batch.ts'
import type { LayoutColumn, RowLayout } from '../core/layout.ts'
import {
  partsOf,
  targetColumns,
  type ColumnDefinition,
  type ColumnPlan,
  type NamedText,
  type TableDefinition,
  type TablePlan,
} from '../core/plan.ts'
import type { TableChange } from '../core/table-change.ts'
import { translateCondition, translateDefault } from '../schema/sql-translation.ts'
import { freeName, usualKeyName } from './free-name.ts'
import { keptFields, nativeDefinition } from './settle-native.ts'
import { translating, wholeColumns, type Structured } from './structured.ts'

export interface SettledTable {
  readonly plan: TablePlan
  /** What of it is carried. */
  readonly structure: TableStructure
  readonly layout: RowLayout
  /** How its rows come over, for people. */
  readonly way: string
  /** The target has all columns of the source's table, each with its name and type. */
  readonly sameColumns: boolean
  /** What values name that are copied in types of the source's own. */
  readonly named: readonly NamedObject[]
  readonly notes: readonly string[]
  readonly warnings: readonly string[]
}

type Languages = Pick<Target, 'dialect' | 'formatFor' | 'accepts' | 'maxNameBytes'>

/**
 * Adds to a plan of columns how the rows come, how they are sent, and, for a table that is made, what its source has
 * beside columns. What cannot be said in the target's language is left out and told.
 */
export function settleStructure(given: Structured, target: Languages, isNew: boolean): SettledTable {
  const raw = rawFormat(given.plan, given.structure, target)
  const { plan, structure } = raw === null && target.dialect === 'sqlite' ? readAnew(given) : given
  const layout = raw === null ? decodedLayout(plan, structure) : rawLayout(plan, structure, raw)
  const told: string[] = []
  told.push(...unreadSequences({ plan, structure }, isNew))
  const definition = isNew ? definitionOf({ plan, structure }, target, told) : reachedOnly({ plan, structure })
  const said = raw === null ? [structure.reading, structure] : [structure]
  return {
    plan: {
      ...(raw === null ? inItsFormat(plan, target) : plan),
      ...(raw === null || raw === target.accepts ? {} : { sentAs: raw }),
      layout,
      ...(definition === undefined ? {} : { definition }),
    },
    structure,
    layout,
    way: wayOf(raw, layout),
    sameColumns: hasSameColumns({ plan, structure }),
    named: namedBy({ plan, structure }),
    notes: said.flatMap(({ notes }) => notes).map((note) => `${plan.source}: ${note}`),
    warnings: [...said.flatMap(({ warnings }) => warnings), ...told].map((warning) => `${plan.source}: ${warning}`),
  }
}

function hasSameColumns(table: Structured): boolean {
  const { native } = table.structure
  return native !== null && keptFields(table, native).fields.size === native.columns.size
}

/** Of columns that are as they are in the source, under whatever name. */
function namedBy({ plan, structure: { native } }: Structured): readonly NamedObject[] {
  const planned = wholeColumns(plan)
  return (native?.named ?? []).filter(({ field }) => {
    const type = planned.get(field)?.native
    return type !== undefined && type === native?.columns.get(field)?.type
  })
}

/** With the format that its columns have to be sent in. */
export function inItsFormat(plan: TablePlan, target: Languages): TablePlan {
  const sent = target.formatFor(partsOf(plan).flatMap(targetColumns))
  return sent === null || sent === target.accepts ? plan : { ...plan, sentAs: sent }
}

/** Values that are made anew are not what a column of the source's own type holds: its affinity would change them. */
function readAnew({ plan, structure }: Structured): Structured {
  const columns = plan.columns.map(({ native: _, ...column }) => column)
  return { plan: { ...plan, columns }, structure: { ...structure, native: null } }
}

/** Columns that a table which is there gets are of drover's own types where its rows are made anew. */
export function additionsOf(
  additions: readonly TableChange[],
  { structure }: Pick<SettledTable, 'structure'>,
): readonly TableChange[] {
  if (structure.native !== null) return additions
  return additions.map((change) => {
    if (change.kind !== 'add') return change
    const { name, type } = change.column
    return { ...change, column: { name, type } }
  })
}

function wayOf(raw: Format | null, { format }: RowLayout): string {
  if (raw === 'pgcopy') return 'passed on in binary form, as they are'
  if (raw === 'sqlite') return 'passed on as they are stored'
  if (raw === 'pgtext') return 'passed on as text, since a type has no binary form that both servers share'
  return format === 'sqlite' ? 'read by the types that their values have' : 'read as values, and made anew'
}

/** In what rows can be passed on as they are; null: they have to be made anew. */
function rawFormat(plan: TablePlan, { native, layout }: TableStructure, target: Languages): Format | null {
  if (native === null) return null
  const { transform, coerce, children, overflow, flattened, columns } = plan
  if ([transform, coerce, children, overflow, flattened].some((part) => part !== undefined)) return null
  const isSame = (column: ColumnPlan): boolean => {
    const plain = column.within === undefined && column.holds === undefined && !column.cast
    return plain && column.native !== undefined && column.native === native.columns.get(column.field)?.type
  }
  const fields = new Set(columns.map(({ field }) => field))
  const hasKey = layout.key.every((place) => {
    const { field = null } = layout.columns[place] ?? {}
    // By the number of a row, which is in no column, it can be read, and is not known elsewhere.
    return field === null || fields.has(field)
  })
  if (!columns.every(isSame) || !hasKey) return null
  if (target.dialect === 'sqlite') return 'sqlite'
  return columns.every((column) => native.binary.has(column.native ?? '')) ? 'pgcopy' : 'pgtext'
}

/** The columns of the plan in its order. */
function rawLayout({ columns }: TablePlan, { layout }: TableStructure, format: Format): RowLayout {
  const fields = columns.map(({ field }) => field)
  const key = layout.key.map((place) => fields.indexOf(layout.columns[place]?.field ?? ''))
  return {
    format,
    raw: true,
    columns: columns.map(({ field, type }) => ({ field, type })),
    key: key.includes(-1) ? [] : key,
  }
}

/** How the rows of a table that is there are read to be compared with it. */
export function comparedLayout(plan: TablePlan, structure: TableStructure, target: Languages): RowLayout {
  const asStored = target.dialect === 'sqlite' ? rawFormat(plan, structure, target) : null
  return asStored === null ? decodedLayout(plan, structure) : rawLayout(plan, structure, asStored)
}

/** All columns where a transform may want them, otherwise those of the plan and of the key. */
function decodedLayout(plan: TablePlan, { layout }: Pick<TableStructure, 'layout'>): RowLayout {
  if (plan.transform !== undefined) return layout
  // In the order of the plan, so that a row whose values need no change is one in the target's order.
  const fields = plan.columns.map(({ field }) => field)
  const rankOf = ({ field }: LayoutColumn, place: number): number => {
    const at = field === null ? -1 : fields.indexOf(field)
    if (at >= 0) return at
    return field === null || layout.key.includes(place) ? fields.length + place : Infinity
  }
  const places = layout.columns
    .map((column, place) => ({ place, rank: rankOf(column, place) }))
    .filter(({ rank }) => rank < Infinity)
    .toSorted((a, b) => a.rank - b.rank)
    .map(({ place }) => place)
  return {
    ...layout,
    columns: places.flatMap((place) => layout.columns[place] ?? []),
    key: layout.key.map((place) => places.indexOf(place)),
  }
}

function definitionOf(table: Structured, target: Languages, told: string[]): TableDefinition | undefined {
  const { native } = table.structure
  if (target.dialect === null) return undefined
  return native !== null ? nativeDefinition(table, native, told) : translatedDefinition(table, target, told)
}

/** A table that was there keeps what it has; but no number is to be given twice. */
function reachedOnly({ plan, structure }: Structured): TableDefinition | undefined {
  const planned = wholeColumns(plan)
  const sequences = structure.columns.flatMap(({ field, identity }) => {
    const [column, reached] = [planned.get(field)?.name, identity?.reached ?? null]
    return column === undefined || reached === null ? [] : [{ column, reached }]
  })
  return sequences.length === 0 ? undefined : { columns: [], constraints: [], suffix: '', statements: [], sequences }
}

/** In the language of the source a new table is refused for that. */
function unreadSequences({ plan, structure }: Structured, isNew: boolean): readonly string[] {
  if (isNew && structure.native !== null) return []
  const planned = wholeColumns(plan)
  return structure.columns.flatMap(({ field, identity }) => {
    const unread = planned.has(field) ? identity?.unread : undefined
    return unread === undefined
      ? []
      : [`${unread.message}, so the numbers of ${quote(field)} go on behind those of the rows`]
  })
}

/** In the target's words, as far as it has them. */
function translatedDefinition(table: Structured, target: Languages, told: string[]): TableDefinition {
  const { plan, structure } = table
  const planned = wholeColumns(plan)
  const words = translating(table, target)
  const columns: ColumnDefinition[] = []
  const sequences: { column: string; reached: string }[] = []
  for (const column of structure.columns) {
    if (column.generated !== null) {
      told.push(`column ${quote(column.field)} is computed (${column.generated.sql}): not carried`)
      continue
    }
    const own = planned.get(column.field)
    if (own === undefined) continue
    columns.push({ name: own.name, type: null, clauses: clausesOf(column, own.type, target, told) })
    const reached = column.identity?.reached ?? null
    if (reached !== null) sequences.push({ column: own.name, reached })
  }
  // SQLite does not mind constraints of one name.
  const taken = new Set([usualKeyName(plan.target)])
  const constraints = structure.checks.flatMap(({ name, expression }, place): NamedText[] => {
    const translated = translateCondition(expression, words)
    if ('sql' in translated) {
      const wanted = name ?? `${plan.target.name}_check${place + 1}`
      return [{ name: freeName(wanted, taken, target), sql: `check (${translated.sql})` }]
    }
    told.push(`check ${name ?? expression.sql} is not carried: ${translated.reason}`)
    return []
  })
  return { columns, constraints, suffix: '', statements: [], sequences }
}

function clausesOf(column: ColumnStructure, type: ColumnPlan['type'], target: Languages, told: string[]): string {
  const clauses: string[] = []
  if (column.required) clauses.push('not null')
  if (column.identity !== null) {
    if (target.dialect === 'postgres') clauses.push('generated by default as identity')
    return clauses.join(' ')
  }
  if (column.default === null) return clauses.join(' ')
  const translated = translateDefault(column.default, target.dialect, type)
  if (translated === null) return clauses.join(' ')
  if ('sql' in translated) clauses.push(`default ${translated.sql}`)
  else told.push(`the default of ${quote(column.field)} (${column.default.sql}) is not carried: ${translated.reason}`)
  return clauses.join(' ')
}

function quote(name: string): string {
  return JSON.stringify(name)
}
