import type { BatchId, Format } from '../../core/batch.ts'
import type { CoercionUse } from '../../core/coercion.ts'
import type { DeadLetter, LetterStage, StoredLetter } from '../../core/dead-letter.ts'
import type { ErrorCode } from '../../core/errors.ts'
import type { LettersWanted, MigrationId } from '../ledger-contract.ts'
import type { Connection } from './database.ts'
import { hasLedger, now, type LedgerTables } from './ledger-schema.ts'

/** What is kept of a batch beside its rows, within its transaction. */
export interface Keeping {
  readonly connection: Connection
  readonly tables: LedgerTables
  readonly migration: MigrationId
  readonly id: BatchId
}

interface LetterRow {
  readonly id: number
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
  readonly buried_at: string
  readonly resolved_at: string | null
}

export function insertLetters(keeping: Keeping, letters: readonly DeadLetter[]): void {
  const { connection, tables, migration, id } = keeping
  const text = `
    insert into ${tables.letter} (migration, source, partition, seq,
      place, key, key_text, raw, format, stage, code, reason, column_name, value)
    values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
  for (const letter of letters) {
    connection.run(
      text,
      migration,
      id.table,
      id.partition,
      id.seq,
      letter.index,
      letter.key,
      readable(letter.keyText),
      letter.raw,
      letter.format,
      letter.stage,
      letter.code,
      readable(letter.reason),
      letter.column === null ? null : readable(letter.column),
      letter.value === null ? null : readable(letter.value),
    )
  }
}

/** Answers how many were open until now. */
export function resolveLetters(keeping: Keeping, letters: readonly number[]): number {
  if (letters.length === 0) return 0
  const { connection, tables, migration, id } = keeping
  return connection.run(
    `update ${tables.letter} set resolved_at = ${now}, resolved_by = ?
     where migration = ? and id in (select value from json_each(?)) and resolved_at is null`,
    `${id.partition}/${id.seq}`,
    migration,
    JSON.stringify(letters),
  )
}

export function insertCoercions(keeping: Keeping, uses: readonly CoercionUse[]): void {
  const { connection, tables, migration, id } = keeping
  for (const { path, name, uses: times } of uses) {
    connection.run(
      `insert into ${tables.coercion} (migration, partition, seq, path, name, uses) values (?, ?, ?, ?, ?, ?)
       on conflict do update set uses = uses + excluded.uses`,
      migration,
      id.partition,
      id.seq,
      readable(path),
      name,
      times,
    )
  }
}

/** By id. Their sizes are added up first, which reads no more of a long value than its length. */
export function readLetters(
  connection: Connection,
  tables: LedgerTables,
  migration: MigrationId,
  { open, table, after, limits }: LettersWanted,
): readonly StoredLetter[] {
  if (!hasLedger(connection, tables)) return []
  const rows = connection.all<LetterRow>(
    `select l.* from ${tables.letter} l join (
       select id, row_number() over behind as number, sum(length(raw)) over behind as bytes
       from (
         select id, raw from ${tables.letter}
         where migration = ?1 and id > ?2 and (not ?3 or resolved_at is null) and (?4 is null or source = ?4)
         order by id limit ?5
       )
       window behind as (order by id)
     ) page on page.id = l.id
     where page.number = 1 or page.bytes <= ?6
     order by l.id`,
    migration,
    after,
    open,
    table,
    limits.rows,
    limits.bytes,
  )
  return rows.map(letterOf)
}

function letterOf(row: LetterRow): StoredLetter {
  return {
    id: row.id,
    table: row.source,
    index: row.place,
    key: row.key,
    keyText: row.key_text,
    raw: row.raw,
    format: row.format,
    stage: row.stage,
    code: row.code,
    reason: row.reason,
    column: row.column_name,
    value: row.value,
    buriedAt: new Date(row.buried_at),
    resolvedAt: row.resolved_at === null ? null : new Date(row.resolved_at),
  }
}

/** As every program that reads the file can show it. What is said of a row only; its bytes are kept as they are. */
function readable(text: string): string {
  return text.toWellFormed().replaceAll('\0', '␀')
}
