import { DroverError } from '../core/errors.ts'
import { exitCodeOfSignal, type SignalName } from './exit-codes.ts'

/** Signals while a command runs: SIGINT and SIGTERM end it, SIGUSR2 has it read again what may change. Disposing stops listening. */
export interface Interrupts extends Disposable {
  /** Aborted by the first of them, with a DroverError `interrupted`. */
  readonly signal: AbortSignal
  caught(): SignalName | null
  /** Called before the process is left at once, to put the terminal in order. */
  beforeLeaving(tidy: () => void): void
  /** Called at each SIGUSR2, which Windows does not have. */
  onReread(reread: () => void): void
}

/** The first signal asks the run to drain; a second one ends the process at once. */
export function listenForSignals(tell: (line: string) => void): Interrupts {
  const stopping = new AbortController()
  const tidying: (() => void)[] = []
  const rereading: (() => void)[] = []
  const onReread = (): void => {
    for (const reread of rereading) reread()
  }
  let caught: SignalName | null = null
  const onSignal = (name: SignalName): void => {
    if (caught !== null) {
      for (const tidy of tidying) tidy()
      process.exit(exitCodeOfSignal(name))
    }
    caught = name
    tell(`${name}: finishing the batches in flight; once more stops at once`)
    stopping.abort(new DroverError('interrupted', `interrupted by ${name}`))
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  if (process.platform !== 'win32') process.on('SIGUSR2', onReread)
  return {
    signal: stopping.signal,
    caught: () => caught,
    beforeLeaving: (tidy) => void tidying.push(tidy),
    onReread: (reread) => void rereading.push(reread),
    [Symbol.dispose]: () => {
      process.off('SIGINT', onSignal)
      process.off('SIGTERM', onSignal)
      process.off('SIGUSR2', onReread)
    },
  }
}
