import { DroverError } from '../../core/errors.ts'
import { DatabaseFile } from './database.ts'
import { SqliteTarget } from './target.ts'

/** How long a transaction waits for others that write to the file before it is tried again from the start. */
const longestWaitMs = 60_000

export interface SqliteTargetOptions {
  /** The beginning of the names of drover's own tables. */
  readonly ledgerSchema: string
  /** How long a transaction waits for others that write to the file, in milliseconds. */
  readonly patienceMs?: number | undefined
}

/**
 * A target on `sqlite:path`, percent-decoded: a file of SQLite, or a new one in a folder that exists. Nothing is opened
 * before the first use. Throws `invalid-url`.
 */
export async function openSqliteTarget(url: string, options: SqliteTargetOptions): Promise<SqliteTarget> {
  const file = new DatabaseFile(pathOf(url), options.patienceMs ?? longestWaitMs)
  return new SqliteTarget(`sqlite:${file.path}`, file, options.ledgerSchema)
}

function pathOf(url: string): string {
  const path = url.replace(/^sqlite:(?:\/\/)?/i, '')
  if (path === '' || path === ':memory:') {
    throw new DroverError('invalid-url', `${url} names no file`, {
      hint: 'write the path of a file behind sqlite:, as in sqlite:shop.db',
    })
  }
  if (path.includes('?')) {
    throw new DroverError('invalid-url', `${url} has options, and a file of SQLite has none here`, {
      hint: 'a ? in a file name is written %3F',
    })
  }
  const decoded = decode(path, url)
  if (!decoded.includes('\0')) return decoded
  throw new DroverError('invalid-url', `the path in ${url} holds a NUL`, { hint: 'no file has one in its name' })
}

function decode(path: string, url: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    throw new DroverError('invalid-url', `the path in ${url} is not percent-encoded`, {
      hint: 'a % in a file name is written %25',
    })
  }
}
