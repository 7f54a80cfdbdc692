import type { Target, Writer } from '../../src/connectors/contract.ts'
import type { Ledger, Lease, MigrationId, MigrationRecord } from '../../src/connectors/ledger-contract.ts'
import type { Mode, PlannedTable } from '../../src/connectors/planned-table.ts'
import type { BatchId, Bounds, EncodedRows, Format, Partition, Position } from '../../src/core/batch.ts'
import { noCounts, type Counts } from '../../src/core/counts.ts'
import type { ChildPlan, TablePlan } from '../../src/core/plan.ts'

export const never: AbortSignal = new AbortController().signal

/** A lease without waiting for another run's. */
export const atOnce: { readonly waitMs: number; readonly takeOver: boolean } = { waitMs: 0, takeOver: false }

/** A position of one byte. */
export function at(key: number): Position {
  return Uint8Array.of(key) as Position
}

/** Two columns, `_id` text and `n` int32. */
export function planOf(name: string, change: Partial<TablePlan> = {}): TablePlan {
  return {
    source: name,
    target: { schema: 'public', name },
    columns: [
      { field: '_id', name: '_id', type: 'text', cast: false },
      { field: 'n', name: 'n', type: 'int32', cast: false },
    ],
    key: ['_id'],
    ignore: [],
    nestedJson: 'plain',
    schemaVersion: 1,
    ...change,
  }
}

/** A child table of rows as {@link planOf} has them: key, place, and one column of text. */
export function childOf(field: string, change: Partial<ChildPlan> = {}): ChildPlan {
  return {
    target: { schema: 'public', name: field },
    path: [field],
    rowKey: [{ field: '_id', name: 'row_id', type: 'text', cast: false }],
    ordinals: ['place'],
    columns: [{ field: 'name', name: 'name', type: 'text', cast: false }],
    value: null,
    key: ['row_id', 'place'],
    ignore: [],
    ...change,
  }
}

export function plannedOf(plan: TablePlan, mode: Mode = 'create', change: Partial<PlannedTable> = {}): PlannedTable {
  const selection = { table: plan.source, where: null, fields: null, limit: null }
  const partitions: readonly Bounds[] = [{ after: null, upTo: null }]
  return { plan, selection, mode, exists: mode === 'append', baseline: 0, ordered: true, partitions, ...change }
}

export function recordOf(id: MigrationId, tables: readonly PlannedTable[]): MigrationRecord {
  return { id, source: 'mongodb://source', target: 'postgres://target', tables, options: { workers: 2 } }
}

/** A migration that has begun, with what is needed to write to it. */
export interface Begun extends AsyncDisposable {
  readonly id: MigrationId
  readonly ledger: Ledger
  readonly lease: Lease
  readonly partitions: readonly Partition[]
  openWriter(epoch?: number): Promise<Writer>
}

export async function beginMigration(target: Target, id: string, tables: readonly PlannedTable[]): Promise<Begun> {
  await using stack = new AsyncDisposableStack()
  const migration = id as MigrationId
  const ledger = stack.use(await target.openLedger(never))
  const names = tables.map(({ plan }) => plan.target)
  const lease = stack.use(await ledger.lease(migration, names, atOnce, never))
  const partitions = await ledger.begin(recordOf(migration, tables), lease, never)
  const resources = stack.move()
  return {
    id: migration,
    ledger,
    lease,
    partitions,
    openWriter: async (epoch = lease.epoch) => resources.use(await target.openWriter({ migration, epoch }, never)),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  }
}

/** The batch `seq` of a partition, with the bounds (seq, seq + 1]; `last` ends at the partition's open end. */
export function batchId(table: string, partition: number, seq: number, last = false): BatchId {
  return { table, partition, seq, last, after: seq === 0 ? null : at(seq), upTo: last ? null : at(seq + 1) }
}

/** A row as a tuple of a binary COPY: strings are text, numbers int32. */
export function tuple(...values: readonly (string | number | null)[]): Buffer {
  const count = Buffer.alloc(2)
  count.writeInt16BE(values.length)
  return Buffer.concat([count, ...values.map(tupleField)])
}

function tupleField(value: string | number | null): Buffer {
  if (value === null) return Buffer.from('ffffffff', 'hex')
  const field = Buffer.alloc(4)
  if (typeof value === 'string') {
    const text = Buffer.from(value)
    field.writeInt32BE(text.length)
    return Buffer.concat([field, text])
  }
  const number = Buffer.alloc(4)
  field.writeInt32BE(4)
  number.writeInt32BE(value)
  return Buffer.concat([field, number])
}

/** Tuples as the rows of one part of a plan; those of a child table say to which row of part 0 each belongs. */
export function encoded(
  tuples: readonly Buffer[],
  part = 0,
  owners: readonly number[] | null = null,
  format: Format = 'pgcopy',
): EncodedRows {
  const offsets = new Uint32Array(tuples.length + 1)
  tuples.forEach((bytes, i) => {
    offsets[i + 1] = (offsets[i] ?? 0) + bytes.length
  })
  return {
    part,
    format,
    rows: tuples.length,
    bytes: Buffer.concat(tuples),
    offsets,
    owners: owners === null ? null : Uint32Array.from(owners),
  }
}

export function allWritten(rows: number): Counts {
  return { ...noCounts, read: rows, written: rows }
}

/** Claims, writes and commits rows of one table; answers the counts, also of a batch that is committed already. */
export async function commitRows(
  writer: Writer,
  id: BatchId,
  tuples: readonly Buffer[],
  plan: TablePlan = planOf(id.table),
  format: Format = 'pgcopy',
): Promise<Counts> {
  return commitParts(writer, id, plan, [encoded(tuples, 0, null, format)])
}

/** Claims, writes and commits a batch whose source rows gave one row of part 0 each. */
export async function commitParts(
  writer: Writer,
  id: BatchId,
  plan: TablePlan,
  parts: readonly EncodedRows[],
): Promise<Counts> {
  const begun = await writer.begin(id, plan, never)
  if ('committed' in begun) return begun.committed
  await using open = begun
  const answer = await open.write(parts)
  if ('rejected' in answer) throw new Error(answer.rejected.error.message)
  const { written, skipped, derived } = answer
  const counts = { ...noCounts, read: parts[0]?.rows ?? 0, written, skipped, derived }
  await open.commit(
    counts,
    parts.reduce((sum, { bytes }) => sum + bytes.length, 0),
  )
  return counts
}
