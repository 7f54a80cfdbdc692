import type { Lease, Ledger, Mark, MigrationId } from './connectors/ledger-contract.ts'
import type { Partition } from './core/batch.ts'
import { addCounts, noCounts, type Counts } from './core/counts.ts'
import { DroverError, errorKinds, fromErrorShape, toErrorShape } from './core/errors.ts'
import { withRetries } from './core/retry.ts'
import { partsOf } from './core/plan.ts'
import type { MigrationResult, Verification } from './core/result.ts'
import { CheckProgress } from './engine/check-progress.ts'
import { copyTables } from './engine/copy.ts'
import { Drift } from './engine/drift.ts'
import { asEvolved, type Planning } from './engine/evolved.ts'
import { finishTables } from './engine/finish.ts'
import { tooManyLetters } from './engine/letters.ts'
import { chooseIsolation } from './engine/sizing.ts'
import { steadyLedger, type Steadily } from './engine/steady-ledger.ts'
import { RunReport } from './engine/run-report.ts'
import type { RunPlan } from './engine/run-plan.ts'
import type { RunContext, Session } from './migrate-session.ts'
import type { Notice } from './telemetry/progress.ts'
import { checkInputs } from './verify/check-inputs.ts'
import { demand, verifyRun } from './verify/verify.ts'

/** A migration that has been begun, or taken up, under a lease. */
export interface Begun {
  readonly session: Session
  readonly context: RunContext
  readonly id: MigrationId
  readonly lease: Lease
  readonly plan: RunPlan
  /** What is to be copied. */
  readonly partitions: readonly Partition[]
  readonly planning: Planning
}

/** Copy, finish, verify, publish. What stops the run is in the result. */
export async function carryOut(begun: Begun): Promise<MigrationResult> {
  const { session, context, id, lease, plan, partitions } = begun
  const { config, source, target } = session
  const run = AbortSignal.any([context.signal, lease.lost])
  using report = new RunReport(id, config, plan, context)
  const hooks = {
    classify: (error: unknown) => target.classify(error),
    onRetry: (error: unknown) => report.triedAgain(toErrorShape(error).message),
  }
  const steadily: Steadily = (attempt) => withRetries(config.retry, hooks, run, attempt)
  const ledger = steadyLedger(session.ledger, steadily)
  try {
    report.committedBefore(await ledger.totals(id))
    report.phase('copy')
    const tables = plan.tables.map((table) => table.planned)
    const notice = (notice: Notice): void => report.notice(notice)
    const drift = new Drift({ config, ledger, lease, migration: id, target, keyField: source.keyField, tables, notice })
    if (partitions.length > 0) {
      const { limiter } = session
      await copyTables({ config, source, ledger, lease, migration: id, plan, partitions, report, drift, limiter }, run)
    }
    const evolved = await asEvolved(session, plan, drift, begun.planning, run)
    report.phase('finish')
    await ledger.setState(id, lease, 'finishing', null)
    await finishTables(
      { config, target, plan: evolved, report, steadily, run: { migration: id, epoch: lease.epoch } },
      run,
    )
    report.phase('verify')
    await ledger.setState(id, lease, 'verifying', null)
    const committed = await ledger.totals(id)
    const verifying = { ...begun, session: { ...session, ledger }, plan: evolved, committed, report }
    const verification = await verify(verifying, run).catch((error: unknown) => {
      throw asUnverified(error)
    })
    report.verified(verification)
    demand(verification, config.expect, sumOf(committed).written)
    const tooMany = tooManyLetters(id, config.maxDeadLetters, sumOf(committed))
    if (tooMany !== null) throw tooMany
    report.phase('publish')
    await ledger.publish(id, lease, run)
    await carryObjects({ ledger, id, lease, report }, run)
    await ledger.setState(id, lease, 'done', null, marksOf(evolved))
  } catch (error) {
    report.stopped(causeOf(error, context.signal, lease))
    if (!lease.lost.aborted) await settle(begun, report, run)
  }
  return await tell(report, session.ledger, id)
}

/** The ledger is the truth; where it cannot be asked, what was acknowledged has to do. */
async function tell(report: RunReport, ledger: Ledger, id: MigrationId): Promise<MigrationResult> {
  try {
    return report.result(await ledger.totals(id), await ledger.coercions(id), await ledger.unbalanced(id))
  } catch (error) {
    report.stopped(report.error === null ? asFault(error) : fromErrorShape(report.error))
    report.notice({
      level: 'warning',
      message: `the counts are of what was acknowledged: ${toErrorShape(error).message}`,
    })
    return report.result(report.acknowledged(), new Map(), [])
  }
}

interface Verifying extends Pick<Begun, 'session' | 'id' | 'plan' | 'planning'> {
  readonly committed: ReadonlyMap<string, Counts>
  readonly report: RunReport
}

async function verify(verifying: Verifying, signal: AbortSignal): Promise<Verification> {
  const { session, id, plan, committed, report, planning } = verifying
  const { config, source, target, ledger, limiter } = session
  // What was read before a run that is resumed was in an earlier state. Nothing is compared with one that is lost.
  const hasState = config.verify !== 'none' && (await source.share(signal)) !== null
  const tables = await checkInputs(
    {
      ledger,
      migration: id,
      // Of such a source, how many rows it had was estimated only.
      tables: hasState ? plan.tables.map((table) => ({ ...table, estimatedRows: null })) : plan.tables,
      committed,
      level: config.verify,
      sample: config.sample,
      isFixed: hasState && planning.looked !== null,
    },
    signal,
  )
  const { count: workers } = plan.workers
  const progress = new CheckProgress(tables)
  if (config.verify !== 'count') report.checks(progress)
  return verifyRun(
    {
      config,
      source,
      target,
      ledger,
      migration: id,
      workers,
      isolation: chooseIsolation(config.isolation, []),
      retry: config.retry,
      notice: (notice) => report.notice(notice),
      compared: progress.compared,
      watch: progress.watch,
      pace: limiter.mayHold ? (rows, bytes, pacing) => limiter.take(rows, bytes, pacing) : null,
    },
    tables,
    signal,
  )
}

/** Why a run stopped: losing the lease explains whatever failed with it, and so does the wish of the caller. */
function causeOf(error: unknown, signal: AbortSignal, lease: Lease): unknown {
  if (lease.lost.aborted) return lease.lost.reason
  if (!signal.aborted) return asFault(error)
  const reason: unknown = signal.reason
  return reason instanceof DroverError
    ? reason
    : new DroverError('interrupted', 'stopped by its caller', { cause: reason })
}

/** An end that cannot be reached any more, after it was, is a fault of the run and no refusal before it. */
function asFault(error: unknown): unknown {
  if (!(error instanceof DroverError)) return error
  const target = error.code === 'target-unreachable' || error.code === 'target-login-refused'
  const source = error.code === 'source-unreachable' || error.code === 'source-login-refused'
  if (!target && !source) return error
  return new DroverError(target ? 'target-failed' : 'source-failed', error.message, {
    hint: 'what is committed stays committed: when it can be reached again, drover resume goes on from there',
    cause: error,
  })
}

/** What cannot be read any more is missed by the check only: every row that was to be copied is. */
function asUnverified(error: unknown): unknown {
  if (!(error instanceof DroverError) || error.code !== 'source-failed') return error
  const message = `all rows are copied, but cannot be compared with the state that they were read from: ${error.message}`
  const hint =
    'drover resume finishes the migration, and counts the source as it is then; drover verify --level full compares every row with it'
  return new DroverError('source-failed', message, { hint, cause: error })
}

function sumOf(committed: ReadonlyMap<string, Counts>): Counts {
  return [...committed.values()].reduce(addCounts, noCounts)
}

/** How far an incremental copy has come: stored with the state that says it is complete. */
function marksOf({ tables }: RunPlan): readonly Mark[] {
  return tables.flatMap(({ planned: { plan, selection } }) => {
    const { since, limit } = selection
    // A copy with a limit has left rows out below the mark.
    if (since === undefined || since.upTo === null || limit !== null) return []
    return [{ table: plan.source, field: since.field, value: since.upTo }]
  })
}

/** What a stopped run leaves: something to resume, a copy that is complete, or nothing where that was asked for. */
async function settle({ session, id, lease, plan }: Begun, report: RunReport, run: AbortSignal): Promise<void> {
  const { config, ledger } = session
  const kind = report.error === null ? null : errorKinds[report.error.code]
  try {
    if (config.rollbackOnFailure && kind !== 'interrupted' && kind !== 'fenced') {
      await rollBack({ ledger, id, lease, report })
      return
    }
    // A check comes after a complete copy: nothing is left to resume, unless it waits to be published.
    const waits = plan.tables.some(({ planned }) => planned.publishTo !== undefined)
    const complete = !waits && (kind === 'mismatch' || report.error?.code === 'too-many-dead-letters')
    const isWhole = complete && (await carryAll({ ledger, id, lease, report }, run))
    await ledger.setState(id, lease, isWhole ? 'done' : 'stopped', report.error)
    if (waits && (kind === 'mismatch' || kind === 'rejected')) {
      const names = plan.tables.flatMap(({ planned }) => partsOf(planned.plan).map(({ target }) => target.schema))
      report.notice({
        level: 'warning',
        message: `the new tables stay in schema ${[...new Set(names)].join(', ')} and nothing was replaced; drover resume goes on from here`,
      })
    }
  } catch (error) {
    // The state is for people; where even that cannot be written, the ledger's entries still are the truth.
    report.notice({
      level: 'warning',
      message: `the ledger could not be told of the stop: ${toErrorShape(error).message}`,
    })
  }
}

/** A migration, and where it is told what becomes of it. */
interface Told {
  readonly ledger: Ledger
  readonly id: MigrationId
  readonly lease: Lease
  readonly report: RunReport
}

async function carryObjects({ ledger, id, lease, report }: Told, signal: AbortSignal): Promise<void> {
  for (const { kind, name } of await ledger.carry(id, lease, signal)) {
    report.notice({ level: 'info', message: `${kind} ${name} is made` })
  }
}

/** Rows that are missing or differ are no reason to do without the rest of the schema. Answers whether all of it is there. */
async function carryAll(told: Told, signal: AbortSignal): Promise<boolean> {
  try {
    await carryObjects(told, signal)
    return true
  } catch (error) {
    const message = `${toErrorShape(error).message}; drover resume tries again`
    told.report.notice({ level: 'warning', message })
    return false
  }
}

async function rollBack({ ledger, id, lease, report }: Told): Promise<void> {
  await ledger.setState(id, lease, 'stopped', report.error)
  const removed = await ledger.rollback(id, lease, { force: false }, new AbortController().signal)
  report.rolledBack()
  for (const message of removed) report.notice({ level: 'info', message: `rolled back: ${message}` })
}
