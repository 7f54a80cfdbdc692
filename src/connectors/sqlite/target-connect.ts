import { pathOf } from './address.ts'
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
