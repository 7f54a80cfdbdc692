import type { Session } from './session.ts'
import { ensureLedger, ledgerVersion, readLedgerVersion, type LedgerTables } from './ledger-schema.ts'

/** Parts of checks are kept since this version of the ledger. */
const firstVersion = 3

export async function readChecked(
  session: Session,
  tables: LedgerTables,
  check: string,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const version = await readLedgerVersion(session, tables)
  if (version === null || version < firstVersion) return new Map()
  const { rows } = await session.query<{ part: string; found: Uint8Array }>(
    `select part, found from ${tables.checked} where check_id = $1 order by part`,
    [check],
  )
  // Copied, because the driver's small buffers share memory.
  return new Map(rows.map(({ part, found }) => [part, new Uint8Array(found)]))
}

/** A check of tables that drover did not copy may be the first to write into the ledger. Within a transaction. */
export async function saveChecked(
  session: Session,
  tables: LedgerTables,
  check: string,
  part: string,
  found: Uint8Array,
): Promise<void> {
  if ((await readLedgerVersion(session, tables)) !== ledgerVersion) await ensureLedger(session, tables)
  await session.query(
    `insert into ${tables.checked} (check_id, part, found) values ($1, $2, $3)
     on conflict (check_id, part) do update set found = excluded.found, saved_at = excluded.saved_at`,
    [check, part, Buffer.from(found.buffer, found.byteOffset, found.byteLength)],
  )
}

export async function forgetChecked(session: Session, tables: LedgerTables, check: string): Promise<void> {
  const version = await readLedgerVersion(session, tables)
  if (version === null || version < firstVersion) return
  await session.query(`delete from ${tables.checked} where check_id = $1`, [check])
}
