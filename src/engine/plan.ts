import type { Config } from '../config.ts'
import type {
  ExistingTable,
  Finding,
  Ledger,
  PlannedTable,
  Selection,
  Source,
  SourceTable,
  Target,
} from '../connectors/contract.ts'
import { DroverError, fromErrorShape } from '../core/errors.ts'
import { qualified, type TablePlan, type TargetName } from '../core/plan.ts'
import type { Feed } from '../core/result.ts'
import { planTable } from '../schema/plan-table.ts'
import { nameTables } from '../schema/naming.ts'
import type { PlanReport, TableReport } from './plan-report.ts'
import { selectTables } from './select-tables.ts'
import { chooseFeed, choosePartitions, chooseWorkers } from './sizing.ts'

/** What planning reads from; it writes nothing. */
export interface PlanContext {
  readonly config: Config
  readonly source: Source
  readonly target: Target
  readonly ledger: Ledger
  readonly cores: number
  readonly sampleLimits: { readonly rows: number; readonly bytes: number }
}

/** A table of the source and the name it gets: all that a lease needs to be taken before anything is looked up. */
export interface ChosenTable {
  readonly source: SourceTable
  readonly target: TargetName
}

export interface Choice {
  readonly tables: readonly ChosenTable[]
  readonly skipped: readonly SourceTable[]
  readonly warnings: readonly string[]
}

/** Which tables are copied, and what they will be called. */
export async function chooseTables(context: PlanContext, signal: AbortSignal): Promise<Choice> {
  const { config, source, target } = context
  const { chosen, skipped } = selectTables(await source.describe(signal), config.tables)
  const wanted = chosen.map(({ name }) => {
    const { naming, targetName } = config.forTable(name)
    return { source: name, naming: naming ?? 'snake_case', targetName }
  })
  const { names, warnings } = nameTables(wanted, target.maxNameBytes)
  const tables = chosen.map((table) => ({
    source: table,
    target: { schema: config.targetSchema, name: names.get(table.name) ?? table.name },
  }))
  return { tables, skipped, warnings }
}

/** Preflight and plan: everything the run would do, or the error that refuses it. Writes nothing. */
export async function planRun(context: PlanContext, choice: Choice, signal: AbortSignal): Promise<PlanReport> {
  const { config, source, target, cores } = context
  const findings = await checkBoth(context, signal)
  const workers = chooseWorkers(config.workers, cores, await target.connections(signal), target.maxWriters)
  const ordered = choice.tables.every((table) => table.source.ordered)
  const feed = chooseFeed(config.feed, { workers: workers.count, cores, isolation: config.isolation, ordered })
  const names = choice.tables.map((table) => table.target)
  await refuseUnfinished(context, choice.tables)
  const existing = await target.existing(names, signal)
  const tables: TableReport[] = []
  for (const table of choice.tables) {
    const found = existing.find((candidate) => qualified(candidate.target) === qualified(table.target)) ?? null
    refuseMode(config, table, found)
    tables.push(await reportTable(context, table, found, { feed: feed.choice, workers: workers.count }, signal))
  }
  const report = { source: source.name, target: target.name, tables, skipped: choice.skipped, findings }
  return { ...report, workers, feed, isolation: config.isolation }
}

async function checkBoth({ config, source, target }: PlanContext, signal: AbortSignal): Promise<readonly Finding[]> {
  const findings = [
    ...(await source.check(signal)),
    ...(await target.check([config.targetSchema, config.ledgerSchema], signal)),
  ]
  const refused = findings.find(({ level }) => level === 'error')
  if (refused !== undefined) throw fromErrorShape(refused.error)
  return findings
}

async function refuseUnfinished({ config, ledger }: PlanContext, tables: readonly ChosenTable[]): Promise<void> {
  const kept = tables.filter(({ source }) => config.forTable(source.name).mode !== 'recreate')
  const [unfinished] = await ledger.unfinished(kept.map(({ target }) => target))
  if (unfinished === undefined) return
  throw new DroverError(
    'unfinished-migration',
    `migration ${unfinished.id} of ${qualified(unfinished.target)} was begun and is not finished (${unfinished.state})`,
    { hint: 'start over with --mode recreate, which drops what it has written' },
  )
}

function refuseMode(config: Config, table: ChosenTable, existing: ExistingTable | null): void {
  if (existing === null) return
  const name = qualified(table.target)
  const { mode } = config.forTable(table.source.name)
  if (existing.kind !== 'table') {
    throw new DroverError('target-incompatible', `${name} exists and is not a table`, {
      hint: 'give the table another name with `to:` in the config file, or another schema with --target-schema',
    })
  }
  if (mode === 'create' && !existing.empty) {
    throw new DroverError('target-not-empty', `${name} exists and holds rows`, {
      hint: '--mode append adds to it, --mode truncate empties it first, --mode recreate drops it first',
    })
  }
  if (mode === 'recreate' && existing.dependents.length > 0) {
    throw new DroverError(
      'target-in-use',
      `${name} cannot be dropped: ${existing.dependents.join(', ')} depend on it`,
      {
        hint: 'drop those first, or use --mode truncate',
      },
    )
  }
}

async function reportTable(
  context: PlanContext,
  { source: table, target: name }: ChosenTable,
  existing: ExistingTable | null,
  run: { readonly feed: Feed; readonly workers: number },
  signal: AbortSignal,
): Promise<TableReport> {
  const { config, source, target } = context
  const options = config.forTable(table.name)
  const selection: Selection = {
    table: table.name,
    where: options.where,
    fields: options.columns,
    limit: options.limit,
  }
  const limits = { rows: config.infer === 'full' ? null : context.sampleLimits.rows, bytes: sampleBytes(context) }
  // Every field is looked at, also those not wanted: only so can a misspelt one be told from one that is not there.
  const sample = await source.sample({ ...selection, fields: null }, limits, signal)
  const stays = existing !== null && options.mode !== 'recreate' ? existing : null
  const { plan, warnings } = planTable({
    sample,
    source: table.name,
    keyField: source.keyField,
    target: name,
    options: { ...options, naming: options.naming ?? 'snake_case' },
    maxNameBytes: target.maxNameBytes,
    reservedColumns: target.reservedColumns,
    existing: stays,
  })
  refuseWidth(plan, target.maxColumns)
  const narrowed = selection.where !== null || selection.limit !== null
  const estimatedRows = narrowed ? await source.count(selection, signal) : table.estimatedRows
  const wanted = table.ordered ? choosePartitions(estimatedRows, config.batchRows, run.feed, run.workers) : 1
  const partitions = selection.limit === 0 ? [] : await source.partition(selection, wanted, signal)
  const planned: PlannedTable = {
    plan,
    selection,
    mode: options.mode,
    exists: stays !== null,
    baseline: stays !== null && options.mode === 'append' ? await target.count(name, signal) : 0,
    ordered: table.ordered,
    partitions,
  }
  return { planned, sample, estimatedRows, ddl: target.ddl(plan), warnings }
}

function refuseWidth({ source, columns, target }: TablePlan, maxColumns: number): void {
  if (columns.length <= maxColumns) return
  throw new DroverError(
    'target-incompatible',
    `${source} has ${columns.length} fields, and ${qualified(target)} can have ${maxColumns} columns at most`,
    { hint: 'choose with --columns, or leave some out with --exclude-columns' },
  )
}

function sampleBytes({ config, sampleLimits }: PlanContext): number {
  return config.infer === 'full' ? Infinity : sampleLimits.bytes
}
