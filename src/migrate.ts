import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { SAMPLE_BYTES, SAMPLE_SECONDS } from '../params.ts'
import { openSource, openTarget } from './catalog.ts'
import type { Config } from './config.ts'
import type { Ledger, Lease, Mark, MigrationId, MigrationRecord, Source, Target } from './connectors/contract.ts'
import { addCounts, noCounts, type Counts } from './core/counts.ts'
import { DroverError, errorKinds, toErrorShape } from './core/errors.ts'
import { maskUrl } from './core/mask-url.ts'
import type { MigrationResult } from './core/result.ts'
import { copyTables } from './engine/copy.ts'
import { Drift } from './engine/drift.ts'
import { planTableIndexes } from './engine/plan-extras.ts'
import { finishTables } from './engine/finish.ts'
import type { PlanReport } from './engine/plan-report.ts'
import { chooseTables, targetsOf } from './engine/choose-tables.ts'
import type { PlanContext } from './engine/plan-context.ts'
import { planRun } from './engine/plan.ts'
import { RunReport } from './engine/run-report.ts'
import { readPlan, type SavedPlan } from './plan-file.ts'
import type { Notice, Reporter } from './telemetry/progress.ts'
import { demand, verifyRun } from './verify/verify.ts'

/** Who watches a run, and who may stop it. */
export interface RunContext {
  readonly reporter: Reporter
  readonly signal: AbortSignal
  /** Time between two progress reports, in milliseconds. */
  readonly progressIntervalMs: number
}

/** Both ends of a run, connected. */
interface Session extends PlanContext, AsyncDisposable {}

/**
 * Copies tables: connect, preflight and plan, create, copy, finish, verify. What is refused before the first write
 * throws; what stops the run later is in the result, whose migration can be resumed.
 */
export async function runMigration(config: Config, context: RunContext): Promise<MigrationResult> {
  const { signal } = context
  await using session = await connect(config, context)
  const { source, target, ledger } = session
  const choice = await chooseTables(session, signal)
  const id = newMigrationId()
  await using lease = await ledger.lease(id, choice.tables.flatMap(targetsOf), signal)
  const planned = await planRun(session, choice, signal)
  announce(planned, choice.warnings, context.reporter)

  using report = new RunReport(id, config, planned, context)
  const run = AbortSignal.any([signal, lease.lost])
  report.phase('create')
  const partitions = await ledger.begin(recordOf(id, config, planned), lease, run)
  try {
    report.phase('copy')
    const tables = planned.tables.map((table) => table.planned)
    const notice = (notice: Notice): void => report.notice(notice)
    const drift = new Drift({ config, ledger, lease, migration: id, target, keyField: source.keyField, tables, notice })
    await copyTables({ config, source, ledger, lease, migration: id, plan: planned, partitions, report, drift }, run)
    const plan = asEvolved(planned, drift, session)
    report.phase('finish')
    await ledger.setState(id, lease, 'finishing', null)
    await finishTables({ config, target, plan, report }, run)
    report.phase('verify')
    await ledger.setState(id, lease, 'verifying', null)
    const committed = await ledger.totals(id)
    const verification = await verifyRun({ config, source, target, tables: plan.tables, committed }, run)
    report.verified(verification)
    demand(verification, config.expect, sumOf(committed).written)
    await ledger.setState(id, lease, 'done', null, marksOf(plan))
  } catch (error) {
    report.stopped(causeOf(error, signal, lease))
    if (!lease.lost.aborted) await recordStop(ledger, lease, id, report)
  }
  return report.result(await ledger.totals(id))
}

/** Preflight and plan, and nothing else: the target is not written to. */
export async function planMigration(config: Config, context: RunContext): Promise<PlanReport> {
  await using session = await connect(config, context)
  const choice = await chooseTables(session, context.signal)
  const plan = await planRun(session, choice, context.signal)
  for (const message of choice.warnings) context.reporter.notice({ level: 'warning', message })
  return plan
}

async function connect(config: Config, { signal, reporter }: RunContext): Promise<Session> {
  if (config.from === config.to) {
    throw new DroverError('same-source-and-target', `source and target are the same: ${maskUrl(config.from)}`)
  }
  await using opening = new AsyncDisposableStack()
  const source: Source = opening.use(await openSource(config.from))
  const { ledgerSchema, clientEnvironment: environment } = config
  const target: Target = opening.use(await openTarget(config.to, { ledgerSchema, environment }))
  const ledger = opening.use(await target.openLedger(signal))
  const opened = opening.move()
  return {
    config,
    source,
    target,
    ledger,
    cores: availableParallelism(),
    sampleLimits: { rows: config.sampleRows, bytes: SAMPLE_BYTES, seconds: SAMPLE_SECONDS },
    saved: config.planFile === null ? null : await loadPlan(config.planFile),
    now: Date.now(),
    notice: (notice) => reporter.notice(notice),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

/** Throws `invalid-plan`. */
async function loadPlan(path: string): Promise<SavedPlan> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new DroverError('invalid-plan', `cannot read the plan file: ${reason}`, { cause: error })
  }
  return readPlan(text, path)
}

/** Why a run stopped: losing the lease explains whatever failed with it, and so does the wish of the caller. */
function causeOf(error: unknown, signal: AbortSignal, lease: Lease): unknown {
  if (lease.lost.aborted) return lease.lost.reason
  if (!signal.aborted) return error
  const reason: unknown = signal.reason
  return reason instanceof DroverError
    ? reason
    : new DroverError('interrupted', 'stopped by its caller', { cause: reason })
}

function sumOf(committed: ReadonlyMap<string, Counts>): Counts {
  return [...committed.values()].reduce(addCounts, noCounts)
}

function announce(plan: PlanReport, warnings: readonly string[], reporter: Reporter): void {
  const { workers, feed, isolation } = plan
  reporter.notice({
    level: 'info',
    message: `${workers.count} ${workers.count === 1 ? 'worker' : 'workers'} (${isolation}; ${workers.reason}), feed ${feed.choice}: ${feed.reason}`,
  })
  const found = plan.findings.filter(({ level }) => level === 'warning').map(({ error }) => error.message)
  const ofTables = plan.tables.flatMap((table) => table.warnings)
  for (const message of [...found, ...warnings, ...ofTables]) reporter.notice({ level: 'warning', message })
  for (const message of plan.tables.flatMap(({ notes, proposals }) => [...notes, ...proposals])) {
    reporter.notice({ level: 'info', message })
  }
  for (const { name, skipped } of plan.skipped) {
    reporter.notice({ level: 'info', message: `${name} is not copied: ${skipped}` })
  }
}

/** The plan with the tables that drift has left, and what their columns make of indexes now. References stay: names do. */
function asEvolved(plan: PlanReport, drift: Drift, { config, target, saved }: Session): PlanReport {
  const evolved = plan.tables.map((table) => {
    return { ...table, planned: { ...table.planned, plan: drift.planOf(table.planned.plan.source) } }
  })
  const same = evolved.every(({ planned }, index) => planned.plan === plan.tables[index]?.planned.plan)
  // A saved plan brings its own indexes and references.
  if (same || saved !== null) return { ...plan, tables: evolved }
  const planned = planTableIndexes(
    config,
    target,
    evolved.map((table) => ({ ...table, plan: table.planned.plan })),
  )
  const tables = evolved.map((table) => {
    const { indexes } = planned.get(table.planned.plan.source) ?? table.planned
    return { ...table, planned: { ...table.planned, indexes } }
  })
  return { ...plan, tables }
}

/** How far an incremental copy has come: stored with the state that says it is complete. */
function marksOf({ tables }: PlanReport): readonly Mark[] {
  return tables.flatMap(({ planned: { plan, selection } }) => {
    const { since, limit } = selection
    // A copy with a limit has left rows out below the mark.
    if (since === undefined || since.upTo === null || limit !== null) return []
    return [{ table: plan.source, field: since.field, value: since.upTo }]
  })
}

/** Sorts by the day it began; the random part keeps two of one day apart. */
function newMigrationId(): MigrationId {
  const day = new Date().toISOString().slice(0, 10).replaceAll('-', '')
  return `${day}-${randomBytes(4).toString('hex')}` as MigrationId
}

function recordOf(id: MigrationId, config: Config, plan: PlanReport): MigrationRecord {
  const { batchRows, batchBytes, isolation } = config
  return {
    id,
    source: plan.source,
    target: plan.target,
    tables: plan.tables.map(({ planned }) => planned),
    options: { batchRows, batchBytes, isolation, feed: plan.feed.choice, workers: plan.workers.count },
  }
}

/** The state is for people; where even that cannot be written, the ledger's entries still are the truth. */
async function recordStop(ledger: Ledger, lease: Lease, id: MigrationId, report: RunReport): Promise<void> {
  // A failed check comes after a complete copy: there is nothing left to resume.
  const complete = report.error !== null && errorKinds[report.error.code] === 'mismatch'
  try {
    await ledger.setState(id, lease, complete ? 'done' : 'stopped', report.error)
  } catch (error) {
    report.notice({
      level: 'warning',
      message: `the ledger could not be told of the stop: ${toErrorShape(error).message}`,
    })
  }
}
