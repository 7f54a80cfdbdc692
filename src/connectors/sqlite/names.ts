import { nameWithin } from '../bounded-name.ts'
import { DroverError } from '../../core/errors.ts'
import type { TargetName } from '../../core/plan.ts'

/** SQLite has no limit of its own; longer names are of no use to anybody, and part of every statement. */
export const maxNameBytes = 1024

/** https://www.sqlite.org/limits.html, as Node builds it. */
export const maxColumns = 2000

/** Schemas whose tables are called by their bare names: SQLite's own, and the one that drover means when none is said. */
const bareSchemas: ReadonlySet<string> = new Set(['main', 'public'])

/** Names of the number that SQLite gives each row; a column of such a name hides it. */
const rowidNames: readonly string[] = ['_rowid_', 'rowid', 'oid']

/** The only way a name gets into SQL. Throws `name-collision` for a name SQLite cannot hold as it is. */
export function quoteName(name: string): string {
  const reason = whyImpossible(name)
  if (reason === null) return `"${name.replaceAll('"', '""')}"`
  throw new DroverError('name-collision', `SQLite cannot use the name ${JSON.stringify(name)}: ${reason}`, {
    hint: 'give it another name with --rename',
  })
}

/**
 * The name of a table in the file, which has no schemas: a schema other than `main` and `public` becomes part of it.
 * So tables that are loaded beside others have names of their own.
 */
export function tableName({ schema, name }: TargetName): string {
  return bareSchemas.has(schema) ? name : `${schema}.${name}`
}

/** The name as SQL has it. Throws `name-collision`. */
export function quoteTable(target: TargetName): string {
  const name = tableName(target)
  if (!/^sqlite_/i.test(name)) return quoteName(name)
  throw new DroverError('name-collision', `SQLite keeps the name ${JSON.stringify(name)} for itself`, {
    hint: 'give the table another name',
  })
}

/** Equal for two names of the same table or column: SQLite takes A to Z for a to z, and no other letters for each other. */
export function nameKey(name: string): string {
  return name.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
}

/** {@link nameKey} of a table. */
export function tableKey(target: TargetName): string {
  return nameKey(tableName(target))
}

/** Under which name the number of a row can be asked for, beside columns of these names; null: under none. */
export function rowidName(columns: readonly string[]): string | null {
  const taken = new Set(columns.map(nameKey))
  return rowidNames.find((name) => !taken.has(name)) ?? null
}

/** As {@link nameWithin}, within {@link maxNameBytes}. */
export function boundedName(base: string, suffix: string): string {
  return nameWithin(base, suffix, maxNameBytes)
}

function whyImpossible(name: string): string | null {
  if (name === '') return 'it is empty'
  if (name.includes('\0')) return 'it contains the character NUL'
  if (!name.isWellFormed()) return 'it is not valid Unicode'
  const bytes = Buffer.byteLength(name)
  return bytes > maxNameBytes ? `it is ${bytes} bytes long, and ${maxNameBytes} are the most` : null
}
