import type { Config } from './config.ts'
import type { MigrationSummary, StoredMigration } from './connectors/ledger-contract.ts'
import type { PlannedTable } from './connectors/planned-table.ts'
import { DroverError } from './core/errors.ts'
import { partsOf, qualified } from './core/plan.ts'
import type { Verification } from './core/result.ts'
import { chooseTables, type ChosenTable } from './engine/choose-tables.ts'
import { CheckProgress } from './engine/check-progress.ts'
import { planVerify, tableOf } from './engine/plan-verify.ts'
import { changesOf, readOptions } from './engine/run-options.ts'
import { chooseIsolation, chooseWorkers } from './engine/sizing.ts'
import { connect, type RunContext, type Session } from './migrate-session.ts'
import { checkInputs, type RunCheck } from './verify/check-inputs.ts'
import { verifyRun } from './verify/verify.ts'

/**
 * Compares source and target, and writes nothing but how far it has come. Of tables that drover has copied, the ledger
 * says how; the others are compared as their names and columns fit. Throws `plan-changed`, `target-missing`, and what
 * planning throws.
 */
export async function verifyTables(config: Config, context: RunContext): Promise<Verification> {
  await using session = await connect(config, context)
  const { source, target, ledger, notice, cores } = session
  const { signal } = context
  const choice = await chooseTables(session, signal)
  const migrations = await ledger.migrations()
  const copied = new Map(choice.tables.map((table) => [table, copyOf(migrations, table, source.name)]))
  const checks: RunCheck[] = []
  for (const migration of new Set(copied.values())) {
    if (migration === null) continue
    const names = choice.tables.filter((table) => copied.get(table) === migration).map((table) => table.source.name)
    notice({ level: 'info', message: `${names.join(', ')}: as migration ${migration.id} has copied` })
    checks.push(...(await checksOf(session, migration, names, signal)))
  }
  const others = { ...choice, tables: choice.tables.filter((table) => copied.get(table) === null) }
  if (others.tables.length > 0) {
    const planned = await planVerify(session, others, signal)
    checks.push(...planned.map((table) => foreign(table, config.sample)))
  }
  const [only, ...more] = new Set(copied.values())
  const workers = chooseWorkers(config.workers, cores, await target.connections(signal), target.maxWriters).count
  const progress = new CheckProgress(checks)
  using _ = config.verify === 'count' ? null : progress.show(context)
  return await verifyRun(
    {
      config,
      source,
      target,
      ledger,
      migration: only === undefined || only === null || more.length > 0 ? null : only.id,
      workers,
      isolation: chooseIsolation(config.isolation, []),
      retry: config.retry,
      notice,
      compared: progress.compared,
      watch: progress.watch,
      pace: null,
    },
    checks,
    signal,
  )
}

/** The newest complete copy of a table of this source. */
function copyOf(migrations: readonly MigrationSummary[], table: ChosenTable, source: string): MigrationSummary | null {
  const name = qualified(table.target)
  const copied = migrations.find(({ tables, state }) => {
    return state !== 'superseded' && state !== 'rolled-back' && tables.some(({ target }) => qualified(target) === name)
  })
  if (copied === undefined || copied.source !== source || copied.state !== 'done') return null
  return copied.tables.some((own) => own.source === table.source.name) ? copied : null
}

/** Throws `plan-changed`, `target-missing`. */
async function checksOf(
  { ledger, target, config }: Session,
  { id }: MigrationSummary,
  names: readonly string[],
  signal: AbortSignal,
): Promise<readonly RunCheck[]> {
  const stored = await ledger.load(id)
  if (stored === null) return []
  const tables = stored.tables.filter(({ plan }) => names.includes(plan.source))
  await refuseOtherShape(config, stored, tables)
  const parts = tables.flatMap(({ plan }) => partsOf(plan))
  const wanted = parts.map((part) => part.target)
  const existing = new Map((await target.existing(wanted, signal)).map((found) => [qualified(found.target), found]))
  for (const part of parts) tableOf(part, existing)
  const committed = await ledger.totals(id)
  const copied = tables.map((planned) => ({ planned, estimatedRows: null }))
  return checkInputs(
    { ledger, migration: id, tables: copied, committed, level: config.verify, sample: config.sample, isFixed: true },
    signal,
  )
}

/** Rows are compared with what the copy made of them: options that would make something else of them cannot be meant. */
async function refuseOtherShape(
  config: Config,
  stored: StoredMigration,
  tables: readonly PlannedTable[],
): Promise<void> {
  const begun = readOptions(stored)
  const changes: string[] = []
  for (const { plan } of tables) {
    changes.push(...(await changesOf(config, plan.source, begun, plan.transform?.file ?? null)))
  }
  if (changes.length === 0) return
  throw new DroverError('plan-changed', `migration ${stored.id} has copied otherwise: ${changes.join('; ')}`, {
    hint: 'leave those options out: a table is compared with what its copy was to make of the source',
  })
}

function foreign(planned: RunCheck['planned'], sample: number | null): RunCheck {
  const unknown = { committed: null, coercions: [], passedOn: null, leftOut: new Map(), replayed: new Set<string>() }
  return { planned, ...unknown, sample, rowsBefore: null, isFixed: true, hasOthers: false }
}
