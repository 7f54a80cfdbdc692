import type { TableConfig } from '../config.ts'
import type { ExistingTable, SourceTable } from '../connectors/contract.ts'
import type { Mode, PlannedTable, Selection } from '../connectors/planned-table.ts'
import type { NamedObject, ReadingOptions, StructureRequest, TableStructure } from '../connectors/structure.ts'
import { DroverError } from '../core/errors.ts'
import type { ForeignKeyPlan, IndexPlan, SourceIndex } from '../core/index-plan.ts'
import { partsOf, qualified, targetColumns, type TablePlan, type TargetName } from '../core/plan.ts'
import type { Sample } from '../core/sample.ts'
import type { TransformSpec } from '../core/transform.ts'
import type { SavedTable } from '../plan-file-read.ts'
import { planFits } from '../schema/plan-fits.ts'
import { planTable, type PlannedColumns } from '../schema/plan-table.ts'
import { givenTypes } from '../transforms/given-types.ts'
import type { ChosenTable } from './choose-tables.ts'
import { refuseUnfit, ruleWarnings, staying, triggerWarnings } from './existing-tables.ts'
import { irreversible, lastingChange } from './irreversible.ts'
import { lookAtSample, withDeclared } from './look.ts'
import { mergesInOrder } from './merges-in-order.ts'
import type { PlanContext } from './plan-context.ts'
import { additionsOf, inItsFormat, settleStructure } from './settle-structure.ts'
import { isGiven } from './run-options.ts'
import { resolveSince, sinceWarnings } from './since.ts'
import { declaredFields } from './structured.ts'
import type { Survey } from './survey.ts'

/** A table with its columns, before it is cut into partitions. */
export interface ShapedTable {
  readonly table: SourceTable
  readonly planned: PlannedTable
  readonly sample: Sample
  /** Rows that will be read; null: unknown. */
  readonly rows: number | null
  /** Of rows with the same key the last one counts, so they have to arrive in order. */
  readonly inOrder: boolean
  readonly sourceIndexes: readonly SourceIndex[]
  /** What the source's catalogue says of it; null: it has none, or the table was planned earlier. */
  readonly structure: TableStructure | null
  readonly way: string | null
  /** The target has all columns of the source's table, each with its name and type. */
  readonly sameColumns: boolean
  /** What values name that are copied in types of the source's own. */
  readonly named: readonly NamedObject[]
  readonly notes: readonly string[]
  readonly warnings: readonly string[]
}

export interface ShapeContext extends PlanContext {
  /** Tables of the target by their qualified names. */
  readonly existing: ReadonlyMap<string, ExistingTable>
  /** Child tables of earlier copies, by the table of the source that is recreated. */
  readonly earlier: ReadonlyMap<string, readonly TargetName[]>
  /** Looks at every row; null: a sample is enough. */
  readonly survey: Survey | null
}

/** Looks at the rows of a table and decides what its target tables are. */
export async function shapeTable(
  context: ShapeContext,
  chosen: ChosenTable,
  signal: AbortSignal,
): Promise<ShapedTable> {
  const shape =
    chosen.saved === null
      ? await planNow(context, chosen, signal)
      : await takeSaved(context, chosen, chosen.saved, signal)
  const { source, target } = context
  const { source: table, mode } = chosen
  const plan = coercing(shape.plan, context.config.forTable(table.name))
  refuseWidth(plan, target.maxColumns)
  if (plan.onConflict !== undefined) refuseKeyless(plan)
  const stays = staying(context, chosen.target, mode)
  const wanted = context.config.forTable(table.name).indexes && stays === null
  const drops = (context.earlier.get(table.name) ?? []).flatMap((child) => context.existing.get(qualified(child)) ?? [])
  return {
    table,
    planned: {
      plan,
      selection: shape.selection,
      mode,
      exists: stays !== null,
      baseline: keepsRows(mode) ? await countRows(context, plan, signal) : 0,
      ordered: table.ordered,
      partitions: [],
      additions: shape.additions,
      drops: drops.map((child) => child.target),
      ...(stays === null ? { indexes: shape.indexes, references: shape.references } : {}),
    },
    sample: shape.sample,
    rows: shape.rows,
    sourceIndexes: wanted && shape.structure === null ? await source.indexes(table.name, signal) : [],
    structure: stays === null ? shape.structure : null,
    way: shape.way,
    sameColumns: shape.sameColumns,
    named: shape.named,
    notes: [
      ...shape.notes,
      ...drops.map((child) => `drops ${qualified(child.target)}, a child table of an earlier copy`),
    ],
    inOrder: mergesInOrder(plan, source.keyField),
    warnings: [
      ...shape.warnings,
      ...triggerWarnings(stays, plan),
      ...ruleWarnings(stays, plan),
      ...irreversible(plan, mode, stays ?? context.existing.get(qualified(chosen.target))),
      ...shape.additions.flatMap(lastingChange),
    ],
  }
}

export function coercing(plan: TablePlan, { coerce }: TableConfig): TablePlan {
  return coerce.length === 0 ? plan : { ...plan, coerce }
}

/** What is decided of a table before the target is looked at again. */
interface Shape extends PlannedColumns {
  readonly selection: Selection
  readonly rows: number | null
  readonly sample: Sample
  readonly indexes: readonly IndexPlan[]
  readonly references: readonly ForeignKeyPlan[]
  readonly structure: TableStructure | null
  readonly way: string | null
  readonly sameColumns: boolean
  readonly named: readonly NamedObject[]
}

async function planNow(context: ShapeContext, chosen: ChosenTable, signal: AbortSignal): Promise<Shape> {
  const { source: table, target: name } = chosen
  const options = context.config.forTable(table.name)
  refuseConflict(options)
  const stays = staying(context, name, options.mode)
  const keeps = keepsRows(options.mode) && stays !== null
  const since = await resolveSince(context, table, name, { ...options, keepsRows: keeps }, signal)
  const selection: Selection = {
    table: table.name,
    where: options.where,
    fields: options.pipeline === null && Object.keys(options.nest).length === 0 ? options.columns : null,
    limit: options.limit,
    ...(since === null ? {} : { since: since.range }),
  }
  const rows = await countSelected(context, table, selection, signal)
  const request = { ...selection, ...readingOf(options, stays) }
  const structure = await structureOf(context, request, signal)
  const whole = rowsToLookAt(context, structure === null ? selection : { ...selection, layout: structure.layout })
  const sample = await sampleOf(context, whole, { pipeline: options.pipeline, structure }, signal)
  refuseFailing(sample, table.name)
  const columns = columnsOf(context, chosen, options, { sample, structure })
  const shape = {
    ...columns,
    selection,
    rows,
    sample,
    indexes: [],
    references: [],
    structure,
    way: null,
    sameColumns: false,
    named: [],
  }
  const said = [...sinceWarnings(since, columns.plan, options.mode), ...columns.warnings]
  if (structure === null) return { ...shape, plan: inItsFormat(columns.plan, context.target), warnings: said }
  const plan = coercing(columns.plan, options)
  const settled = settleStructure({ plan, structure }, context.target, stays === null)
  return {
    ...shape,
    plan: settled.plan,
    structure: settled.structure,
    additions: additionsOf(columns.additions, settled),
    selection: { ...selection, layout: settled.layout },
    way: settled.way,
    sameColumns: settled.sameColumns,
    named: settled.named,
    notes: [...columns.notes, ...settled.notes],
    warnings: [...said, ...settled.warnings],
  }
}

async function sampleOf(
  context: ShapeContext,
  selection: Selection,
  { pipeline, structure }: { readonly pipeline: TransformSpec | null; readonly structure: TableStructure | null },
  signal: AbortSignal,
): Promise<Sample> {
  if (structure !== null && pipeline === null) return structure.sample
  const seen = await look(context, selection, pipeline, signal)
  return structure === null ? seen : withDeclared(seen, structure.sample)
}

/** What the source's catalogue says of a table; in its own words only where the target speaks its language. */
export async function structureOf(
  { source, target }: Pick<ShapeContext, 'source' | 'target'>,
  request: StructureRequest,
  signal: AbortSignal,
): Promise<TableStructure | null> {
  const structure = await source.structure(request, signal)
  return structure === null || source.dialect === target.dialect ? structure : { ...structure, native: null }
}

/** How a source with a structure is to read what it has stored. */
export function readingOf(options: TableConfig, existing: ExistingTable | null): ReadingOptions {
  const { dateFormat: dateFormats, timeZone, sourceEncoding: encoding, rename } = options
  const fieldOf = new Map(Object.entries(rename).map(([field, column]) => [column, field]))
  const columns = (existing?.columns ?? []).map((column) => ({
    ...column,
    field: fieldOf.get(column.name) ?? column.name,
  }))
  const wanted = columns.flatMap(({ field, accepts, acceptsText }) => {
    const [type = acceptsText[0]] = accepts
    return type === undefined ? [] : [[field, type] as const]
  })
  const wantedNative = columns.map(({ field, nativeType }) => [field, nativeType] as const)
  return {
    dateFormats,
    timeZone,
    encoding,
    wanted: Object.fromEntries(wanted),
    wantedNative: Object.fromEntries(wantedNative),
  }
}

/** The plan, run in another mode than it was saved with: what meets rows that are there is the mode's to say. */
function inMode({ plan, mode: planned }: SavedTable, mode: Mode): TablePlan {
  if (mode === planned) return plan
  const { onConflict: _, ...plain } = plan
  return mode === 'upsert' ? { ...plain, onConflict: 'update' } : plain
}

/** The rows selected: exact where options narrow them, else as the source estimates them. */
async function countSelected(
  { source }: ShapeContext,
  { estimatedRows }: SourceTable,
  selection: Selection,
  signal: AbortSignal,
): Promise<number | null> {
  const { where, limit, since } = selection
  return where === null && limit === null && since === undefined ? estimatedRows : source.count(selection, signal)
}

/** The few rows of an incremental copy say little of the table: a sample is taken of all of it. */
function rowsToLookAt({ survey }: ShapeContext, { since, ...whole }: Selection): Selection {
  return survey === null || since === undefined ? whole : { ...whole, since }
}

/** A plan that somebody has read and approved is run as it is, or refused. */
async function takeSaved(
  context: ShapeContext,
  { source: table, mode }: ChosenTable,
  saved: SavedTable,
  signal: AbortSignal,
): Promise<Shape> {
  const { where, limit, since, indexes, references } = saved
  const planned = inMode(saved, mode)
  const stays = staying(context, planned.target, mode)
  const plain: Selection = { table: planned.source, where, fields: null, limit, ...(since === null ? {} : { since }) }
  const options = context.config.forTable(table.name)
  const structure = await structureOf(context, { ...plain, ...readingOf(options, stays) }, signal)
  const settled = structure && settleStructure({ plan: planned, structure }, context.target, stays === null)
  const plan = settled?.plan ?? inItsFormat(planned, context.target)
  const selection = settled === null ? plain : { ...plain, layout: settled.layout }
  const sample =
    structure === null || plan.transform !== undefined
      ? await look(
          context,
          structure === null ? plain : { ...plain, layout: structure.layout },
          plan.transform ?? null,
          signal,
        )
      : structure.sample
  refuseFailing(sample, plan.source)
  const misfits = planFits(plan, sample)
  if (misfits.length > 0) {
    throw new DroverError('plan-outdated', `the plan no longer fits ${plan.source}: ${misfits.join('; ')}`, {
      hint: 'edit the plan, or make a new one with drover plan --save',
    })
  }
  for (const part of partsOf(plan)) refuseUnfit(part, context.existing.get(qualified(part.target)), mode)
  const rows = await countSelected(context, table, selection, signal)
  // Indexes and references are those of the plan that was saved.
  const told = { additions: [], notes: settled?.notes ?? [], warnings: settled?.warnings ?? [] }
  const { way = null, sameColumns = false, named = [] } = settled ?? {}
  return { plan, selection, rows, sample, indexes, references, structure: null, way, sameColumns, named, ...told }
}

/** Every field is looked at, also those not wanted: only so can a misspelt one be told from one that is not there. */
function look(
  { source, survey, sampleLimits }: ShapeContext,
  selection: Selection,
  pipeline: TransformSpec | null,
  signal: AbortSignal,
): Promise<Sample> {
  const whole = { ...selection, fields: null }
  return survey === null
    ? lookAtSample(source, whole, pipeline, sampleLimits, signal)
    : survey.look(whole, pipeline, signal)
}

/** A transform that takes no row at all is wrong itself, and every batch would fail. */
export function refuseFailing({ rows, failed }: Sample, table: string): void {
  if (failed === null || failed.count < rows || rows === 0) return
  throw new DroverError(
    'invalid-transform',
    `the transform fails for every row of ${table} looked at: ${failed.message}`,
  )
}

export function columnsOf(
  { source, target, existing }: Pick<ShapeContext, 'source' | 'target' | 'existing'>,
  { source: table, target: name, children }: ChosenTable,
  options: TableConfig,
  { sample, structure }: { readonly sample: Sample; readonly structure: TableStructure | null },
): PlannedColumns {
  const declared = structure === null ? undefined : declaredFields(structure)
  const [only = '', ...others] = declared?.key ?? []
  const stays = staying({ existing }, name, options.mode)
  return planTable({
    sample,
    source: table.name,
    keyField: declared === undefined ? source.keyField : others.length === 0 ? only : '',
    declared,
    target: name,
    childTarget: (path) => {
      const child = children.get(path)
      if (child === undefined) throw new DroverError('unexpected', `no name was given to the child table ${path}`)
      return child
    },
    options: {
      ...options,
      naming: options.naming ?? source.naming,
      // A table with columns of its own kind is not changed for those of another, unless somebody asks for it.
      onDrift:
        declared !== undefined && stays !== null && !isGiven(options.origin('onDrift')) ? 'stop' : options.onDrift,
      // Declared columns are as many as somebody wanted.
      maxColumns:
        declared !== undefined && !isGiven(options.origin('max-columns')) ? target.maxColumns : options.maxColumns,
      // What a step has made of a type is told apart from what only looks like it in the sample.
      cast: { ...Object.fromEntries(givenTypes(options.pipeline?.steps ?? [])), ...options.cast },
      onConflict: options.mode === 'upsert' ? 'update' : options.onConflict,
    },
    transform: options.pipeline,
    maxNameBytes: target.maxNameBytes,
    reservedColumns: target.reservedColumns,
    existing: stays,
    existingChildren: new Map(
      [...children.values()].flatMap((child) => {
        const found = staying({ existing }, child, options.mode)
        return found === null ? [] : [[qualified(child), found] as const]
      }),
    ),
  })
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

function refuseConflict({ mode, onConflict }: TableConfig): void {
  if (onConflict === 'error' || mode === 'append') return
  throw new DroverError(
    'conflicting-options',
    `--on-conflict ${onConflict} needs --mode append, and the mode is ${mode}`,
    { hint: mode === 'upsert' ? '--mode upsert updates by itself' : undefined },
  )
}

function refuseKeyless({ target, key }: TablePlan): void {
  if (key.length > 0) return
  throw new DroverError(
    'target-incompatible',
    `rows of ${qualified(target)} cannot be told apart: it has no primary key that the copy fills`,
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
