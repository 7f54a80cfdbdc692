import type { Batch } from '../../../../src/core/batch.ts'
import type { LayoutColumn, RowLayout } from '../../../../src/core/layout.ts'
import type { ColumnPlan, TablePlan } from '../../../../src/core/plan.ts'
import { ByteWriter } from '../../../../src/format/byte-writer.ts'
import { appendRecord, StoredText, type SqliteValue } from '../../../../src/format/sqlite-record.ts'
import { batchOf, columnOf } from '../samples.ts'

export function recordOf(row: readonly SqliteValue[]): Uint8Array {
  const out = new ByteWriter(new ArrayBuffer(64))
  appendRecord(out, row, [])
  return new Uint8Array(out.bytes.subarray(0, out.at))
}

export function recordsOf(rows: readonly (readonly SqliteValue[])[]): Batch {
  return { ...batchOf(rows.map(recordOf)), format: 'sqlite' }
}

/** A plan of the table `things`, each of whose columns holds the value of one place in the records. */
export function laidOutPlan(
  columns: readonly LayoutColumn[],
  changes: Partial<TablePlan> = {},
  layout: Partial<RowLayout> = {},
): TablePlan {
  return {
    source: 'things',
    target: { schema: 'public', name: 'things' },
    columns: columns.flatMap(({ field, type }): ColumnPlan[] => (field === null ? [] : [columnOf(field, type)])),
    key: [],
    ignore: [],
    nestedJson: 'plain',
    schemaVersion: 1,
    layout: { format: 'sqlite', columns, key: [0], raw: false, ...layout },
    ...changes,
  }
}

export function stored(...bytes: readonly number[]): StoredText {
  return new StoredText(Uint8Array.from(bytes))
}
