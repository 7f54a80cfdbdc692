import type { Target } from '../connectors/contract.ts'
import type { ColumnStructure, NativeColumn, OfColumns, TableStructure } from '../connectors/structure.ts'
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
import { translateCondition, translateDefault, type Translating } from '../schema/sql-translation.ts'

/** A table whose columns are planned, and what its source says of it. */
export interface Structured {
  readonly plan: TablePlan
  readonly structure: TableStructure
}

export interface SettledTable {
  readonly plan: TablePlan
  /** What of it is carried. */
  readonly structure: TableStructure
  readonly layout: RowLayout
  /** How its rows come over, for people. */
  readonly way: string
  readonly notes: readonly string[]
  readonly warnings: readonly string[]
}

type Languages = Pick<Target, 'dialect' | 'formatFor' | 'accepts'>

/**
 * Adds to a plan of columns how the rows come, how they are sent, and, for a table that is made, what its source has
 * beside columns. What cannot be said in the target's language is left out and told.
 */
export function settleStructure(given: Structured, target: Languages, isNew: boolean): SettledTable {
  const raw = rawFormat(given.plan, given.structure, target)
  const { plan, structure } = raw === null && target.dialect === 'sqlite' ? readAnew(given) : given
  const layout = raw === null ? decodedLayout(plan, structure) : rawLayout(plan, structure, raw)
  const told: string[] = []
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
    notes: said.flatMap(({ notes }) => notes).map((note) => `${plan.source}: ${note}`),
    warnings: [...said.flatMap(({ warnings }) => warnings), ...told].map((warning) => `${plan.source}: ${warning}`),
  }
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
function rawLayout({ columns }: TablePlan, { layout }: Pick<TableStructure, 'layout'>, format: Format): RowLayout {
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
export function decodedLayout(plan: TablePlan, { layout }: Pick<TableStructure, 'layout'>): RowLayout {
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

/**
 * Whether something that names columns, in the words of the source, can be taken as it is: they have their own names and
 * types, or are computed from such as have.
 */
export function keptBy(table: Structured): (thing: OfColumns) => boolean {
  const columns = [...(table.structure.native?.columns ?? [])]
  const planned = wholeColumns(table.plan)
  const stored = new Set(
    columns.flatMap(([field, { type }]) => {
      const column = planned.get(field)
      return column?.name === field && column.native === type ? [field] : []
    }),
  )
  const computed = columns.flatMap(([field, { computedFrom }]) => {
    return computedFrom?.every((from) => stored.has(from)) === true ? [field] : []
  })
  const kept = new Set([...stored, ...computed])
  return ({ fields }) => fields.every((field) => kept.has(field))
}

/** The planned columns by the field that they hold whole. */
export function wholeColumns({ columns }: TablePlan): ReadonlyMap<string, ColumnPlan> {
  const own = columns.filter(({ within, holds }) => within === undefined && holds === undefined)
  return new Map(own.map((column) => [column.field, column]))
}

/** All columns of the source, and of which of them the target has the values as they are stored there. */
export function translating({ plan, structure }: Structured, { dialect }: Pick<Target, 'dialect'>): Translating {
  const planned = wholeColumns(plan)
  const forms = new Map(structure.layout.columns.map(({ field, form }) => [field, form]))
  const columns = structure.columns.map(({ field, collation }) => {
    const column = planned.get(field)
    const isSame = column !== undefined && !column.cast && forms.get(field) === undefined
    return [field, isSame ? { name: column.name, type: column.type, collation } : null] as const
  })
  return { to: dialect, columns: new Map(columns) }
}

function definitionOf(table: Structured, target: Languages, told: string[]): TableDefinition | undefined {
  const { native } = table.structure
  if (target.dialect === null) return undefined
  return native !== null ? nativeDefinition(table, told) : translatedDefinition(table, target, told)
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

/** In the words of the source, which are the target's too. */
function nativeDefinition(table: Structured, told: string[]): TableDefinition | undefined {
  const { native } = table.structure
  if (native === null) return undefined
  const isKept = keptBy(table)
  const planned = wholeColumns(table.plan)
  const left: string[] = []
  const kept = <T extends OfColumns>(things: readonly T[], nameOf: (thing: T) => string | null): readonly T[] => {
    left.push(...things.flatMap((thing) => (isKept(thing) ? [] : (nameOf(thing) ?? []))))
    return things.filter(isKept)
  }
  const columns = [...native.columns].flatMap(([field, column]) => nativeColumn(field, column, planned, isKept, left))
  const constraints = kept(native.constraints, ({ name, sql }) => (name === '' ? sql : `constraint ${name}`))
  const isWhole = isKept({ fields: [...native.columns.keys()] })
  const parted = native.suffix.startsWith('partition by') && !isWhole
  if (parted) left.push(native.suffix)
  // What is of one column goes with it; of one that is here otherwise it is told.
  const statements = kept(native.statements, ({ fields: [field = '', ...others], what }) => {
    return others.length === 0 && !planned.has(field) ? null : `${what} of ${others.length === 0 ? field : 'the table'}`
  })
  const sequences = native.sequences.flatMap(({ column: field, reached }) => {
    const column = planned.get(field)
    return column === undefined ? [] : [{ column: column.name, reached }]
  })
  const key =
    native.key === null
      ? []
      : kept([native.key], ({ name }) => `the name or options of the key${name === '' ? '' : ` ${name}`}`)
  if (left.length > 0) {
    told.push(`not carried, because columns are left out or changed: ${[...new Set(left)].join(', ')}`)
  }
  return {
    columns,
    constraints: constraints.map(({ name, sql }) => ({ name, sql })),
    ...(key[0] === undefined ? {} : { key: { name: key[0].name, sql: key[0].sql } }),
    suffix: parted ? '' : native.suffix,
    statements: statements.map(({ sql }) => sql),
    sequences,
  }
}

/** None where the column is left out. */
function nativeColumn(
  field: string,
  { type, clauses, computedFrom }: NativeColumn,
  planned: ReadonlyMap<string, ColumnPlan>,
  isKept: (thing: OfColumns) => boolean,
  left: string[],
): readonly ColumnDefinition[] {
  if (computedFrom !== null) {
    if (isKept({ fields: [field] })) return [{ name: field, type, clauses }]
    left.push(`computed column ${field}`)
    return []
  }
  const column = planned.get(field)
  if (column === undefined) return []
  if (column.native === type || clauses === '') return [{ name: column.name, type: null, clauses }]
  left.push(`${field} ${clauses}`)
  return [{ name: column.name, type: null, clauses: '' }]
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
  const constraints = structure.checks.flatMap(({ name, expression }, place): NamedText[] => {
    const translated = translateCondition(expression, words)
    if ('sql' in translated) {
      return [{ name: name ?? `${plan.target.name}_check${place + 1}`, sql: `check (${translated.sql})` }]
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
