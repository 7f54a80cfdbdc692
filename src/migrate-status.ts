import type { MigrationSummary, Ledger } from './connectors/ledger-contract.ts'
import type { LedgerConfig } from './config-commands.ts'
import { addCounts, noCounts, type Counts } from './core/counts.ts'
import type { StoredLetter } from './core/dead-letter.ts'
import { DroverError, toErrorShape } from './core/errors.ts'
import { qualified } from './core/plan.ts'
import type { MigrationResult, TableResult } from './core/result.ts'
import { tooManyLetters } from './engine/letters.ts'
import { chooseIsolation } from './engine/sizing.ts'
import { noStages } from './engine/stages.ts'
import { openTarget } from './catalog.ts'
import type { Session } from './migrate-session.ts'
import { nothingCompared } from './verify/verify.ts'

/** Letters read at a time; their rows come along. */
const LETTERS_AT_ONCE = { rows: 1000, bytes: 8 * 1024 * 1024 }

type LedgerAddress = Pick<LedgerConfig, 'to' | 'ledgerSchema' | 'clientEnvironment'>

/** Migrations in the target's ledger, the newest first; one of them where `id` says which. Throws `missing-migration`. */
export async function listMigrations(
  config: LedgerAddress,
  id: string | null,
  signal: AbortSignal,
): Promise<readonly MigrationSummary[]> {
  await using opened = await openLedger(config, signal)
  const migrations = await opened.ledger.migrations()
  if (id === null) return migrations
  const found = migrations.filter((migration) => migration.id === id)
  if (found.length === 0)
    throw new DroverError('missing-migration', `there is no migration ${id}`, { hint: 'drover status lists them' })
  return found
}

/** The dead letters of a migration that are still open, in the order of their burial. */
export async function* readLetters(
  config: LedgerAddress,
  migration: MigrationSummary,
  signal: AbortSignal,
): AsyncGenerator<StoredLetter, void, undefined> {
  await using opened = await openLedger(config, signal)
  for (let after = 0; ;) {
    const wanted = { open: true, table: null, after, limits: LETTERS_AT_ONCE }
    const letters = await opened.ledger.letters(migration.id, wanted, signal)
    yield* letters
    const last = letters.at(-1)
    if (last === undefined) return
    after = last.id
  }
}

/** A connected ledger without a source. */
export async function openLedger(config: LedgerAddress, signal: AbortSignal): Promise<OpenedLedger> {
  const { ledgerSchema, clientEnvironment: environment } = config
  await using opening = new AsyncDisposableStack()
  const target = opening.use(await openTarget(config.to, { ledgerSchema, environment }))
  const ledger = opening.use(await target.openLedger(signal))
  const opened = opening.move()
  return { target, ledger, [Symbol.asyncDispose]: () => opened.disposeAsync() }
}

export interface OpenedLedger extends AsyncDisposable {
  readonly target: Awaited<ReturnType<typeof openTarget>>
  readonly ledger: Ledger
}

/** The result of a migration that an earlier run has finished. */
export async function finishedEarlier(
  { config, ledger }: Session,
  migration: MigrationSummary,
): Promise<MigrationResult> {
  const coercions = await ledger.coercions(migration.id)
  const tables = migration.tables.map(({ source, target, counts, bytes }): TableResult => {
    const used = coercions.get(source) ?? []
    return { source, target: qualified(target), ...counts, seconds: 0, rowsPerSecond: 0, bytes, coercions: used }
  })
  const totals = tables.reduce<Counts>(addCounts, noCounts)
  const tooMany = tooManyLetters(migration.id, config.maxDeadLetters, totals)
  return {
    migration: migration.id,
    state: tooMany === null ? 'done' : 'stopped',
    tables,
    totals,
    seconds: 0,
    startSeconds: 0,
    copySeconds: 0,
    stages: noStages,
    verification: { ...nothingCompared, notes: ['finished by an earlier run'] },
    workers: 0,
    batchRows: config.batchRows,
    batchRowsReason: 'nothing was copied',
    feed: config.feed === 'auto' ? 'paged' : config.feed,
    isolation: chooseIsolation(config.isolation, []),
    retries: 0,
    peakRssBytes: process.resourceUsage().maxRSS * 1024,
    cpuSeconds: process.cpuUsage().user / 1e6,
    error: tooMany === null ? null : toErrorShape(tooMany),
  }
}
