import { randomBytes } from 'node:crypto'
import type { Config } from './config.ts'
import type { MigrationId, MigrationRecord } from './connectors/ledger-contract.ts'
import { DroverError } from './core/errors.ts'
import type { FaultClass } from './core/fault.ts'
import type { MigrationResult } from './core/result.ts'
import { withRetries } from './core/retry.ts'
import { chooseTables, targetsOf } from './engine/choose-tables.ts'
import { planRun } from './engine/plan.ts'
import type { PlanReport } from './engine/plan-report.ts'
import { findMigration, planGaps, planResumed, refuseChanges, refuseWithoutOrder } from './engine/resume.ts'
import { asBegun, optionsOf } from './engine/run-options.ts'
import { finalTargets, isBeside, loadBeside, type RunPlan } from './engine/run-plan.ts'
import { carryOut } from './migrate-phases.ts'
import { connect, type RunContext, type Session } from './migrate-session.ts'
import { formatCount } from './telemetry/format.ts'
import { finishedEarlier } from './migrate-status.ts'
import { reach } from './core/failpoint.ts'

/** How long a resume waits for the lease of a run that is dying. In milliseconds. */
const LEASE_WAIT_MS = 10_000

/**
 * Copies tables: connect, preflight and plan, create, copy, finish, verify, publish. What is refused before the first
 * write throws; what stops the run later is in the result, whose migration can be resumed.
 */
export async function runMigration(config: Config, context: RunContext): Promise<MigrationResult> {
  await using session = await connect(config, context)
  return await (config.resume ? resumeMigration(session, context) : beginMigration(session, context))
}

/** Preflight and plan, and nothing else: the target is not written to. */
export async function planMigration(config: Config, context: RunContext): Promise<PlanReport> {
  await using session = await connect(config, context)
  const choice = await chooseTables(session, context.signal)
  const plan = await planRun(session, choice, context.signal)
  for (const message of choice.warnings) context.reporter.notice({ level: 'warning', message })
  return plan
}

async function beginMigration(session: Session, context: RunContext): Promise<MigrationResult> {
  const { config, ledger, source } = session
  const { signal } = context
  const choice = await chooseTables(session, signal)
  const id = newMigrationId()
  const waiting = { waitMs: 0, takeOver: config.takeOver }
  await using lease = await ledger.lease(id, choice.tables.flatMap(targetsOf), waiting, signal)
  const planned = await planRun(session, choice, signal)
  announceRun(planned, session)
  announcePlan(planned, choice.warnings, session)
  const tables = loadBeside(planned.tables, `drover_load_${id.replaceAll('-', '_')}`, (table) =>
    isBeside(config, table),
  )
  const plan = { ...planned, tables }
  const record = await recordOf(id, config, source.keyField, plan)
  const partitions = await ledger.begin(record, lease, AbortSignal.any([signal, lease.lost]))
  await reach('plan.saved')
  const planning = { savedPlan: session.saved !== null, looked: plan.tables }
  return await carryOut({ session, context, id, lease, plan, partitions, planning })
}

/** Goes on with what the ledger holds: the plan is the one stored, and only what is not committed is read. */
async function resumeMigration(session: Session, context: RunContext): Promise<MigrationResult> {
  const { config, ledger, source, notice } = session
  const { signal } = context
  const wanted = { id: config.migration, source: source.name, tables: config.tables }
  const { migration, finished } = findMigration(await untilRoom(session, () => ledger.migrations(), signal), wanted)
  if (finished) {
    notice({ level: 'info', message: `migration ${migration.id} is finished: there is nothing to resume` })
    return await finishedEarlier(session, migration)
  }
  const found = await stored(session, migration.id)
  const waiting = { waitMs: LEASE_WAIT_MS, takeOver: config.takeOver }
  await using lease = await ledger.lease(found.id, found.tables.flatMap(finalTargets), waiting, signal)
  // Again: the run that had the lease may have changed it until it ended.
  const taken = await stored(session, migration.id)
  if (taken.state === 'done') return await finishedBy(session, taken.id)
  const begun = await refuseChanges(config, source.name, taken)
  const summary = (await ledger.migrations()).find(({ id }) => id === taken.id)
  refuseWithoutOrder(taken, summary?.tables ?? [])
  const resumed = { ...session, config: asBegun(config, begun) }
  const plan = await planResumed(resumed, taken, begun, signal)
  announceRun(plan, session)
  const read = summary?.tables.reduce((sum, { counts }) => sum + counts.read, 0) ?? 0
  const begunAt = taken.beganAt.toISOString()
  const done = `${formatCount(read)} ${read === 1 ? 'row is' : 'rows are'} done already`
  notice({ level: 'info', message: `resuming migration ${taken.id}, begun ${begunAt}: ${done}` })
  const open = await ledger.resume(taken.id, lease)
  const partitions = await planGaps(resumed, taken, open, lease, signal)
  if (read > 0 && partitions.length > 0 && (await source.share(signal)) !== null) {
    const message = 'what is left is read from a newer state of the source than what was copied before'
    notice({ level: 'warning', message: `${message}: rows that have changed in between may be of either` })
  }
  const planning = { savedPlan: begun.savedPlan, looked: null }
  return await carryOut({ session: resumed, context, id: taken.id, lease, plan, partitions, planning })
}

/** Sessions of a run that was killed just now may count against the target's limit for a moment. */
function untilRoom<T>({ config }: Session, attempt: () => Promise<T>, signal: AbortSignal): Promise<T> {
  const policy = { ...config.retry, budgetMs: Math.min(config.retry.budgetMs, LEASE_WAIT_MS) }
  const classify = (error: unknown): FaultClass => {
    return error instanceof DroverError && error.shortage ? 'transient' : 'fatal'
  }
  return withRetries(policy, { classify, onRetry: () => undefined }, signal, attempt)
}

/** The run that had the lease has come to its end meanwhile. */
async function finishedBy(session: Session, id: MigrationId): Promise<MigrationResult> {
  const { migration } = findMigration(await session.ledger.migrations(), { id, source: '', tables: [] })
  session.notice({ level: 'info', message: `migration ${id} was finished by the run that held it` })
  return finishedEarlier(session, migration)
}

async function stored({ ledger }: Session, id: MigrationId) {
  const migration = await ledger.load(id)
  if (migration === null) throw new DroverError('missing-migration', `migration ${id} is gone`)
  return migration
}

function announceRun({ workers, feed, isolation }: RunPlan, { notice }: Session): void {
  const who = workers.count === 1 ? 'worker' : 'workers'
  const message = `${workers.count} ${who} (${isolation}; ${workers.reason}), feed ${feed.choice}: ${feed.reason}`
  notice({ level: 'info', message })
}

function announcePlan(
  { findings, tables, objects, skipped }: PlanReport,
  warnings: readonly string[],
  { notice }: Session,
): void {
  const found = findings.filter(({ level }) => level === 'warning').map(({ error }) => error.message)
  const ofTables = tables.flatMap((table) => table.warnings)
  for (const message of [...found, ...warnings, ...ofTables]) notice({ level: 'warning', message })
  for (const message of tables.flatMap(({ notes, proposals }) => [...notes, ...proposals])) {
    notice({ level: 'info', message })
  }
  for (const table of skipped) notice({ level: 'info', message: `${table.name} is not copied: ${table.skipped}` })
  for (const { kind, name, reason } of objects.listed) {
    notice({ level: 'info', message: `${kind} ${name} is not carried: ${reason}` })
  }
}

/** Sorts by the day it began; the random part keeps two of one day apart. */
function newMigrationId(): MigrationId {
  const day = new Date().toISOString().slice(0, 10).replaceAll('-', '')
  return `${day}-${randomBytes(4).toString('hex')}` as MigrationId
}

async function recordOf(id: MigrationId, config: Config, keyField: string, plan: PlanReport): Promise<MigrationRecord> {
  const { batchRows, batchBytes } = config
  const { isolation } = plan
  const run = { batchRows, batchBytes, isolation, feed: plan.feed.choice, workers: plan.workers.count }
  return {
    id,
    source: plan.source,
    target: plan.target,
    tables: plan.tables.map(({ planned }) => planned),
    objects: plan.objects.carried,
    options: { ...run, ...(await optionsOf(config, keyField, plan)) },
  }
}
