import { DroverError } from '../../core/errors.ts'

/** Environment variables as the caller was handed them. */
export type ServerEnvironment = Readonly<Record<string, string | undefined>>

/** A database server for demo, bench and tests. Disposing it, any number of times, leaves no process and no file. */
export interface LocalServer extends AsyncDisposable {
  readonly url: string
  /** Named by the caller, a Docker container, or a process of ours; only the last two are stopped on disposal. */
  readonly origin: 'address' | 'docker' | 'packaged'
  readonly version: string
}

export interface ServerOptions {
  /** URL of a server that already runs. When given, it is used or the start fails; nothing else is tried. */
  readonly address?: string | undefined
  /** For PATH, HOME, XDG_CACHE_HOME, DOCKER_HOST and what the servers' libraries need. */
  readonly environment: ServerEnvironment
  /** Default: true. */
  readonly allowDocker?: boolean | undefined
  /** Server settings over the defaults, by the name the server knows them by. */
  readonly settings?: Readonly<Record<string, string>> | undefined
  /** Where a folder for its data is made, by packaged servers. Default: where temporary files are. */
  readonly dataParent?: string | undefined
  /** What is being obtained or started, a line a call. */
  readonly onNotice: (line: string) => void
  /** Ends the start; a server that has started is ended by disposal only. */
  readonly signal?: AbortSignal | undefined
}

/** One way to have something, and what to call it when it fails. */
export interface Attempt<T> {
  readonly name: string
  readonly run: () => Promise<T>
}

/**
 * The first attempt that succeeds.
 *
 * @throws DroverError `no-local-server` with the reason of each attempt; the signal's reason when it was aborted
 */
export async function firstOf<T>(
  wanted: string,
  attempts: readonly Attempt<T>[],
  hint: string,
  signal: AbortSignal | undefined,
): Promise<T> {
  const reasons: string[] = []
  for (const { name, run } of attempts) {
    signal?.throwIfAborted()
    try {
      return await run()
    } catch (error) {
      signal?.throwIfAborted()
      reasons.push(`${name}: ${reasonOf(error)}`)
    }
  }
  throw new DroverError('no-local-server', `No ${wanted} can be had here. Tried ${reasons.join('; ')}.`, { hint })
}

/** One line for a list of reasons. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  // A refused connection to a name with several addresses is an AggregateError, whose own message is empty.
  const parts = error instanceof AggregateError ? error.errors.map(reasonOf) : [error.message]
  const hint = error instanceof DroverError && error.hint !== undefined ? ` (${error.hint})` : ''
  return `${parts
    .join(', ')
    .trim()
    .replaceAll(/\s*\n\s*/g, ' | ')
    .replace(/\.$/, '')}${hint}`
}

/** An address fit for a message: without user, password and options. */
export function withoutSecrets(address: string): string {
  return address.replace(/\/\/.*@/s, '//').replace(/\?.*$/s, '')
}

/** Wraps what a driver said about an address that the caller named. Drivers quote addresses, passwords included. */
export function addressFailed(system: string, address: string, error: unknown): DroverError {
  const said = reasonOf(error).replaceAll(address, withoutSecrets(address))
  return new DroverError('no-local-server', `${system} at ${withoutSecrets(address)} cannot be used: ${said}.`, {
    hint: 'Correct the address, or leave it out to have a local server started.',
  })
}

/**
 * @throws DroverError `missing-package` when the optional package is not installed
 */
export async function importOptional<T>(name: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load()
  } catch (error) {
    if (!isModuleNotFound(error)) throw error
    throw missingPackage(name, error)
  }
}

export function missingPackage(name: string, cause: unknown): DroverError {
  return new DroverError('missing-package', `the package ${name} is not installed`, {
    hint: `npm install --save-dev ${name}`,
    cause,
  })
}

export function isModuleNotFound(error: unknown): boolean {
  if (!(error instanceof Error) || !('code' in error)) return false
  return error.code === 'ERR_MODULE_NOT_FOUND' || error.code === 'MODULE_NOT_FOUND'
}
