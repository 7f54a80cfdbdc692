import type { BatchId, Bounds, Partition, Position } from '../../core/batch.ts'
import type { Counts } from '../../core/counts.ts'
import type { Entry, MigrationId } from '../ledger-contract.ts'
import type { Connection } from './database.ts'
import type { LedgerTables } from './ledger-schema.ts'

/** The columns of the table `entry` that hold {@link Counts} and bytes, in one order for reading and writing. */
export const countColumns = 'read, written, filtered, skipped, dead_letters, derived, bytes'

export interface CountsRow {
  readonly read: number
  readonly written: number
  readonly filtered: number
  readonly skipped: number
  readonly dead_letters: number
  readonly derived: number
  readonly bytes: number
}

export interface BoundsRow {
  readonly after: Uint8Array | null
  readonly up_to: Uint8Array | null
}

export interface PartitionRow extends BoundsRow {
  readonly id: number
  readonly source: string
}

interface EntryRow extends CountsRow, BoundsRow {
  readonly source: string
  readonly seq: number
  readonly last: number
}

/** Sums of the columns of {@link CountsRow} over entries `e`; those of no entries are 0. */
export const sumsOfEntries: string = countColumns
  .split(', ')
  .map((column) => `coalesce(sum(e.${column}), 0) as ${column}`)
  .join(', ')

export function countsOf(row: CountsRow): Counts {
  const { read, written, filtered, skipped, dead_letters: deadLetters, derived } = row
  return { read, written, filtered, skipped, deadLetters, derived }
}

export function boundsOf({ after, up_to: upTo }: BoundsRow): Bounds {
  return { after: after as Position | null, upTo: upTo as Position | null }
}

export function partitionOf(row: PartitionRow): Partition {
  return { id: row.id, table: row.source, ...boundsOf(row) }
}

/** Entries of a partition by `seq`. */
export function readEntries(
  connection: Connection,
  tables: LedgerTables,
  migration: MigrationId,
  partition: number,
): readonly Entry[] {
  return selectEntries(connection, tables, 'e.migration = ? and e.partition = ?', [migration, partition])
}

/** The entry of a batch; null: it is not committed. */
export function readEntry(
  connection: Connection,
  tables: LedgerTables,
  migration: MigrationId,
  { partition, seq }: Pick<BatchId, 'partition' | 'seq'>,
): Entry | null {
  const condition = 'e.migration = ? and e.partition = ? and e.seq = ?'
  return selectEntries(connection, tables, condition, [migration, partition, seq])[0] ?? null
}

function selectEntries(
  connection: Connection,
  tables: LedgerTables,
  condition: string,
  values: readonly (string | number)[],
): readonly Entry[] {
  const rows = connection.all<EntryRow & { partition: number }>(
    `select p.source, e.partition, e.seq, e.last, e.after, e.up_to, ${countColumns}
     from ${tables.entry} e join ${tables.partition} p on p.migration = e.migration and p.id = e.partition
     where ${condition} order by e.seq`,
    ...values,
  )
  return rows.map((row) => {
    const { source: table, partition, seq, last, bytes } = row
    return { table, partition, seq, last: last === 1, ...boundsOf(row), counts: countsOf(row), bytes }
  })
}
