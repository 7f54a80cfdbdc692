import type { Config } from '../config.ts'
import type { Target } from '../connectors/contract.ts'
import type { Ledger, Lease, MigrationId } from '../connectors/ledger-contract.ts'
import type { PlannedTable } from '../connectors/planned-table.ts'
import { DroverError } from '../core/errors.ts'
import { qualified, type TablePlan } from '../core/plan.ts'
import type { TableChange } from '../core/table-change.ts'
import { evolvePlan } from '../schema/evolve-plan.ts'
import { formatCount, formatBytes } from '../telemetry/format.ts'
import type { Notice } from '../telemetry/progress.ts'
import { lastingChange } from './irreversible.ts'
import type { DriftQuestion } from './work.ts'

/** A table of this size takes its target a second or so to write anew, which is worth words. */
const LARGE_BYTES = 64 * 1024 * 1024

export interface DriftContext {
  readonly config: Config
  readonly ledger: Ledger
  readonly lease: Lease
  readonly migration: MigrationId
  readonly target: Target
  readonly keyField: string
  readonly tables: readonly Pick<PlannedTable, 'plan' | 'exists' | 'publishTo'>[]
  readonly notice: (notice: Notice) => void
}

interface TableState {
  plan: TablePlan
  /** It was there before the run. */
  readonly exists: boolean
  /** It is loaded apart and its rows are added to one that is there, which stays as it is until then. */
  readonly joins: boolean
  /** Columns that drift has added so far. */
  added: number
  /** Settles, never rejects, when the change before is done: each sees the plan that the one before has left. */
  previous: Promise<unknown>
}

/**
 * The one author of changes to target tables while rows are copied (invariant 4). A worker that meets rows without a
 * place asks here, and goes on with the plan it is given. Every table has its own queue, so one that is being altered
 * does not hold up the others.
 */
export class Drift {
  readonly #context: DriftContext
  readonly #tables: ReadonlyMap<string, TableState>

  constructor(context: DriftContext) {
    this.#context = context
    this.#tables = new Map(
      context.tables.map(({ plan, exists, publishTo }) => [
        plan.source,
        { plan, exists, joins: exists && publishTo !== undefined, added: 0, previous: Promise.resolve() },
      ]),
    )
  }

  /** The plan of a table as it is now. */
  planOf(table: string): TablePlan {
    return this.#table(table).plan
  }

  /**
   * A plan that is newer than the one the question speaks of, and has a place for all it saw; null where no change of
   * the table would help, or none is wanted.
   */
  async answer(question: DriftQuestion, signal: AbortSignal): Promise<TablePlan | null> {
    const table = this.#table(question.table)
    const answered = table.previous.then(() => this.#evolve(table, question, signal))
    table.previous = answered.catch(() => undefined)
    return answered
  }

  async #evolve(
    table: TableState,
    { seen, schemaVersion }: DriftQuestion,
    signal: AbortSignal,
  ): Promise<TablePlan | null> {
    signal.throwIfAborted()
    const { config, ledger, lease, migration, target } = this.#context
    if (table.plan.schemaVersion > schemaVersion || seen === null) return table.plan
    const options = config.forTable(table.plan.source)
    if (options.onDrift !== 'evolve' || table.joins) return null
    const evolved = evolvePlan({
      plan: table.plan,
      keyField: this.#context.keyField,
      seen,
      limits: { maxColumns: options.maxColumns, newColumns: options.maxNewColumns, addedSoFar: table.added },
      naming: options.naming ?? 'snake_case',
      names: { maxBytes: target.maxNameBytes, reserved: target.reservedColumns },
    })
    if (evolved === null) return null
    if (table.exists && evolved.changes.some(bendsKind)) {
      for (const message of evolved.notes) this.#context.notice({ level: 'warning', message: `not done: ${message}` })
      return null
    }
    for (const message of evolved.notes) this.#context.notice({ level: 'warning', message })
    for (const message of table.exists ? evolved.changes.flatMap(lastingChange) : []) {
      this.#context.notice({ level: 'warning', message })
    }
    for (const change of evolved.changes) await this.#announceCost(change, signal)
    await ledger.evolve(migration, lease, evolved.plan, evolved.changes, signal)
    table.plan = evolved.plan
    table.added += evolved.changes.filter(({ kind }) => kind === 'add').length
    return table.plan
  }

  /** What the target has to write anew may take long, so it is said before it begins. */
  async #announceCost(change: TableChange, signal: AbortSignal): Promise<void> {
    const cost = await this.#context.target.costOf(change, signal)
    if (cost === null || cost.bytes < LARGE_BYTES || change.kind === 'add') return
    this.#context.notice({
      level: 'warning',
      message:
        `widening column ${JSON.stringify(change.column)} of ${qualified(change.target)} writes about ` +
        `${formatCount(cost.rows)} rows (${formatBytes(cost.bytes)}) anew; --infer full looks at every row before it copies, and saves that`,
    })
  }

  #table(source: string): TableState {
    const table = this.#tables.get(source)
    if (table === undefined) throw new DroverError('unexpected', `table ${source} is not in the plan`)
    return table
  }
}

/** What reads a table that was there expects a column to stay what it is: wider numbers are numbers still. */
function bendsKind(change: TableChange): boolean {
  return change.kind === 'widen' && change.to === 'json'
}
