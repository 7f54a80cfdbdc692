import {
  MongoCompatibilityError,
  MongoError,
  MongoMissingCredentialsError,
  MongoNetworkError,
  MongoOperationTimeoutError,
  MongoServerClosedError,
  MongoServerError,
  MongoServerSelectionError,
  MongoTopologyClosedError,
} from 'mongodb'
import { DroverError, type ErrorCode } from '../../core/errors.ts'
import { maskUrls } from '../../core/mask-url.ts'
import type { FaultClass } from '../../core/fault.ts'

// Numbers of https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml

/** The server has forgotten the cursor, gave the operation up, or is not (any more) one that may answer. */
const transientCodes: ReadonlySet<number> = new Set([
  6, // HostUnreachable
  7, // HostNotFound
  43, // CursorNotFound
  63, // StaleShardVersion
  89, // NetworkTimeout
  91, // ShutdownInProgress
  133, // FailedToSatisfyReadPreference
  134, // ReadConcernMajorityNotAvailableYet
  150, // StaleEpoch
  189, // PrimarySteppedDown
  202, // NetworkInterfaceExceededTimeLimit
  237, // CursorKilled
  262, // ExceededTimeLimit
  9001, // SocketException
  10058, // NotWritablePrimary, as old servers say it
  10107, // NotWritablePrimary
  11600, // InterruptedAtShutdown
  11601, // Interrupted
  11602, // InterruptedDueToReplStateChange
  13388, // StaleConfig
  13435, // NotPrimaryNoSecondaryOk
  13436, // NotPrimaryOrSecondary
])

/** Said by servers and by the driver of what may be tried again. */
const transientLabels: readonly string[] = ['RetryableError', 'TransientTransactionError', 'SystemOverloadedError']

/** Parts of the driver that ended while they were in use (a member has left the set); it exports no class for them. */
const closedNames: ReadonlySet<string> = new Set(['MongoPoolClosedError', 'MongoWaitQueueTimeoutError'])

const unauthorized = 13
/** AuthenticationFailed, and Atlas's own. */
const loginRefusedCodes: ReadonlySet<number> = new Set([18, 8000])
/** BadValue, FailedToParse, TypeMismatch, and that of a regular expression that does not compile. */
const badFilterCodes: ReadonlySet<number> = new Set([2, 9, 14, 51091])

/** Network failures of Node that reach us without the driver's own error around them: looking up an SRV record. */
const networkCodes: ReadonlySet<string> = new Set([
  'ENOTFOUND',
  'ENODATA',
  'EAI_AGAIN',
  'ESERVFAIL',
  'ETIMEOUT',
  'ECONNREFUSED',
  'ECONNRESET',
  'ETIMEDOUT',
])

/** What was being done when an error occurred. */
export interface Attempt {
  /** The address without secrets. */
  readonly source: string
  /** Completes "cannot …" and "may not …": `read users`. */
  readonly doing: string
  /** The server has answered before, so that silence is a failure in the middle and no wrong address. */
  readonly reached: boolean
  /** The user's own filter is part of the question. */
  readonly filtered: boolean
}

/** The server's number of an error; null for errors of other origin. */
export function codeOf(error: unknown): number | null {
  return error instanceof MongoServerError && typeof error.code === 'number' ? error.code : null
}

/** The user lacks the right to what was asked. */
export function isUnauthorized(error: unknown): boolean {
  return codeOf(error) === unauthorized
}

/** What kind of failure an error is, or what its cause is. By code, label and class, never by message. */
export function classifyFault(error: unknown): FaultClass {
  if (isSilence(error)) return 'transient'
  const code = codeOf(error)
  if (code !== null) return transientCodes.has(code) ? 'transient' : 'fatal'
  return error instanceof Error && error.cause !== undefined ? classifyFault(error.cause) : 'fatal'
}

/** What a driver's or server's error means to the user. Never the text of a command: it would show keys and filters. */
export function toDroverError(error: unknown, attempt: Attempt): DroverError {
  if (error instanceof DroverError) return error
  const { source, doing } = attempt
  const fail = (code: ErrorCode, message: string, hint?: string): DroverError =>
    new DroverError(code, message, { hint, cause: error })
  const code = codeOf(error)
  if (error instanceof MongoCompatibilityError) {
    return fail('unsupported-version', `${source}: ${said(error)}`, 'MongoDB 5.0 or later is needed')
  }
  if (error instanceof MongoMissingCredentialsError || (code !== null && loginRefusedCodes.has(code))) {
    return fail('source-login-refused', `${source} refused the login`, 'check user, password and authSource in the URL')
  }
  if (code === unauthorized) {
    return fail(
      'missing-right',
      `the user may not ${doing} on ${source}`,
      'grant the role "read" on this database, or log in with a user that has it',
    )
  }
  if (attempt.filtered && code !== null && badFilterCodes.has(code)) {
    return fail('invalid-filter', `the server refused the filter of --where: ${said(error)}`)
  }
  if (isSilence(error) && !attempt.reached) {
    return fail('source-unreachable', `${source} does not answer: ${said(error)}`, 'check host, port, TLS and firewall')
  }
  return fail('source-failed', `cannot ${doing} on ${source}: ${said(error)}`)
}

/** No server answered, the connection broke, or the server asks for another try. */
function isSilence(error: unknown): boolean {
  if (error instanceof MongoError) {
    const broken =
      error instanceof MongoNetworkError ||
      error instanceof MongoServerSelectionError ||
      error instanceof MongoOperationTimeoutError ||
      error instanceof MongoServerClosedError ||
      error instanceof MongoTopologyClosedError ||
      closedNames.has(error.name)
    return broken || transientLabels.some((label) => error.hasErrorLabel(label))
  }
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && networkCodes.has(error.code)
}

function said(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  return maskUrls(message)
}
