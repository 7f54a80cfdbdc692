import { nameWithin } from '../bounded-name.ts'
import { DroverError } from '../../core/errors.ts'
import type { TargetName } from '../../core/plan.ts'

/** Bytes of UTF-8 that PostgreSQL keeps of a name (NAMEDATALEN - 1); it cuts longer ones silently. */
export const maxNameBytes = 63

/** https://www.postgresql.org/docs/current/limits.html */
export const maxColumns = 1600

/** Columns every table has already: https://www.postgresql.org/docs/current/ddl-system-columns.html */
export const systemColumns: readonly string[] = ['tableoid', 'xmin', 'cmin', 'xmax', 'cmax', 'ctid']

/** The only way a name gets into SQL. Throws `name-collision` for a name PostgreSQL cannot hold as it is. */
export function quoteName(name: string): string {
  const reason = whyImpossible(name)
  if (reason !== null) {
    throw new DroverError('name-collision', `PostgreSQL cannot use the name ${JSON.stringify(name)}: ${reason}`, {
      hint: 'give it another name with --rename',
    })
  }
  return `"${name.replaceAll('"', '""')}"`
}

/** {@link quoteName} for a column; refuses the names of system columns too. */
export function quoteColumn(name: string): string {
  if (systemColumns.includes(name)) {
    throw new DroverError(
      'name-collision',
      `PostgreSQL cannot use the name "${name}": every table has a column of it`,
      {
        hint: `give it another name with --rename ${name}=…`,
      },
    )
  }
  return quoteName(name)
}

/** Schema and name, both quoted. */
export function quoteTable(target: TargetName): string {
  return `${quoteName(target.schema)}.${quoteName(target.name)}`
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
  return bytes > maxNameBytes ? `it is ${bytes} bytes long, and only ${maxNameBytes} are kept` : null
}
