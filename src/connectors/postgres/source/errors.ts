import pg from 'pg'
import { DroverError, type ErrorCode } from '../../../core/errors.ts'
import type { FaultClass } from '../../../core/fault.ts'
import { classifyFault, codeOf, hintOfSystem, withoutValues } from '../errors.ts'

/** What of the target's errors may come from opening a session, and what it is of a source. */
const ofSource: ReadonlyMap<ErrorCode, ErrorCode> = new Map([
  ['target-login-refused', 'source-login-refused'],
  ['target-unreachable', 'source-unreachable'],
  ['target-failed', 'source-failed'],
])

/** A table is not what it was when it was looked at: gone, or of other columns, types or kind. */
const changedStates: ReadonlySet<string> = new Set(['3F000', '42P01', '42703', '42804', '42809', '42883'])

/** The statement was wrong, or its values were: what nothing but the user's own filter brings about. */
const filterClasses: ReadonlySet<string> = new Set(['22', '42', '0A'])

/** What was being done when an error occurred. */
export interface Attempt {
  /** The address without secrets. */
  readonly source: string
  /** Completes "cannot …": `read users`. */
  readonly doing: string
}

/** What kind of failure an error of the source is; it sees through `cause`. */
export function classifySource(error: unknown): FaultClass {
  if (error instanceof DroverError) {
    if (error.code === 'schema-drift') return 'drift'
    const telling = error.code === 'source-failed' || error.code === 'source-unreachable'
    return telling && error.cause !== undefined ? classifySource(error.cause) : 'fatal'
  }
  // Whoever reads writes nothing: no row can be refused, and no failover makes this one read-only.
  if (codeOf(error) === '25006') return 'fatal'
  const found = classifyFault(error)
  return found === 'transient' ? found : 'fatal'
}

/** The error for people; a DroverError that says so of a target is said of the source. The original is the cause. */
export function toSourceError(error: unknown, { source, doing }: Attempt): Error {
  if (error instanceof DroverError) {
    const code = ofSource.get(error.code)
    if (code === undefined) return error
    const { message, cause, shortage } = error
    const hint =
      codeOf(cause) === '3D000' ? 'check the name: psql --list shows the databases of the server' : error.hint
    return new DroverError(code, message, { hint, cause, shortage })
  }
  const code = codeOf(error)
  if (error instanceof pg.DatabaseError && code !== null) {
    const message = `cannot ${doing} on ${source}: ${error.message} (SQLSTATE ${code})`
    return new DroverError(codeOfState(code), message, {
      hint: error.hint ?? stateHints.get(code),
      cause: withoutValues(error),
    })
  }
  if (classifyFault(error) === 'fatal' && error instanceof Error && code === null) return error
  const said = error instanceof Error ? error.message : String(error)
  return new DroverError('source-failed', `cannot ${doing} on ${source}: ${said}`, {
    hint: hintOfSystem(code),
    cause: error,
  })
}

/** The server does not take the text of `--where`; null: that is not what the error says. */
export function filterError(error: unknown, where: string, table: string): DroverError | null {
  const code = codeOf(error)
  if (!(error instanceof pg.DatabaseError) || code === null || !filterClasses.has(code.slice(0, 2))) return null
  if (code === '42501') return null
  return new DroverError(
    'invalid-filter',
    `PostgreSQL does not take --where ${JSON.stringify(where)} for ${table}: ${error.message}`,
    { hint: 'write what stands behind WHERE; functions and operators of extensions with their schema', cause: error },
  )
}

function codeOfState(state: string): ErrorCode {
  if (state === '42501') return 'missing-right'
  return changedStates.has(state) ? 'schema-drift' : 'source-failed'
}

const stateHints: ReadonlyMap<string, string> = new Map([
  ['42501', 'grant select on the table and usage on its schema, or use another user in --from'],
  ['42P01', 'make the table what it was and run drover resume, or start over with --mode recreate'],
  ['42703', 'make the table what it was and run drover resume, or start over with --mode recreate'],
])
