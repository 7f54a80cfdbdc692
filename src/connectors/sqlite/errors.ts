import { DroverError, type ErrorCode } from '../../core/errors.ts'
import type { FaultClass } from '../../core/fault.ts'

// Numbers of https://www.sqlite.org/rescode.html; the extended codes have them in their lowest byte.

export const resultCodes = {
  error: 1,
  busy: 5,
  locked: 6,
  readOnly: 8,
  ioError: 10,
  corrupt: 11,
  cannotOpen: 14,
  notADatabase: 26,
} as const

/** A journal that was left behind has to be rolled back first, which only somebody who may write can do. */
const rollbackNeeded = 776

const transientCodes: ReadonlySet<number> = new Set([resultCodes.busy, resultCodes.locked, resultCodes.ioError])

/** What was being done when an error occurred. */
export interface Attempt {
  /** The address for people. */
  readonly source: string
  /** Completes "cannot …": `read users`. */
  readonly doing: string
  /** The file has answered before. */
  readonly reached: boolean
  /** Rows may have been written before. */
  readonly copying: boolean
  /** The user's own filter is part of the question. */
  readonly filtered: boolean
}

/** SQLite's own number of an error, the extended one; null for errors of other origin. */
export function codeOf(error: unknown): number | null {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number' ? error.errcode : null
}

/** The number without what is particular to it. */
export function primaryCodeOf(error: unknown): number | null {
  const code = codeOf(error)
  return code === null ? null : code & 0xff
}

/** What kind of failure an error is, or what its cause is. */
export function classifyFault(error: unknown): FaultClass {
  const code = primaryCodeOf(error)
  if (code !== null) return transientCodes.has(code) ? 'transient' : 'fatal'
  return error instanceof Error && error.cause !== undefined ? classifyFault(error.cause) : 'fatal'
}

/** What an error of SQLite or of the operating system means to the user. */
export function toDroverError(error: unknown, attempt: Attempt): DroverError {
  if (error instanceof DroverError) return error
  const { source, doing, filtered, reached, copying } = attempt
  const fail = (code: ErrorCode, message: string, hint?: string): DroverError =>
    new DroverError(code, message, { hint, cause: error })
  const said = error instanceof Error ? error.message : String(error)
  const code = primaryCodeOf(error)
  if (code === resultCodes.notADatabase) {
    const hint = 'check the path of --from; a database that is encrypted has to be decrypted first'
    return fail('source-unreachable', `the source ${source} is not a SQLite database, or is encrypted`, hint)
  }
  if (code === resultCodes.corrupt && !copying) return damaged(source, said, error)
  if (filtered && code === resultCodes.error) {
    return fail('invalid-filter', `SQLite refused the filter of --where: ${said}`)
  }
  if (reached) return fail('source-failed', `cannot ${doing} of the source ${source}: ${said}`)
  const hint = codeOf(error) === rollbackNeeded ? rollbackHint : (openHints[code ?? 0] ?? 'check the path of --from')
  return fail('source-unreachable', `the source ${source} cannot be read: ${said}`, hint)
}

/** A file whose pages do not fit together. */
export function damaged(source: string, said: string, cause?: unknown): DroverError {
  return new DroverError('damaged-file', `the source ${source} is damaged: ${said}`, {
    hint: 'restore it from a backup, or save what can be read with .recover of the sqlite3 program',
    cause,
  })
}

const rollbackHint =
  'a transaction was cut off and its journal is there still: open a copy of the file and the journal with sqlite3 once'

const openHints: Readonly<Record<number, string>> = {
  [resultCodes.busy]: 'another program holds a lock on it: wait until it has written, or copy a backup of the file',
  [resultCodes.cannotOpen]:
    'check the rights on the file and its folder, where a database in WAL mode keeps two more files',
  [resultCodes.readOnly]:
    'check the rights on the file and its folder, where a database in WAL mode keeps two more files',
}
