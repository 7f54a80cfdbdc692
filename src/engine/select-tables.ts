import { closest } from 'fastest-levenshtein'
import type { SourceTable } from '../connectors/contract.ts'
import { DroverError } from '../core/errors.ts'
import { isPattern, matchesPattern } from '../core/wildcard.ts'

/** How many names an error lists before it stops. */
const LISTED = 20

/**
 * The tables that the patterns of `--tables` mean, in source order; no pattern means all that can be copied. Throws
 * `missing-table` for a name that does not exist, and `nothing-to-copy`.
 */
export function selectTables(
  tables: readonly SourceTable[],
  patterns: readonly string[],
): { readonly chosen: readonly SourceTable[]; readonly skipped: readonly SourceTable[] } {
  for (const pattern of patterns) refuseMissing(tables, pattern)
  const wanted = patterns.length === 0 ? tables : tables.filter(({ name }) => patterns.some(matching(name)))
  const chosen = wanted.filter(({ skipped }) => skipped === null)
  if (chosen.length > 0) return { chosen, skipped: wanted.filter(({ skipped }) => skipped !== null) }
  throw new DroverError(
    'nothing-to-copy',
    patterns.length === 0 ? 'the source has no table to copy' : `no table matches ${patterns.join(', ')}`,
    { hint: `tables of the source: ${listNames(tables) || 'none'}` },
  )
}

function refuseMissing(tables: readonly SourceTable[], pattern: string): void {
  if (isPattern(pattern)) return
  const table = tables.find(({ name }) => name === pattern)
  if (table === undefined) {
    const names = tables.map(({ name }) => name)
    const nearest = names.length === 0 ? '' : `did you mean ${closest(pattern, names)}? `
    throw new DroverError('missing-table', `the source has no table ${pattern}`, {
      hint: `${nearest}tables of the source: ${listNames(tables) || 'none'}`,
    })
  }
  if (table.skipped !== null) {
    throw new DroverError('nothing-to-copy', `${pattern} cannot be copied: ${table.skipped}`)
  }
}

function matching(name: string): (pattern: string) => boolean {
  return (pattern) => matchesPattern(pattern, name)
}

function listNames(tables: readonly SourceTable[]): string {
  const names = tables.filter(({ skipped }) => skipped === null).map(({ name }) => name)
  const more = names.length - LISTED
  return names.slice(0, LISTED).join(', ') + (more > 0 ? ` and ${more} more` : '')
}
