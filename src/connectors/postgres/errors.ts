import pg from 'pg'
import { DroverError, type ErrorCode, type ErrorShape } from '../../core/errors.ts'
import type { FaultClass } from '../../core/fault.ts'

/** Failures of the network and of name resolution, as Node names them. All may pass. */
const networkCodes: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'ENOENT', // the socket file of a server that is down
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ERR_STREAM_DESTROYED',
  'ERR_STREAM_PREMATURE_CLOSE',
])

/** SQLSTATEs and classes (https://www.postgresql.org/docs/current/errcodes-appendix.html) after which a repeat may work. */
const transientStates: ReadonlySet<string> = new Set([
  '40001', // serialization failure
  '40P01', // deadlock
  '55P03', // lock not available: lock_timeout
  '57014', // query cancelled: statement_timeout
  '57P01', // shutdown
  '57P02', // crash of the server
  '57P03', // cannot connect now: it is starting
  '57P05', // idle session timeout
  '25P03', // idle in transaction timeout
  '25006', // read-only transaction: a failover is under way
  '58030', // I/O error
])
const transientClasses: ReadonlySet<string> = new Set(['08', '53'])

/** The server lost or ended the connection; whether it did before or after what it was asked for, nobody knows. */
const endingStates: ReadonlySet<string> = new Set(['57P01', '57P02', '57P03', '57P05', '25P03'])

/** A table is not what it was when the plan was made: gone, or of other columns, types, kind or keys. */
const changedStates: ReadonlySet<string> = new Set([
  '3F000', // no such schema
  '42P01', // no such table
  '42703', // no such column
  '42P10', // no unique index for ON CONFLICT any more, or a column that has become a generated one
  '42804', // another type
  '42809', // another kind of object
  '428C9', // a generated column
  '55000', // a view that takes no rows
])

/** Rows the server refuses, beside classes 22 and 23: limits exceeded, nesting too deep, raised by a trigger. */
const dataStates: ReadonlySet<string> = new Set(['54000', '54001', 'P0001'])
/** Bytes that are not what COPY expects are a bug of the encoder, never bad data. */
const encoderBugs: ReadonlySet<string> = new Set(['22P03', '22P04', '08P01'])

/** SQLSTATE of a server's error, Node's code of a network error, null for an error without one. */
export function codeOf(error: unknown): string | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null
}

/** A COMMIT was on its way when the connection was lost. Stays within the connector, as a cause. */
export class UnknownOutcome extends Error {
  override readonly name = 'UnknownOutcome'

  constructor(cause: Error) {
    super(`${cause.message}; whether it was committed is not known yet`, { cause })
  }
}

/** Of a failure of COMMIT: no answer came that says the transaction was rolled back. */
export function isOutcomeUnknown(error: unknown): error is Error {
  if (!(error instanceof Error) || classifyFault(error) !== 'transient') return false
  const code = codeOf(error) ?? ''
  return !(error instanceof pg.DatabaseError) || endingStates.has(code) || code.startsWith('08')
}

/** The user has no right to write, or the server takes no writes. */
export function isWriteRefused(error: unknown): boolean {
  const code = codeOf(error instanceof DroverError ? error.cause : error)
  return code === '42501' || code === '25006'
}

/** The server can do without TLS only. The driver's errors of that have no code. */
export function isWithoutTls(error: unknown): boolean {
  return error instanceof Error && codeOf(error) === null && error.message.includes('does not support SSL')
}

/** What kind of failure an error is; of a DroverError that tells of the target, what its cause is. */
export function classifyFault(error: unknown): FaultClass {
  if (error instanceof DroverError) {
    if (error.code === 'row-rejected') return 'data'
    if (error.code === 'schema-drift') return 'drift'
    if (error.code !== 'target-failed' && error.code !== 'target-unreachable') return 'fatal'
    return error.cause === undefined ? 'transient' : classifyFault(error.cause)
  }
  if (error instanceof UnknownOutcome) return 'unknown'
  const code = codeOf(error)
  if (error instanceof pg.DatabaseError && code !== null) return classifyState(code, error.message)
  if (code !== null) return networkCodes.has(code) ? 'transient' : 'fatal'
  if (isWithoutTls(error)) return 'fatal'
  // A connection that breaks under a query has no code: the driver throws a plain Error.
  return error instanceof Error && error.constructor === Error ? 'transient' : 'fatal'
}

function classifyState(state: string, message: string): FaultClass {
  // Before PostgreSQL 14 no numeric was infinite.
  if (state === '22P03' && message.includes('invalid sign in external "numeric"')) return 'data'
  if (encoderBugs.has(state)) return 'fatal'
  if (transientStates.has(state) || transientClasses.has(state.slice(0, 2))) return 'transient'
  // A full disk shows as an internal error where a limit on file size is what ended it.
  if (state === 'XX000' && message.includes('File too large')) return 'transient'
  return dataStates.has(state) || state.startsWith('22') || state.startsWith('23') ? 'data' : 'fatal'
}

/**
 * The error for people; `doing` says what was attempted, as in `cannot ${doing}`. A DroverError stays as it is, so does
 * a bug of ours (an error of the language, not of the driver). The original is the cause.
 */
export function toDroverError(error: unknown, doing: string): Error {
  if (error instanceof DroverError) return error
  const code = codeOf(error)
  if (error instanceof pg.DatabaseError && code !== null) {
    const message = `cannot ${doing}: ${error.message} (SQLSTATE ${code})`
    return new DroverError(codeOfState(code), message, {
      hint: error.hint ?? stateHints.get(code),
      cause: withoutValues(error),
    })
  }
  if (classifyFault(error) === 'fatal' && error instanceof Error && code === null) return error
  const message = error instanceof Error ? error.message : String(error)
  return new DroverError('target-failed', `cannot ${doing}: ${message}`, { hint: hintOfSystem(code), cause: error })
}

/** The error where the server finds the table other than the plan says; null where that is not what it says. */
export function changedTable(error: unknown, table: string): DroverError | null {
  const code = codeOf(error)
  if (!(error instanceof pg.DatabaseError) || code === null || !changedStates.has(code)) return null
  const message = `table ${table} was changed while it was copied: ${error.message} (SQLSTATE ${code})`
  return new DroverError('schema-drift', message, {
    hint: 'make the table what it was and run drover resume, or start over with --mode recreate',
    cause: withoutValues(error),
  })
}

/** For people, of a failure that is this machine's; undefined for all others. */
export function hintOfSystem(code: string | null): string | undefined {
  if (code === 'EMFILE' || code === 'ENFILE') return 'this machine has no more open files to give: raise ulimit -n'
  return code === 'ENOSPC' ? 'a disk of this machine is full' : undefined
}

function codeOfState(state: string): ErrorCode {
  if (state === '42501') return 'missing-right'
  return encoderBugs.has(state) ? 'unexpected' : 'target-failed'
}

const stateHints: ReadonlyMap<string, string> = new Map([
  ['42501', 'grant the right, or use another user in --to'],
  ['53100', 'the disk of the target is full; free some space'],
  ['25006', 'the target takes no writes, as after a failover; name the server that does'],
])

/** The same error for whoever looks at causes, without DETAIL and CONTEXT, which hold values of rows. */
export function withoutValues<E>(error: E): E | pg.DatabaseError {
  if (!(error instanceof pg.DatabaseError)) return error
  const { code, severity, schema, table, column, constraint, stack } = error
  const bare = new pg.DatabaseError(error.message, error.length, error.name)
  return Object.assign(bare, { code, severity, schema, table, column, constraint, stack })
}

/** Longest text of the server's in a rejection, in characters: it may hold a value as a whole. */
const shownCharacters = 300

/**
 * Why the server refuses a row of a COPY into `table`, if it was one. Without DETAIL and CONTEXT, which may hold values of
 * the row; the column is named in either.
 */
export function rejectionOf(error: pg.DatabaseError, table: string | null = null): ErrorShape {
  const name = refusedColumn(error, table)
  const column = name === undefined ? '' : `, column "${name}"`
  const characters = [...error.message]
  const shown =
    characters.length > shownCharacters ? `${characters.slice(0, shownCharacters).join('')}…` : error.message
  return {
    code: 'row-rejected',
    message: `PostgreSQL refuses the row: ${shown} (SQLSTATE ${error.code ?? 'unknown'}${column})`,
    ...(error.code === '23505' ? { hint: '--on-conflict skip keeps the row that is there, update replaces it' } : {}),
  }
}

/** The column whose value a COPY into `table` was refused for. */
export function refusedColumn(error: pg.DatabaseError, table: string | null): string | undefined {
  return error.column ?? (table === null ? undefined : copyPlace(error, table)?.column)
}

/** The error where COMMIT refuses a batch: a constraint was deferred until then. Null where that is not why it failed. */
export function refusedAtCommit(error: unknown, batch: string): DroverError | null {
  const code = codeOf(error)
  if (!(error instanceof pg.DatabaseError) || code === null || classifyFault(error) !== 'data') return null
  const message = `batch ${batch} is refused by COMMIT, which names no row: ${error.message} (SQLSTATE ${code})`
  return new DroverError('row-rejected', message, {
    hint: 'nothing of the batch was written; make the constraint NOT DEFERRABLE, so that the row is found, then drover resume',
    cause: withoutValues(error),
  })
}

/**
 * Place of the refused row, from 0. Null where the server does not say it, or in another language, and where it is not
 * within the batch.
 */
export function rejectedIndex(error: pg.DatabaseError, table: string, rows: number): number | null {
  const index = (copyPlace(error, table)?.line ?? 0) - 1
  return index >= 0 && index < rows ? index : null
}

/**
 * Whether an error of a text COPY into `table` is about a value of a row, whatever its class: the function that reads a
 * type's text may miss a name, a word, or what the server was built without.
 */
export function isUnreadable(error: pg.DatabaseError, table: string): boolean {
  return readerStates.has(error.code?.slice(0, 2) ?? '') && copyPlace(error, table)?.column !== undefined
}

/** Classes of errors that are about a value where a COPY names its column, and about a statement everywhere else. */
const readerStates: ReadonlySet<string> = new Set(['0A', '3F', '42'])

interface CopyPlace {
  /** Counted from 1. */
  readonly line: number
  /** Where the server was at the value of one. */
  readonly column: string | undefined
}

/** Of the line in an error's context that reads `COPY <table>, line <n>`, then perhaps `, column <name>: "<value>"`. */
function copyPlace(error: pg.DatabaseError, table: string): CopyPlace | null {
  const prefix = `COPY ${table}, line `
  const line = error.where?.split('\n').find((candidate) => candidate.startsWith(prefix))
  const place = /^(\d+)(?:, column (.+?)(?:: "|: null input|$))?/.exec(line?.slice(prefix.length) ?? '')
  return place === null ? null : { line: Number(place[1]), column: place[2] }
}

/** A row of a batch that cannot be written. Stays within the connector, which answers it. */
export class RefusedRow extends Error {
  override readonly name = 'RefusedRow'
  readonly part: number
  /** Place among the rows of its part; null: the server did not say. */
  readonly index: number | null
  readonly shape: ErrorShape
  /** Whose value is at fault; undefined: the server names none. */
  readonly column: string | undefined

  constructor(part: number, index: number | null, shape: ErrorShape, cause?: unknown, column?: string) {
    super(shape.message, { cause })
    this.part = part
    this.index = index
    this.shape = shape
    this.column = column
  }
}
