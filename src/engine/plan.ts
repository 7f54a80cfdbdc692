import type { Config } from '../config.ts'
import type { Finding, SourceTable } from '../connectors/contract.ts'
import type { MigrationId } from '../connectors/ledger-contract.ts'
import { DroverError, fromErrorShape } from '../core/errors.ts'
import { qualified, type TargetName } from '../core/plan.ts'
import type { Feed, Isolation } from '../core/result.ts'
import { targetsOf, type Choice, type ChosenTable } from './choose-tables.ts'
import { refuseMode } from './existing-tables.ts'
import { lateNames, refuseEarlyNames } from './named-objects.ts'
import type { PlanContext } from './plan-context.ts'
import type { PlanReport, TableReport } from './plan-report.ts'
import { planObjects, type PlannedObjects } from './plan-objects.ts'
import { planExtras, type IndexedTable } from './plan-extras.ts'
import { orderByReferences } from './reference-order.ts'
import { finalTargets, withoutEarlyReferences } from './run-plan.ts'
import { shapeTable, type ShapeContext, type ShapedTable } from './shape-table.ts'
import { chooseFeed, chooseIsolation, choosePartitions, chooseWorkers } from './sizing.ts'
import { Survey } from './survey.ts'

/** Preflight and plan: everything the run would do, or the error that refuses it. Writes nothing. */
export async function planRun(context: PlanContext, choice: Choice, signal: AbortSignal): Promise<PlanReport> {
  const { config, source, target, cores } = context
  const schemas = choice.tables.map((table) => table.target.schema)
  const findings = await checkBoth(context, schemas, signal)
  await refuseOwnTables(context, choice.tables, signal)
  const workers = chooseWorkers(config.workers, cores, await target.connections(signal), target.maxWriters)
  await refuseUnfinished(context, choice.tables)
  const names = choice.tables.flatMap(targetsOf)
  const earlier = await earlierChildren(context, choice.tables)
  const looked = [...names, ...[...earlier.values()].flat()]
  const existing = new Map((await target.existing(looked, signal)).map((found) => [qualified(found.target), found]))
  for (const table of choice.tables) refuseMode(table, existing, earlier.get(table.source.name) ?? [])
  const seen = await shapeTables({ ...context, existing, earlier }, choice, workers.count, signal)
  const shaped = orderByReferences(seen, existing)
  refuseEarlyNames(config, shaped)
  const beside = await planObjects(context, shaped, signal)
  const isolation = chooseIsolation(
    config.isolation,
    shaped.map(({ planned }) => planned.plan),
  )
  const sizes = { workers: workers.count, cores, isolation, oneReader: source.oneReader }
  const feed = feedOf(config, choice, shaped, sizes)
  const extras = planExtras(config, target, shaped.map(indexedOf))
  const whole = shaped.map((table) => {
    // A saved plan brings its own.
    const found = context.saved === null ? extras.get(table.planned.plan.source) : undefined
    const { proposals = [], warnings = [], ...built } = found ?? {}
    return {
      ...table,
      planned: { ...table.planned, ...built },
      warnings: [...table.warnings, ...lateNames(table), ...warnings],
      proposals,
    }
  })
  const tables: TableReport[] = []
  for (const table of withoutEarlyReferences(config, whole)) {
    tables.push(await partitionTable(context, table, { feed: feed.choice, workers: workers.count }, signal))
  }
  const { objects } = beside
  const found = { skipped: leftOut(config, choice, beside), findings: [...findings, ...beside.findings] }
  const report = { source: source.name, target: target.name, tables, objects, ...found }
  return { ...report, workers, feed, isolation }
}

/** Parts of tables that are copied, and views that are made or listed with all else, are not left out. */
function leftOut({ tables }: Config, { skipped }: Choice, { whole }: PlannedObjects): readonly SourceTable[] {
  return skipped.filter(({ kind }) => !(kind === 'partition' && tables.length === 0) && !(kind === 'view' && whole))
}

async function checkBoth(
  { config, source, target }: PlanContext,
  schemas: readonly string[],
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const findings = [
    ...(await source.check(signal)),
    ...(await target.check([...new Set(schemas), config.ledgerSchema], signal)),
  ]
  const refused = findings.find(({ level }) => level === 'error')
  if (refused !== undefined) throw fromErrorShape(refused.error)
  return findings
}

/** A table of the database that is read must not be written to under another address. */
async function refuseOwnTables(
  { source, target }: PlanContext,
  tables: readonly ChosenTable[],
  signal: AbortSignal,
): Promise<void> {
  const own = new Set(tables.flatMap((table) => table.source.qualified ?? []).map(qualified))
  const same = tables.flatMap(targetsOf).find((name) => own.has(qualified(name)))
  if (same === undefined) return
  const [from, to] = [await source.identity(signal), await target.identity(signal)]
  if (from === null || from !== to) return
  throw new DroverError(
    'same-source-and-target',
    `${qualified(same)} would be copied into itself: source and target are one database`,
    {
      hint: 'copy into another schema with --target-schema, or under another name with `to:` in the config file',
    },
  )
}

async function refuseUnfinished({ config, ledger }: PlanContext, tables: readonly ChosenTable[]): Promise<void> {
  // A merge may be begun again at any time: it comes to the same.
  const merges = ({ mode, source, saved }: ChosenTable): boolean => {
    if (mode !== 'append') return mode === 'upsert'
    if (saved === null) return config.forTable(source.name).onConflict !== 'error'
    return saved.mode === mode && saved.plan.onConflict !== undefined
  }
  const kept = tables.filter((table) => table.mode !== 'recreate' && !merges(table))
  const emptied = kept.filter(({ mode }) => mode === 'truncate')
  const anew = new Set(emptied.flatMap(targetsOf).map(qualified))
  for (const found of await ledger.unfinished(kept.flatMap(targetsOf))) {
    const { id, target, state } = found
    if (anew.has(qualified(target)) && (await stoodBefore(ledger, found))) continue
    throw new DroverError(
      'unfinished-migration',
      `migration ${id} of ${qualified(target)} was begun and is not finished (${state})`,
      {
        hint: `drover resume ${id} finishes it, drover rollback ${id} undoes it, --mode recreate starts over`,
      },
    )
  }
}

/** A table that the migration has made itself may be without its key and indexes, and would stay so when it is emptied. */
async function stoodBefore(
  ledger: PlanContext['ledger'],
  { id, target }: { readonly id: MigrationId; readonly target: TargetName },
): Promise<boolean> {
  const tables = (await ledger.load(id))?.tables ?? []
  const own = tables.find((table) => finalTargets(table).some((name) => qualified(name) === qualified(target)))
  return own !== undefined && (own.exists || own.publishTo !== undefined)
}

/** Child tables of earlier copies that no table of this run is, by the table of the source that is recreated. */
async function earlierChildren(
  { ledger }: PlanContext,
  tables: readonly ChosenTable[],
): Promise<ReadonlyMap<string, readonly TargetName[]>> {
  const ours = new Set(tables.flatMap(targetsOf).map(qualified))
  const recreated = tables.filter(({ mode }) => mode === 'recreate')
  const found = await Promise.all(
    recreated.map(async ({ source, target }): Promise<[string, readonly TargetName[]]> => {
      const children = await ledger.childTables(target)
      return [source.name, children.filter((child) => !ours.has(qualified(child)))]
    }),
  )
  return new Map(found)
}

async function shapeTables(
  context: Omit<ShapeContext, 'survey'>,
  choice: Choice,
  workers: number,
  signal: AbortSignal,
): Promise<readonly ShapedTable[]> {
  const { config, source, notice, limiter } = context
  const isolation = chooseIsolation(config.isolation, [])
  await using survey =
    config.infer === 'full' ? await Survey.open({ config, source, workers, isolation, notice, limiter }, signal) : null
  const shaped: ShapedTable[] = []
  for (const table of choice.tables) shaped.push(await shapeTable({ ...context, survey }, table, signal))
  return shaped
}

/** Rows that are to arrive in order need one cursor and one worker, which is what a single partition is. */
function feedOf(
  config: Config,
  choice: Choice,
  shaped: readonly ShapedTable[],
  {
    workers,
    cores,
    isolation,
    oneReader,
  }: {
    readonly workers: number
    readonly cores: number
    readonly isolation: Isolation
    readonly oneReader: string | null
  },
): { readonly choice: Feed; readonly reason: string } {
  const inOrder = shaped.find((table) => table.inOrder)
  if (inOrder === undefined || workers === 1) {
    const ordered = choice.tables.every((table) => table.source.ordered)
    return chooseFeed(config.feed, { workers, cores, isolation, ordered, oneReader })
  }
  const { plan } = inOrder.planned
  const why = `${qualified(plan.target)} is merged by ${plan.key.join(', ')}, so its rows have to arrive in order`
  if (config.feed === 'paged') {
    throw new DroverError('conflicting-options', `--feed paged: ${why}`, {
      hint: 'leave --feed out, or use one worker',
    })
  }
  return { choice: 'partitioned', reason: why }
}

function indexedOf({ planned, sample, sourceIndexes, structure }: ShapedTable): IndexedTable {
  return { plan: planned.plan, sample, sourceIndexes, structure }
}

async function partitionTable(
  { config, source, target }: PlanContext,
  shaped: ShapedTable & { readonly proposals: readonly string[] },
  run: { readonly feed: Feed; readonly workers: number },
  signal: AbortSignal,
): Promise<TableReport> {
  const { table, planned, inOrder } = shaped
  const { selection } = planned
  const estimatedRows = shaped.rows
  const single = inOrder || !table.ordered
  const wanted = single ? 1 : choosePartitions(estimatedRows, config.batchRows, run.feed, run.workers)
  const partitions = selection.limit === 0 ? [] : await source.partition(selection, wanted, signal)
  const { sample, sourceIndexes, way, notes, warnings, proposals } = shaped
  const ddl = target.ddl(planned)
  return {
    planned: { ...planned, partitions },
    sample,
    sourceIndexes,
    estimatedRows,
    way,
    ddl,
    notes,
    warnings,
    proposals,
  }
}
