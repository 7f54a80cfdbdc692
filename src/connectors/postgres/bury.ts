import type { BatchId } from '../../core/batch.ts'
import type { CoercionUse } from '../../core/coercion.ts'
import type { DeadLetter } from '../../core/dead-letter.ts'
import type { MigrationId } from '../ledger-contract.ts'
import type { LedgerTables } from './ledger-schema.ts'
import type { Session } from './session.ts'

/** Most letters that one statement carries, and the bytes after which there are no more of them in it. */
const pieceLetters = 500
const pieceBytes = 4 * 1024 * 1024

/** What is kept of a batch beside its rows, within its transaction. */
export interface Keeping {
  readonly session: Session
  readonly tables: LedgerTables
  readonly migration: MigrationId
  readonly id: BatchId
}

export async function insertLetters(keeping: Keeping, letters: readonly DeadLetter[]): Promise<void> {
  const { session, tables, migration, id } = keeping
  const text = `
    insert into ${tables.letter} (migration, source, partition, seq,
      place, key, key_text, raw, format, stage, code, reason, column_name, value)
    select $1, $2, $3, $4, letter.*
    from unnest($5::integer[], $6::bytea[], $7::text[], $8::bytea[], $9::text[], $10::text[], $11::text[], $12::text[],
      $13::text[], $14::text[]) as letter`
  for (const piece of piecesOf(letters)) {
    await session.query(text, [
      migration,
      id.table,
      id.partition,
      id.seq,
      piece.map(({ index }) => index),
      piece.map(({ key }) => key),
      piece.map(({ keyText }) => readable(keyText)),
      piece.map(({ raw }) => raw),
      piece.map(({ format }) => format),
      piece.map(({ stage }) => stage),
      piece.map(({ code }) => code),
      piece.map(({ reason }) => readable(reason)),
      piece.map(({ column }) => (column === null ? null : readable(column))),
      piece.map(({ value }) => (value === null ? null : readable(value))),
    ])
  }
}

/** Answers how many were open until now. */
export async function resolveLetters(keeping: Keeping, letters: readonly number[]): Promise<number> {
  if (letters.length === 0) return 0
  const { session, tables, migration, id } = keeping
  const { rowCount } = await session.query(
    `update ${tables.letter} set resolved_at = clock_timestamp(), resolved_by = $3
     where migration = $1 and id = any ($2::bigint[]) and resolved_at is null`,
    [migration, letters, `${id.partition}/${id.seq}`],
  )
  return rowCount ?? 0
}

export async function insertCoercions(keeping: Keeping, uses: readonly CoercionUse[]): Promise<void> {
  if (uses.length === 0) return
  const { session, tables, migration, id } = keeping
  await session.query(
    `insert into ${tables.coercion} (migration, partition, seq, path, name, uses)
     select $1, $2, $3, used.path, used.name, sum(used.uses)
     from unnest($4::text[], $5::text[], $6::bigint[]) as used (path, name, uses)
     group by used.path, used.name`,
    [
      migration,
      id.partition,
      id.seq,
      uses.map(({ path }) => readable(path)),
      uses.map(({ name }) => name),
      uses.map((use) => use.uses),
    ],
  )
}

/** As the server holds text: without NUL, which stands as its picture. What is said of a row only; its bytes are kept as they are. */
function readable(text: string): string {
  return text.replaceAll('\0', '␀')
}

function piecesOf(letters: readonly DeadLetter[]): readonly (readonly DeadLetter[])[] {
  const pieces: DeadLetter[][] = []
  let bytes = 0
  for (const letter of letters) {
    const piece = pieces.at(-1)
    if (piece === undefined || piece.length === pieceLetters || bytes >= pieceBytes) {
      pieces.push([letter])
      bytes = 0
    } else piece.push(letter)
    bytes += letter.raw.length
  }
  return pieces
}
