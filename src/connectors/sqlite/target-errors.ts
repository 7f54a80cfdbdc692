import { DroverError, type ErrorCode, type ErrorShape } from '../../core/errors.ts'
import type { FaultClass } from '../../core/fault.ts'

/** An error of SQLite as Node throws it; `errcode` is the extended result code, https://www.sqlite.org/rescode.html. */
export interface SqliteError extends Error {
  readonly errcode: number
}

/** Primary result codes: the lowest byte of an extended one. */
const generic = 1
const busy = 5
const readOnly = 8
const constraint = 19

/** Another program is in the way, or the disk is; a repeat may work. */
const transientCodes: ReadonlySet<number> = new Set([
  busy,
  6, // locked within the process
  7, // no memory
  10, // I/O error
  13, // disk full
  15, // lock protocol: too many are opening the file at once
])

/** The row's own fault: too large, a constraint or trigger, another type than the table insists on. */
const dataCodes: ReadonlySet<number> = new Set([18, constraint, 20])

/** What SQLite says, which has one code for all of it, where a table is other than the plan says. */
const changedTexts = /^(no such table|no such column|table .* has no column named|cannot INSERT into generated column)/

const codes: ReadonlyMap<number, ErrorCode> = new Map([
  [3, 'missing-right'],
  [readOnly, 'missing-right'],
  [14, 'target-unreachable'],
  [23, 'missing-right'],
  [26, 'target-unreachable'],
])

const hints: ReadonlyMap<number, string> = new Map([
  [busy, 'another program writes to the file; end it, or wait until it has done'],
  [readOnly, 'grant the right to write to the file and to its folder'],
  [11, 'the file is damaged; look at it with: sqlite3 FILE "pragma integrity_check"'],
  [13, 'the disk of the target is full; free some space'],
  [14, 'name a file of SQLite, or a new one in a folder that exists'],
  [26, 'the file is none of SQLite; name another one'],
])

export function isSqliteError(error: unknown): error is SqliteError {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number'
}

/** Somebody else holds what was asked for. */
export function isBusy(error: unknown): boolean {
  return isSqliteError(error) && primaryCode(error) === busy
}

/** A row that the table does not take. */
export function isRefusal(error: unknown): error is SqliteError {
  return isSqliteError(error) && dataCodes.has(primaryCode(error))
}

/** SQLite has no place to write to. */
export function isWriteRefused(error: unknown): boolean {
  const cause = error instanceof DroverError ? error.cause : error
  return isSqliteError(cause) && (primaryCode(cause) === readOnly || primaryCode(cause) === 14)
}

/** What kind of failure an error is; of a DroverError that tells of the target, what its cause is. */
export function classifyFault(error: unknown): FaultClass {
  if (error instanceof DroverError) {
    if (error.code === 'row-rejected') return 'data'
    if (error.code === 'schema-drift') return 'drift'
    if (error.code !== 'target-failed' && error.code !== 'target-unreachable') return 'fatal'
    return error.cause === undefined ? 'transient' : classifyFault(error.cause)
  }
  if (!isSqliteError(error)) return 'fatal'
  const code = primaryCode(error)
  if (transientCodes.has(code)) return 'transient'
  if (dataCodes.has(code)) return 'data'
  return code === generic && changedTexts.test(error.message) ? 'drift' : 'fatal'
}

/**
 * The error for people; `doing` says what was attempted, as in `cannot ${doing}`. A DroverError stays as it is, so does a
 * bug of ours (an error of the language). The original is the cause.
 */
export function toDroverError(error: unknown, doing: string): Error {
  if (error instanceof DroverError) return error
  if (!isSqliteError(error)) return error instanceof Error ? error : new TypeError(String(error))
  const code = primaryCode(error)
  const message = `cannot ${doing}: ${error.message} (SQLite code ${error.errcode})`
  return new DroverError(codes.get(code) ?? 'target-failed', message, { hint: hints.get(code), cause: error })
}

/** The error where the table is other than the plan says; null where that is not what it says. */
export function changedTable(error: unknown, table: string): DroverError | null {
  if (!isSqliteError(error) || classifyFault(error) !== 'drift') return null
  return new DroverError('schema-drift', `table ${table} was changed while it was copied: ${error.message}`, {
    hint: 'make the table what it was and run drover resume, or start over with --mode recreate',
    cause: error,
  })
}

/** Uniqueness of a key or an index. */
export function isDuplicate(error: unknown): boolean {
  // SQLITE_CONSTRAINT_PRIMARYKEY, _UNIQUE, _ROWID
  return isSqliteError(error) && [1555, 2067, 2579].includes(error.errcode)
}

/** Why SQLite refuses a row. Its messages name tables, columns and constraints, and no values. */
export function rejectionOf(error: SqliteError): ErrorShape {
  return {
    code: 'row-rejected',
    message: `SQLite refuses the row: ${error.message} (SQLite code ${error.errcode})`,
    ...(isDuplicate(error) ? { hint: '--on-conflict skip keeps the row that is there, update replaces it' } : {}),
  }
}

/** A row of a batch that cannot be written. Stays within the connector, which answers it. */
export class RefusedRow extends Error {
  override readonly name = 'RefusedRow'
  readonly part: number
  /** Place among the rows of its part. */
  readonly index: number
  readonly shape: ErrorShape

  constructor(part: number, index: number, shape: ErrorShape, cause?: unknown) {
    super(shape.message, { cause })
    this.part = part
    this.index = index
    this.shape = shape
  }
}

function primaryCode({ errcode }: SqliteError): number {
  return errcode & 0xff
}
