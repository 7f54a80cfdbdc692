import { DroverError } from '../core/errors.ts'
import { exitCodeOfSignal, type SignalName } from './exit-codes.ts'

/** SIGINT and SIGTERM while a command runs. Disposing stops listening. */
export interface Interrupts extends Disposable {
  /** Aborted by the first of them, with a DroverError `interrupted`. */
  readonly signal: AbortSignal
  caught(): SignalName | null
  /** Called before the process is left at once, to put the terminal in order. */
  beforeLeaving(tidy: () => void): void
}

/** The first signal asks the run to drain; a second one ends the process at once. */
export function listenForSignals(tell: (line: string) => void): Interrupts {
  const stopping = new AbortController()
  const tidying: (() => void)[] = []
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
  return {
    signal: stopping.signal,
    caught: () => caught,
    beforeLeaving: (tidy) => void tidying.push(tidy),
    [Symbol.dispose]: () => {
      process.off('SIGINT', onSignal)
      process.off('SIGTERM', onSignal)
    },
  }
}
