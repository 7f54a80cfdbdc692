import { DroverError } from '../../core/errors.ts'
import type { FaultClass } from '../../core/fault.ts'

/** What a path cannot be opened for; the operating system's codes. */
const unreachableCodes: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM', 'ELOOP', 'ENAMETOOLONG'])

/** A disk or network folder that did not answer, or a process that has too many files open just now. */
const transientCodes: ReadonlySet<string> = new Set([
  'EIO',
  'EAGAIN',
  'EBUSY',
  'EMFILE',
  'ENFILE',
  'ENOMEM',
  'ESTALE',
  'ETIMEDOUT',
])

/** Why a dump cannot be read, as a sentence with file and byte. The source knows what was being done with it. */
export class DumpDamage extends Error {
  override readonly name = 'DumpDamage'
}

/** The operating system's code of an error; null: it has none. */
export function codeOf(error: unknown): string | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null
}

/** What kind of failure an error is, or what its cause is. */
export function classifyFault(error: unknown): FaultClass {
  if (transientCodes.has(codeOf(error) ?? '')) return 'transient'
  return error instanceof Error && error.cause !== undefined ? classifyFault(error.cause) : 'fatal'
}

/** What an error means to the user; `copying`: rows may have been written before it. */
export function toDroverError(error: unknown, source: string, copying: boolean): DroverError {
  if (error instanceof DroverError) return error
  if (error instanceof DumpDamage) {
    return new DroverError(copying ? 'source-failed' : 'damaged-dump', error.message, {
      hint: 'make the dump again, or copy the file again from where it came',
      cause: error,
    })
  }
  const said = error instanceof Error ? error.message : String(error)
  if (!copying && unreachableCodes.has(codeOf(error) ?? '')) {
    return new DroverError('source-unreachable', `${source} cannot be read: ${said}`, {
      hint: 'check the path behind bson: and the rights on it; a % in a file name is written %25',
      cause: error,
    })
  }
  return new DroverError('source-failed', `cannot read ${source}: ${said}`, { cause: error })
}
