import type { LedgerConfig, RetryConfig } from './config-commands.ts'
import type { Lease, MigrationId, MigrationSummary, StoredMigration } from './connectors/ledger-contract.ts'
import type { PlannedTable } from './connectors/planned-table.ts'
import { DroverError, type ErrorShape, toErrorShape } from './core/errors.ts'
import { allowedOf } from './core/value-kind.ts'
import { matchesPattern } from './core/wildcard.ts'
import { replayLetters } from './engine/replay.ts'
import { isOpen } from './engine/resume.ts'
import { tablesReplaced } from './engine/replaced.ts'
import { readOptions } from './engine/run-options.ts'
import { finalTargets } from './engine/run-plan.ts'
import type { RunContext } from './migrate-session.ts'
import { openLedger, type OpenedLedger } from './migrate-status.ts'

/** How long the lease of a run that is ending is waited for. In milliseconds. */
const LEASE_WAIT_MS = 10_000

/** What a replay of dead letters has done. */
export interface RetryResult {
  readonly migration: string
  readonly tables: readonly {
    readonly source: string
    /** Letters whose rows are written, filtered or skipped now. */
    readonly resolved: number
    /** Letters that are open still. */
    readonly left: number
  }[]
  readonly resolved: number
  readonly left: number
  /** The migration had waited for its letters, and its tables have been put in their places. */
  readonly published: boolean
  readonly error: ErrorShape | null
}

/** Replays the open dead letters of a migration; twice changes nothing. Throws `missing-migration`, `lease-held`. */
export async function retryMigration(config: RetryConfig, context: RunContext): Promise<RetryResult> {
  const { signal, reporter } = context
  await using opened = await openLedger(config, signal)
  const { ledger, target } = opened
  const migrations = await ledger.migrations()
  const { stored, lease } = await takeUp(opened, chooseForRetry(migrations, config.migration).id, config, signal)
  await using _ = lease
  // Not before the lease: another retry may have resolved letters until it ended.
  const known = await ledger.migrations()
  const before = byId(known, stored.id)
  refuseUnknown(config, stored)
  const { keyField } = readOptions(stored)
  const notice = reporter.notice.bind(reporter)
  const { repair, retry } = config
  const run = AbortSignal.any([signal, lease.lost])
  const replaced = tablesReplaced(before, known)
  for (const [source, by] of replaced) {
    const message = `${source}: its dead letters are left alone, because migration ${by} has made its table anew since`
    notice({ level: 'warning', message })
  }
  const wanted = stored.tables.filter(({ plan }) => isWanted(config, plan.source) && !replaced.has(plan.source))
  refuseRepairs(config, wanted, before)
  for (const { plan } of wanted) {
    const coercing = config.coerce.length === 0 ? plan : { ...plan, coerce: [...(plan.coerce ?? []), ...config.coerce] }
    const context = { target, ledger, lease, migration: stored.id, keyField, repair, retry, notice }
    await replayLetters(context, coercing, run)
  }
  const after = byId(await ledger.migrations(), stored.id)
  const tables = after.tables.map(({ source, openLetters }) => {
    const open = before.tables.find((table) => table.source === source)?.openLetters ?? 0
    return { source, resolved: open - openLetters, left: openLetters }
  })
  const left = tables.reduce((sum, table) => sum + table.left, 0)
  const resolved = tables.reduce((sum, table) => sum + table.resolved, 0)
  const rows = after.tables.reduce((sum, { counts }) => sum + counts.read, 0)
  const enough = left <= allowedOf(config.maxDeadLetters, rows)
  const waited = waitsForLetters(stored)
  if (enough && waited) await ledger.publish(stored.id, lease, run)
  // They were all that was wrong with it.
  if (enough && endedByLetters(stored)) await ledger.setState(stored.id, lease, 'done', null)
  const error = enough ? null : toErrorShape(lettersLeft(stored.id, left))
  return { migration: stored.id, tables, resolved, left, published: enough && waited, error }
}

/** Removes what a migration made. Answers what was removed, one sentence each. Throws `not-undoable`, `missing-migration`. */
export async function rollbackMigration(
  config: LedgerConfig,
  context: RunContext,
): Promise<{ readonly migration: string; readonly removed: readonly string[] }> {
  const { signal } = context
  await using opened = await openLedger(config, signal)
  const chosen = choose(await opened.ledger.migrations(), config.migration, 'rollback', isOpen)
  const { stored, lease } = await takeUp(opened, chosen.id, config, signal)
  await using _ = lease
  const run = AbortSignal.any([signal, lease.lost])
  const removed = await opened.ledger.rollback(stored.id, lease, { force: config.yes }, run)
  return { migration: stored.id, removed }
}

/** As {@link choose}; where no letters are left to replay, the newest that could have had some: a retry changes nothing. */
function chooseForRetry(migrations: readonly MigrationSummary[], id: string | null): MigrationSummary {
  const standing = migrations.filter(({ state }) => state !== 'superseded' && state !== 'rolled-back')
  const wanting = standing.filter((migration) => hasLetters(migration, migrations) || waitsForLetters(migration))
  return choose(migrations, id, 'retry', (migration) =>
    (wanting.length > 0 ? wanting : standing.slice(0, 1)).includes(migration),
  )
}

/** The migration named, or the only one that the command can be about. */
function choose(
  migrations: readonly MigrationSummary[],
  id: string | null,
  command: string,
  canBeMeant: (migration: MigrationSummary) => boolean,
): MigrationSummary {
  if (id !== null) return byId(migrations, id)
  const [first, ...others] = migrations.filter(canBeMeant)
  if (first === undefined) throw noneMeant(migrations, command)
  if (others.length === 0) return first
  const names = [first, ...others].map((migration) => migration.id).join(', ')
  throw new DroverError('several-migrations', `several migrations could be meant: ${names}`, {
    hint: `say which: drover ${command} ID`,
  })
}

/** What is finished is undone only where it is named. */
function noneMeant(migrations: readonly MigrationSummary[], command: string): DroverError {
  const done = migrations.find(({ state }) => state === 'done')
  if (command === 'rollback' && done !== undefined) {
    return new DroverError('missing-migration', 'no migration is unfinished, and a finished one has to be named', {
      hint: `drover status lists them; the last one is undone by: drover rollback ${done.id}`,
    })
  }
  return new DroverError('missing-migration', `there is no migration that ${command} could be about`, {
    hint: `drover status lists the migrations; drover ${command} ID names one`,
  })
}

function byId(migrations: readonly MigrationSummary[], id: string): MigrationSummary {
  const found = migrations.find((migration) => migration.id === id)
  if (found !== undefined) return found
  throw new DroverError('missing-migration', `there is no migration ${id}`, { hint: 'drover status lists them' })
}

async function takeUp(
  { ledger }: OpenedLedger,
  id: MigrationId,
  { takeOver }: Pick<LedgerConfig, 'takeOver'>,
  signal: AbortSignal,
): Promise<{ readonly stored: StoredMigration; readonly lease: Lease }> {
  const load = async (): Promise<StoredMigration> => {
    const stored = await ledger.load(id)
    if (stored === null) throw new DroverError('missing-migration', `migration ${id} is gone`)
    return stored
  }
  const { tables } = await load()
  const lease = await ledger.lease(id, tables.flatMap(finalTargets), { waitMs: LEASE_WAIT_MS, takeOver }, signal)
  try {
    // Again: the run that had the lease may have changed it until it ended.
    return { stored: await load(), lease }
  } catch (error) {
    await lease[Symbol.asyncDispose]()
    throw error
  }
}

function hasLetters(migration: MigrationSummary, all: readonly MigrationSummary[]): boolean {
  const replaced = tablesReplaced(migration, all)
  return migration.tables.some(({ source, openLetters }) => openLetters > 0 && !replaced.has(source))
}

function endedByLetters({ error }: Pick<MigrationSummary, 'error'>): boolean {
  return error?.code === 'too-many-dead-letters'
}

/** Its new tables are not in their places yet: a retry that has been killed may have left only that to do. */
function waitsForLetters(migration: Pick<MigrationSummary, 'state' | 'error'>): boolean {
  return migration.state === 'stopped' && endedByLetters(migration)
}

function isWanted({ tables }: RetryConfig, source: string): boolean {
  return tables.length === 0 || tables.some((pattern) => matchesPattern(pattern, source))
}

/** Throws `missing-table` for a pattern that means no table of the migration. */
function refuseUnknown(config: RetryConfig, { id, tables }: StoredMigration): void {
  const names = tables.map(({ plan }) => plan.source)
  const unknown = config.tables.find((pattern) => !names.some((name) => matchesPattern(pattern, name)))
  if (unknown === undefined) return
  throw new DroverError('missing-table', `migration ${id} has no table ${unknown}`, {
    hint: `it has ${names.join(', ')}`,
  })
}

/** Throws `conflicting-options` where rows are to be changed of which nothing but the target's server knows what is in them. */
function refuseRepairs(
  { repair, coerce }: RetryConfig,
  tables: readonly PlannedTable[],
  { tables: sums }: MigrationSummary,
): void {
  if (repair === null && coerce.length === 0) return
  const open = new Set(sums.filter(({ openLetters }) => openLetters > 0).map(({ source }) => source))
  const passedOn = tables.find(({ plan }) => plan.layout?.raw === true && open.has(plan.source))
  if (passedOn === undefined) return
  const { source } = passedOn.plan
  throw new DroverError(
    'conflicting-options',
    `rows of ${source} were passed on as they are, so --fix, --cast and --coerce cannot change its dead letters`,
    {
      hint: `make the target hold them and retry without these options, or leave ${source} out with --tables; rows that are wrong are corrected in the source and copied anew`,
    },
  )
}

function lettersLeft(id: string, left: number): DroverError {
  return new DroverError('letters-left', `${left} dead ${left === 1 ? 'letter is' : 'letters are'} left`, {
    hint: `drover status ${id} --letters - says why; repair the rows with --fix, --cast or --coerce, and retry`,
  })
}
