import type { PlannedTable } from '../connectors/planned-table.ts'
import type { VerifyContext } from './check-input.ts'

/**
 * Keeps what a check is cut into, the first thing that is kept of it. Answers the check's name; null where nothing can be
 * kept: whoever may only read can check all the same.
 */
export async function keepCheck(
  { ledger, notice }: VerifyContext,
  check: string | null,
  table: string,
  cut: { readonly part: string; readonly bytes: Uint8Array },
): Promise<string | null> {
  if (check === null || (await ledger.saveChecked(check, cut.part, cut.bytes))) return check
  const message = `${table}: this check begins anew if it is stopped, because this user cannot write to the ledger`
  notice({ level: 'warning', message })
  return null
}

/** The parts of rows without a key of their source mean the same rows only as long as that is not written to. */
export function canBeKept({ plan: { layout } }: Pick<PlannedTable, 'plan'>): boolean {
  return layout === undefined || layout.key.length > 0
}
