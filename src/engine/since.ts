import type { Source, SourceTable } from '../connectors/contract.ts'
import type { Ledger } from '../connectors/ledger-contract.ts'
import type { Selection, SinceRange } from '../connectors/planned-table.ts'
import { DroverError } from '../core/errors.ts'
import { qualified, type TargetName } from '../core/plan.ts'

export interface SinceContext {
  readonly source: Source
  readonly ledger: Ledger
  /** Milliseconds since 1970; relative values are before it. */
  readonly now: number
}

/** What is asked of one table. */
export interface SinceOptions {
  /** At most one field. */
  readonly since: Readonly<Record<string, string>>
  readonly limit: number | null
  /** The target table keeps the rows that it has. Where it does not, what earlier copies brought is gone. */
  readonly keepsRows: boolean
}

/** What `--since` comes to for one table. */
export interface ResolvedSince {
  readonly range: SinceRange
  readonly warning: string | null
}

/** The value that stands for the mark of the pass before. */
const LAST = 'last'

/**
 * The range of an incremental copy. The upper end is fixed here, so that rows changed while the copy goes on belong to
 * the next pass; the lower end is part of it, because rows with the mark's own value may have come after the pass before.
 *
 * @throws DroverError `unknown-column`, `invalid-value`, `conflicting-options`
 */
export async function resolveSince(
  { source, ledger, now }: SinceContext,
  table: SourceTable,
  target: TargetName,
  { since, limit, keepsRows }: SinceOptions,
  signal: AbortSignal,
): Promise<ResolvedSince | null> {
  const [wanted] = Object.entries(since)
  if (wanted === undefined) return null
  const [field, text] = wanted
  if (text === LAST && limit !== null) {
    throw new DroverError('conflicting-options', `--limit ${limit} and --since ${field}=last exclude each other`, {
      hint: 'the next copy would begin behind rows that this one leaves out; name the value with --since to try a few rows',
    })
  }
  const everything: Selection = { table: table.name, where: null, fields: null, limit: null }
  const upTo = await source.highest(everything, field, signal)
  if (upTo === null) {
    if (table.estimatedRows === 0) return { range: { field, from: null, upTo }, warning: null }
    throw new DroverError('unknown-column', `--since names ${JSON.stringify(field)}, which no row of ${table.name} has`)
  }
  if (text !== LAST) return { range: { field, from: source.parseMark(text, upTo, now), upTo }, warning: null }
  const mark = keepsRows ? await ledger.mark(source.name, table.name, target, field) : null
  if (mark !== null) return { range: { field, from: mark.value, upTo }, warning: null }
  return {
    range: { field, from: null, upTo },
    warning: `${keepsRows ? `no earlier copy has left a mark of ${JSON.stringify(field)}` : `${qualified(target)} begins without rows`}: this copy takes every row, also those without the field; later ones take rows that have it`,
  }
}
