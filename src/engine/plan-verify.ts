import type { ExistingTable } from '../connectors/contract.ts'
import type { PlannedTable, Selection } from '../connectors/planned-table.ts'
import { DroverError } from '../core/errors.ts'
import type { ExistingColumn } from '../core/existing-column.ts'
import { elementType, type LogicalType } from '../core/logical-type.ts'
import { qualified, type ChildPlan, type ColumnPlan, type RowsPlan, type TablePlan } from '../core/plan.ts'
import { widensTo } from '../schema/lattice.ts'
import { targetsOf, type Choice, type ChosenTable } from './choose-tables.ts'
import { lookAtSample } from './look.ts'
import type { PlanContext } from './plan-context.ts'
import { comparedLayout } from './settle-structure.ts'
import { coercing, columnsOf, readingOf, refuseFailing, structureOf } from './shape-table.ts'

/** Fields named in a sentence. */
const SHOWN = 8

/**
 * Plans the comparison of tables that are there already, whoever has filled them: which field each of their columns would
 * hold by its name, read as the type that the column has. Writes nothing. A column that no field fits, and a field without
 * a column, are notices. Throws `target-missing`, `target-incompatible`, and what planning a copy throws for its options.
 */
export async function planVerify(
  context: PlanContext,
  choice: Pick<Choice, 'tables'>,
  signal: AbortSignal,
): Promise<readonly PlannedTable[]> {
  const names = choice.tables.flatMap(targetsOf)
  const existing = new Map(
    (await context.target.existing(names, signal)).map((found) => [qualified(found.target), found]),
  )
  const planned: PlannedTable[] = []
  for (const table of choice.tables) planned.push(await planOne(context, table, existing, signal))
  return planned
}

async function planOne(
  context: PlanContext,
  chosen: ChosenTable,
  existing: ReadonlyMap<string, ExistingTable>,
  signal: AbortSignal,
): Promise<PlannedTable> {
  const { config, source, sampleLimits } = context
  const { name, ordered } = chosen.source
  const options = config.forTable(name)
  const plain: Selection = { table: name, where: options.where, fields: null, limit: options.limit }
  const there = existing.get(qualified(chosen.target)) ?? null
  const structure = await structureOf(context, { ...plain, ...readingOf(options, there) }, signal)
  const selection = structure === null ? plain : { ...plain, layout: structure.layout }
  const sample =
    structure === null || options.pipeline !== null
      ? await lookAtSample(source, selection, options.pipeline, sampleLimits, signal)
      : structure.sample
  refuseFailing(sample, name)
  // As if there were no table: so every field has the column that a copy would look for.
  const { plan } = columnsOf({ ...context, existing: new Map() }, chosen, options, { sample, structure })
  const { onConflict: _, ...wanted } = coercing(plan, options)
  const fitted: TablePlan = { ...wanted, ...fitRows(context, wanted, existing) }
  const layout = structure === null ? null : comparedLayout(fitted, structure, context.target)
  return {
    plan: layout === null ? fitted : { ...fitted, layout },
    selection: layout === null ? selection : { ...selection, layout },
    mode: 'append',
    exists: true,
    baseline: 0,
    ordered,
    partitions: [],
  }
}

/** The columns that the table has, and its own key where they hold all of it. */
function fitRows(
  context: PlanContext,
  rows: RowsPlan,
  existing: ReadonlyMap<string, ExistingTable>,
): Pick<RowsPlan, 'columns' | 'key' | 'ignore' | 'overflow' | 'children'> {
  const table = tableOf(rows, existing)
  const fitted = fitColumns(context, rows.columns, table)
  const names = new Set(fitted.map((column) => column.name))
  const overflow = table.columns.some((column) => column.name === rows.overflow) ? rows.overflow : undefined
  return {
    columns: fitted,
    key: table.key.every((column) => names.has(column)) ? table.key : [],
    // What has no column was named once, and is no reason to refuse a row.
    ignore: overflow === undefined ? 'others' : rows.ignore,
    overflow,
    children: rows.children?.map((child) => fitChild(context, child, existing)),
  }
}

function fitChild(context: PlanContext, child: ChildPlan, existing: ReadonlyMap<string, ExistingTable>): ChildPlan {
  const table = tableOf(child, existing)
  const fitted = fitRows(context, child, existing)
  const rowKey = fitColumns(context, child.rowKey, table)
  const isOrdinal = (name: string): boolean => child.ordinals.includes(name)
  const known = new Set([...rowKey.map(({ name }) => name), ...table.columns.map(({ name }) => name).filter(isOrdinal)])
  const lacking = [...child.rowKey.map(({ name }) => name), ...child.ordinals].find((name) => !known.has(name))
  if (lacking !== undefined) {
    throw new DroverError(
      'target-incompatible',
      `${qualified(child.target)} has no column ${quote(lacking)} that tells which row an element belongs to`,
      { hint: 'compare without --nest, or name the column so' },
    )
  }
  const [value = null] = child.value === null ? [] : fitColumns(context, [child.value], table)
  const own = new Set([...rowKey.map(({ name }) => name), ...child.ordinals, ...fitted.columns.map(({ name }) => name)])
  return { ...child, ...fitted, rowKey, value, key: table.key.every((column) => own.has(column)) ? table.key : [] }
}

/** Throws `target-missing`, `target-incompatible`. */
export function tableOf({ target }: RowsPlan, existing: ReadonlyMap<string, ExistingTable>): ExistingTable {
  const table = existing.get(qualified(target))
  if (table === undefined) {
    throw new DroverError('target-missing', `there is no table ${qualified(target)} to compare with`, {
      hint: 'name it with `to:` in the config file, its schema with --target-schema',
    })
  }
  if (table.kind === 'table') return table
  throw new DroverError('target-incompatible', `${qualified(target)} is not a table`)
}

function fitColumns(
  { notice }: PlanContext,
  columns: readonly ColumnPlan[],
  table: ExistingTable,
): readonly ColumnPlan[] {
  const there = new Map(table.columns.map((column) => [column.name, column]))
  const lacking = columns
    .filter(({ name }) => !there.has(name))
    .map(({ field, within = [] }) => quote([field, ...within].join('.')))
  if (lacking.length > 0) {
    const rest = lacking.length > SHOWN ? ` and ${lacking.length - SHOWN} more` : ''
    const message = `${qualified(table.target)} has no column for ${lacking.slice(0, SHOWN).join(', ')}${rest}: not compared`
    notice({ level: 'warning', message })
  }
  return columns.flatMap((column) => {
    const found = there.get(column.name)
    if (found === undefined) return []
    const fitted = fitColumn(column, found)
    if (fitted !== null) return [fitted]
    const subject = `column ${quote(column.name)} of ${qualified(table.target)}`
    notice({
      level: 'warning',
      message: `${subject} is ${found.nativeType}, which cannot be compared exactly: not compared`,
    })
    return []
  })
}

/** Read as the type of the column, into which values are converted by the rules of `--cast`; null: it has none of ours. */
function fitColumn(
  { native, ...column }: ColumnPlan,
  { accepts, acceptsText, nativeType }: ExistingColumn,
): ColumnPlan | null {
  if (native === nativeType) return { ...column, native }
  if (accepts.includes(column.type)) return column
  const types = accepts.length > 0 ? accepts : acceptsText
  // Of a type that drover does not render, the target casts what it shows to the type that it is compared as.
  const own: Pick<ColumnPlan, 'native'> = accepts.length > 0 ? {} : { native: nativeType }
  const wider = types.find((type) => type === column.type || widensTo(column.type, type))
  if (wider !== undefined) return { ...column, ...own, type: wider }
  const castable = types.find(
    (type) => type === 'json' || column.type === 'json' || isArray(type) === isArray(column.type),
  )
  return castable === undefined ? null : { ...column, ...own, type: castable, cast: true }
}

function isArray(type: LogicalType): boolean {
  return elementType(type) !== null
}

function quote(name: string): string {
  return JSON.stringify(name)
}
