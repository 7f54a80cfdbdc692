import type {
  Ledger,
  Lease,
  MigrationId,
  MigrationRecord,
  Mode,
  PlannedTable,
  Target,
  Writer,
} from '../../src/connectors/contract.ts'
import type { Batch, BatchId, Bounds, Partition, Position } from '../../src/core/batch.ts'
import { noCounts, type Counts } from '../../src/core/counts.ts'
import type { TablePlan } from '../../src/core/plan.ts'

export const never: AbortSignal = new AbortController().signal

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
  const lease = stack.use(await ledger.lease(migration, names, never))
  const partitions = await ledger.begin(recordOf(migration, tables), lease, never)
  const resources = stack.move()
  return {
    id: migration,
    ledger,
    lease,
    partitions,
    openWriter: async (epoch = lease.epoch) => {
      const plans = tables.map(({ plan }) => plan)
      return resources.use(await target.openWriter({ migration, epoch, tables: plans }, never))
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  }
}

/** The batch `seq` of a partition, with the bounds (seq, seq + 1]; `last` ends at the partition's open end. */
export function batchId(table: string, partition: number, seq: number, last = false): BatchId {
  return { table, partition, seq, last, after: seq === 0 ? null : at(seq), upTo: last ? null : at(seq + 1) }
}

/** The row (text, int32) as a tuple of a binary COPY. */
export function tuple(id: string, n: number): Buffer {
  const text = Buffer.from(id)
  const head = Buffer.alloc(6)
  head.writeInt16BE(2, 0)
  head.writeInt32BE(text.length, 2)
  const tail = Buffer.alloc(8)
  tail.writeInt32BE(4, 0)
  tail.writeInt32BE(n, 4)
  return Buffer.concat([head, text, tail])
}

export function batchOf(id: BatchId, tuples: readonly Buffer[]): Batch {
  const offsets = new Uint32Array(tuples.length + 1)
  tuples.forEach((bytes, i) => {
    offsets[i + 1] = (offsets[i] ?? 0) + bytes.length
  })
  return { id, format: 'pgcopy', rows: tuples.length, bytes: Buffer.concat(tuples), offsets }
}

export function allWritten(rows: number): Counts {
  return { ...noCounts, read: rows, written: rows }
}

/** Claims, writes and commits a batch; answers the counts, also of a batch that is committed already. */
export async function commitRows(writer: Writer, id: BatchId, tuples: readonly Buffer[]): Promise<Counts> {
  const begun = await writer.begin(id, never)
  if ('committed' in begun) return begun.committed
  await using open = begun
  const batch = batchOf(id, tuples)
  const answer = await open.write(batch)
  if ('rejected' in answer) throw new Error(answer.rejected.error.message)
  await open.commit(allWritten(tuples.length), batch.bytes.length)
  return allWritten(tuples.length)
}
