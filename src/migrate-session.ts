import { readFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { SAMPLE_BYTES, SAMPLE_SECONDS } from '../params.ts'
import { openSource, openTarget } from './catalog.ts'
import type { Config } from './config.ts'
import { DroverError } from './core/errors.ts'
import { maskUrl } from './core/mask-url.ts'
import type { PlanContext } from './engine/plan-context.ts'
import { RateFile } from './engine/rate-file.ts'
import { RateLimiter } from './engine/rate-limit.ts'
import { readPlan, type SavedPlan } from './plan-file.ts'
import type { Notice, Reporter } from './telemetry/progress.ts'

/** Who watches a run, and who may stop it. */
export interface RunContext {
  readonly reporter: Reporter
  readonly signal: AbortSignal
  /** Time between two progress reports, in milliseconds. */
  readonly progressIntervalMs: number
  /** Told what to do when somebody wants the rate file to be read again at once. */
  readonly onReread?: ((reread: () => void) => void) | undefined
}

/** Both ends of a run, connected. */
export interface Session extends PlanContext, AsyncDisposable {}

/** Throws `same-source-and-target`, and what connecting, loading a plan and reading the rate file throw. */
export async function connect(config: Config, context: RunContext): Promise<Session> {
  const { signal, reporter } = context
  if (config.from === config.to) {
    throw new DroverError('same-source-and-target', `source and target are the same: ${maskUrl(config.from)}`)
  }
  await using opening = new AsyncDisposableStack()
  const limiter = new RateLimiter(config.maxRate, config.maxRateFile !== null)
  opening.use(await openRateFile(config, context, limiter))
  const { ledgerSchema, clientEnvironment: environment } = config
  const source = opening.use(await openSource(config.from, { environment, shared: null }))
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
    limiter,
    notice: (notice) => reporter.notice(notice),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

/** Null: there is none. Throws `invalid-value`. */
async function openRateFile(
  { maxRate: otherwise, maxRateFile: path }: Config,
  { reporter, onReread }: RunContext,
  limiter: RateLimiter,
): Promise<RateFile | null> {
  const notice = (notice: Notice): void => reporter.notice(notice)
  if (path === null) {
    onReread?.(() => notice({ level: 'warning', message: 'there is no --max-rate-file to read again' }))
    return null
  }
  const file = await RateFile.open({ path, otherwise, notice }, limiter)
  onReread?.(() => void file.reread())
  return file
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
