import { errorKinds, type ErrorKind, type ErrorShape } from '../core/errors.ts'
import type { MigrationResult } from '../core/result.ts'

export type SignalName = 'SIGINT' | 'SIGTERM'

/** The only place where a kind of error becomes an exit status. The first that applies is taken. */
const order: readonly (readonly [ErrorKind, number])[] = [
  ['bug', 1],
  ['fenced', 7],
  ['fault', 6],
  ['drift', 9],
  ['interrupted', 130],
  ['mismatch', 5],
  ['rejected', 4],
  ['preflight', 3],
  ['usage', 2],
]

/** The status of a process that ends with errors of these kinds; 0 without any. */
export function exitCodeOf(kinds: readonly ErrorKind[], signal: SignalName | null): number {
  const code = order.find(([kind]) => kinds.includes(kind))?.[1] ?? 0
  return code === 130 ? exitCodeOfSignal(signal ?? 'SIGINT') : code
}

export function exitCodeOfSignal(signal: SignalName): number {
  return { SIGINT: 130, SIGTERM: 143 }[signal]
}

export function exitCodeOfErrors(errors: readonly ErrorShape[], signal: SignalName | null): number {
  return exitCodeOf(
    errors.map(({ code }) => errorKinds[code]),
    signal,
  )
}

type Ended = Pick<MigrationResult, 'error' | 'verification'>

/** Everything that can be wrong with a run that came to a result. */
export function exitCodeOfResult(result: Ended, signal: SignalName | null): number {
  const kinds: ErrorKind[] = []
  if (result.error !== null) kinds.push(errorKinds[result.error.code])
  if (!result.verification.equal) kinds.push('mismatch')
  return exitCodeOf(kinds, signal)
}
