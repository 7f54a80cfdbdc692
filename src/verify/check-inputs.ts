import type { Ledger, MigrationId } from '../connectors/ledger-contract.ts'
import type { PlannedTable } from '../connectors/planned-table.ts'
import type { CoercionUse } from '../core/coercion.ts'
import { noCounts, type Counts } from '../core/counts.ts'
import type { TablePlan } from '../core/plan.ts'
import type { VerifyLevel } from '../core/result.ts'
import type { CheckInput } from './check-input.ts'
import { letterName } from './letter-marks.ts'

/** Letters read at a time; their rows come along. */
const LETTERS_AT_ONCE = { rows: 1000, bytes: 8 * 1024 * 1024 }

/** A table to check, and how many rows its source had when it was planned; null: unknown. */
export interface RunCheck extends CheckInput {
  readonly rowsBefore: number | null
  /**
   * The source shows the very state that was copied, or the copy is long over: a source with other rows is a difference,
   * whatever happened to it since.
   */
  readonly isFixed: boolean
}

export interface Copied {
  readonly ledger: Ledger
  readonly migration: MigrationId
  readonly tables: readonly { readonly planned: PlannedTable; readonly estimatedRows: number | null }[]
  /** Sums of the ledger by source table. */
  readonly committed: ReadonlyMap<string, Counts>
  readonly level: VerifyLevel
  readonly sample: number | null
  readonly isFixed: boolean
}

/** What the ledger knows of tables that a migration has copied. */
export async function checkInputs(copied: Copied, signal: AbortSignal): Promise<readonly RunCheck[]> {
  const { ledger, migration, tables, committed, level, sample, isFixed } = copied
  const coercions = await ledger.coercions(migration)
  const inputs: RunCheck[] = []
  for (const { planned, estimatedRows } of tables) {
    const { source } = planned.plan
    const used = coercions.get(source) ?? []
    const comparesRows = level === 'checksum' || level === 'full'
    inputs.push({
      planned: { ...planned, plan: coercedBy(planned.plan, used) },
      committed: committed.get(source) ?? noCounts,
      coercions: used,
      passedOn: null,
      ...(comparesRows ? await letterNames(copied, planned.plan, signal) : { leftOut: new Map(), replayed: new Set() }),
      sample,
      rowsBefore: estimatedRows,
      isFixed,
      hasOthers: planned.baseline > 0,
    })
  }
  return inputs
}

/** A replay of dead letters may have been allowed more than the copy was. */
function coercedBy(plan: TablePlan, used: readonly CoercionUse[]): TablePlan {
  const { coerce = [] } = plan
  const more = used.filter(({ path, name }) => !coerce.some((own) => own.name === name && coversPath(own.path, path)))
  return more.length === 0 ? plan : { ...plan, coerce: [...coerce, ...more.map(({ path, name }) => ({ path, name }))] }
}

function coversPath(allowed: string | null, path: string): boolean {
  return allowed === null || allowed === path || path.startsWith(`${allowed}.`)
}

/**
 * Names of the rows that only the target could refuse, since everything else is refused again by the check itself; and of
 * those that were replayed.
 */
async function letterNames(
  { ledger, migration }: Copied,
  { source: table, sentAs, layout }: TablePlan,
  signal: AbortSignal,
): Promise<Pick<CheckInput, 'leftOut' | 'replayed'>> {
  const leftOut = new Map<string, number>()
  const replayed = new Set<string>()
  // What rows are checked as has no guards of the target's own types, on behalf of which such rows were refused.
  const isGuarded = sentAs !== undefined && layout?.raw !== true
  for (let after = 0; ;) {
    const letters = await ledger.letters(migration, { open: false, table, after, limits: LETTERS_AT_ONCE }, signal)
    const last = letters.at(-1)
    if (last === undefined) return { leftOut, replayed }
    for (const { stage, key, raw, resolvedAt } of letters) {
      const name = letterName(key, raw)
      if (resolvedAt !== null) replayed.add(name)
      else if (stage === 'store' || (isGuarded && stage === 'encode')) leftOut.set(name, (leftOut.get(name) ?? 0) + 1)
    }
    after = last.id
  }
}
