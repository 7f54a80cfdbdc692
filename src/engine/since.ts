import type { Source, SourceTable } from '../connectors/contract.ts'
import type { Ledger } from '../connectors/ledger-contract.ts'
import type { Mode, Selection, SinceRange } from '../connectors/planned-table.ts'
import { DroverError } from '../core/errors.ts'
import { qualified, type TablePlan, type TargetName } from '../core/plan.ts'

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
  /** It begins with a value of which the target has rows from the pass before. */
  readonly overlaps: boolean
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
    if (table.estimatedRows === 0) return { range: { field, from: null, upTo }, warning: null, overlaps: false }
    throw new DroverError('unknown-column', `--since names ${JSON.stringify(field)}, which no row of ${table.name} has`)
  }
  if (text !== LAST)
    return { range: { field, from: source.parseMark(text, upTo, now), upTo }, warning: null, overlaps: false }
  const mark = keepsRows ? await ledger.mark(source.name, table.name, target, field) : null
  if (mark !== null) return { range: { field, from: mark.value, upTo }, warning: null, overlaps: true }
  return {
    range: { field, from: null, upTo },
    overlaps: false,
    warning: `${keepsRows ? `no earlier copy has left a mark of ${JSON.stringify(field)}` : `${qualified(target)} begins without rows`}: this copy takes every row, also those without the field; later ones take rows that have it`,
  }
}

/**
 * What is to be said of an incremental copy. Throws `conflicting-options` where rows would be written twice, and nothing
 * would notice.
 */
export function sinceWarnings(since: ResolvedSince | null, plan: TablePlan, mode: Mode): readonly string[] {
  if (since === null) return []
  const said = since.warning === null ? [] : [since.warning]
  if (!since.overlaps || mode !== 'append' || plan.onConflict !== undefined) return said
  const { field } = since.range
  const again = `--since ${field}=last reads rows again whose ${JSON.stringify(field)} is that of the mark, since more of them may have come`
  if (plan.key.length > 0) {
    return [
      ...said,
      `${again}: those that are there become dead letters; --on-conflict skip or --mode upsert prevents it`,
    ]
  }
  throw new DroverError(
    'conflicting-options',
    `${again}, and ${qualified(plan.target)} has no primary key that tells them from new ones, so --mode append would write them twice`,
    { hint: 'give the table a primary key and use --on-conflict skip, or name a value behind the mark with --since' },
  )
}
