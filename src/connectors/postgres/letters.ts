import type { Format } from '../../core/batch.ts'
import type { LetterStage, StoredLetter } from '../../core/dead-letter.ts'
import type { ErrorCode } from '../../core/errors.ts'
import type { LettersWanted, MigrationId } from '../ledger-contract.ts'
import type { Session } from './session.ts'
import { exactNumber } from './entries.ts'
import { readLedgerVersion, type LedgerTables } from './ledger-schema.ts'

interface LetterRow {
  readonly id: string
  readonly source: string
  readonly place: number
  readonly key: Uint8Array | null
  readonly key_text: string
  readonly raw: Uint8Array
  readonly format: Format
  readonly stage: LetterStage
  readonly code: ErrorCode
  readonly reason: string
  readonly column_name: string | null
  readonly value: string | null
  readonly buried_at: Date
  readonly resolved_at: Date | null
}

/** By id. Their sizes are added up on the server, which reads no more of a long value than its length for that. */
export async function readLetters(
  session: Session,
  tables: LedgerTables,
  migration: MigrationId,
  wanted: LettersWanted,
): Promise<readonly StoredLetter[]> {
  const version = await readLedgerVersion(session, tables)
  // There are letters since version 3.
  if (version === null || version < 3) return []
  const { open, table, after, limits } = wanted
  const { rows } = await session.query<LetterRow>(
    `select id, source, place, key, key_text, raw, format, stage, code, reason, column_name, value, buried_at, resolved_at
     from (
       select l.*, row_number() over behind as number, sum(length(raw)) over behind as bytes
       from (
         select * from ${tables.letter}
         where migration = $1 and id > $2 and (not $3 or resolved_at is null) and ($4::text is null or source = $4)
         order by id limit $5
       ) l
       window behind as (order by id)
     ) page
     where number = 1 or bytes <= $6
     order by id`,
    [migration, String(after), open, table, String(limits.rows), String(limits.bytes)],
  )
  return rows.map(letterOf)
}

/** The bytes are copied, because the driver's small buffers share memory. */
function letterOf(row: LetterRow): StoredLetter {
  return {
    id: exactNumber(row.id),
    table: row.source,
    index: row.place,
    key: row.key === null ? null : new Uint8Array(row.key),
    keyText: row.key_text,
    raw: new Uint8Array(row.raw),
    format: row.format,
    stage: row.stage,
    code: row.code,
    reason: row.reason,
    column: row.column_name,
    value: row.value,
    buriedAt: row.buried_at,
    resolvedAt: row.resolved_at,
  }
}
