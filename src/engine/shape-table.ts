import type { Config, TableConfig } from '../config.ts'
import type { ExistingTable, Mode, PlannedTable, Selection, SourceTable } from '../connectors/contract.ts'
import { DroverError } from '../core/errors.ts'
import type { SourceIndex } from '../core/index-plan.ts'
import { partsOf, qualified, targetColumns, type TablePlan, type TargetName } from '../core/plan.ts'
import type { Sample } from '../core/sample.ts'
import { planTable, type PlannedColumns } from '../schema/plan-table.ts'
import { givenTypes } from '../transforms/given-types.ts'
import type { ChosenTable } from './choose-tables.ts'
import { lookAtSample } from './look.ts'
import type { PlanContext } from './plan-context.ts'
import { resolveSince } from './since.ts'
import type { Survey } from './survey.ts'

/** A table with its columns, before it is cut into partitions. */
export interface ShapedTable {
  readonly table: SourceTable
  readonly planned: PlannedTable
  readonly sample: Sample
  /** Of rows with the same key the last one counts, so they have to arrive in order. */
  readonly inOrder: boolean
  readonly sourceIndexes: readonly SourceIndex[]
  readonly notes: readonly string[]
  readonly warnings: readonly string[]
}

export interface ShapeContext extends PlanContext {
  /** Tables of the target by their qualified names. */
  readonly existing: ReadonlyMap<string, ExistingTable>
  /** Looks at every row; null: a sample is enough. */
  readonly survey: Survey | null
}

/** Looks at the rows of a table and decides what its target tables are. */
export async function shapeTable(
  context: ShapeContext,
  chosen: ChosenTable,
  signal: AbortSignal,
): Promise<ShapedTable> {
  const { config, source, target } = context
  const { source: table, target: name } = chosen
  const options = config.forTable(table.name)
  const since = await resolveSince(context, table, name, options.since, signal)
  const selection: Selection = {
    table: table.name,
    where: options.where,
    fields: options.pipeline === null && Object.keys(options.nest).length === 0 ? options.columns : null,
    limit: options.limit,
    ...(since === null ? {} : { since: since.range }),
  }
  const sample = await look(context, selection, options, signal)
  refuseFailing(sample, table.name)
  const shape = columnsOf(context, chosen, options, sample)
  const { plan } = shape
  refuseWidth(plan, target.maxColumns)
  refuseConflict(plan, options)
  const stays = staying(context, chosen.target, options.mode)
  const sourceIndexes = stays === null && options.indexes ? await source.indexes(table.name, signal) : []
  const baseline = stays !== null && keepsRows(options.mode) ? await countRows(context, plan, signal) : 0
  return {
    table,
    planned: {
      plan,
      selection,
      mode: options.mode,
      exists: stays !== null,
      baseline,
      ordered: table.ordered,
      partitions: [],
      additions: shape.additions,
    },
    sample,
    sourceIndexes,
    notes: shape.notes,
    inOrder: plan.onConflict === 'update' && !isSourceKey(plan, source.keyField),
    warnings: [...(since === null || since.warning === null ? [] : [since.warning]), ...shape.warnings],
  }
}

/** Refuses an existing table that the mode does not allow. */
export function refuseMode(config: Config, table: ChosenTable, existing: ReadonlyMap<string, ExistingTable>): void {
  const { mode } = config.forTable(table.source.name)
  const own = new Set([table.target, ...table.children.values()].map(qualified))
  for (const target of [table.target, ...table.children.values()]) {
    const found = existing.get(qualified(target))
    if (found !== undefined) refuseExisting(found, mode, own)
  }
}

function refuseExisting(existing: ExistingTable, mode: Mode, own: ReadonlySet<string>): void {
  const name = qualified(existing.target)
  if (existing.kind !== 'table') {
    throw new DroverError('target-incompatible', `${name} exists and is not a table`, {
      hint: 'give the table another name with `to:` in the config file, or another schema with --target-schema',
    })
  }
  if (mode === 'create' && !existing.empty) {
    throw new DroverError('target-not-empty', `${name} exists and holds rows`, {
      hint: '--mode append adds to it, --mode upsert merges into it, --mode truncate empties it first, --mode recreate drops it first',
    })
  }
  const dependents = existing.dependents.filter((dependent) => !own.has(dependent))
  if (mode === 'recreate' && dependents.length > 0) {
    throw new DroverError('target-in-use', `${name} cannot be dropped: ${dependents.join(', ')} depend on it`, {
      hint: 'drop those first, or use --mode truncate',
    })
  }
}

/** Every field is looked at, also those not wanted: only so can a misspelt one be told from one that is not there. */
function look(
  { source, survey, sampleLimits }: ShapeContext,
  selection: Selection,
  { pipeline }: TableConfig,
  signal: AbortSignal,
): Promise<Sample> {
  const whole = { ...selection, fields: null }
  return survey === null
    ? lookAtSample(source, whole, pipeline, sampleLimits, signal)
    : survey.look(whole, pipeline, signal)
}

/** A transform that takes no row at all is wrong itself, and every batch would fail. */
function refuseFailing({ rows, failed }: Sample, table: string): void {
  if (failed === null || failed.count < rows || rows === 0) return
  throw new DroverError(
    'invalid-transform',
    `the transform fails for every row of ${table} looked at: ${failed.message}`,
  )
}

function columnsOf(
  { source, target, existing }: ShapeContext,
  { source: table, target: name, children }: ChosenTable,
  options: TableConfig,
  sample: Sample,
): PlannedColumns {
  return planTable({
    sample,
    source: table.name,
    keyField: source.keyField,
    target: name,
    childTarget: (path) => {
      const child = children.get(path)
      if (child === undefined) throw new DroverError('unexpected', `no name was given to the child table ${path}`)
      return child
    },
    options: {
      ...options,
      naming: options.naming ?? 'snake_case',
      // What a step has made of a type is told apart from what only looks like it in the sample.
      cast: { ...Object.fromEntries(givenTypes(options.pipeline?.steps ?? [])), ...options.cast },
      onConflict: options.mode === 'upsert' ? 'update' : options.onConflict,
    },
    transform: options.pipeline,
    maxNameBytes: target.maxNameBytes,
    reservedColumns: target.reservedColumns,
    existing: staying({ existing }, name, options.mode),
    existingChildren: new Map(
      [...children.values()].flatMap((child) => {
        const found = staying({ existing }, child, options.mode)
        return found === null ? [] : [[qualified(child), found] as const]
      }),
    ),
  })
}

/** The table where it is there already and stays. */
function staying({ existing }: Pick<ShapeContext, 'existing'>, target: TargetName, mode: Mode): ExistingTable | null {
  return mode === 'recreate' ? null : (existing.get(qualified(target)) ?? null)
}

/** What an option names keeps its column, however many there are. */
function refuseWidth(plan: TablePlan, maxColumns: number): void {
  for (const part of partsOf(plan)) {
    const columns = targetColumns(part).length
    if (columns <= maxColumns) continue
    throw new DroverError(
      'target-incompatible',
      `${qualified(part.target)} would have ${columns} columns, and the target allows ${maxColumns} at most`,
      { hint: 'name fewer fields with --columns, or leave fields to the shared column with a lower --max-columns' },
    )
  }
}

function refuseConflict(plan: TablePlan, { mode, onConflict }: TableConfig): void {
  if (onConflict !== 'error' && mode !== 'append') {
    throw new DroverError(
      'conflicting-options',
      `--on-conflict ${onConflict} needs --mode append, and the mode is ${mode}`,
      {
        hint: mode === 'upsert' ? '--mode upsert updates by itself' : undefined,
      },
    )
  }
  if (plan.onConflict === undefined || plan.key.length > 0) return
  throw new DroverError(
    'target-incompatible',
    `rows of ${qualified(plan.target)} cannot be told apart: it has no primary key that the copy fills`,
    { hint: 'give the table a primary key, or copy into a new one' },
  )
}

function keepsRows(mode: Mode): boolean {
  return mode === 'append' || mode === 'upsert'
}

async function countRows({ target, existing }: ShapeContext, plan: TablePlan, signal: AbortSignal): Promise<number> {
  // A child table may be new although its parent is there.
  const there = partsOf(plan).filter((part) => existing.has(qualified(part.target)))
  const counts = await Promise.all(there.map((part) => target.count(part.target, signal)))
  return counts.reduce((sum, count) => sum + count, 0)
}

/** No two rows of the source have the same key, unless a transform has changed it. */
function isSourceKey({ key, columns, transform }: TablePlan, keyField: string): boolean {
  const [name, ...others] = key
  const column = columns.find((candidate) => candidate.name === name)
  return others.length === 0 && transform === undefined && column?.field === keyField && column.within === undefined
}
