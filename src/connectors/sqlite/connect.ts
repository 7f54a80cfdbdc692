import type { SourceOptions } from '../contract.ts'
import { pathOf } from './address.ts'
import { SqliteSource } from './source.ts'

/**
 * Opens a source on `sqlite:path`, `sqlite:///absolute/path` as well. The path is percent-decoded; the file is opened
 * when it is first asked something, for reading only, and never made. Throws `invalid-url`.
 */
export async function openSqliteSource(url: string, { shared }: Pick<SourceOptions, 'shared'>): Promise<SqliteSource> {
  return new SqliteSource(pathOf(url), { shared })
}
