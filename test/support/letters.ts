import { serialize, type Document } from 'bson'
import { exitCodeOfResult } from '../../src/cli/exit-codes.ts'
import { buildLedgerConfig, buildRetryConfig } from '../../src/config-commands.ts'
import type { MigrationSummary } from '../../src/connectors/ledger-contract.ts'
import type { Counts } from '../../src/core/counts.ts'
import type { StoredLetter } from '../../src/core/dead-letter.ts'
import type { MigrationResult } from '../../src/index.ts'
import { retryMigration, type RetryResult } from '../../src/migrate-letters.ts'
import { listMigrations, readLetters } from '../../src/migrate-status.ts'
import type { BothDatabases } from './both-databases.ts'
import { insertRaw } from './insert-raw.ts'
import { never } from './migration.ts'

/** The `_id` of a row that goes wrong, in the middle of 499 that do not. */
export const middle = 250

/** Rows 0 … `rows - 1` but for the middle one, with a text, a date, a number and children. */
export function goodRows(rows: number): readonly Document[] {
  return Array.from({ length: rows }, (_, n) => goodRow(n)).filter(({ _id }) => _id !== middle)
}

export function goodRow(n: number): Document {
  return { _id: n, note: `n${n}`, born: new Date(1.7e12 + n), age: n, items: [{ name: `i${n}` }, { name: `j${n}` }] }
}

/** Fills two collections: `<name>_alone` with the bad row and nothing else, `<name>_among` with 499 good ones too. */
export async function insertBad({ db }: BothDatabases, name: string, bad: Document | Uint8Array): Promise<void> {
  const bytes = [bad instanceof Uint8Array ? bad : serialize(bad)]
  await insertRaw(db, `${name}_alone`, bytes)
  await db.command({ insert: `${name}_among`, documents: [...goodRows(500)] })
  await insertRaw(db, `${name}_among`, bytes)
}

/** The open dead letters of the newest migration. */
export async function openLetters({ to }: Pick<BothDatabases, 'to'>): Promise<readonly StoredLetter[]> {
  const config = buildLedgerConfig('status', { environment: {}, flags: { to } })
  const [newest] = await listMigrations(config, null, never)
  const letters: StoredLetter[] = []
  if (newest !== undefined) for await (const letter of readLetters(config, newest, never)) letters.push(letter)
  return letters
}

/** `drover retry`. Flags as on the command line. */
export async function retried(
  { to }: Pick<BothDatabases, 'to'>,
  flags: Readonly<Record<string, string>> = {},
): Promise<RetryResult> {
  const config = buildRetryConfig({ environment: {}, flags: { to, ...flags } })
  const reporter = { progress: () => undefined, notice: () => undefined, close: () => undefined }
  return retryMigration(config, { reporter, signal: never, progressIntervalMs: 60_000 })
}

/** What `drover status` shows of the newest migration. */
export async function statusOf({ to }: Pick<BothDatabases, 'to'>): Promise<MigrationSummary> {
  const config = buildLedgerConfig('status', { environment: {}, flags: { to } })
  const [newest] = await listMigrations(config, null, never)
  if (newest === undefined) throw new Error('there is no migration')
  return newest
}

export function exitCode(result: MigrationResult): number {
  return exitCodeOfResult(result, null)
}

/** The fates of the rows of each table. */
export function fates(tables: readonly (Counts & { readonly source: string })[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    tables.map(({ source, read, written, filtered, skipped, deadLetters }) => {
      return [source, `${read} = ${written} + ${filtered} + ${skipped} + ${deadLetters}`]
    }),
  )
}
