import { DroverError } from '../../core/errors.ts'
import type { FileState } from './state.ts'

const unknown = 'unknown'

/** What others are handed to read the same state. Its own transaction keeps it from going away. */
export function shareState(state: FileState | null): string {
  return state?.label ?? unknown
}

/** Throws `source-failed` where what would be read is not, or may not be, the state that is shared. */
export function refuseOtherState(state: FileState | null, shared: string, source: string): void {
  if (state !== null && state.label === shared) return
  const hint = 'let nobody write to it meanwhile, or copy it with --feed paged: one transaction reads all of it'
  if (state === null || shared === unknown) {
    const why = `${source} is in WAL mode, and whether a second reader sees the same state of it cannot be told`
    throw new DroverError('source-failed', why, { hint: `${hint}; a newer Node may be able to tell` })
  }
  throw new DroverError('source-failed', `${source} was written to after the copy had begun to read it`, { hint })
}
