import type { Ledger, Selection, SinceRange, Source, SourceTable } from '../connectors/contract.ts'
import { DroverError } from '../core/errors.ts'
import type { TargetName } from '../core/plan.ts'

export interface SinceContext {
  readonly source: Source
  readonly ledger: Ledger
  /** Milliseconds since 1970; relative values are before it. */
  readonly now: number
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
 * @throws DroverError `unknown-column`, `invalid-value`
 */
export async function resolveSince(
  { source, ledger, now }: SinceContext,
  table: SourceTable,
  target: TargetName,
  since: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<ResolvedSince | null> {
  const [wanted] = Object.entries(since)
  if (wanted === undefined) return null
  const [field, text] = wanted
  const everything: Selection = { table: table.name, where: null, fields: null, limit: null }
  const upTo = await source.highest(everything, field, signal)
  if (upTo === null) {
    if (table.estimatedRows === 0) return { range: { field, from: null, upTo }, warning: null }
    throw new DroverError('unknown-column', `--since names ${JSON.stringify(field)}, which no row of ${table.name} has`)
  }
  if (text !== LAST) return { range: { field, from: source.parseMark(text, upTo, now), upTo }, warning: null }
  const mark = await ledger.mark(source.name, table.name, target, field)
  if (mark !== null) return { range: { field, from: mark.value, upTo }, warning: null }
  return {
    range: { field, from: null, upTo },
    warning: `no earlier copy has left a mark of ${JSON.stringify(field)}: this one takes every row, also those without the field; later ones take rows that have it`,
  }
}
