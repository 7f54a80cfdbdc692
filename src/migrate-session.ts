import { readFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { SAMPLE_BYTES, SAMPLE_SECONDS } from '../params.ts'
import { openSource, openTarget } from './catalog.ts'
import type { Config } from './config.ts'
import { DroverError } from './core/errors.ts'
import { maskUrl } from './core/mask-url.ts'
import type { PlanContext } from './engine/plan-context.ts'
import { readPlan, type SavedPlan } from './plan-file.ts'
import type { Reporter } from './telemetry/progress.ts'

/** Who watches a run, and who may stop it. */
export interface RunContext {
  readonly reporter: Reporter
  readonly signal: AbortSignal
  /** Time between two progress reports, in milliseconds. */
  readonly progressIntervalMs: number
}

/** Both ends of a run, connected. */
export interface Session extends PlanContext, AsyncDisposable {}

/** Throws `same-source-and-target`, and what connecting and loading a plan throw. */
export async function connect(config: Config, { signal, reporter }: RunContext): Promise<Session> {
  if (config.from === config.to) {
    throw new DroverError('same-source-and-target', `source and target are the same: ${maskUrl(config.from)}`)
  }
  await using opening = new AsyncDisposableStack()
  const source = opening.use(await openSource(config.from))
  const { ledgerSchema, clientEnvironment: environment } = config
  const target = opening.use(await openTarget(config.to, { ledgerSchema, environment }))
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
