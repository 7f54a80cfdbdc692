import type { Config } from '../config.ts'
import type { Lease, MigrationSummary, StoredMigration } from '../connectors/ledger-contract.ts'
import type { PlannedTable } from '../connectors/planned-table.ts'
import type { Partition } from '../core/batch.ts'
import { DroverError } from '../core/errors.ts'
import { qualified } from '../core/plan.ts'
import { matchesPattern } from '../core/wildcard.ts'
import { formatCount } from '../telemetry/format.ts'
import { restartOf } from './feed.ts'
import { gapsOf } from './gaps.ts'
import { mergesInOrder } from './merges-in-order.ts'
import type { PlanContext } from './plan-context.ts'
import { changesOf, readOptions, type RunOptions } from './run-options.ts'
import type { RunPlan, RunTable } from './run-plan.ts'
import { chooseFeed, chooseIsolation, chooseWorkers } from './sizing.ts'

/** The migration to go on with, or the newest that is finished where none is open. */
export interface Found {
  readonly migration: MigrationSummary
  readonly finished: boolean
}

/**
 * Which migration of the ledger is meant: the one named, or the only one of these tables that is not finished. Throws
 * `missing-migration` where there is none at all, `several-migrations` where there are several.
 */
export function findMigration(
  migrations: readonly MigrationSummary[],
  wanted: { readonly id: string | null; readonly source: string; readonly tables: readonly string[] },
): Found {
  const named =
    wanted.id === null ? migrations.filter((migration) => isMeant(migration, wanted)) : byId(migrations, wanted.id)
  const open = named.filter(isOpen)
  const [first, ...others] = open
  if (first !== undefined && others.length === 0) return { migration: first, finished: false }
  if (first !== undefined) {
    throw new DroverError(
      'several-migrations',
      `${open.length} migrations could be resumed: ${open.map(described).join('; ')}`,
      {
        hint: 'say which: drover resume ID, with the same options',
      },
    )
  }
  const done = named.find(({ state }) => state === 'done')
  if (done !== undefined) return { migration: done, finished: true }
  const [other] = named
  const of = wanted.tables.length === 0 ? '' : ` of ${wanted.tables.join(', ')}`
  throw new DroverError(
    'missing-migration',
    other === undefined
      ? `there is no migration${of} from ${wanted.source} to resume`
      : `migration ${other.id} is ${other.state} and cannot be resumed`,
    { hint: 'drover status lists the migrations; drover migrate begins one' },
  )
}

/** Throws `plan-changed` with every difference between what is asked for now and what the migration was begun with. */
export async function refuseChanges(config: Config, source: string, stored: StoredMigration): Promise<RunOptions> {
  const begun = readOptions(stored)
  const changes = stored.source === source ? [] : [`the source is ${source} and was ${stored.source}`]
  const names = stored.tables.map(({ plan }) => plan.source)
  changes.push(...changedTables(config.tables, names))
  for (const { plan } of stored.tables) {
    changes.push(...(await changesOf(config, plan.source, begun, plan.transform?.file ?? null)))
  }
  if (changes.length === 0) return begun
  throw new DroverError('plan-changed', `migration ${stored.id} was begun otherwise: ${changes.join('; ')}`, {
    hint: 'resume with the options it was begun with (none need be repeated), or start over with --mode recreate',
  })
}

/** Throws `missing-migration` where a table without key order is copied in part. */
export function refuseWithoutOrder({ id, tables }: StoredMigration, sums: MigrationSummary['tables']): void {
  const ordered = new Set(tables.filter((table) => table.ordered).map(({ plan }) => plan.source))
  const half = sums.find(({ source, counts, openPartitions }) => {
    return !ordered.has(source) && openPartitions > 0 && counts.read > 0
  })
  if (half === undefined) return
  const { source, counts } = half
  throw new DroverError(
    'missing-migration',
    `migration ${id} cannot be resumed: ${formatCount(counts.read)} rows of ${source} are read already, and it has no key order that would tell which are left`,
    { hint: `drover rollback ${id} undoes it, --mode recreate starts over` },
  )
}

/** The stored plan with the cluster of this run. */
export async function planResumed(
  context: PlanContext,
  stored: StoredMigration,
  begun: RunOptions,
  signal: AbortSignal,
): Promise<RunPlan> {
  const { config, source, target, cores } = context
  const connections = await target.connections(signal)
  const workers = chooseWorkers(config.workers, cores, connections, target.maxWriters)
  const tables = stored.tables.map((planned): RunTable => {
    return { planned, estimatedRows: begun.tables[planned.plan.source]?.rows ?? null }
  })
  const inOrder = stored.tables.find(({ plan }) => mergesInOrder(plan, begun.keyField))
  const isolation = chooseIsolation(
    config.isolation,
    stored.tables.map(({ plan }) => plan),
  )
  const feed =
    inOrder === undefined || workers.count === 1
      ? chooseFeed(config.feed, {
          workers: workers.count,
          cores,
          isolation,
          ordered: stored.tables.every(({ ordered }) => ordered),
          oneReader: source.oneReader,
        })
      : { choice: 'partitioned' as const, reason: `${qualified(inOrder.plan.target)} is merged in order` }
  return { source: source.name, target: target.name, tables, workers, feed, isolation }
}

/** What the ledger lacks of the partitions that are open, as new partitions. */
export async function planGaps(
  context: Pick<PlanContext, 'ledger' | 'source'>,
  { id: migration, tables }: StoredMigration,
  open: readonly Partition[],
  lease: Lease,
  signal: AbortSignal,
): Promise<readonly Partition[]> {
  const { ledger } = context
  const ordered = new Set(tables.filter((table) => table.ordered).map(({ plan }) => plan.source))
  const gaps: Partition[] = []
  for (const partition of open) {
    const arithmetic = ordered.has(partition.table) ? gapsOf : restartOf(partition.table)
    gaps.push(...(await ledger.replan(migration, partition, lease, arithmetic)))
  }
  return cutAnew(context, { id: migration, tables }, gaps, lease, signal)
}

/**
 * Where rows are known by their places, bounds mean nothing in another state of the source. A table of which no row is
 * committed is cut anew; nobody can commit one any more, since all of its partitions carry the lease's epoch.
 */
async function cutAnew(
  { ledger, source }: Pick<PlanContext, 'ledger' | 'source'>,
  { id, tables }: Pick<StoredMigration, 'id' | 'tables'>,
  gaps: readonly Partition[],
  lease: Lease,
  signal: AbortSignal,
): Promise<readonly Partition[]> {
  const totals = await ledger.totals(id)
  const left: Partition[] = []
  for (const [table, own] of Map.groupBy(gaps, (gap) => gap.table)) {
    const planned = tables.find(({ plan }) => plan.source === table)
    const [first, ...others] = own
    const isWhole = others.length === 0 && first?.after === null && first.upTo === null
    if (
      planned === undefined ||
      first === undefined ||
      isWhole ||
      !isKeyless(planned) ||
      (totals.get(table)?.read ?? 0) > 0
    ) {
      left.push(...own)
      continue
    }
    const bounds = await source.partition(planned.selection, own.length, signal)
    for (const other of others) await ledger.replan(id, other, lease, () => [])
    left.push(...(await ledger.replan(id, first, lease, () => bounds)))
  }
  return left
}

function isKeyless({ ordered, selection: { layout } }: PlannedTable): boolean {
  return ordered && layout?.key.length === 0
}

function byId(migrations: readonly MigrationSummary[], id: string): readonly MigrationSummary[] {
  const found = migrations.filter((migration) => migration.id === id)
  if (found.length > 0) return found
  const known = migrations.slice(0, 5).map((migration) => migration.id)
  throw new DroverError('missing-migration', `there is no migration ${id}`, {
    hint: known.length === 0 ? 'the ledger is empty' : `the newest are ${known.join(', ')}`,
  })
}

function isMeant(
  migration: MigrationSummary,
  wanted: { readonly source: string; readonly tables: readonly string[] },
): boolean {
  if (migration.source !== wanted.source) return false
  const covers = ({ source }: { readonly source: string }): boolean =>
    wanted.tables.some((pattern) => matchesPattern(pattern, source))
  return wanted.tables.length === 0 || migration.tables.some(covers)
}

export function isOpen({ state }: Pick<MigrationSummary, 'state'>): boolean {
  return state !== 'done' && state !== 'superseded' && state !== 'rolled-back'
}

function changedTables(patterns: readonly string[], names: readonly string[]): readonly string[] {
  if (patterns.length === 0) return []
  const left = names.filter((name) => !patterns.some((pattern) => matchesPattern(pattern, name)))
  const added = patterns.filter((pattern) => !names.some((name) => matchesPattern(pattern, name)))
  return [
    ...left.map((name) => `table ${name} is in the migration and not in --tables`),
    ...added.map((pattern) => `--tables names ${pattern}, which is not in the migration`),
  ]
}

function described({ id, state, tables, beganAt }: MigrationSummary): string {
  return `${id} (${state}, ${tables.map(({ source }) => source).join(', ')}, begun ${beganAt.toISOString()})`
}
