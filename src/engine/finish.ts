import PQueue from 'p-queue'
import type { Config } from '../config.ts'
import type { RunMark, Target } from '../connectors/contract.ts'
import type { PlannedTable } from '../connectors/planned-table.ts'
import { DroverError } from '../core/errors.ts'
import type { TableReport } from './plan-report.ts'
import type { RunReport } from './run-report.ts'
import { secondsSince } from './stages.ts'
import type { Steadily } from './steady-ledger.ts'

/** Tables finished at once, and indexes built at once: each is itself built by parallel workers of the server. */
const TABLES_AT_ONCE = 2
const INDEXES_AT_ONCE = 3

export interface FinishContext {
  readonly config: Pick<Config, 'forTable'>
  readonly target: Target
  readonly plan: { readonly tables: readonly Pick<TableReport, 'planned'>[] }
  readonly report: Pick<RunReport, 'aggregator' | 'seconds'>
  /** Null: nobody can take it over. */
  readonly run: RunMark | null
  /** Each step is safe to repeat, also when it is not known how it ended. */
  readonly steadily: Steadily
}

type Task = () => Promise<void>

/**
 * Builds keys and refreshes statistics, then indexes, then references, after the load. What the data does not allow
 * stops none of the others: `key-violation` tells all of it at the end, with the data kept.
 */
export async function finishTables(context: FinishContext, signal: AbortSignal): Promise<void> {
  const { target, plan, report, steadily } = context
  const run = context.run ?? undefined
  const startedAt = performance.now()
  // A table that was there keeps what it has, or has not.
  const made = plan.tables.map(({ planned }) => planned).filter(({ exists }) => !exists)
  const refused: DroverError[] = []
  try {
    const keys = plan.tables.map(
      ({ planned }) =>
        () =>
          finishTable(context, planned, signal),
    )
    await runAll(steadily, keys, TABLES_AT_ONCE, refused)
    const indexes = made.flatMap((planned) => planned.indexes ?? [])
    const builds = indexes.map((index) => () => target.buildIndex(index, signal, run))
    await runAll(steadily, builds, await indexesAtOnce(target, builds.length, signal), refused)
    // Statistics of what was not there before: expressions count as columns once they are indexed.
    const analyses = made.filter(hasExpressions).map(({ plan: table }) => (): Promise<void> => {
      return target.finish(table, { buildKey: false }, signal, run)
    })
    await runAll(steadily, analyses, TABLES_AT_ONCE, refused)
    // One after the other: each locks two tables, and two of them may want the same ones crosswise.
    const references = made.flatMap((planned) => planned.references ?? [])
    await runAll(
      steadily,
      references.map((reference) => () => target.addForeignKey(reference, signal, run)),
      1,
      refused,
    )
  } finally {
    report.seconds.index = secondsSince(startedAt)
  }
  if (refused.length > 0) throw violationOf(refused)
}

async function finishTable(context: FinishContext, planned: PlannedTable, signal: AbortSignal): Promise<void> {
  const { config, target, report } = context
  const { source } = planned.plan
  const buildKey = config.forTable(source).primaryKey && !planned.exists
  await target.finish(planned.plan, { buildKey }, signal, context.run ?? undefined)
  report.aggregator.finishTable(source)
}

/** Runs every task, and adds to `refused` what the data, or another thing of the same name, does not allow. */
async function runAll(
  steadily: Steadily,
  tasks: readonly Task[],
  concurrency: number,
  refused: DroverError[],
): Promise<void> {
  const queue = new PQueue({ concurrency })
  try {
    await queue.addAll(
      tasks.map((task) => async () => {
        try {
          await steadily(task)
        } catch (error) {
          if (!isRefusal(error)) throw error
          refused.push(error)
        }
      }),
    )
  } finally {
    queue.clear()
    await queue.onIdle()
  }
}

function isRefusal(error: unknown): error is DroverError {
  return error instanceof DroverError && (error.code === 'key-violation' || error.code === 'target-incompatible')
}

async function indexesAtOnce(target: Target, wanted: number, signal: AbortSignal): Promise<number> {
  if (wanted <= 1) return 1
  const { free } = await target.connections(signal)
  return Math.max(Math.min(INDEXES_AT_ONCE, free, target.maxWriters), 1)
}

function hasExpressions({ indexes }: PlannedTable): boolean {
  return indexes?.some(({ parts }) => parts.some(({ path }) => path.length > 0)) === true
}

function violationOf(refused: readonly DroverError[]): DroverError {
  const [first] = refused
  if (refused.length === 1 && first !== undefined) return first
  const messages = refused.map(({ message }) => message).join('; ')
  return new DroverError(
    'key-violation',
    `${refused.length} keys, indexes or references could not be built: ${messages}`,
    {
      hint: 'the rows are kept, and whatever else was planned is built; correct the rows, and build these',
      cause: first,
    },
  )
}
