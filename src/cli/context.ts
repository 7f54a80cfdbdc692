import type { ViewConfig } from '../config.ts'
import type { Environment, LayerInputs } from '../config-layers.ts'
import type { Reporter } from '../telemetry/progress.ts'
import type { Output } from './output.ts'
import type { Interrupts } from './signals.ts'

/** What a command is handed. */
export interface CommandContext {
  readonly inputs: Omit<LayerInputs, 'options'>
  readonly output: Output
  readonly interrupts: Interrupts
}

/** Does the work and answers the exit status. Throws what it does not know how to show. */
export type RunCommand = (context: CommandContext) => Promise<number>

/** Who watches a run: what every function that does the work takes. */
export interface Watch extends Disposable {
  readonly reporter: Reporter
  readonly signal: AbortSignal
  readonly progressIntervalMs: number
  readonly onReread: (reread: () => void) => void
}

/** Shows progress on stderr the way it was asked for. Disposing takes a live view off the screen. */
export async function startWatch({ output, interrupts, inputs }: CommandContext, view: ViewConfig): Promise<Watch> {
  const { createReporter, progressIntervalMs } = await import('../telemetry/reporters.ts')
  const { stderr } = process
  const reporter = createReporter({
    kind: view.progress,
    write: output.write,
    isTty: stderr.isTTY,
    color: hasColor(stderr, inputs.environment),
    logLevel: view.logLevel,
    screen: () => ({ columns: stderr.columns || 80, rows: stderr.rows || 24 }),
    now: () => performance.now(),
  })
  for (const message of view.warnings) reporter.notice({ level: 'warning', message })
  interrupts.beforeLeaving(() => reporter.close())
  return {
    reporter,
    signal: interrupts.signal,
    progressIntervalMs: progressIntervalMs(view.progress, stderr.isTTY),
    onReread: (reread) => interrupts.onReread(reread),
    [Symbol.dispose]: () => reporter.close(),
  }
}

export function hasColor(stream: NodeJS.WriteStream, environment: Environment): boolean {
  return stream.isTTY && !environment['NO_COLOR'] && environment['TERM'] !== 'dumb'
}
