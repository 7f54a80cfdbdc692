/**
 * What an error means to whoever has to react to it. `cli/exit-codes.ts` is the only place that turns a kind into
 * an exit status.
 *
 * - `usage`: a wrong option, key or value; nothing was touched
 * - `preflight`: refused before the first write: cannot connect, missing right, missing or non-empty table
 * - `rejected`: rows that the target cannot hold, more than allowed
 * - `mismatch`: verification found a difference, or `--expect` was missed
 * - `fault`: a lasting fault after all retries; the migration can be resumed
 * - `fenced`: another run holds this migration or table
 * - `drift`: the source's shape does not fit the planned table
 * - `interrupted`: SIGINT or SIGTERM, drained
 * - `bug`: never the user's doing
 */
export type ErrorKind =
  'usage' | 'preflight' | 'rejected' | 'mismatch' | 'fault' | 'fenced' | 'drift' | 'interrupted' | 'bug'

/**
 * Every stable code with its kind. The comment beside a code is its manual entry; `docs/error-codes.md` lists them and
 * a test holds the two together. Codes are never renamed or reused.
 */
export const errorKinds = {
  /** A command line option that does not exist. */
  'unknown-option': 'usage',
  /** A command that does not exist. */
  'unknown-command': 'usage',
  /** A key in the config file that does not exist. */
  'unknown-key': 'usage',
  /** A URL scheme no connector answers to, or one that cannot play the part asked of it. */
  'unknown-scheme': 'usage',
  /** An operator in `--where` that is not on the list of allowed ones. */
  'unknown-operator': 'usage',
  /** A field named by --columns, --exclude-columns or --rename that the source does not have. */
  'unknown-column': 'usage',
  /** A type name in --cast that does not exist. */
  'unknown-type': 'usage',
  /** A value outside of what its option allows: negative, NaN, not in the list of choices. */
  'invalid-value': 'usage',
  /** A required option is missing. */
  'missing-option': 'usage',
  /** Options that exclude each other. */
  'conflicting-options': 'usage',
  /** The config or env file cannot be read or parsed. */
  'invalid-config': 'usage',
  /** A URL that cannot be parsed. */
  'invalid-url': 'usage',
  /** The file of `--transform` cannot be loaded, or has no function of a name that a step asks for. */
  'invalid-transform': 'usage',
  /** A plan file that cannot be read, or that somebody has edited into what is no plan. */
  'invalid-plan': 'usage',
  /** `--where` is not valid extended JSON, or the source cannot filter. */
  'invalid-filter': 'usage',
  /** Node is older than drover needs. */
  'node-too-old': 'usage',
  /** A name in --coerce that is no coercion. */
  'unknown-coercion': 'usage',
  /** Several migrations could be meant; say which. */
  'several-migrations': 'usage',
  /** An optional package that this command needs is not installed. */
  'missing-package': 'usage',
  /** The source does not answer at its address. */
  'source-unreachable': 'preflight',
  /** The target does not answer at its address. */
  'target-unreachable': 'preflight',
  /** The source refused the credentials. */
  'source-login-refused': 'preflight',
  /** The target refused the credentials, or the database does not exist. */
  'target-login-refused': 'preflight',
  /** The server is of a version drover cannot work with. */
  'unsupported-version': 'preflight',
  /** The source holds what is not copied, or may not be read as what it is: large objects, text of no known encoding. */
  'source-incompatible': 'preflight',
  /** A table asked for does not exist in the source. */
  'missing-table': 'preflight',
  /** The pattern of --tables matches nothing that can be copied. */
  'nothing-to-copy': 'preflight',
  /** The target table exists and holds rows, and the mode does not allow that. */
  'target-not-empty': 'preflight',
  /** The target table does not exist, and the mode needs it. */
  'target-missing': 'preflight',
  /** An existing target table lacks a column or has one of a type that cannot take the source's values. */
  'target-incompatible': 'preflight',
  /** A table depends on the one that would be dropped. */
  'target-in-use': 'preflight',
  /** A table needs an object of its database, such as an extension or a function, that cannot be carried to the target. */
  'missing-dependency': 'preflight',
  /** Source and target are the same. */
  'same-source-and-target': 'preflight',
  /** A right is missing on the source or the target. */
  'missing-right': 'preflight',
  /** More workers than the target has free connections. */
  'too-many-workers': 'preflight',
  /** Two tables or columns would get the same name, or a name is not possible at all. */
  'name-collision': 'preflight',
  /** A plan file no longer fits what is in the source. */
  'plan-outdated': 'preflight',
  /** A dump is cut short, or is not what it says it is. */
  'damaged-dump': 'preflight',
  /** The pages of a database file do not fit together. */
  'damaged-file': 'preflight',
  /** An earlier migration of the same table has not been finished. */
  'unfinished-migration': 'preflight',
  /** There is no such migration, or none that the command could go on with. */
  'missing-migration': 'preflight',
  /** A migration is to be resumed, or its tables compared, with another source, other tables, or another shape of the copy than it was begun with. */
  'plan-changed': 'preflight',
  /** What a migration did cannot be undone, or not by drover. */
  'not-undoable': 'preflight',
  /** A connection pooler stands before the target that hands sessions around, so locks of a session do not hold. */
  'pooled-connection': 'preflight',
  /** No local server can be started on this machine. */
  'no-local-server': 'preflight',
  /** The spread of the measurements hides the differences between settings, so that there is none to save. */
  'no-clear-winner': 'preflight',
  /** A row the target cannot hold: text with NUL, a date past its calendar, a damaged document. */
  'row-rejected': 'rejected',
  /** A transform could not take a row: the user's function threw, or a value has no form in the type asked for. */
  'transform-failed': 'rejected',
  /** More rows became dead letters than --max-dead-letters allows. */
  'too-many-dead-letters': 'rejected',
  /** Most rows became dead letters, so the run stopped early. */
  'dead-letter-flood': 'rejected',
  /** Dead letters could not be replayed and are kept. */
  'letters-left': 'rejected',
  /** The counts of source, ledger and target differ. */
  'count-mismatch': 'mismatch',
  /** Rows differ between source and target. */
  'rows-differ': 'mismatch',
  /** `--expect` was not met. */
  'expectation-missed': 'mismatch',
  /** The data violates a key, a unique index or a reference that was to be built. */
  'key-violation': 'mismatch',
  /** The source failed in the middle of the run. */
  'source-failed': 'fault',
  /** The target failed in the middle of the run. */
  'target-failed': 'fault',
  /** Workers died more often than they may be replaced. */
  'workers-lost': 'fault',
  /** Another run holds the lease of this migration or table. */
  'lease-held': 'fenced',
  /** The lease was lost: a newer run has taken over. */
  'lease-lost': 'fenced',
  /** A document has a field, or a type, that the planned table has no place for. */
  'schema-drift': 'drift',
  /** Stopped by a signal or by the caller's AbortSignal, after draining. */
  interrupted: 'interrupted',
  /** The conservation law is broken: read = written + filtered + skipped + dead letters. */
  'conservation-broken': 'bug',
  /** Anything drover did not foresee. */
  unexpected: 'bug',
} as const

export type ErrorCode = keyof typeof errorKinds

/** An error as plain data: what crosses a thread or process, and what is stored. */
export interface ErrorShape {
  readonly code: ErrorCode
  readonly message: string
  readonly hint?: string | undefined
  readonly shortage?: true | undefined
  /** Only kept for kind `bug`. */
  readonly stack?: string | undefined
}

export interface DroverErrorOptions {
  /** One sentence that says what to do. */
  readonly hint?: string | undefined
  readonly cause?: unknown
  /** See {@link DroverError.shortage}. */
  readonly shortage?: boolean | undefined
}

/** An error with a stable code, one sentence that names the value seen, and a hint. Never contains a secret. */
export class DroverError extends Error {
  override readonly name = 'DroverError'
  readonly code: ErrorCode
  readonly hint: string | undefined
  /** There is no room for one more just now (connections, processes, open files), so that fewer may do. */
  readonly shortage: boolean

  constructor(code: ErrorCode, message: string, options: DroverErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.hint = options.hint
    this.shortage = options.shortage === true
  }

  get kind(): ErrorKind {
    return errorKinds[this.code]
  }
}

/** Structured clone drops codes and classes, so errors cross threads as {@link ErrorShape}. */
export function toErrorShape(error: unknown): ErrorShape {
  if (error instanceof DroverError) {
    return {
      code: error.code,
      message: error.message,
      hint: error.hint,
      ...(error.shortage ? { shortage: true as const } : {}),
      ...(error.kind === 'bug' ? { stack: error.stack } : {}),
    }
  }
  if (error instanceof Error) return { code: 'unexpected', message: error.message, stack: error.stack }
  return { code: 'unexpected', message: String(error) }
}

export function fromErrorShape(shape: ErrorShape): DroverError {
  const error = new DroverError(shape.code, shape.message, { hint: shape.hint, shortage: shape.shortage })
  if (shape.stack !== undefined) error.stack = shape.stack
  return error
}
